"""Watches over a process that others wait for, and ends it when it gives no sign of life.

Knows nothing of what they wait for. A process that is stopped, or locked up inside, keeps its
connections open: whoever reads from it would wait until his time is up, and so would the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SILENT_SECONDS = 10.0
"""Longer than a word takes; reading a long prompt may take longer, so it is asked then."""


class Watchdog:
    """Has a process looked at when those who wait have heard nothing of it for a while."""

    def __init__(self, look: Callable[[], None]) -> None:
        """`look` ends a process that does not live, which those who wait then notice."""
        self._look = look
        self._changed = threading.Condition()
        self._waiting = 0
        self._watching = False
        self._heard = self._looked = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Watch while the block waits for the process."""
        with self._changed:
            if not self._waiting:
                self._looked = time.monotonic()
            self._waiting += 1
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                self._changed.notify()

    def heard(self) -> None:
        """Note that the process said something, whoever it was for."""
        self._heard = time.monotonic()

    def was_silent_since(self, moment: float) -> bool:
        """Tell whether nobody has heard anything since a moment of the monotonic clock."""
        return self._heard <= moment

    def _watch(self) -> None:
        while self._is_silent():
            self._look()
            self._looked = time.monotonic()

    def _is_silent(self) -> bool:
        """Return True when it has been silent for long, False once nobody waits any more."""
        with self._changed:
            while self._waiting:
                left = max(self._heard, self._looked) + SILENT_SECONDS - time.monotonic()
                if left <= 0:
                    return True
                self._changed.wait(left)
            self._watching = False
            return False
