"""Refusals and the calibration of confidence, worked by hand."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.refusals import (
    Outcome,
    brier_score,
    expected_calibration_error,
    false_refusal_rate,
    refusal_precision,
    refusal_recall,
    reliability,
)

outcomes = st.lists(st.builds(Outcome, st.booleans(), st.booleans(), st.floats(0, 1)), max_size=12)
pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=20)


def asked(answerable: bool, answered: bool, times: int) -> list[Outcome]:
    return [Outcome(answerable, answered, 0.5)] * times


def test_refusals_worked_by_hand():
    """Ten answerable questions, two refused; five unanswerable ones, four refused."""
    # Refusals: 2 + 4, of which 4 right.
    found = [
        *asked(answerable=True, answered=True, times=8),
        *asked(answerable=True, answered=False, times=2),
        *asked(answerable=False, answered=False, times=4),
        *asked(answerable=False, answered=True, times=1),
    ]
    assert refusal_precision(found) == pytest.approx(4 / 6)
    assert refusal_recall(found) == 4 / 5
    assert false_refusal_rate(found) == 2 / 10


def test_rates_of_nothing_are_none():
    """No refusals, no unanswerable questions, no answerable ones."""
    all_answered = asked(answerable=True, answered=True, times=3)
    assert refusal_precision(all_answered) is None
    assert refusal_recall(all_answered) is None
    assert false_refusal_rate(all_answered) == 0.0
    assert false_refusal_rate(asked(answerable=False, answered=True, times=3)) is None


@given(outcomes)
def test_refusing_just_what_has_no_answer_is_perfect(found: list[Outcome]):
    """Precision and recall are 1 and nothing is refused in error, or they do not apply."""
    ideal = [o._replace(answered=o.answerable) for o in found]
    assert refusal_precision(ideal) in (None, 1.0)
    assert refusal_recall(ideal) in (None, 1.0)
    assert false_refusal_rate(ideal) in (None, 0.0)


@given(outcomes, st.randoms())
def test_rates_are_shares_whatever_the_order(found: list[Outcome], random):
    """Bounds 0..1, and shuffling changes nothing."""
    rates = [rate(found) for rate in (refusal_precision, refusal_recall, false_refusal_rate)]
    assert all(rate is None or 0.0 <= rate <= 1.0 for rate in rates)
    random.shuffle(found)
    assert [
        rate(found) for rate in (refusal_precision, refusal_recall, false_refusal_rate)
    ] == rates


def test_brier_score_worked_by_hand():
    """Sure and right, sure and wrong, undecided."""
    # (0.9 - 1)² = 0.01, (0.8 - 0)² = 0.64, (0.5 - 1)² = 0.25: 0.9 / 3
    assert brier_score([(0.9, True), (0.8, False), (0.5, True)]) == pytest.approx(0.3)
    assert brier_score([]) is None


def test_reliability_worked_by_hand():
    """Two bins of five have members."""
    # 0.2-0.4: 0.2 and 0.3, one right; 0.8-1.0: 0.8, 0.9 and 1.0, two right.
    points = reliability([(0.3, True), (0.9, True), (0.2, False), (1.0, True), (0.8, False)], 5)
    assert [astuple(point) for point in points] == [
        pytest.approx((0.2, 0.4, 2, 0.25, 1 / 2)),
        pytest.approx((0.8, 1.0, 3, 0.9, 2 / 3)),
    ]


def test_calibration_error_worked_by_hand():
    """The gaps of the same five, weighted by members."""
    # 2/5 * |0.25 - 0.5| + 3/5 * |0.9 - 0.6667| = 0.1 + 0.14
    error = expected_calibration_error(
        [(0.3, True), (0.9, True), (0.2, False), (1.0, True), (0.8, False)], 5
    )
    assert error == pytest.approx(0.24)
    assert expected_calibration_error([]) is None
    assert reliability([]) == ()


@pytest.mark.parametrize("n", range(100))
def test_an_edge_belongs_to_the_bin_above(n: int):
    """Though 0.29 * 100 is a little less than 29 in binary."""
    (point,) = reliability([(n / 100, True)], 100)
    assert point.low == n / 100


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(confidence: float):
    """A score of another scale would make a picture that means nothing."""
    for measure in (brier_score, reliability, expected_calibration_error):
        with pytest.raises(ValueError, match=r"0\.\.1"):
            measure([(0.5, True), (confidence, True)])


@given(pairs, st.integers(1, 12))
def test_bins_hold_every_pair_between_their_edges(found: list[tuple[float, bool]], bins: int):
    """Nothing is lost, no bin is empty, and means lie inside."""
    points = reliability(found, bins)
    assert sum(point.n for point in points) == len(found)
    assert [point.low for point in points] == sorted({point.low for point in points})
    for point in points:
        assert point.n > 0
        assert point.low - 1e-9 <= point.mean_confidence <= point.high + 1e-9
        assert 0.0 <= point.share_right <= 1.0


@given(pairs.filter(bool))
def test_calibration_scores_are_within_bounds(found: list[tuple[float, bool]]):
    """0..1; one who is sure and always right has 0 in both."""
    for measure in (brier_score, expected_calibration_error):
        assert 0.0 <= (measure(found) or 0.0) <= 1.0
        assert measure([(float(right), right) for _, right in found]) == 0.0
