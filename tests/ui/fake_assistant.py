"""An assistant that plays scripted events, with real records; knows no model and no index."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag import (
    AddReport,
    Answer,
    Assistant,
    Citation,
    Conversations,
    Document,
    DocumentResult,
    Event,
    Hit,
    Passage,
    Progress,
    ProgressCallback,
    Sentence,
    Settings,
    Status,
    Turn,
    UnknownDocument,
    Verdict,
)

TEXT = (
    "The treaty\n\nThe delegations met in Geneva on 4 May. They agreed on three points.\n\n"
    "Trade was left for a later meeting, which both sides welcomed with some caution."
)
Script = Callable[[str], Iterator[Event]]


def document(
    text: str = TEXT, *, title: str = "The treaty", uri: str = "notes/treaty.txt"
) -> Document:
    """Return the record of a document with one passage."""
    added = "2026-01-01T00:00:00Z"
    return Document("d1", uri, title, "text/plain", "0" * 64, len(text), 1, added)


def hit(text: str = TEXT, **fields: str) -> Hit:
    """Return the only passage of a document as a hit."""
    passage = Passage("p1", document(text, **fields), 0, 0, len(text), None, None, text)
    return Hit(passage, 0.9, 0.7, 3.2)


def cite(quote: str, number: int = 1, text: str = TEXT, **fields: str) -> Citation:
    """Return a citation of words that stand in the text."""
    start = text.index(quote)
    return Citation(number, document(text, **fields), "p1", start, start + len(quote), None, quote)


def answer(
    question: str,
    *sentences: tuple[str, Sequence[Citation], Verdict],
    searched_for: str | None = None,
    notice: str | None = None,
    hits: tuple[Hit, ...] | None = None,
) -> Answer:
    """Return an answer of these sentences."""
    built = tuple(Sentence(text, tuple(cited), verdict) for text, cited, verdict in sentences)
    text = " ".join(s.text + "".join(f" [{c.number}]" for c in s.citations) for s in built)
    return Answer(
        question=question,
        searched_for=searched_for or question,
        text=text,
        answered=True,
        confidence=0.87,
        sentences=built,
        citations=tuple(c for s in built for c in s.citations),
        hits=(hit(),) if hits is None else hits,
        model="fake-model",
        timings={"total": 1.5},
        notice=notice,
    )


def refusal(question: str) -> Answer:
    """Return a refusal with one near passage."""
    text = "I could not find an answer in your documents."
    return Answer(question, question, text, False, 0.1, (), (), (hit(),), "fake-model")


def geneva(question: str) -> Answer:
    """Return an answer of two sentences with a citation each."""
    return answer(
        question,
        ("They met in Geneva.", [cite("met in Geneva on 4 May")], "supported"),
        ("Trade came later.", [cite("Trade was left for a later meeting", 2)], "partial"),
    )


def streamed(final: Answer) -> Iterator[Event]:
    """Yield an answer as an assistant does: hits, drafts, sentences, the whole."""
    yield Event("searching", hits=final.hits)
    yield Event("reading")
    pieces = [s.text + "".join(f" [{c.number}]" for c in s.citations) for s in final.sentences]
    for index, piece in enumerate(pieces or [final.text]):
        yield Event("writing", draft=piece[: len(piece) // 2])
        yield Event("writing", text=(" " if index else "") + piece)
    yield Event("done", answer=final)


def _forget(library: Assistant, home: str) -> None:
    library.close()
    shutil.rmtree(home)


class FakeAssistant:
    """Plays the script for each question; remembers what it was asked and what was closed."""

    model_name = "fake-model"
    model_host: str | None = None

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or (lambda question: streamed(geneva(question)))
        self.texts = {"d1": TEXT}
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []
        self.closed = threading.Event()
        self.warmed = 0
        self.held: dict[str, Document] = {}
        self.pace: Callable[[], None] = lambda: None
        home = tempfile.mkdtemp()
        self._library = Assistant(Settings(home=Path(home), llm="none"))
        weakref.finalize(self, _forget, self._library, home)

    @property
    def settings(self) -> Settings:
        """Return those of its library."""
        return self._library.settings

    def documents(self) -> list[Document]:
        """Return those that were added."""
        return list(self.held.values())

    def add(self, paths: str | Path, *, progress: ProgressCallback | None = None) -> AddReport:
        """Add a file without reading it; one whose name has "bad" in it is rejected."""
        path = Path(paths)
        for done in range(4):
            if progress is not None:
                progress(Progress("Adding documents", done / 4, 1, "files"))
            self.pace()
        if "bad" in path.name:
            result = DocumentResult(str(path), "rejected", f"{path.name} is no text.")
        else:
            added = document(path.name, uri=str(path), title=path.stem)
            added = replace(added, id=f"id-{path.name}")
            status: Status = "updated" if added.id in self.held else "added"
            self.held[added.id] = added
            result = DocumentResult(str(path), status, document=added)
        return AddReport((result,), (), 0.1)

    def remove(self, document_id: str) -> Document:
        """Remove a document."""
        if document_id not in self.held:
            raise UnknownDocument(f"No document {document_id}. See `footnote docs`.")
        return self.held.pop(document_id)

    @property
    def conversations(self) -> Conversations:
        """Return those of a library of its own."""
        return self._library.conversations

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        documents: Sequence[str] | None = None,
    ) -> Iterator[Event]:
        self.asked.append((question, tuple(history)))
        try:
            yield from self.script(question)
        finally:
            self.closed.set()

    def text_of(self, document_id: str) -> str:
        try:
            return self.texts[document_id]
        except KeyError as error:
            raise UnknownDocument(f"No document {document_id}. See `footnote docs`.") from error

    def passages_of(self, document_id: str) -> list[Passage]:
        """Return the text as one passage, under a heading."""
        text = self.text_of(document_id)
        return [replace(hit(text).passage, heading="Talks")]

    def page_of(self, document_id: str, offset: int) -> int | None:
        """Return None: its documents have no pages."""

    def page_image(
        self,
        document_id: str,
        page: int,
        *,
        quotes: Sequence[tuple[int, int]] = (),
        crop: bool = False,
    ) -> bytes:
        """Refuse: its documents have no pages."""
        raise UnknownDocument(f"{document_id} has no page {page}.")

    def change(self, **settings: Any) -> None:
        """Change the settings of its library."""
        self._library.change(**settings)

    def warm(self, progress: ProgressCallback | None = None) -> None:
        if progress is not None:
            progress(Progress("joining", 43, 100, "MB"))
        self.warmed += 1
