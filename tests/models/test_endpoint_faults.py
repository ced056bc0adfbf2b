"""Every fault of a model server, as somebody who asks meets it: quotes, a notice, and on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rag import Answer, Assistant, Settings, Turn
from rag.answering import QUOTING
from tests.conftest import KILLS
from tests.fakes import WordEmbedder
from tests.homes import open_home, three_files
from tests.models.endpoint import answer, chunk, endpoint, fail, lines
from tests.models.faults import FAULTS, GOOD, HOST, LOST, PARTIAL, TIME, Place, faulty
from ui.conversation import Readiness, Talk
from ui.handlers import Handlers

QUESTION = "When did the Anders Bridge open?"
PARTS = "When did the Anders Bridge open, and when did trains stop crossing it?"
THREE = "When did the bridge open? Who wrote down the weather? When were the pears grafted?"
FOLLOW_UP = "And when did it open?"
HISTORY = (Turn("Who designed the Anders Bridge?", "Clara Holt designed the Anders Bridge."),)
# What is promised is 90 s in all, with 75 s for the model; here it is three. The faults last a
# minute: who is through before the room is used up has given up, on a busy machine as well.
SECONDS, ROOM = 3, 50
DRAFT_SECONDS = 8
MOST_REQUESTS = 3
TRIES = 5
EVERY_WAY = 300
"""As `make torture` sets it: each fault in each way."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without much ado."""
    monkeypatch.setattr("rag.models.openai_compatible.FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home of three documents."""
    place = tmp_path_factory.mktemp("shelf")
    with open_home(place / "home") as assistant:
        assistant.add(three_files(place / "files"))
    return place / "home"


@contextmanager
def asking(
    shelf: Path, place: Place, *, seconds: int = 20, read_only: bool = True
) -> Iterator[Assistant]:
    """Open the home with its model at this place."""
    settings = Settings(
        home=shelf, llm="tiny", llm_url=place.url, model_seconds=seconds, strictness=0.0
    )
    with Assistant(settings, embedder=WordEmbedder(), read_only=read_only) as assistant:
        yield assistant


def streamed(assistant: Assistant) -> Answer:
    """Ask piece by piece, and see that nothing unverified is ever given as text."""
    events = list(assistant.stream(QUESTION))
    final = events[-1].answer
    assert final is not None
    assert "".join(event.text for event in events) == final.text
    assert events[-1].draft == ""
    assert all(not (event.draft and event.text) for event in events)
    return final


WAYS: dict[str, Callable[[Assistant], Answer]] = {
    "stream": streamed,
    "ask": lambda assistant: assistant.ask(QUESTION),
    "follow-up": lambda assistant: assistant.ask(FOLLOW_UP, HISTORY),
    "two parts": lambda assistant: assistant.ask(PARTS),
    "three parts": lambda assistant: assistant.ask(THREE),
}
# Where a question of several parts, or one that leans on another, could cost more requests.
TELLING = (
    "500",
    "500 twice, then an answer",
    "each option refused",
    "silent after the request",
    "stalls in the text",
    "ends without a finish",
)
CASES = [
    (name, way)
    for name, fault in FAULTS.items()
    for way in WAYS
    if way == "stream"
    or (way == "ask" and not fault.stalls)  # which waits just as long for the same
    or name in TELLING
    or KILLS >= EVERY_WAY
]


@pytest.mark.parametrize(("name", "way"), CASES)
def test_a_fault_costs_no_answer(
    shelf: Path, name: str, way: str, request: pytest.FixtureRequest
) -> None:
    """Quotes and a sentence that says why, three requests at most; then the model again."""
    fault, started = FAULTS[name], time.monotonic()
    seconds = SECONDS if fault.stalls else 20
    with faulty(name) as place, asking(shelf, place, seconds=seconds) as assistant:
        said = WAYS[way](assistant)
        took, requests = time.monotonic() - started, len(place.seen.requests)
        assert requests <= (1 if fault.begins or fault.stalls else MOST_REQUESTS)
        assert took < ROOM
        assert said.answered
        # Each part is sure of a request, so that fewer are left to try again.
        if fault.heals and not (fault.tries > 1 and "parts" in way):
            assert fault.says in (said.notice or "")
            assert bool(fault.says) == bool(said.notice)
            assert said.sentences[0].text == GOOD
        else:
            only_quoted(said, LOST if name == "name unknown" else HOST, fault.says)
        assert all(sentence.text != PARTIAL for sentence in said.sentences)
        place.mend()
        after = recovered(assistant)
        assert (after.notice, after.model) == (None, "tiny")
        assert after.sentences[0].text == GOOD
    # For a table of what was met: pytest -o junit_family=xunit1 --junitxml=FILE.
    found = [("seconds", f"{took:.2f}"), ("requests", requests), ("notice", said.notice)]
    request.node.user_properties.extend(found)


def recovered(assistant: Assistant) -> Answer:
    """Ask anew: on a busy machine a good model may take more than the seconds it has here."""
    for _ in range(TRIES):
        after = assistant.ask(QUESTION)
        if TIME not in (after.notice or ""):
            break
    return after


def only_quoted(said: Answer, host: str, words: str) -> None:
    """Assert that no word is the model's, and that the notice tells who failed and how."""
    assert said.model == QUOTING
    quotes = {" ".join(citation.quote.split()) for citation in said.citations}
    assert {sentence.text for sentence in said.sentences} <= quotes
    assert said.notice is not None
    assert host in said.notice
    assert words in said.notice
    assert said.notice.endswith(".")


@pytest.mark.parametrize("name", [n for n, fault in FAULTS.items() if fault.begins])
def test_a_cut_text_is_shown_as_a_draft_and_withdrawn(shelf: Path, name: str) -> None:
    """It is never given as text, and what comes next takes its place."""
    seconds = DRAFT_SECONDS if FAULTS[name].stalls else 20
    with faulty(name) as place, asking(shelf, place, seconds=seconds) as assistant:
        events = list(assistant.stream(QUESTION))
    drafted = [n for n, event in enumerate(events) if PARTIAL in event.draft]
    assert drafted
    assert all(PARTIAL not in event.draft for event in events[drafted[-1] + 1 :])
    assert not any(event.text for event in events[: drafted[-1] + 1])


def test_a_cut_text_is_not_kept_in_a_conversation(shelf: Path) -> None:
    """What the page keeps is what it shows in the end: quotes, and why; then a follow-up works."""
    with (
        faulty("reset in the text") as place,
        asking(shelf, place, read_only=False) as assistant,
        closing(Handlers(assistant, lambda: Readiness("ready"))) as page,
    ):
        *_, shown = page.ask(QUESTION, Talk(), session="tab")
        assert shown.talk.id is not None
        kept = [e.answer for e in assistant.conversations.exchanges(shown.talk.id)]
        only_quoted(kept[0], HOST, "cut off")
        assert len(kept) == 1
        place.mend()
        *_, shown = page.ask(FOLLOW_UP, shown.talk, session="tab")
        assert shown.talk.id is not None
        kept = [e.answer for e in assistant.conversations.exchanges(shown.talk.id)]
        assert [answer.model for answer in kept] == [QUOTING, "tiny"]


def test_whole_sentences_before_a_cut_stay_and_the_rest_is_quoted(shelf: Path) -> None:
    """They were verified and read; what the model did not come to is quoted from the documents."""
    first = "Clara Holt, an engineer, designed the Anders Bridge."
    with (
        endpoint(lines(chunk(f"{first} {PARTIAL}"))) as server,
        asking(shelf, Place(server.url, server, lambda: None)) as assistant,
    ):
        said = assistant.ask(QUESTION)
    assert said.sentences[0].text == first
    assert said.sentences[1].text.endswith("It opened on 4 May 1931.")
    assert "Closest in the documents" in said.text
    assert "what it had written so far is kept" in (said.notice or "")


def test_a_redirect_takes_nothing_along(shelf: Path) -> None:
    """The documents and the key go to the host that was named, and to no other."""
    with endpoint(answer(GOOD)) as other:
        with (
            endpoint(fail(307, Location=f"{other.url}/chat/completions")) as server,
            asking(shelf, Place(server.url, server, lambda: None)) as assistant,
        ):
            only_quoted(assistant.ask(QUESTION), HOST, "redirects")
        assert len(server.requests) == 1
        assert other.requests == []
