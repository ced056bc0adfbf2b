"""Scores and their fusion, with the arithmetic worked by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ranking import Scale, bm25, coverage, inverse_frequencies, logistic, scale_of

finite = st.floats(-1e3, 1e3)
prior = Scale(1.0, 2.0)


def test_a_scale_without_scores_is_the_prior():
    """Nothing seen, nothing learnt."""
    scale = scale_of([], prior=prior, weight=10)
    assert (scale.mean, scale.deviation) == pytest.approx((1.0, 2.0))


def test_a_scale_is_drawn_to_the_prior():
    """Scores 4 and 6 with a prior (1, 2) that counts as two scores."""
    # mean = (4 + 6 + 2 * 1) / 4 = 3
    # variance = ((4 - 3)² + (6 - 3)² + 2 * (2² + (1 - 3)²)) / 4 = (1 + 9 + 16) / 4 = 6.5
    scale = scale_of([4.0, 6.0], prior=prior, weight=2)
    assert scale.mean == pytest.approx(3.0)
    assert scale.deviation == pytest.approx(math.sqrt(6.5))
    assert scale.z(3.0 + math.sqrt(6.5)) == pytest.approx(1.0)


def test_many_scores_outweigh_the_prior():
    """A thousand fives and sevens have mean 6 and deviation 1, whatever was expected."""
    scale = scale_of([5.0, 7.0] * 500, prior=prior, weight=10)
    assert scale.mean == pytest.approx(6.0, abs=0.06)
    assert scale.deviation == pytest.approx(1.0, abs=0.2)


@given(st.lists(finite, max_size=20), st.integers(1, 20))
def test_a_scale_never_divides_by_nothing(scores: list[float], weight: int):
    """However alike the scores are, there is a deviation; and z grows with the score."""
    scale = scale_of(scores, prior=prior, weight=weight)
    assert scale.deviation > 0
    assert scale.z(scale.mean) == 0
    assert scale.z(scale.mean + 1) > 0


def test_a_rare_term_weighs_more():
    """Two terms in a library of 10 passages, one in 1 of them and one in 9."""
    # Twenty more passages are counted: rare: ln(1 + (30 - 1 + 0.5) / 1.5) = ln(20.6667) = 3.0285
    # usual: ln(1 + (30 - 9 + 0.5) / 9.5) = ln(3.2632) = 1.1827
    weights = inverse_frequencies({"rare": 1, "usual": 9}, 10)
    assert weights == pytest.approx({"rare": 3.0285, "usual": 1.1827}, abs=1e-4)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_no_term_weighs_less_than_nothing(n: int, more: int):
    """Even a term of every passage has a weight above zero."""
    assert inverse_frequencies({"t": n}, n + more)["t"] > 0


def test_bm25_of_a_text_of_mean_length():
    """One question term of weight 2, twice in a text of mean length."""
    # k1 = 1.2; at mean length the norm is k1: 2 * 2 * 2.2 / (2 + 1.2) = 2.75
    assert bm25({"a": 2.0}, ["a", "b", "a", "c"], 4.0) == pytest.approx(2.75)


def test_bm25_of_a_longer_text_is_lower():
    """The same, in a text of twice the mean length."""
    # norm = 1.2 * (1 - 0.75 + 0.75 * 2) = 2.1; 2 * 2 * 2.2 / (2 + 2.1) = 2.1463
    score = bm25({"a": 2.0}, ["a", "b", "a", "c", "d", "e", "f", "g"], 4.0)
    assert score == pytest.approx(2.1463, abs=1e-4)


def test_bm25_of_nothing_is_nothing():
    """No shared term, no text, no question: zero."""
    assert bm25({"a": 2.0}, ["b"], 1.0) == 0
    assert bm25({"a": 2.0}, [], 0.0) == 0
    assert bm25({}, ["a"], 1.0) == 0


@given(st.lists(st.sampled_from("abcdxyz"), min_size=1, max_size=30), st.sampled_from("abcd"))
def test_bm25_rises_with_each_match(terms: list[str], term: str):
    """Put a term of the question in place of another word: the score rises."""
    weights = dict.fromkeys("abcd", 1.0)
    place = next((n for n, t in enumerate(terms) if t not in weights), None)
    if place is None:
        return
    better = [*terms[:place], term, *terms[place + 1 :]]
    assert bm25(weights, better, 10.0) > bm25(weights, terms, 10.0)


def test_coverage_is_the_share_of_weight():
    """Of the weights 3, 1 and 4, the text has the terms of 3 and 1: half."""
    assert coverage({"a": 3.0, "b": 1.0, "c": 4.0}, ["a", "b", "x", "a"]) == 0.5
    assert coverage({}, ["a"]) == 0.0


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 100), max_size=6),
    st.lists(st.sampled_from("abcdefgh"), max_size=10),
)
def test_coverage_is_a_share(weights: dict[str, float], terms: list[str]):
    """It lies in 0..1, and all terms cover all."""
    assert 0.0 <= coverage(weights, terms) <= 1.0 + 1e-9
    if sum(weights.values()) > 0:
        assert coverage(weights, "abcdef") == pytest.approx(1.0)


def test_the_logistic_of_zero_is_a_half():
    """And that of ln 3 is three quarters."""
    assert logistic(0.0) == 0.5
    assert logistic(math.log(3)) == pytest.approx(0.75)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_the_logistic_rises_within_bounds(one: float, other: float):
    """Any number, infinite ones too, is squeezed into 0..1 in order."""
    low, high = sorted((one, other))
    assert 0.0 <= logistic(low) <= logistic(high) <= 1.0
    assert logistic(-one) == pytest.approx(1 - logistic(one))
