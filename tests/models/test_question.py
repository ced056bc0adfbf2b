"""What a question may cost is counted over all its calls, whoever takes the pieces."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence

import pytest

from rag.errors import ModelUnavailable
from rag.models.openai_chat import OpenAICompatibleChat
from rag.models.question import OneQuestion, spent, uncounted
from rag.schema import Message, Usage
from tests.fakes import ScriptedModel
from tests.models.endpoint import answer, endpoint, fail

HELLO = [Message("user", "Hello?")]
PAUSE = 0.2
"""Seconds that a reply takes here: enough to be told from none."""


class Slow(ScriptedModel):
    """Takes its time, and notes what the question had spent when it was asked."""

    def __init__(self, *replies: str, load: Callable[[], object] = lambda: None) -> None:
        super().__init__(*replies)
        self.load, self.seen = load, list[float]()

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generator[str | Usage]:
        self.load()
        self.seen.append(spent())
        time.sleep(PAUSE)  # the time itself is what is measured
        yield from super().stream(messages, max_tokens=max_tokens, stop=stop)


def said(model: OneQuestion) -> str:
    """Return a whole reply."""
    pieces = model.stream(HELLO, max_tokens=9)
    return "".join(piece for piece in pieces if isinstance(piece, str))


def test_the_seconds_of_all_calls_are_counted_together() -> None:
    """The second part of a question has what the first one left; the next question has all."""
    slow = Slow("One.", "Two.", "Three.")
    question = OneQuestion(slow, parts=2)
    assert (said(question), said(question)) == ("One.", "Two.")
    assert said(OneQuestion(slow, parts=1)) == "Three."
    assert slow.seen[0] < slow.seen[1] >= PAUSE
    assert slow.seen[2] < PAUSE


def test_what_is_loaded_is_not_counted() -> None:
    """A model that is started by the first question takes nothing from it."""

    def load() -> None:
        with uncounted():
            time.sleep(5 * PAUSE)  # as above

    slow = Slow("One.", load=load)
    said(OneQuestion(slow, parts=1))
    assert slow.seen[0] < 5 * PAUSE


def test_pieces_may_be_taken_by_another_thread() -> None:
    """A page begins an answer in one thread and goes on in another."""
    slow = Slow("One.")
    pieces = OneQuestion(slow, parts=1).stream(HELLO, max_tokens=9)
    taken: list[str | Usage] = []
    thread = threading.Thread(target=lambda: taken.extend(pieces))
    thread.start()
    thread.join()
    assert taken[0] == "One."
    assert slow.seen


def test_one_that_failed_is_not_asked_again() -> None:
    """Every later call tells the same; the next question asks it again."""
    model = ScriptedModel(ModelUnavailable("It broke."), "Fine.")
    question = OneQuestion(model, parts=3)
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="It broke"):
            said(question)
    with pytest.raises(ModelUnavailable, match="It broke"):
        question.odds(HELLO, word="yes")
    assert len(model.prompts) == 1
    assert said(OneQuestion(model, parts=1)) == "Fine."


def test_time_that_is_up_costs_no_request() -> None:
    """A part that nothing is left for is not sent."""
    with endpoint(answer("Yes.")) as server:
        chat = OpenAICompatibleChat("tiny", server.url, seconds=PAUSE / 2)
        question = OneQuestion(chat, parts=2)
        with question._allowance.spending():
            time.sleep(PAUSE)  # the time itself is what is spent
        with pytest.raises(ModelUnavailable, match="did not finish within"):
            said(question)
        chat.close()
    assert server.requests == []


@pytest.mark.parametrize(("parts", "requests"), [(1, 3), (2, 2), (3, 1), (4, 1)])
def test_each_part_is_sure_of_a_request_and_the_rest_is_for_trying_again(
    parts: int, requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a question makes three at most."""
    monkeypatch.setattr("rag.models.openai_compatible.FIRST_PAUSE_SECONDS", 0.01)
    with endpoint(fail(500)) as server:
        chat = OpenAICompatibleChat("tiny", server.url)
        with pytest.raises(ModelUnavailable):
            said(OneQuestion(chat, parts=parts))
        chat.close()
    assert len(server.requests) == requests


def test_nobody_is_kept_waiting_long_for_another_try() -> None:
    """Quotes at once are better than an answer after what a busy server asks for."""
    with endpoint(fail(429, Retry_After="15"), answer("Yes.")) as server:
        chat, started = OpenAICompatibleChat("tiny", server.url), time.monotonic()
        with pytest.raises(ModelUnavailable, match="Wait a minute"):
            said(OneQuestion(chat, parts=1))
        chat.close()
    assert time.monotonic() - started < 15
    assert len(server.requests) == 1
