"""Any order of adding, changing, removing, renaming, asking, restarting and rebuilding.

The library is held against a dictionary of what it should hold, after every step. With
FOOTNOTE_TEST_KILLS=300 there are ten times as many runs of more steps.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rag import Assistant, UnknownDocument
from tests.conftest import KILLS
from tests.homes import open_home, words_of

NAMES = st.sampled_from("abcdef")
SEEDS = st.integers(0, 40)
MANY = 400  # words: some passages each


class Home(RuleBasedStateMachine):
    """A home, the folder its documents are added from, and what it should hold by name."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="footnote-states-"))
        self.folder = self.place / "files"
        self.held: dict[str, str] = {}
        self.assistant: Assistant | None = None

    @property
    def opened(self) -> Assistant:
        assert self.assistant is not None
        return self.assistant

    @initialize()
    def open(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.assistant = open_home(self.place / "home")

    @rule(name=NAMES, seed=SEEDS)
    def add(self, name: str, seed: int) -> None:
        """Write a file, new or changed or as it was, and add it by its name."""
        was, text = self.held.get(name), words_of(MANY, seed=seed)
        self.write(name, text)
        (result,) = self.opened.add(self.folder / f"{name}.txt").documents
        expected = "added" if was is None else "unchanged" if was == text else "updated"
        assert result.status == expected
        self.held[name] = text

    @rule(changes=st.dictionaries(NAMES, SEEDS, min_size=1))
    def add_folder(self, changes: dict[str, int]) -> None:
        """Write several files, and add the folder: what is not in it any more goes."""
        for name, seed in changes.items():
            self.write(name, words_of(MANY, seed=seed))
            self.held[name] = words_of(MANY, seed=seed)
        assert self.opened.add(self.folder).count("rejected") == 0

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Remove a document; its file goes, too, so that its folder does not bring it back."""
        name = data.draw(st.sampled_from(sorted(self.held)))
        identity = self.id_of(name)
        assert self.opened.remove(identity).id == identity
        (self.folder / f"{name}.txt").unlink()
        del self.held[name]
        try:
            self.opened.text_of(identity)
        except UnknownDocument:
            return
        raise AssertionError("a removed document was read")

    @precondition(lambda self: self.held)
    @rule(data=st.data(), to=NAMES)
    def rename(self, data: st.DataObject, to: str) -> None:
        """Rename a file over another, or none, and tell the library so."""
        name = data.draw(st.sampled_from(sorted(self.held)))
        if name == to:
            return
        identity = self.id_of(name)
        (self.folder / f"{name}.txt").rename(self.folder / f"{to}.txt")
        self.opened.remove(identity)
        self.opened.add(self.folder / f"{to}.txt")
        self.held[to] = self.held.pop(name)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """A sentence of a document is answered with that document, word for word."""
        name = data.draw(st.sampled_from(sorted(self.held)))
        sentence = data.draw(st.sampled_from(self.held[name].split(". ")[:10]))
        answer = self.opened.ask(sentence)
        assert answer.answered
        cited = answer.citations[0]
        text = self.opened.text_of(cited.document.id)
        assert text[cited.start : cited.end] == cited.quote
        assert sentence.split(".")[0] in text

    @rule()
    def restart(self) -> None:
        """Close the home and open it again."""
        self.opened.close()
        self.assistant = open_home(self.place / "home")

    @rule()
    def rebuild(self) -> None:
        """Lose the whole index between two starts."""
        self.opened.close()
        shutil.rmtree(self.place / "home" / "chroma", ignore_errors=True)
        self.assistant = open_home(self.place / "home")

    @invariant()
    def holds_what_it_should(self) -> None:
        """Every text is whole, and every passage is found, once, by its words and its vector."""
        if self.assistant is None:
            return
        documents = self.assistant.documents()
        assert sorted(Path(d.uri).stem for d in documents) == sorted(self.held)
        library, index = self.opened._library, self.opened._searching.index
        ids, vectors = library.vectors()
        for document in documents:
            text = self.opened.text_of(document.id)
            assert text.strip() == self.held[Path(document.uri).stem].strip()
            assert {p.id for p in self.opened.passages_of(document.id)} <= set(ids)
        assert len(ids) == len(set(ids)) == library.count()
        for identity, vector in zip(ids, vectors, strict=True):
            words = library.entries([identity])[identity].passage.text.lower().split()
            by_words = [i for i, _ in library.search_words([w.strip(".") for w in words], limit=99)]
            assert by_words.count(identity) == 1
            # Until the index is open, the library answers in its place.
            by_vector = index.search(vector, limit=99) if index is not None else None
            if by_vector is not None:
                assert [i for i, _ in by_vector].count(identity) == 1

    def write(self, name: str, text: str) -> None:
        (self.folder / f"{name}.txt").write_text(text, encoding="utf-8")

    def id_of(self, name: str) -> str:
        (found,) = [d.id for d in self.opened.documents() if Path(d.uri).stem == name]
        return found

    def teardown(self) -> None:
        if self.assistant is not None:
            self.assistant.close()
        shutil.rmtree(self.place, ignore_errors=True)


Home.TestCase.settings = settings(
    max_examples=20 if KILLS < 300 else 200,
    stateful_step_count=30 if KILLS < 300 else 50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestHome = Home.TestCase
