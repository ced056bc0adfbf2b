"""Scores and their fusion. Pure: knows nothing of where texts or vectors come from.

BM25 here is Lucene's form (k1 = 1.2, b = 0.75): its inverse document frequency,
ln(1 + (N - n + 0.5) / (n + 0.5)), is never negative, so it works in a library of three
passages too, where that of SQLite's FTS5 vanishes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_K1, _B = 1.2, 0.75
_MORE_PASSAGES = 20


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of the scores that passages get by chance."""

    mean: float
    deviation: float

    def z(self, score: float) -> float:
        """Return how many deviations a score lies above the mean."""
        return (score - self.mean) / self.deviation


def scale_of(scores: Sequence[float], *, prior: Scale, weight: int) -> Scale:
    """Return the scale of scores, drawn to a prior that counts as `weight` scores.

    The prior keeps the scale sound where there are few scores or all are alike.
    """
    n = len(scores)
    mean = (sum(scores) + weight * prior.mean) / (n + weight)
    squares = sum((s - mean) ** 2 for s in scores) + weight * (
        prior.deviation**2 + (prior.mean - mean) ** 2
    )
    return Scale(mean, math.sqrt(squares / (n + weight)))


def inverse_frequencies(counts: Mapping[str, int], total: int) -> dict[str, float]:
    """Return the weight of each term from the number of passages that have it.

    The library counts as if it held twenty more passages without any of the terms: in a
    library of one passage, a word that it lacks must not outweigh all that it has.
    """
    size = total + _MORE_PASSAGES
    return {t: math.log(1 + (size - n + 0.5) / (n + 0.5)) for t, n in counts.items()}


def bm25(weights: Mapping[str, float], terms: Sequence[str], mean_length: float) -> float:
    """Return the BM25 score of a text's terms for the weighted terms of a question."""
    frequency = Counter(term for term in terms if term in weights)
    length = _K1 * (1 - _B + _B * len(terms) / mean_length) if mean_length else _K1
    return sum(weights[term] * n * (_K1 + 1) / (n + length) for term, n in frequency.items())


def coverage(weights: Mapping[str, float], terms: Sequence[str]) -> float:
    """Return the share of the question's weight whose terms stand in a text, 0 to 1."""
    total = sum(weights.values())
    present = set(terms)
    return sum(w for t, w in weights.items() if t in present) / total if total else 0.0


def logistic(value: float) -> float:
    """Return a value squeezed into 0..1, rising."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    power = math.exp(value)
    return power / (1.0 + power)
