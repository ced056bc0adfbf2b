"""Citations against annotated evidence, worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.citations import (
    citation_precision,
    citation_recall,
    gold_in_quotes,
    quotes_exact,
    supported_share,
)
from eval.metrics.spans import Span

spans = st.builds(
    lambda document, start, length: Span(document, start, start + length),
    st.sampled_from("ab"),
    st.integers(0, 20),
    st.integers(1, 9),
)
NEEDS = [[Span("a", 0, 10), Span("b", 30, 40)], [Span("a", 50, 60)], [Span("c", 0, 5)]]


def test_precision_and_recall_worked_by_hand():
    """Four citations: two of one need at different places, one of another, one of nothing."""
    # Right: 3 of 4 citations. Met: the first and second of 3 needs.
    citations = [Span("a", 9, 20), Span("b", 30, 31), Span("a", 40, 51), Span("c", 5, 9)]
    assert citation_precision(citations, NEEDS) == 3 / 4
    assert citation_recall(citations, NEEDS) == pytest.approx(2 / 3)


def test_no_citations_have_no_precision_but_miss_every_need():
    """An answer without citations is not imprecise; it just cites nothing that it should."""
    assert citation_precision([], NEEDS) is None
    assert citation_recall([], NEEDS) == 0.0


def test_without_annotated_evidence_nothing_applies():
    """A question of which only the answer is known."""
    assert citation_precision([Span("a", 0, 5)], []) is None
    assert citation_recall([Span("a", 0, 5)], []) is None


def test_quotes_must_be_exact_to_the_character():
    """One of three differs in a space."""
    pairs = [("a b", "a b"), ("a  b", "a b"), ("", "")]
    assert quotes_exact(pairs) == pytest.approx(2 / 3)
    assert quotes_exact([]) is None


def test_partly_supported_is_not_supported():
    """One sentence of four."""
    assert supported_share(["supported", "partial", "unsupported", "partial"]) == 1 / 4
    assert supported_share([]) is None


def test_a_quote_needs_to_hold_one_part_of_the_gold():
    """Of three quotes, one holds the first part, one the second of another alternative."""
    answers = [["Bern", "Zürich"], ["Basel", "Genf"]]
    quotes = ["Bern is a city.", "So is Genf.", "Bernese dogs are not."]
    assert gold_in_quotes(quotes, answers) == pytest.approx(2 / 3)


def test_gold_in_quotes_needs_quotes_and_gold():
    """None, not 0, without either, and for gold that cannot be looked for."""
    assert gold_in_quotes([], [["Bern"]]) is None
    assert gold_in_quotes(["Bern"], []) is None
    assert gold_in_quotes(["a city"], [["A"]]) is None


@given(st.lists(spans, max_size=5), st.lists(st.lists(spans, min_size=1, max_size=3), max_size=4))
def test_citation_scores_are_shares_in_step(citations: list[Span], needs: list[list[Span]]):
    """Bounds 0..1; a right citation meets a need, and a met need has a right citation."""
    precision, recall = citation_precision(citations, needs), citation_recall(citations, needs)
    assert (recall is None) == (not needs)
    if precision is not None and recall is not None:
        assert 0.0 <= precision <= 1.0
        assert 0.0 <= recall <= 1.0
        assert (precision > 0) == (recall > 0)


@given(st.lists(st.lists(spans, min_size=1, max_size=3), min_size=1, max_size=4), st.randoms())
def test_citing_a_place_of_each_need_is_perfect(needs: list[list[Span]], random):
    """Whichever place, in whatever order."""
    citations = [random.choice(places) for places in needs]
    random.shuffle(citations)
    assert citation_precision(citations, needs) == 1.0
    assert citation_recall(citations, needs) == 1.0
