"""Where questions wait for their turn, alone and on the page."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Event
from tests.ui.fake_assistant import FakeAssistant, geneva, streamed
from ui.conversation import Readiness, Talk
from ui.handlers import BUSY, LOCAL, REMOTE, Handlers
from ui.line import Full, Line, Place, Room
from ui.view import View


def test_places_count_up_and_move_up() -> None:
    """The first are served at once; who leaves makes room for the next."""
    line = Line(lambda: Room(at_once=2, waiting=2))
    places = [line.enter() for _ in range(4)]
    assert [place.number() for place in places] == [0, 0, 1, 2]
    with pytest.raises(Full):
        line.enter()
    places[1].leave()
    assert [place.number() for place in places] == [0, 0, 0, 1]
    assert line.enter().number() == 2


def test_waiting_ends_when_the_turn_comes() -> None:
    """Not after the whole time."""
    line = Line(lambda: Room(at_once=1, waiting=1))
    first, second = line.enter(), line.enter()
    threading.Timer(0.05, first.leave).start()
    assert second.number(after=1, seconds=30) == 0


@given(st.lists(st.integers(-1, 9), max_size=60), st.integers(1, 4), st.integers(0, 4))
def test_nobody_is_served_out_of_turn(steps: list[int], at_once: int, waiting: int) -> None:
    """Whoever comes and goes: the earliest are served, and never too many."""
    line = Line(lambda: Room(at_once, waiting))
    here: list[Place] = []
    for step in steps:
        if step < 0:
            full = len(here) == at_once + waiting
            try:
                here.append(line.enter())
                assert not full
            except Full:
                assert full
        elif here:
            gone = here.pop(step % len(here))
            gone.leave()
            gone.leave()
        numbers = [place.number() for place in here]
        assert numbers == [max(0, place + 1 - at_once) for place in range(len(here))]


# On the page ----------------------------------------------------------------------


class Tabs:
    """Many open pages whose model waits for a sign."""

    def __init__(self, host: str | None = None) -> None:
        self.gate = threading.Event()
        self.assistant = FakeAssistant(self._script)
        self.assistant.model_host = host
        self.handlers = Handlers(self.assistant, lambda: Readiness("ready"))

    def _script(self, question: str) -> Iterator[Event]:
        yield Event("reading")
        self.gate.wait(30)
        yield from streamed(geneva(question))

    def ask(self, number: int) -> Iterator[View]:
        """Ask in a tab of this number; return its views once its first ones came."""
        views = self.handlers.ask(f"Question {number}?", Talk(), session=str(number))
        next(views)
        return views


def test_questions_wait_and_say_so() -> None:
    """Four are served, the others see their place in line, and all are answered."""
    tabs = Tabs()
    open_tabs = [tabs.ask(number) for number in range(6)]
    assert [next(views).now for views in open_tabs[:4]]
    waiting = [next(views).now for views in open_tabs[4:]]
    assert "number 1 in line" in waiting[0]
    assert "number 2 in line" in waiting[1]
    assert len(tabs.assistant.asked) == 4
    tabs.gate.set()
    for views in open_tabs:
        assert list(views)[-1].talk.exchanges[-1].answer is not None
    tabs.handlers.close()


def test_one_too_many_is_told_at_once() -> None:
    """With nothing asked of the model, and nothing lost of the conversation."""
    tabs = Tabs()
    here = LOCAL.at_once + LOCAL.waiting
    open_tabs = [tabs.ask(number) for number in range(here)]
    for views in open_tabs:
        next(views)
    last = list(tabs.ask(here))[-1]
    assert last.talk.exchanges[-1].error == BUSY
    tabs.gate.set()
    tabs.handlers.close()


def test_a_server_elsewhere_serves_more() -> None:
    """It does not share this machine's cores."""
    tabs = Tabs(host="api.example.org")
    open_tabs = [tabs.ask(number) for number in range(LOCAL.at_once + 2)]
    for views in open_tabs:
        assert "in line" not in next(views).now
    assert REMOTE.at_once > LOCAL.at_once
    tabs.gate.set()
    tabs.handlers.close()


def test_a_tab_that_was_closed_makes_room() -> None:
    """Nobody takes its views any more, so its end must not depend on that."""
    tabs = Tabs()
    open_tabs = [tabs.ask(number) for number in range(5)]
    assert [next(views) for views in open_tabs[:4]]
    assert "number 1 in line" in next(open_tabs[4]).now
    tabs.handlers.stop(session="0")
    assert "Reading the passages" in next(open_tabs[4]).now
    tabs.gate.set()
    tabs.handlers.close()


def test_who_stops_while_waiting_is_let_go() -> None:
    """The place goes to the next, and the model is never asked."""
    tabs = Tabs()
    open_tabs = [tabs.ask(number) for number in range(6)]
    for views in open_tabs:
        next(views)
    tabs.handlers.stop(session="4")
    assert list(open_tabs[4])[-1].talk.exchanges[-1].stopped
    assert "number 1 in line" in next(open_tabs[5]).now
    assert len(tabs.assistant.asked) == 4
    tabs.gate.set()
    tabs.handlers.close()
