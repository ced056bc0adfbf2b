"""One answer under way, in a thread of its own, so that waiting for it can be interrupted.

Knows nothing of how it is shown. This is the one place of the page that catches every
exception, for those who take the events to tell of.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from rag import Event
from ui.line import Place

POLL_SECONDS = 0.2
# Says that a stream has ended; None would do, but it must not be mistaken for an event.
_END = object()


@dataclass
class Run:
    """One answer under way, pumped by its own thread so that waiting can be interrupted."""

    stopped: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    given_up: bool = False
    place: Place | None = None
    events: queue.SimpleQueue[object] = field(default_factory=queue.SimpleQueue)

    def stop(self) -> None:
        """Ask for the end, and make room for others at once.

        Not when the generator of views ends: nobody takes the views of a page that was closed.
        """
        self.stopped.set()
        if self.place is not None:
            self.place.leave()

    def pump(self, start: Callable[[], Iterator[Event]]) -> None:
        """Pass events on until the end or a stop; runs in a thread of its own."""
        try:
            with closing(start()) as events:  # type: ignore[type-var]
                for event in events:
                    if self.stopped.is_set():
                        break
                    self.events.put(event)
        except Exception as error:
            self.events.put(error)
        finally:
            self.events.put(_END)

    def take(self) -> list[object]:
        """Return what has come, or an empty list when nothing did for a moment."""
        taken: list[object] = []
        try:
            taken.append(self.events.get(timeout=POLL_SECONDS))
            while True:
                taken.append(self.events.get_nowait())
        except queue.Empty:
            return taken
