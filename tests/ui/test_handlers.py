"""Asking, stopping and starting anew, on an assistant that plays scripts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Event, ModelError, Progress, Turn
from tests.ui.fake_assistant import TEXT, FakeAssistant, geneva, hit, refusal, streamed
from ui.conversation import Exchange, Readiness, Talk
from ui.excerpts import surroundings
from ui.handlers import UNEXPECTED, Handlers
from ui.view import Past, View

PATIENCE = 10


def handlers(assistant: FakeAssistant, readiness: Readiness | None = None) -> Handlers:
    return Handlers(assistant, lambda: readiness or Readiness("ready"))


def ask(
    assistant: FakeAssistant, question: str = "Where?", before: tuple[Exchange, ...] = ()
) -> list[View]:
    return list(handlers(assistant).ask(question, Talk(None, before), session="one"))


def held(before: list[Event], gate: threading.Event) -> Iterator[Event]:
    """Yield events, then wait at a gate, then yield the rest of an answer."""
    yield from before
    gate.wait(PATIENCE)
    yield from streamed(geneva("Where?"))


def until(views: Iterator[View], words: str) -> View:
    """Take views until one shows these words."""
    return next(view for view in views if words in view.now)


def test_answer_ends_with_chips_and_cards() -> None:
    """The last view holds the whole answer, its sources, and the longer conversation."""
    last = ask(FakeAssistant())[-1]
    assert "aria-busy" not in last.now
    assert last.talk.exchanges[-1].answer == geneva("Where?")
    assert 'data-card="card-1-2"' in last.now
    assert last.now_sources is not None
    assert '<mark class="quote">met in Geneva on 4 May</mark>' in last.now_sources


def test_first_view_clears_the_box_and_says_it_is_busy() -> None:
    """A question is taken at once, before anything was found."""
    first = ask(FakeAssistant())[0]
    assert "aria-busy" in first.now
    assert first.question == ""
    assert "Searching your documents" in first.now
    assert first.talk.exchanges == ()


def test_passages_come_before_the_first_word() -> None:
    """What was found is in the panel while the model still reads."""
    gate = threading.Event()
    assistant = FakeAssistant(
        lambda _: held([Event("searching", hits=(hit(),)), Event("reading")], gate)
    )
    views = handlers(assistant).ask("Where?", Talk(), session="one")
    view = until(views, "Reading the passages")
    gate.set()
    assert "prose" not in view.now
    assert view.now_sources is not None
    assert "Passages found" in view.now_sources
    list(views)


def test_sources_are_sent_once() -> None:
    """A panel that does not change is left alone, so that it stays where it is scrolled to."""
    gate = threading.Event()
    events = [Event("searching", hits=(hit(),)), Event("writing", draft="They m")]
    views = handlers(FakeAssistant(lambda _: held(events, gate))).ask(
        "Where?", Talk(), session="one"
    )
    seen = [next(views), until(views, "They m")]
    gate.set()
    seen += views
    sent = [view.now_sources for view in seen if view.now_sources is not None]
    assert len(sent) == len(set(sent))


def test_earlier_exchanges_move_to_the_past() -> None:
    """A second question shows both answers, and the history goes to the assistant."""
    assistant = FakeAssistant()
    before = ask(assistant)[-1].talk.exchanges
    views = ask(assistant, "And when?", before)
    past = views[0].past
    assert past is not None
    assert past.first == 0
    assert 'href="#card-1-1"' in past.exchanges
    assert 'id="card-1-1"' in past.sources
    assert [item.number for item in views[-1].talk.exchanges] == [1, 2]
    assert assistant.asked[-1] == ("And when?", (Turn("Where?", geneva("Where?").text),))


def test_refusals_belong_to_the_history_errors_do_not() -> None:
    """Only what was answered or refused was said."""
    assistant = FakeAssistant()
    failed = Exchange(1, "A?", error="It broke.")
    refused = Exchange(2, "B?", answer=refusal("B?"))
    ask(assistant, "C?", (failed, refused))
    assert [turn.question for turn in assistant.asked[-1][1]] == ["B?"]


@pytest.mark.parametrize("question", ["", "  \n "])
def test_empty_question_is_not_asked(question: str) -> None:
    """Nothing happens, as with any empty box."""
    assistant = FakeAssistant()
    assert ask(assistant, question) == []
    assert assistant.asked == []


def test_stop_ends_the_model_and_keeps_the_text() -> None:
    """The partial text stays with "Stopped.", and the stream is closed."""
    gate = threading.Event()
    assistant = FakeAssistant(lambda _: held([Event("writing", text="They met.")], gate))
    page = handlers(assistant)
    views = page.ask("Where?", Talk(), session="one")
    until(views, "They met.")
    page.stop(session="one")
    last = list(views)[-1]
    gate.set()
    assert "They met." in last.now
    assert "Stopped." in last.now
    assert "aria-busy" not in last.now
    assert last.talk.exchanges[-1].stopped
    assert assistant.closed.wait(PATIENCE)


def test_stop_of_another_page_changes_nothing() -> None:
    """Two tabs do not stop each other, and a page with nothing under way can be stopped."""
    gate = threading.Event()
    assistant = FakeAssistant(lambda _: held([Event("writing", text="They met.")], gate))
    page = handlers(assistant)
    views = page.ask("Where?", Talk(), session="one")
    until(views, "They met.")
    page.stop(session="two")
    gate.set()
    assert list(views)[-1].talk.exchanges[-1].answer is not None


def test_two_pages_do_not_mix() -> None:
    """Answers asked at the same time reach the page that asked."""
    page = handlers(FakeAssistant(lambda question: streamed(geneva(question))))
    one, two = page.ask("One?", Talk(), session="one"), page.ask("Two?", Talk(), session="two")
    next(one), next(two)
    assert list(two)[-1].talk.exchanges[-1].question == "Two?"
    assert list(one)[-1].talk.exchanges[-1].question == "One?"


def test_second_question_of_a_busy_page_is_not_taken() -> None:
    """A page answers one question at a time, however fast one types."""
    assistant = FakeAssistant()
    page = handlers(assistant)
    first = page.ask("One?", Talk(), session="one")
    next(first)
    assert list(page.ask("Two?", Talk(), session="one")) == []
    list(first)
    assert [question for question, _ in assistant.asked] == ["One?"]
    assert list(page.ask("Three?", Talk(), session="one"))[-1].talk.exchanges


def test_page_that_is_gone_stops_its_model() -> None:
    """Closing the generator of views closes the assistant's stream."""
    gate = threading.Event()
    assistant = FakeAssistant(lambda _: held([Event("writing", text="They met.")], gate))
    views = handlers(assistant).ask("Where?", Talk(), session="one")
    until(views, "They met.")
    views.close()  # type: ignore[attr-defined]
    gate.set()
    assert assistant.closed.wait(PATIENCE)


def test_error_is_a_sentence() -> None:
    """What an error says is shown; the page can be used again."""

    def broken(_: str) -> Iterator[Event]:
        yield Event("writing", text="They met.")
        raise ModelError("The model ran out of memory. Close a program, then ask again.")

    last = ask(FakeAssistant(broken))[-1]
    assert "Close a program, then ask again." in last.now
    assert "They met." in last.now
    assert "aria-busy" not in last.now


def test_error_before_the_first_event_is_a_sentence() -> None:
    """A question that is refused on the spot is answered on the page too."""

    class Refusing(FakeAssistant):
        def stream(self, *args: object, **named: object) -> Iterator[Event]:
            raise ModelError("The question is too long. Shorten it.")

    assert "Shorten it." in ask(Refusing())[-1].now


def test_unforeseen_error_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """The page shows a sentence of ours; the log has the cause."""

    def broken(_: str) -> Iterator[Event]:
        yield Event("searching")
        raise ZeroDivisionError("secret")

    with caplog.at_level(logging.ERROR, logger="ui.handlers"):
        last = ask(FakeAssistant(broken))[-1]
    assert UNEXPECTED.split(".")[0] in last.now
    assert "secret" not in last.now
    assert caplog.records[0].exc_info is not None


def test_stream_without_an_answer_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """The page never waits for ever."""
    last = ask(FakeAssistant(lambda _: iter([Event("searching")])))[-1]
    assert last.talk.exchanges[-1].error == UNEXPECTED
    assert "without an answer" in caplog.text


def test_restart_forgets_and_stops() -> None:
    """A new conversation is empty, and the answer under way is given up."""
    gate = threading.Event()
    assistant = FakeAssistant(lambda _: held([Event("writing", text="They met.")], gate))
    page = handlers(assistant)
    views = page.ask("Where?", Talk(), session="one")
    until(views, "They met.")
    rest: list[View] = []
    reader = threading.Thread(target=lambda: rest.extend(views))
    reader.start()
    page.give_up(session="one")
    reader.join(PATIENCE)
    fresh = page.restart()
    assert (fresh.talk.exchanges, fresh.now, fresh.past) == ((), "", Past())
    assert rest == []
    gate.set()
    assert assistant.closed.wait(PATIENCE)


def test_waiting_for_the_model_is_told() -> None:
    """While the model loads, the answer says so."""
    gate = threading.Event()
    assistant = FakeAssistant(lambda _: held([Event("loading")], gate))
    readiness = Readiness("preparing", Progress("loading", 1, 2, "steps"))
    views = handlers(assistant, readiness).ask("Where?", Talk(), session="one")
    assert "50 %" in until(views, "Preparing the language model").now
    gate.set()
    list(views)


def test_removed_document_leaves_its_quote() -> None:
    """A citation whose document has gone meanwhile still shows the words."""
    assistant = FakeAssistant()
    assistant.texts = {}
    sources = ask(assistant)[-1].now_sources
    assert sources is not None
    assert "met in Geneva on 4 May" in sources
    assert "Trade was left" in sources


def test_state_is_watched_until_ready() -> None:
    """Each change is told once, and then the watching ends."""
    states = iter([Readiness(), Readiness(), Readiness("ready")])
    lines = list(Handlers(FakeAssistant(), lambda: next(states)).watch())
    assert len(lines) == 2
    assert "Preparing" in lines[0]
    assert "Ready" in lines[1]


def test_state_is_watched_until_failed() -> None:
    """A model that cannot be loaded is told, with what to do."""
    failed = Readiness("failed", message="No room. Free a gigabyte.")
    lines = list(handlers(FakeAssistant(), failed).watch())
    assert len(lines) == 1
    assert "Free a gigabyte." in lines[0]


def test_close_ends_answers_and_watchers() -> None:
    """When the server ends, nothing waits any more."""
    gate = threading.Event()
    assistant = FakeAssistant(lambda _: held([Event("writing", text="They met.")], gate))
    page = handlers(assistant, Readiness())
    views, watcher = page.ask("Where?", Talk(), session="one"), page.watch()
    until(views, "They met.")
    next(watcher)
    page.close()
    assert list(watcher) == []
    assert list(views)[-1].talk.exchanges[-1].stopped
    gate.set()


@given(st.text(max_size=80), st.data(), st.integers(1, 30))
def test_surroundings_are_the_text_around_a_quote(
    text: str, data: st.DataObject, width: int
) -> None:
    """What is shown before and after stands there in the document, and is not long."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    before, after = surroundings(text, start, end, width=width)
    assert text[:start].endswith(before.removeprefix("… ").removeprefix("…"))
    assert text[end:].startswith(after.removesuffix(" …").removesuffix("…"))
    assert len(before) <= width + 2
    assert len(after) <= width + 2


def test_surroundings_are_cut_between_words() -> None:
    """No half words, and three dots where something is left out."""
    start = TEXT.index("They agreed")
    before, after = surroundings(TEXT, start, start + len("They agreed"), width=12)
    assert before == "… on 4 May. "
    assert after == " on three …"


def test_surroundings_at_the_ends_have_no_dots() -> None:
    """Where the document begins and ends, nothing is left out."""
    assert surroundings("one two three", 4, 7) == ("one ", " three")


def test_views_of_one_answer_share_nothing_with_its_conversation() -> None:
    """The conversation that was handed in is not changed."""
    before = (replace(Exchange(1, "Q"), answer=geneva("Q")),)
    ask(FakeAssistant(), "And?", before)
    assert before == (replace(Exchange(1, "Q"), answer=geneva("Q")),)
