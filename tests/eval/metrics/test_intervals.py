"""Means, quantiles and bootstrap intervals: worked by hand, and as statistics say."""

from __future__ import annotations

import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.intervals import (
    bootstrap_interval,
    mean,
    paired_interval,
    quantile,
    wilson_interval,
)

values = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=30)


def single(n: int) -> list[str]:
    """Return n clusters of one each."""
    return [f"{number:05}" for number in range(n)]


def test_what_does_not_apply_is_left_out_of_mean_and_quantile():
    """The mean of 1 and 0 is a half, whatever else did not apply."""
    assert mean([1.0, None, 0.0]) == 0.5
    assert mean([True, False, False, False]) == 0.25
    assert quantile([None, 3.0], 0.5) == 3.0
    assert mean([None]) is None
    assert quantile([], 0.5) is None


def test_quantiles_lie_on_lines_between_values():
    """Of 10, 20, 40: the first quarter lies halfway from 10 to 20."""
    # Places 0, 1, 2; q = 0.25 is place 0.5, q = 0.95 is place 1.9: 20 + 0.9 * 20.
    assert quantile([40.0, 10.0, 20.0], 0.25) == 15.0
    assert quantile([40.0, 10.0, 20.0], 0.95) == pytest.approx(38.0)
    with pytest.raises(ValueError, match="range"):
        quantile([1.0], 1.5)


def test_two_clusters_worked_by_hand():
    """Document a has 1, 1, 1 and b has 0: the draws are aa, ab, ba and bb."""
    # Means 1 (a quarter of draws), 3/4 (half) and 0 (a quarter): the middle half is at 3/4
    # at its low end, or at an edge of it; 95 % go from 0 to 1.
    found = bootstrap_interval([1, 1, 0, 1], ["a", "a", "b", "a"], seed=1)
    assert found is not None
    assert (found.mean, found.low, found.high, found.n) == (0.75, 0.0, 1.0, 4)
    middle = bootstrap_interval([1, 1, 0, 1], ["a", "a", "b", "a"], seed=1, level=0.4)
    assert middle is not None
    assert (middle.low, middle.high) == (0.75, 0.75)


def test_half_and_half_has_the_textbook_interval():
    """400 independent answers, half of them right."""
    # 1.96 * sqrt(0.5 * 0.5 / 400) = 0.049
    found = bootstrap_interval([0.0, 1.0] * 200, single(400), seed=3, draws=4000)
    assert found is not None
    assert found.low == pytest.approx(0.451, abs=0.005)
    assert found.high == pytest.approx(0.549, abs=0.005)


def test_questions_that_hang_together_make_less_sure():
    """Twenty documents of twenty equal answers are twenty pieces of news, not four hundred."""
    # Half-width 1.96 * sqrt(0.25 / 20) = 0.219, against 0.049 if they were independent.
    clusters = [f"{n // 20}" for n in range(400)]
    right = [float(n // 20 % 2) for n in range(400)]
    found = bootstrap_interval(right, clusters, seed=3)
    assert found is not None
    assert (found.high - found.low) / 2 == pytest.approx(0.219, abs=0.03)


def test_one_cluster_is_drawn_value_by_value():
    """A single document would not vary at all."""
    right = [0.0, 1.0] * 50
    assert bootstrap_interval(right, ["a"] * 100, seed=3) == bootstrap_interval(
        right, single(100), seed=3
    )


def test_values_that_do_not_apply_take_their_clusters_along():
    """None of b applies: what is left is one document."""
    with_none = bootstrap_interval([0.0, 1.0, None, 1.0], ["a", "a", "b", "a"], seed=5)
    assert with_none == bootstrap_interval([0.0, 1.0, 1.0], ["a"] * 3, seed=5)
    assert with_none is not None
    assert with_none.n == 3
    assert bootstrap_interval([None, None], ["a", "b"], seed=5) is None
    assert bootstrap_interval([], [], seed=5) is None


def test_a_seed_fixes_the_interval():
    """The same seed gives the same, another one another."""
    numbers = [n % 7 / 7 for n in range(60)]
    first, again, other = (bootstrap_interval(numbers, single(60), seed=s) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_documents_in_another_order_give_the_same_interval():
    """What is drawn does not depend on which question came first."""
    numbers, clusters = [n % 4 / 4 for n in range(40)], [f"{n % 9}" for n in range(40)]
    turned = bootstrap_interval(numbers[::-1], clusters[::-1], seed=1)
    straight = bootstrap_interval(numbers, clusters, seed=1)
    assert turned == straight


def test_as_many_clusters_as_values_are_asked_for():
    """A slip of one would pair questions with the documents of others."""
    with pytest.raises(ValueError, match="shorter"):
        bootstrap_interval([1.0, 0.0], ["a"], seed=1)
    with pytest.raises(ValueError, match="longer"):
        paired_interval([1.0], [1.0, 0.0], ["a"], seed=1)


def test_paired_values_worked_by_hand():
    """Each question is better by 0.1 than before: nothing is left to chance."""
    before = [0.0, 0.5, None, 0.9, 0.2]
    after = [0.1, 0.6, 0.3, 1.0, None]
    found = paired_interval(before, after, single(5), seed=1)
    assert found is not None
    assert found.n == 3
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert paired_interval([None], [1.0], ["a"], seed=1) is None


def test_pairing_sees_what_two_intervals_do_not():
    """A small gain on every tenth question, lost in how much the questions differ."""
    rng = random.Random(4)
    before = [rng.random() / 2 for _ in range(200)]
    after = [value + (0.2 if n % 10 == 0 else 0.0) for n, value in enumerate(before)]
    one, two = (bootstrap_interval(v, single(200), seed=1) for v in (before, after))
    gain = paired_interval(before, after, single(200), seed=1)
    assert one is not None
    assert two is not None
    assert gain is not None
    assert two.low < one.high
    assert 0 < gain.low < 0.02 < gain.high


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Of 200 samples from a coin of 0.7, about 95 in 100 have 0.7 in their interval."""
    rng = random.Random(11)
    held = 0
    for seed in range(200):
        tosses = [float(rng.random() < 0.7) for _ in range(100)]
        found = bootstrap_interval(tosses, single(100), seed=seed, draws=400)
        assert found is not None
        held += found.low <= 0.7 <= found.high
    # Standard deviation of a count with p = 0.95: sqrt(200 * 0.95 * 0.05) = 3.1.
    assert 190 - 12 <= held <= 200


def test_an_interval_takes_milliseconds():
    """2,000 draws of 600 values, for every measure of every report."""
    numbers = [n % 10 / 10 for n in range(600)]
    started = time.perf_counter()
    bootstrap_interval(numbers, single(600), seed=1)
    assert time.perf_counter() - started < 1


@given(values, st.integers(0, 5), st.integers(1, 6))
def test_an_interval_lies_about_its_mean_within_the_values(
    numbers: list[float | None], seed: int, documents: int
):
    """No draw has a mean below the least value or above the greatest."""
    clusters = [f"{n % documents}" for n in range(len(numbers))]
    found = bootstrap_interval(numbers, clusters, seed=seed, draws=500, level=0.99)
    kept = [value for value in numbers if value is not None]
    if found is None:
        assert not kept
        return
    assert found.n == len(kept)
    assert found.mean == pytest.approx(math.fsum(kept) / len(kept))
    assert min(kept) - 1e-9 <= found.low <= found.high <= max(kept) + 1e-9
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9


@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=15).filter(lambda v: max(v) - min(v) > 0.2),
    st.integers(0, 5),
)
def test_an_interval_shrinks_with_n(numbers: list[float], seed: int):
    """Sixteen times the questions: about a quarter of the width."""
    few = bootstrap_interval(numbers, single(len(numbers)), seed=seed)
    many = bootstrap_interval(numbers * 16, single(16 * len(numbers)), seed=seed)
    assert few is not None
    assert many is not None
    assert many.high - many.low < 0.6 * (few.high - few.low)


@given(values, st.integers(0, 5))
def test_equal_values_are_no_change(numbers: list[float | None], seed: int):
    """The same before and after: the interval is the point 0."""
    found = paired_interval(numbers, numbers, single(len(numbers)), seed=seed)
    assert found is None or (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)


def test_wilson_interval_is_as_worked_by_hand() -> None:
    """With z = 1.96: of 0/10 from 0 to z²/(n + z²), of 5/10 even about a half."""
    none = wilson_interval(0, 10)
    assert none is not None
    assert (none.mean, none.n) == (0.0, 10)
    assert none.low == pytest.approx(0.0)
    assert none.high == pytest.approx(3.8415 / 13.8415, abs=1e-4)
    half = wilson_interval(5, 10)
    assert half is not None
    # z / (1 + z²/n) * sqrt(0.25/n + z²/4n²) = 1.96 / 1.38415 * sqrt(0.025 + 0.0096037)
    assert half.high - 0.5 == pytest.approx(0.5 - half.low) == pytest.approx(0.26341, abs=1e-4)
    assert wilson_interval(0, 0) is None
