"""Serves the page on an assistant that plays a slow script, for the tests of the browser.

Prints the address, and a line for each answer whose stream was closed. The question says
what is played: "fails" breaks in the middle, "hangs" waits after its first sentence, any
other question is answered slowly. With "broken" as argument, the models never get ready.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

from rag import Event, ModelUnavailable, ProgressCallback, Turn
from tests.ui.fake_assistant import FakeAssistant, geneva, hit, streamed
from ui.access import Access
from ui.app import build
from ui.server import open_socket, serving
from ui.warming import Warming

HANGING = 120  # seconds, unless it is stopped


def play(question: str) -> Iterator[Event]:
    if "fails" in question:
        yield Event("writing", text="They met in Geneva. [1]")
        raise ModelUnavailable("The model went away. Ask again.")
    if "hangs" in question:
        yield Event("searching", hits=(hit(),))
        yield Event("reading")
        time.sleep(1)
        yield Event("writing", text="They met in Geneva. [1]")
        for _ in range(HANGING * 10):
            time.sleep(0.1)
            yield Event("writing", draft="Trade came")
        return
    for event in streamed(geneva(question)):
        time.sleep(0.3)
        yield event


class SlowAssistant(FakeAssistant):
    """Tells when a stream is closed."""

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        documents: Sequence[str] | None = None,
    ) -> Iterator[Event]:
        try:
            yield from super().stream(question, history, documents)
        finally:
            print(f"closed: {question}", flush=True)

    def warm(self, progress: ProgressCallback | None = None) -> None:
        super().warm(progress)
        time.sleep(1)
        if "broken" in sys.argv:
            raise ModelUnavailable("The model cannot be loaded. Free a gigabyte of memory.")


def main() -> None:
    assistant = SlowAssistant(play)
    warming = Warming(assistant)
    warming.start()
    page = build(assistant, warming.readiness, Access(assistant.settings))
    with serving(page.app, open_socket("127.0.0.1", 0)) as address:
        print(address, flush=True)
        sys.stdin.read()
        page.close()


if __name__ == "__main__":
    main()
