"""What one question may cost of its language model, over all the calls that it leads to.

Knows nothing of servers, or of what is asked.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar, copy_context

from rag.errors import ModelError
from rag.schema import ChatModel, Message, ProgressCallback, Usage

MOST_REQUESTS = 3


class Allowance:
    """The requests that may be tried again, and the seconds that went into calls."""

    def __init__(self, retries: int) -> None:
        self.retries = retries
        self._before = 0.0
        self._started: float | None = None

    @property
    def spent(self) -> float:
        """Return the seconds spent in calls, with the one under way."""
        now = 0.0 if self._started is None else time.monotonic() - self._started
        return self._before + now

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count the seconds of the block."""
        self._started = time.monotonic()
        try:
            yield
        finally:
            self._before, self._started = self.spent, None

    def give_back(self, seconds: float) -> None:
        """Take seconds off those that were counted."""
        self._before -= seconds


_current: ContextVar[Allowance | None] = ContextVar("_current", default=None)


def allowance() -> Allowance | None:
    """Return what the question under way has left, None where nobody counts."""
    return _current.get()


def spent() -> float:
    """Return the seconds that the question under way has spent, 0 where nobody counts."""
    counted = _current.get()
    return 0.0 if counted is None else counted.spent


@contextmanager
def uncounted() -> Iterator[None]:
    """Leave the seconds of the block out: what is loaded once is not the question's fault."""
    started = time.monotonic()
    try:
        yield
    finally:
        if (counted := allowance()) is not None:
            counted.give_back(time.monotonic() - started)


class OneQuestion:
    """A ChatModel for the length of one question, asked in so many parts.

    Every part is sure of one request; what is left of the most that a question may make can
    be tried again. The model's own time limit holds for all calls together. One that has
    failed is not asked again: every later call raises the same error at once.
    """

    def __init__(self, model: ChatModel, *, parts: int) -> None:
        self._model = model
        self._failure: ModelError | None = None
        self._allowance = Allowance(max(0, MOST_REQUESTS - parts))
        # A generator runs in the context of whoever takes its next piece, so each step of
        # the model is taken in this one.
        self._context = copy_context()
        self._context.run(_current.set, self._allowance)

    @property
    def name(self) -> str:
        """Return the name of the model."""
        return self._model.name

    @property
    def host(self) -> str | None:
        """Return the host of the model."""
        return self._model.host

    @property
    def ready(self) -> bool:
        """Tell whether the model is ready."""
        return self._model.ready

    def warm(self, messages: Sequence[Message], progress: ProgressCallback | None = None) -> None:
        """Warm the model. Raises ModelError."""
        self._model.warm(messages, progress)

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generator[str | Usage]:
        """Yield the model's reply. Raises ModelError, of an earlier call too."""
        with (
            self._call(),
            closing(self._model.stream(messages, max_tokens=max_tokens, stop=stop)) as pieces,
        ):
            while (piece := self._context.run(next, pieces, None)) is not None:
                yield piece

    def odds(self, messages: Sequence[Message], *, word: str) -> float | None:
        """Return the model's odds. Raises ModelError, of an earlier call too."""
        with self._call():
            return self._context.run(lambda: self._model.odds(messages, word=word))

    def close(self) -> None:
        """Do nothing: the model goes on to the next question."""

    @contextmanager
    def _call(self) -> Iterator[None]:
        if self._failure is not None:
            raise self._failure
        try:
            with self._allowance.spending():
                yield
        except ModelError as error:
            self._failure = error
            raise
