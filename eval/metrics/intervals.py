"""Means and quantiles of a measure over questions, and how sure a mean is.

Knows nothing of what was measured. None stands for "does not apply" and is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean

import numpy as np

_FEW_CLUSTERS = 10


@dataclass(frozen=True)
class Interval:
    """The mean of n values, and the confidence interval from `low` to `high` about it."""

    mean: float
    low: float
    high: float
    n: int


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that apply, None without any; of booleans, the share."""
    kept = _kept(values)
    return fmean(kept) if kept else None


def quantile(values: Iterable[float | None], q: float) -> float | None:
    """Return the quantile q, 0 to 1, between values by straight lines; None without values.

    Raises:
        ValueError: q is not in 0..1.
    """
    kept = _kept(values)
    return float(np.quantile(kept, q)) if kept else None


def bootstrap_interval(
    values: Sequence[float | None],
    clusters: Sequence[str],
    *,
    seed: int,
    draws: int = 2000,
    level: float = 0.95,
) -> Interval | None:
    """Return the mean of the values with its percentile bootstrap interval.

    Questions on one document are not independent, so whole clusters are drawn, as many as
    there are, with replacement (Efron and Tibshirani, 1993, chapter 13; for clusters Field
    and Welsh, 2007). It is too narrow where there are few clusters, say below ten. A
    single cluster would not vary at all: then single values are drawn, as if they were
    independent. Equal arguments give equal intervals. None if no value is left.

    Args:
        values: One value a question, None where the measure does not apply.
        clusters: The document, or whatever else questions share, of each value.
        seed: Of the random draws.
        draws: How many samples are drawn.
        level: The share of samples that the interval holds, 0 to 1.

    Raises:
        ValueError: there are not as many clusters as values, or level is not in 0..1.
    """
    pairs = [(v, c) for v, c in zip(values, clusters, strict=True) if v is not None]
    if not pairs:
        return None
    kept = np.array([value for value, _ in pairs], dtype=float)
    names, members = np.unique([cluster for _, cluster in pairs], return_inverse=True)
    if len(names) == 1:
        members = np.arange(len(kept))
    counts = np.bincount(members)
    sums = np.bincount(members, weights=kept)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(draws, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(fmean(kept), float(low), float(high), len(kept))


def wilson_interval(count: int, n: int) -> Interval | None:
    """Return the share count/n with its 95 % score interval (Wilson, 1927); None without trials.

    For independent trials. Unlike the bootstrap it says something of 0 out of n, too.
    """
    if n == 0:
        return None
    z = NormalDist().inv_cdf(0.975)
    share, scale = count / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z / scale * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), n)


def paired_interval(
    before: Sequence[float | None],
    after: Sequence[float | None],
    clusters: Sequence[str],
    *,
    seed: int,
    draws: int = 2000,
    level: float = 0.95,
) -> Interval | None:
    """Return the mean of after - before, with its interval as `bootstrap_interval` has it.

    The two are values of the same questions in the same order; a question counts where both
    are there. The change is real, at this level, if the interval leaves out 0.

    Over fewer than ten documents, single questions are drawn instead, and the interval
    speaks of these documents alone: drawing five documents flags noise too often, and
    cannot see a loss in one or two of them. Documents of unequal size count as
    (sum of n)^2 / (sum of n^2) equal ones (Kish, 1965).

    Raises:
        ValueError: the sequences differ in length, or level is not in 0..1.
    """
    differences = [
        None if old is None or new is None else new - old
        for old, new in zip(before, after, strict=True)
    ]
    sizes = Counter(c for c, d in zip(clusters, differences, strict=True) if d is not None)
    effective = sizes.total() ** 2 / max(1, sum(n * n for n in sizes.values()))
    if effective < _FEW_CLUSTERS:
        clusters = [str(number) for number in range(len(differences))]
    return bootstrap_interval(differences, clusters, seed=seed, draws=draws, level=level)


def _kept(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
