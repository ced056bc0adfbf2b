"""What a conversation on the page is made of: exchanges, their sources, and how ready we are.

Knows nothing of Gradio, of HTML, or of how answers are found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rag import Answer, Citation, Hit, Progress

Phase = Literal["preparing", "ready", "failed"]


@dataclass(frozen=True)
class Source:
    """A citation with the words that stand around it in its document."""

    citation: Citation
    before: str
    after: str
    heading: str | None = None


@dataclass(frozen=True)
class Exchange:
    """A question and what has come back so far; `number` counts from 1 in its conversation.

    Exactly one of `answer`, `error` and `stopped` ends it. `waiting` says what is being
    waited for while nothing is written.
    """

    number: int
    question: str
    waiting: str | None = None
    text: str = ""
    draft: str = ""
    hits: tuple[Hit, ...] = ()
    answer: Answer | None = None
    sources: tuple[Source, ...] = ()
    error: str | None = None
    stopped: bool = False
    kept: str | None = None
    """The id under which the library keeps it."""
    unkept: str | None = None
    """Why the library could not keep it."""
    rated: Mapping[int | None, bool] = field(default_factory=dict)
    """Whether it was helpful (None), and its citations, by their numbers."""

    @property
    def finished(self) -> bool:
        """Say whether nothing more will come."""
        return self.stopped or self.answer is not None or self.error is not None


@dataclass(frozen=True)
class Talk:
    """A conversation as a page has it open; `id` is None until the library keeps it.

    While its last question is edited, the next one asked takes its place.
    """

    id: str | None = None
    exchanges: tuple[Exchange, ...] = ()
    editing: bool = False


@dataclass(frozen=True)
class Readiness:
    """How far the models are from answering; `message` says why they cannot."""

    phase: Phase = "preparing"
    progress: Progress | None = None
    message: str | None = None


class ReadinessReader(Protocol):
    """Tells how ready the models are at this moment."""

    def __call__(self) -> Readiness:
        """Return the readiness."""
