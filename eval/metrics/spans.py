"""Spans of characters in documents, and how much of them retrieval finds, by character.

Knows nothing of questions, nor of how spans are retrieved or cited. The scores are those of
the report "Evaluating Chunking Strategies for Retrieval" (Smith and Troynikov, Chroma, 2024)
as its code computes them (brandonstarxel/chunking_evaluation, base_evaluation.py at d451fc4c):
the report speaks of tokens, its code counts characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eval.metrics.intervals import mean


@dataclass(frozen=True, order=True)
class Span:
    """The characters `start` up to, without, `end` of a document's text.

    Raises:
        ValueError: it starts before the text or ends before its start.
    """

    document: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span needs 0 <= start <= end, got {self.start}, {self.end}")

    @property
    def length(self) -> int:
        """Return the number of characters."""
        return self.end - self.start

    def overlaps(self, other: Span) -> bool:
        """Tell whether a character is in both."""
        return self.intersection(other) is not None

    def touches(self, other: Span) -> bool:
        """Tell whether the two overlap, or one ends where the other starts."""
        return (
            self.document == other.document and self.start <= other.end and other.start <= self.end
        )

    def intersection(self, other: Span) -> Span | None:
        """Return the characters that are in both, None where there are none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        if self.document != other.document or start >= end:
            return None
        return Span(self.document, start, end)


@dataclass(frozen=True)
class CharacterScores:
    """How well retrieved spans cover the reference spans of one question, each 0 to 1."""

    recall: float | None
    precision: float | None
    iou: float | None


def union_length(spans: Iterable[Span]) -> int:
    """Return the number of characters that are in any of the spans, each counted once."""
    total, document, reached = 0, "", 0
    for span in sorted(spans):
        if span.document != document:
            document, reached = span.document, 0
        total += max(0, span.end - max(span.start, reached))
        reached = max(reached, span.end)
    return total


def shared_length(spans: Iterable[Span], others: Sequence[Span]) -> int:
    """Return the number of characters that are in both collections, each counted once."""
    pairs = (span.intersection(other) for span in spans for other in others)
    return union_length(common for common in pairs if common is not None)


def character_scores(retrieved: Sequence[Span], references: Sequence[Span]) -> CharacterScores:
    """Return the chunking report's recall, precision and IoU of one question.

    With `found` for the characters that are retrieved and in a reference, each once:

    - recall = found / lengths of the references
    - precision = found / lengths of the retrieved spans
    - IoU = found / (lengths of the retrieved spans + what is missed of each reference)

    Lengths are added up as they are: text that several retrieved spans share counts each
    time, and so do spans of documents without a reference. All are None without references;
    precision is None where nothing was retrieved.
    """
    wanted = sum(reference.length for reference in references)
    if not wanted:
        return CharacterScores(None, None, None)
    taken = sum(span.length for span in retrieved)
    found = shared_length(retrieved, references)
    missed = wanted - sum(shared_length([reference], retrieved) for reference in references)
    return CharacterScores(
        recall=found / wanted,
        precision=found / taken if taken else None,
        iou=found / (taken + missed),
    )


def precision_omega(chunks: Iterable[Span], references: Sequence[Span]) -> float | None:
    """Return the chunking report's precision under perfect retrieval, None without references.

    It is the IoU of the references with those chunks that touch one of them, whatever the
    embedding. Other than in `character_scores`, characters that chunks share count once;
    and a chunk that ends where a reference starts counts among those that touch it, though
    it holds nothing of it. Both are so in the report's code, and thus in its numbers.

    Args:
        chunks: All chunks of all documents.
        references: The reference spans of one question.
    """
    if not any(reference.length for reference in references):
        return None
    # Most chunks are of other documents, and are passed over before anything is compared.
    documents = {reference.document for reference in references}
    touched = [
        chunk
        for chunk in chunks
        if chunk.document in documents and any(chunk.touches(r) for r in references)
    ]
    return shared_length(touched, references) / union_length([*touched, *references])


def need_recall(spans: Sequence[Span], needs: Sequence[Sequence[Span]]) -> float | None:
    """Return the share of needs that the spans meet, None without needs.

    A need is a list of places that say the same; it is met if a span overlaps any of them.
    """
    return mean(any(span.overlaps(p) for p in places for span in spans) for places in needs)
