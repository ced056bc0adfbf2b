"""Sentences that begin with a word for something named before."""

from __future__ import annotations

import pytest

from rag.antecedents import points_back, with_antecedent

from .found import evidence_of


@pytest.mark.parametrize(
    "text",
    [
        "It replaced a ferry.",
        "“They refused,” he said.",
        "However, this was never built.",
        "Its arch is green.",
        "The latter won.",
    ],
)
def test_a_sentence_that_leans_on_the_one_before_is_seen(text: str):
    """By its first words."""
    assert points_back(text)


@pytest.mark.parametrize(
    "text",
    ["Italy replaced a ferry.", "The bridge fell.", "Theirry won.", "However, Ann left.", ""],
)
def test_others_stand_by_themselves(text: str):
    """A name may begin like a pronoun."""
    assert not points_back(text)


def test_the_sentence_before_is_taken_along_exactly_as_it_stands():
    """Offsets and text stay those of the document."""
    context = evidence_of("Ann built a bridge.  It fell. She wept. The end.", "It is another text.")
    first, fell, wept, end, other = context
    assert with_antecedent(first, context) == first
    assert with_antecedent(fell, context).text == "Ann built a bridge.  It fell."
    assert with_antecedent(wept, context[::-1]).text == "Ann built a bridge.  It fell. She wept."
    assert with_antecedent(end, context) == end
    assert with_antecedent(other, context) == other
    for item in context:
        whole = with_antecedent(item, context)
        assert whole.text == whole.passage.text[whole.start : whole.end]
