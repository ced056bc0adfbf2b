"""The models are made ready in the background, and how far they are can be asked."""

from __future__ import annotations

import pytest

from rag import ModelError, ProgressCallback
from tests.ui.fake_assistant import FakeAssistant
from ui.conversation import Readiness
from ui.warming import UNEXPECTED, Warming

PATIENCE = 10


class Failing(FakeAssistant):
    """An assistant that cannot be made ready."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def warm(self, progress: ProgressCallback | None = None) -> None:
        raise self.error


def warmed(assistant: FakeAssistant) -> Warming:
    warming = Warming(assistant)
    warming.start()
    warming.join(PATIENCE)
    return warming


def test_it_is_preparing_until_it_is_ready() -> None:
    """Nothing is claimed before it was done."""
    assistant = FakeAssistant()
    assert Warming(assistant).readiness().phase == "preparing"
    assert warmed(assistant).readiness().phase == "ready"
    assert assistant.warmed == 1


def test_progress_is_told() -> None:
    """Whoever asks in between hears how far it is."""
    seen: list[Readiness] = []

    class Watched(FakeAssistant):
        def warm(self, progress: ProgressCallback | None = None) -> None:
            super().warm(progress)
            seen.append(warming.readiness())

    warming = Warming(Watched())
    warming.start()
    warming.join(PATIENCE)
    assert seen[0].progress is not None
    assert seen[0].progress.done == 43


def test_failure_is_told_with_its_fix() -> None:
    """The message of the error is what the page shows."""
    readiness = warmed(Failing(ModelError("No room. Free a gigabyte."))).readiness()
    assert readiness.phase == "failed"
    assert readiness.message == "No room. Free a gigabyte."


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_unforeseen_failure_leaves_nobody_waiting() -> None:
    """Even an error that nobody thought of ends the preparing."""
    readiness = warmed(Failing(ZeroDivisionError())).readiness()
    assert readiness.phase == "failed"
    assert readiness.message == UNEXPECTED
