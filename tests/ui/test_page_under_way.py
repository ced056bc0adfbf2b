"""The page while an answer is under way, in a real browser with a slow assistant."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Queue

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import ROOT
from tests.load import freed
from tests.ui.served import surroundings
from tests.ui.visits import Visit, visiting

pytestmark = pytest.mark.browser

HANGS = "Which one hangs?"
PATIENCE = 60


class SlowPage:
    """The page in its own process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()
        self.lines: Queue[str] = Queue()
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()

    def _read(self, out: Iterator[str]) -> None:
        for line in out:
            self.lines.put(line.strip())

    def wait_until_closed(self, question: str) -> None:
        """Wait for the end of this question's stream; fails if it does not come."""
        while self.lines.get(timeout=PATIENCE) != f"closed: {question}":
            pass


@contextmanager
def serve(*arguments: str) -> Iterator[SlowPage]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ui.slow_page", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=surroundings("none"),
    )
    try:
        yield SlowPage(process)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def slow() -> Iterator[SlowPage]:
    """Serve the page on a slow assistant."""
    with serve() as page:
        yield page


@pytest.fixture
def visit(browser: Browser, slow: SlowPage) -> Iterator[Visit]:
    """Open the page in a tab."""
    with visiting(browser, slow.url) as tab:
        yield tab


def begin(visit: Visit, question: str = HANGS) -> None:
    visit.page.fill("#question textarea", question)
    visit.page.keyboard.press("Enter")


def test_passages_then_words_then_draft(visit: Visit) -> None:
    """The panel fills before the first word; what is not yet verified is light."""
    begin(visit)
    expect(visit.page.locator("#sources .card:visible")).to_have_count(1)
    expect(visit.page.locator("#now .prose")).to_have_count(0)
    expect(visit.page.locator("#now .waiting")).to_contain_text("Reading")
    expect(visit.page.locator("#now .draft")).to_have_text("Trade came")
    expect(visit.page.locator("#now .prose")).to_contain_text("They met in Geneva.")
    visit.page.click("#stop")


def test_stop_stops_the_model_and_keeps_the_text(visit: Visit, slow: SlowPage) -> None:
    """The partial text stays, the stream is closed, and the next question is answered."""
    begin(visit)
    expect(visit.page.locator("#now .prose")).to_contain_text("They met")
    expect(visit.page.locator("#send")).to_be_hidden()
    visit.page.click("#stop")
    expect(visit.page.locator("#now .stopped")).to_have_text("Stopped.")
    expect(visit.page.locator("#now .prose")).to_contain_text("They met")
    expect(visit.page.locator("#stop")).to_be_hidden()
    slow.wait_until_closed(HANGS)
    visit.ask("Where?")
    expect(visit.page.locator("#past .stopped")).to_have_text("Stopped.")


def test_closed_tab_stops_the_model(browser: Browser, slow: SlowPage) -> None:
    """Nobody reads on, so nobody writes on."""
    tab = Visit(browser, slow.url)
    begin(tab, "Which tab hangs?")
    expect(tab.page.locator("#now .prose")).to_contain_text("They met")
    tab.context.close()
    slow.wait_until_closed("Which tab hangs?")


def test_reload_stops_the_model(visit: Visit, slow: SlowPage) -> None:
    """A page that begins anew leaves no answer behind."""
    begin(visit, "Which reload hangs?")
    expect(visit.page.locator("#now .prose")).to_contain_text("They met")
    visit.reload()
    slow.wait_until_closed("Which reload hangs?")
    visit.ask("Where?")


def test_new_conversation_in_the_middle(visit: Visit, slow: SlowPage) -> None:
    """The answer under way is given up and does not come back."""
    begin(visit, "Which start hangs?")
    expect(visit.page.locator("#now .draft")).to_be_visible()
    visit.page.click("#new")
    slow.wait_until_closed("Which start hangs?")
    expect(visit.page.locator("#chat .exchange")).to_have_count(0)
    expect(visit.page.locator("#send")).to_be_visible()
    visit.ask("Where?")
    expect(visit.page.locator("#chat .exchange")).to_have_count(1)


def test_second_enter_does_not_ask_twice(visit: Visit) -> None:
    """What is typed while an answer comes waits in the box."""
    begin(visit, "First?")
    expect(visit.page.locator("#now .exchange")).to_be_visible()
    begin(visit, "Second?")
    visit.wait_for_answer("First?")
    expect(visit.page.locator("#chat .exchange")).to_have_count(1)
    expect(visit.page.locator("#question textarea")).to_have_value("Second?")


def test_failure_in_the_middle_is_a_sentence(visit: Visit) -> None:
    """What was written stays, the trouble is told, and the page goes on."""
    begin(visit, "Which one fails?")
    expect(visit.page.locator("#now .failed")).to_contain_text("The model went away. Ask again.")
    expect(visit.page.locator("#now .prose")).to_contain_text("They met")
    visit.ask("Where?")


def test_partly_supported_sentence_has_a_mark(visit: Visit) -> None:
    """The mark says in words what it means."""
    visit.ask("Where?")
    mark = visit.page.locator("#now .verdict")
    expect(mark).to_have_text("partly supported")
    expect(mark).to_have_attribute("title", "The cited words support only part of this sentence.")


def test_nothing_jumps_when_the_answer_comes(visit: Visit) -> None:
    """The box and the panel stay where they are from the question to the end."""
    places = """() => ["#composer", "#sources", "#top", "#new"].map(
      s => JSON.stringify(document.querySelector(s).getBoundingClientRect()))"""
    before = visit.page.evaluate(places)
    begin(visit)
    expect(visit.page.locator("#now .draft")).to_be_visible()
    assert visit.page.evaluate(places) == before
    visit.page.click("#stop")
    expect(visit.page.locator("#send")).to_be_visible()
    visit.ask("Where?")
    assert visit.page.evaluate(places) == before


def test_model_that_cannot_be_loaded_is_told(browser: Browser) -> None:
    """First that it loads, then why it cannot, and what to do."""
    with serve("broken") as page:
        tab = Visit(browser, page.url, state="#state .failed")
        expect(tab.page.locator("#state")).to_contain_text("Free a gigabyte of memory.")
        expect(tab.page.locator("#invite")).to_contain_text("library is empty")
        tab.context.close()


def test_a_closed_tab_makes_room_for_the_next(slow: SlowPage) -> None:
    """Within seconds, though its model would go on for minutes."""
    questions = [f"What hangs in tab {n}?" for n in range(5)]
    # In a thread, for this one has a loop already: the browser's.
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, freed(slow.url, questions)).result(PATIENCE) < 5
