"""How fast the chat page is, as a browser sees it.

Knows nothing of the page's code: it starts `footnote chat` as a user does, and drives the
page through its documented element ids with Playwright and an installed Chromium.
"""

from __future__ import annotations

import os
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
def _served(home: Path, models: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "ui.cli", "--home", str(home), "chat", "--no-browser"]
    environment = {**os.environ, "FOOTNOTE_LLM": "embedded", "FOOTNOTE_MODELS": str(models)}
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
