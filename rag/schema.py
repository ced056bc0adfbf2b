"""The records that travel between the rooms, and the Protocols that models meet.

Knows nothing of how any of them is made. All records are frozen; offsets count
characters (Unicode code points) into the text of a document, as `text_of` returns it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import TypeAdapter

Verdict = Literal["supported", "partial", "unsupported"]
Status = Literal["added", "updated", "unchanged", "rejected", "failed"]
Stage = Literal["searching", "loading", "reading", "writing", "done"]


@dataclass(frozen=True)
class Document:
    """A document in the library.

    `id` names this version of the document: another content has another id, so a
    citation never points into a text that changed under it.
    """

    id: str
    uri: str
    title: str
    mime: str
    sha256: str
    n_characters: int
    n_passages: int
    added_at: str
    """ISO 8601, UTC."""
    dropped: Mapping[str, int] = field(default_factory=dict, hash=False)
    """What its file holds that a reader would not see, and its text does not: how many of each."""


@dataclass(frozen=True)
class Passage:
    """A stretch of a document; the passages of a document tile its text in order."""

    id: str
    document: Document
    index: int
    start: int
    end: int
    page: int | None
    """Counted from 1; None where the format has no pages."""
    heading: str | None
    text: str


@dataclass(frozen=True)
class Hit:
    """A passage found for a question.

    `score` is fused and lies in 0..1; `dense` is the cosine similarity (-1..1), None when
    the passage was found by words alone; `lexical` is the BM25 score (0 or more), None
    when no word of the question stands in it.
    """

    passage: Passage
    score: float
    dense: float | None
    lexical: float | None


@dataclass(frozen=True)
class Evidence:
    """A sentence of a hit, with its rank score (higher is better, no fixed range)."""

    passage: Passage
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True)
class Citation:
    """Exact words of a document: `text_of(document.id)[start:end] == quote`."""

    number: int
    document: Document
    passage_id: str
    start: int
    end: int
    page: int | None
    quote: str


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer, without its markers, and what it rests on."""

    text: str
    citations: tuple[Citation, ...]
    verdict: Verdict


@dataclass(frozen=True)
class Usage:
    """Tokens that a language model counted for one answer."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True)
class Answer:
    """An answer or a refusal (`answered` is False), ready to show.

    `text` carries a marker `[n]` after each sentence for each of its citations. A refusal
    has no citations; its `hits` are the nearest passages. `notice` says in one sentence
    what was out of the ordinary (a model that failed, say), or is None.
    `signals` are the numbers, by name, that the confidence was computed from. `evidence` are
    the sentences it was written from, best first. `prompts` are the words that the language
    model was given for this question, in order; instructions that are the same for every
    question (`rag.prompts`) stood before them. `timings` are
    seconds: of `retrieval`, `evidence` (sentences ranked), `reading` (by the language model,
    in doubt), `prompt` (until its first word), `generation`, `verification`, `elsewhere` (what
    other documents answer), and the `total`.
    """

    question: str
    searched_for: str
    text: str
    answered: bool
    confidence: float
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    model: str
    timings: Mapping[str, float] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    notice: str | None = None
    signals: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    prompts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain dictionaries, lists, strings and numbers."""
        return asdict(self)

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Answer:
        """Return the answer that `to_dict` made these of; raises ValueError for any other."""
        return _answers().validate_python(data)

    @staticmethod
    def from_json(text: str) -> Answer:
        """Return the answer that `to_json` made this of; raises ValueError for any other."""
        return _answers().validate_json(text)


@dataclass(frozen=True)
class Turn:
    """One earlier exchange of a conversation."""

    question: str
    answer: str


@dataclass(frozen=True)
class Conversation:
    """A conversation that the library keeps; times are ISO 8601, UTC."""

    id: str
    title: str
    created_at: str
    changed_at: str
    n_exchanges: int


@dataclass(frozen=True)
class Exchange:
    """A question with its answer, as part of a conversation."""

    id: str
    asked_at: str
    """ISO 8601, UTC."""
    answer: Answer


@dataclass(frozen=True)
class Feedback:
    """What a reader thought of an answer, or of the citation with this number."""

    exchange: Exchange
    citation: int | None
    helpful: bool
    reason: str
    given_at: str
    """ISO 8601, UTC."""


@dataclass(frozen=True)
class Event:
    """A step of a streamed answer.

    The `text` of all events, joined, is the `text` of the answer. `draft` is the sentence
    the model is writing now, whole and not yet verified: show it, then replace it. `hits`
    come once, before the first text. `stage` says what is being waited for. Only the last
    event has an `answer`.
    """

    stage: Stage
    text: str = ""
    draft: str = ""
    hits: tuple[Hit, ...] = ()
    answer: Answer | None = None


@dataclass(frozen=True)
class DocumentResult:
    """What became of one file. `document` is None when it was rejected or failed."""

    uri: str
    status: Status
    reason: str | None = None
    document: Document | None = None


@dataclass(frozen=True)
class AddReport:
    """What became of every file of one `add`.

    `removed` are documents of an added folder whose files are no longer there.
    """

    documents: tuple[DocumentResult, ...]
    removed: tuple[Document, ...]
    seconds: float

    def count(self, status: Status) -> int:
        """Return how many files ended in this status."""
        return sum(result.status == status for result in self.documents)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain dictionaries, lists, strings and numbers."""
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """One line of `footnote doctor`; `fix` is None when nothing needs doing."""

    name: str
    ok: bool
    detail: str
    fix: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a long piece of work is, in `unit`s; `total` is None while unknown."""

    task: str
    done: float
    total: float | None
    unit: str


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class Message:
    """One message to a language model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Heading:
    """A heading and where it starts, in characters."""

    start: int
    text: str


@dataclass(frozen=True)
class LoadedText:
    """A file as text. `pages` are the start offsets of its pages, empty if it has none."""

    text: str
    title: str
    mime: str
    pages: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict, hash=False)


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def fingerprint(self) -> str:
        """Name what makes two vectors comparable: weights, pooling, normalisation."""

    @property
    def dimensions(self) -> int:
        """Return the length of a vector."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one L2-normalised row per text, shape (len(texts), dimensions).

        Raises:
            ModelError: the model gave no vectors.
        """

    def close(self) -> None:
        """Free what the model holds."""


class Reranker(Protocol):
    """Reads a question and a text together."""

    def relevance(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the log-odds that each text answers the question, shape (len(texts),)."""

    def close(self) -> None:
        """Free what the model holds."""


class ChatModel(Protocol):
    """Writes text for a list of messages."""

    @property
    def name(self) -> str:
        """Return the name to show with an answer."""

    @property
    def host(self) -> str | None:
        """Return the host that is sent text, None if it stays on this machine."""

    @property
    def ready(self) -> bool:
        """Tell whether an answer can start at once, with nothing to load first."""

    def warm(self, messages: Sequence[Message], progress: ProgressCallback | None = None) -> None:
        """Get ready to answer prompts that begin with these messages.

        Raises:
            ModelError: the model cannot be made ready.
        """

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generator[str | Usage]:
        """Yield the reply piece by piece, then its `Usage` once, if known; closing stops it.

        Raises:
            ModelUnavailable: refused, timed out, cut off in the middle, overloaded.
            ModelRejected: wrong key, unknown model, prompt too long.
        """

    def odds(self, messages: Sequence[Message], *, word: str) -> float | None:
        """Return the log-odds that the reply begins with this word.

        None from a model that does not tell how likely its words are, or is not asked for
        it because each request costs.

        Raises:
            ModelUnavailable, ModelRejected: as for `stream`.
        """

    def close(self) -> None:
        """Free what the model holds; nothing can be asked afterwards."""


@cache
def _answers() -> TypeAdapter[Answer]:
    # Heavy: only kept answers are read back.
    from pydantic import TypeAdapter

    return TypeAdapter(Answer)
