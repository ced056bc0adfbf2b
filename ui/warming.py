"""Makes an assistant ready in the background and tells how far it is.

Knows nothing of who asks, or of how readiness is shown.
"""

from __future__ import annotations

import threading
from typing import Protocol

from rag import FootnoteError, Progress, ProgressCallback
from ui.conversation import Readiness


class Warmable(Protocol):
    """The part of an assistant that takes its time."""

    def warm(self, progress: ProgressCallback | None = None) -> None:
        """Load the models and open the index."""


class Warming:
    """A background thread that warms an assistant once."""

    def __init__(self, assistant: Warmable) -> None:
        self._assistant = assistant
        self._readiness = Readiness()
        # A daemon, so that a model that hangs while loading cannot keep the program alive.
        self._thread = threading.Thread(target=self._warm, name="warming", daemon=True)

    def start(self) -> None:
        """Begin; return at once."""
        self._thread.start()

    def join(self, seconds: float | None = None) -> None:
        """Wait until the assistant is warm, or for so many seconds."""
        self._thread.join(seconds)

    def readiness(self) -> Readiness:
        """Return how far it is at this moment."""
        return self._readiness

    def _warm(self) -> None:
        try:
            self._assistant.warm(self._report)
        except FootnoteError as error:
            self._readiness = Readiness("failed", message=str(error))
        else:
            self._readiness = Readiness("ready")

    def _report(self, progress: Progress) -> None:
        self._readiness = Readiness("preparing", progress)
