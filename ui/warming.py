"""Makes an assistant ready in the background and tells how far it is.

Knows nothing of who asks, or of how readiness is shown.
"""

from __future__ import annotations

import threading
from typing import Protocol

from rag import FootnoteError, Progress, ProgressCallback
from ui.conversation import Readiness

UNEXPECTED = "The models could not be made ready. Run `footnote doctor`, then start again."


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
        outcome = Readiness("failed", message=UNEXPECTED)
        try:
            self._assistant.warm(self._report)
            outcome = Readiness("ready")
        except FootnoteError as error:
            outcome = Readiness("failed", message=str(error))
        finally:
            # Whatever happened, nobody is left waiting.
            self._readiness = outcome

    def _report(self, progress: Progress) -> None:
        self._readiness = Readiness("preparing", progress)
