"""How fast the chat page is, as a browser sees it.

Knows nothing of the page's code: it starts `footnote chat` as a user does, and drives the
page through its documented element ids with Playwright and an installed Chromium.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 180_000  # milliseconds
_MANY = 200
_QUOTE_IN_SIGHT = """() => [...document.querySelectorAll("#sources mark.quote")].some((quote) => {
  const box = quote.getBoundingClientRect();
  return quote.checkVisibility() && box.top >= 0 && box.top < innerHeight;
})"""


@dataclass(frozen=True)
class Figures:
    """What a browser saw; times in seconds, memory (of all our processes) in MB."""

    loads: float
    """From the command to a page that loads."""
    first_words: float
    """From there to the first words of the first answer."""
    answer: float
    """From Enter to a whole answer, median."""
    memory: float


@dataclass(frozen=True)
class Feel:
    """What using the page is like; times in seconds."""

    usable: float
    """From an address typed into a new tab to a box that can be typed in, median."""
    quote: float
    """From a click on `[n]` to the marked quote in sight, median."""
    token: float
    """What the page adds to each token of the model, median."""
    early: float
    """From Enter to a whole answer, quotes only: median of the first questions."""
    late: float
    """The same after 200 questions of one conversation."""


def measure_page(home: Path, models: Path, questions: Sequence[str]) -> Figures:
    """Start the page on a home, ask the questions in a browser, and end it."""
    started = time.perf_counter()
    with _served(home, models) as (server, address), browser() as page:
        page.goto(address)
        page.wait_for_selector("#question textarea")
        loads = time.perf_counter() - started
        started = time.perf_counter()
        ask(page, questions[0])
        page.wait_for_selector("#now .prose:not(:empty)", timeout=_PATIENCE)
        first_words = time.perf_counter() - started
        wait_for_answer(page, questions[0])
        seconds = []
        for question in questions[1:]:
            begun = time.perf_counter()
            ask(page, question)
            wait_for_answer(page, question)
            seconds.append(time.perf_counter() - begun)
        return Figures(loads, first_words, statistics.median(seconds), memory_megabytes(server.pid))


def measure_feel(home: Path, models: Path, questions: Sequence[str]) -> Feel:
    """Use the page as a person would, with the language model and without."""
    with _served(home, models) as (_, address), browser() as page:
        usable = [_opened(page, address) for _ in range(5)]
        page.wait_for_selector("#state .ready", timeout=_PATIENCE)
        ask(page, questions[0])
        wait_for_answer(page, questions[0])
        tokens = [added for question in questions[1:] if (added := _added(page, question))]
        quotes = [_clicked(page) for _ in range(5)]
    with _served(home, models, llm="none") as (_, address), browser() as page:
        _opened(page, address)
        page.wait_for_selector("#state .ready", timeout=_PATIENCE)
        waited = []
        for number in range(_MANY):
            begun = time.perf_counter()
            ask(page, questions[number % len(questions)])
            page.wait_for_selector(f"#exchange-{number + 1}:not([aria-busy])", timeout=_PATIENCE)
            waited.append(time.perf_counter() - begun)
    each = len(questions) * 3
    return Feel(
        usable=statistics.median(usable),
        quote=statistics.median(quotes),
        token=statistics.median(tokens),
        early=statistics.median(waited[len(questions) : len(questions) + each]),
        late=statistics.median(waited[-each:]),
    )


def _opened(page: Page, address: str) -> float:
    begun = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("#question textarea:enabled")
    page.wait_for_selector("#invite p:visible")
    return time.perf_counter() - begun


def _added(page: Page, question: str) -> float | None:
    """Return the seconds that the page adds to each token; None if no model wrote."""
    begun = time.perf_counter()
    ask(page, question)
    wait_for_answer(page, question)
    waited = time.perf_counter() - begun
    page.click("#now [data-dialog=inspector]")
    page.wait_for_selector("#inspector .stages")
    inside = page.inner_text("#inspector")
    page.keyboard.press("Escape")
    written = re.search(r"([\d,]+) written", inside)
    total = re.search(r"Seconds, ([\d.]+) in all", inside)
    if written is None or total is None:
        return None
    return (waited - float(total[1])) / int(written[1].replace(",", ""))


def _clicked(page: Page) -> float:
    page.click("#now .show >> nth=0")
    page.evaluate("document.querySelector('#sources').scrollTop = 0")
    begun = time.perf_counter()
    page.click("#now a.chip >> nth=0")
    page.wait_for_function(_QUOTE_IN_SIGHT)
    return time.perf_counter() - begun


def memory_megabytes(pid: int) -> float:
    """Return the proportional memory (PSS) of a process and all its children, in MB."""
    pids, todo = [], [pid]
    while todo:
        pids.append(todo.pop())
        for children in Path(f"/proc/{pids[-1]}/task").glob("*/children"):
            todo.extend(int(child) for child in children.read_text().split())
    return sum(map(_pss_kilobytes, pids)) / 1000


def _pss_kilobytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def ask(page: Page, question: str) -> None:
    """Type a question into the page and send it."""
    page.wait_for_selector("#send:visible", timeout=_PATIENCE)
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")


def wait_for_answer(page: Page, question: str) -> None:
    """Wait until the page shows the whole answer to a question."""
    page.wait_for_function(
        "q => document.querySelector('#now .exchange:not([aria-busy])')?.innerText.includes(q)",
        arg=question,
        timeout=_PATIENCE,
    )


@contextmanager
def _served(
    home: Path, models: Path, *, llm: str = "embedded"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "ui.cli", "--home", str(home), "chat", "--no-browser"]
    environment = {**os.environ, "FOOTNOTE_LLM": llm, "FOOTNOTE_MODELS": str(models)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            yield server, address_in(server)
        finally:
            server.send_signal(signal.SIGTERM)


def address_in(server: subprocess.Popen[str]) -> str:
    """Return the address that `footnote chat` prints; raises RuntimeError if it ends before."""
    for line in server.stdout or ():
        words = [word for word in line.split() if word.startswith("http://")]
        if words:
            return words[0]
    raise RuntimeError("`footnote chat` ended before it served a page; run it by hand to see why.")


@contextmanager
def browser() -> Iterator[Page]:
    """Give a page of an installed Chromium; raises RuntimeError where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise RuntimeError("No Chromium is installed: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()
