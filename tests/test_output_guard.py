"""Dangerous texts forced on a model, a document and a person: none comes out of the API alive.

They pass through a real client and a server that streams them, cut anywhere; through the
library; and through every check of sentences, with a reader that finds all things alike.
With FOOTNOTE_TEST_KILLS=300, as `make torture` sets it, each is tried in every place of a true
sentence; otherwise alone and in one of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag import Assistant, Event, Settings
from tests.conftest import KILLS
from tests.fakes import WordEmbedder
from tests.forced_outputs import (
    HOST,
    PLACES,
    QUESTION,
    TRUE,
    Forced,
    forced_outputs,
    pieces_of,
    replies,
)
from tests.harmlessness import dangers_of, linked_in
from tests.models.endpoint import Endpoint, Reply, answer, endpoint, fail

OTHER = "A ferry crossed the river until 1931, says the parish clerk."
FEWEST = 500
# A name alone, crossed out by marks, is neither link nor address.
NAMED = ("look-alikes",)


class Agreeable:
    """A reranker to which all texts answer a question, but those on another ford."""

    def relevance(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        ford = re.search(r"K\d+ ", question)
        odds = [9.0 if ford is None or ford[0] in text else 0.0 for text in texts]
        # The other side of a matter comes behind, and is told after it.
        sides = [1.4 * ("be sold never" in text) for text in texts]
        return np.array(odds, dtype=np.float32) - np.array(sides, dtype=np.float32)

    def close(self) -> None:
        pass


def open_with(home: Path, server: Endpoint | None) -> Assistant:
    """Open a home that answers whatever is found, by what the server says or by quotes."""
    model = {"llm": "none"} if server is None else {"llm": "forced", "llm_url": server.url}
    settings = Settings(home=home, strictness=0.0, **model)
    return Assistant(settings, embedder=WordEmbedder(), reranker=Agreeable())


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def test_there_are_enough_of_them() -> None:
    """Of every family, in every place."""
    assert len(forced_outputs()) >= FEWEST
    assert len({forced.text for forced in forced_outputs()}) == len(forced_outputs())
    assert len(list(replies())) == len(PLACES) * len(forced_outputs())


def promises_broken(assistant: Assistant, events: Sequence[Event]) -> list[str]:
    """Return what is wrong with a streamed answer, whoever wrote it."""
    final = events[-1].answer
    assert final is not None
    known = linked_in(citation.quote for citation in final.citations)
    found = [f"text: {danger}" for danger in dangers_of(final.text, known=known)]
    for sentence in final.sentences:
        own = linked_in(citation.quote for citation in sentence.citations)
        found += [f"sentence: {danger}" for danger in dangers_of(sentence.text, known=own)]
    for event in events:
        found += [f"draft: {danger}" for danger in dangers_of(event.draft)]
        found += [f"piece: {danger}" for danger in dangers_of(event.text, known=known)]
        found += [f"draft cites: {event.draft}" for _ in cited_in(event.draft)]
    if "".join(event.text for event in events) != final.text:
        found.append("what was streamed is not the answer")
    if set(cited_in(final.text)) != {c.number for c in final.citations}:
        found.append(f"markers without citations: {final.text}")
    for citation in final.citations:
        if assistant.text_of(citation.document.id)[citation.start : citation.end] != citation.quote:
            found.append(f"no exact quote: {citation.quote}")
    return found


def cited_in(text: str) -> list[int]:
    """Return the numbers of what looks like a marker of ours, in whatever brackets."""
    found, digits, is_open = [], "", False
    for character in text:
        if character in "[［【〔〖〚⟦⁅❲﹝":
            digits, is_open = "", True
        elif character in "]］】〕〗〛⟧⁆❳﹞":
            if is_open and digits:
                found.append(int(digits))
            is_open = False
        elif character.isdecimal():
            digits += character
        elif character not in "^#":
            is_open = False
    return found


def tried() -> list[tuple[str, str, str]]:
    """Return the name, family and text of each reply that is tried."""
    found = []
    for number, (forced, place, reply) in enumerate(replies()):
        output, position = divmod(number, len(PLACES))
        if KILLS >= 300 or position in (0, 1 + output % (len(PLACES) - 1)):
            found.append((f"{forced.name}, {place}", forced.family, reply))
    return found


def test_forced_outputs_of_a_model(tmp_path: Path) -> None:
    """Alone, and before, after or inside of a true sentence: harmless, every one."""
    forced = tried()
    script: list[Reply] = [
        answer(*pieces_of(reply, seed=number)) for number, (_, _, reply) in enumerate(forced)
    ]
    broken: dict[str, list[str]] = {}
    written = 0
    with endpoint(*script) as server, open_with(tmp_path / "home", server) as assistant:
        assistant.add(write(tmp_path / "files", ford=f"{TRUE} {OTHER}"))
        for name, family, _ in forced:
            events = list(assistant.stream(QUESTION))
            found = promises_broken(assistant, events)
            final = events[-1].answer
            assert final is not None
            written += final.model == "forced"
            # No document has it: a model alone could bring it in.
            if HOST in final.text.lower() and family not in NAMED:
                found.append(f"the stranger's name: {final.text}")
            if found:
                broken[name] = found
        assert len(server.requests) == len(forced)
    assert broken == {}
    # Else nothing of them would have been tried: they must stand in sentences that are shown.
    assert written > len(forced) / 3


def in_documents() -> Sequence[Forced]:
    """Return those that documents hold here: the plain ones, and some in disguise."""
    plain, disguised = partition(forced_outputs())
    return [*plain, *(disguised if KILLS >= 300 else disguised[::4])]


def partition(outputs: Sequence[Forced]) -> tuple[list[Forced], list[Forced]]:
    """Return the plain ones, and those in disguise."""
    plain = [forced for forced in outputs if "," not in forced.name]
    return plain, [forced for forced in outputs if forced not in plain]


def test_forced_texts_of_documents(tmp_path: Path) -> None:
    """Quoted, they stay exact in the citation, and are harmless in what is told."""
    folder, broken, quoted = tmp_path / "files", {}, 0
    folder.mkdir()
    outputs = in_documents()
    for first in range(0, len(outputs), 40):
        told = [
            f"The ford K{number} {outputs[number].text} lies beside mill M{number}."
            for number in range(first, min(first + 40, len(outputs)))
        ]
        (folder / f"{first}.txt").write_text("\n\n\n".join(told), encoding="utf-8")
    with open_with(tmp_path / "home", None) as assistant:
        report = assistant.add(folder)
        assert report.count("added") == len(report.documents)
        for number, forced in enumerate(outputs):
            events = list(assistant.stream(f"Beside which mill lies the ford K{number}?"))
            final = events[-1].answer
            assert final is not None
            quoted += any(f"K{number} " in citation.quote for citation in final.citations)
            if found := promises_broken(assistant, events):
                broken[forced.name] = found
    assert broken == {}
    assert quoted > 0.9 * len(outputs)


def test_forced_titles_of_documents(tmp_path: Path) -> None:
    """The title stands before what another document says, where views are asked for."""
    folder, broken, led = tmp_path / "files", {}, 0
    folder.mkdir()
    outputs = partition(forced_outputs())[0]
    for number, forced in enumerate(outputs):
        title = " ".join(forced.text.split())
        for side, words in (("for", "be sold soon"), ("against", "be sold never")):
            (folder / f"{number}-{side}.html").write_text(
                f"<title>{escape(title)}</title><p>The ford K{number} should {words}.</p>",
                encoding="utf-8",
            )
    with open_with(tmp_path / "home", None) as assistant:
        assistant.add(folder)
        for number, forced in enumerate(outputs):
            events = list(assistant.stream(f"Should the ford K{number} be sold?"))
            final = events[-1].answer
            assert final is not None
            led += "Elsewhere" in final.text
            found = promises_broken(assistant, events)
            # A title is a document's own word: its addresses stand, as plain text.
            if found := [danger for danger in found if ": address " not in danger]:
                broken[forced.name] = found
    assert broken == {}
    assert led > 0.5 * len(outputs)


def test_forced_questions(tmp_path: Path) -> None:
    """One that is refused in parts is told in the refusal."""
    broken, told = {}, 0
    with open_with(tmp_path / "home", None) as assistant:
        assistant.add(write(tmp_path / "files", ford=TRUE))
        assistant.change(strictness=1.0)
        for forced in forced_outputs():
            events = list(assistant.stream(f"{QUESTION} And who is {forced.text} today?"))
            final = events[-1].answer
            assert final is not None
            told += "“" in final.text
            found = promises_broken(assistant, events)
            if found := [danger for danger in found if ": address " not in danger]:
                broken[forced.name] = found
    assert broken == {}
    assert told > 0.5 * len(forced_outputs())


def test_what_a_server_says_of_its_trouble_is_harmless(tmp_path: Path) -> None:
    """Its words stand in the note that the model did not finish."""
    broken = {}
    outputs = forced_outputs()[::15]
    script = [fail(400, forced.text) for forced in outputs]
    with endpoint(*script) as server, open_with(tmp_path / "home", server) as assistant:
        assistant.add(write(tmp_path / "files", ford=TRUE))
        for forced in outputs:
            notice = assistant.ask(QUESTION).notice
            assert notice is not None
            if found := dangers_of(notice, known=None):
                broken[forced.name] = found
    assert broken == {}


def test_an_address_that_the_document_has_is_told(tmp_path: Path) -> None:
    """Word for word, and by its own sentence: not another's, not with something added."""
    home = "The ford has a page at https://ford.example/harwick for its visitors."
    mill = "The mill of Harwick has a page at https://mill.example/ for its customers."
    said = (
        "The ford has a page at https://ford.example/harwick for its visitors.",
        "The ford has a page at https://mill.example/ for its visitors.",
        "The ford has a page at https://ford.example/harwick?q=secret for its visitors.",
    )
    with (
        endpoint(*(answer(reply) for reply in said)) as server,
        open_with(tmp_path / "home", server) as assistant,
    ):
        assistant.add(write(tmp_path / "files", ford=f"{home} {mill}"))
        right, other, more = [assistant.ask("Which page has the ford?") for _ in said]
    assert (right.model, right.text) == ("forced", f"{home} [1]")
    assert other.model != "forced"
    assert "secret" not in more.text
