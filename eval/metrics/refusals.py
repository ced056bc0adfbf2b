"""Measures of refusing to answer, and of the confidence that refusals rest on.

Knows nothing of why an answer was refused, nor of what made the confidence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eval.metrics.intervals import mean


class Outcome(NamedTuple):
    """Whether the documents hold the answer, whether one was given, and how sure it was."""

    answerable: bool
    answered: bool
    confidence: float


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence lies from `low` up to, without, `high` (1 is in the last).

    `share_right` is the share of them that were right.
    """

    low: float
    high: float
    n: int
    mean_confidence: float
    share_right: float


def refusal_precision(outcomes: Iterable[Outcome]) -> float | None:
    """Return the share of refusals that were of unanswerable questions, None without any."""
    return mean(not o.answerable for o in outcomes if not o.answered)


def refusal_recall(outcomes: Iterable[Outcome]) -> float | None:
    """Return the share of unanswerable questions that were refused, None without any.

    RGB (Chen et al., AAAI 2024) calls it rejection rate.
    """
    return mean(not o.answered for o in outcomes if not o.answerable)


def false_refusal_rate(outcomes: Iterable[Outcome]) -> float | None:
    """Return the share of answerable questions that were refused, None without any."""
    return mean(not o.answered for o in outcomes if o.answerable)


def brier_score(pairs: Iterable[tuple[float, bool]]) -> float | None:
    """Return the mean squared difference of confidence and outcome, 0 (best) to 1.

    Brier (1950), in the form for two outcomes that counts one of them; always saying 0.5
    gets 0.25.

    Args:
        pairs: Confidence, 0 to 1, and whether it was right.

    Raises:
        ValueError: a confidence is not in 0..1.
    """
    return mean((confidence - right) ** 2 for confidence, right in _checked(pairs))


def reliability(pairs: Iterable[tuple[float, bool]], bins: int = 10) -> tuple[Bin, ...]:
    """Return the points of a reliability diagram: bins of equal width, lowest first.

    Empty bins are left out.

    Args:
        pairs: Confidence, 0 to 1, and whether it was right.
        bins: Into how many 0..1 is cut, at least 1.

    Raises:
        ValueError: a confidence is not in 0..1.
    """
    edges = [n / bins for n in range(bins + 1)]
    members: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for confidence, right in _checked(pairs):
        members[min(bisect_right(edges, confidence), bins) - 1].append((confidence, right))
    return tuple(
        _bin(low, high, inside)
        for low, high, inside in zip(edges, edges[1:], members, strict=False)
        if inside
    )


def expected_calibration_error(pairs: Iterable[tuple[float, bool]], bins: int = 10) -> float | None:
    """Return the mean gap of confidence and share right over the bins, weighted by their n.

    Naeini et al. (2015), Guo et al. (2017); 0 (best) to 1, None without pairs. It grows with
    the number of bins, so compare only at the same.

    Raises:
        ValueError: a confidence is not in 0..1.
    """
    points = reliability(pairs, bins)
    total = sum(point.n for point in points)
    if not total:
        return None
    return sum(p.n * abs(p.mean_confidence - p.share_right) for p in points) / total


def _bin(low: float, high: float, pairs: Sequence[tuple[float, bool]]) -> Bin:
    n = len(pairs)
    confidence, right = (sum(values) / n for values in zip(*pairs, strict=True))
    return Bin(low, high, n, confidence, right)


def _checked(pairs: Iterable[tuple[float, bool]]) -> Iterable[tuple[float, bool]]:
    for confidence, right in pairs:
        if not 0 <= confidence <= 1:
            raise ValueError(f"a confidence lies in 0..1, got {confidence}")
        yield confidence, right
