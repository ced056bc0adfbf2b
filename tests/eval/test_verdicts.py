"""What became of a case in a word, and which case comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eval.outcomes import Outcome
from eval.scoring import score
from eval.verdicts import TONES, first_found, verdict, worst_first
from tests.eval.made_outcomes import OTHER, answered, case_of, failed, refused, retrieved

ANSWERABLE, UNANSWERABLE = case_of(), case_of(answerable=False)
RIGHT = answered(ANSWERABLE)
INEXACT = replace(RIGHT, citations=(replace(RIGHT.citations[0], exact=False),))
NO_EVIDENCE = case_of(evidence=())


def word_of(outcome: Outcome) -> str:
    return verdict(outcome, score([outcome])[outcome.case.id])


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (failed(ANSWERABLE), "failed"),
        (failed(UNANSWERABLE), "failed"),
        (answered(UNANSWERABLE), "answered but unanswerable"),
        (refused(UNANSWERABLE), "refused rightly"),
        (refused(ANSWERABLE), "refused wrongly"),
        (answered(ANSWERABLE, cites=OTHER), "wrong"),
        (answered(ANSWERABLE, cites=OTHER, says="In Geneva."), "citation wrong"),
        (INEXACT, "citation wrong"),
        (RIGHT, "right"),
        (replace(answered(NO_EVIDENCE), located=retrieved(UNANSWERABLE, rank=1).located), "right"),
        (answered(case_of(answers=())), "right"),
        (answered(case_of(answers=()), cites=OTHER), "citation wrong"),
        (retrieved(ANSWERABLE, rank=None), "not found"),
        (retrieved(ANSWERABLE, rank=6), "found late"),
        (retrieved(ANSWERABLE, rank=5), "found"),
        (retrieved(UNANSWERABLE, rank=None), "nothing to find"),
    ],
)
def test_verdict(outcome: Outcome, word: str):
    """Every kind of outcome has the word that a reader would use."""
    assert word_of(outcome) == word


def test_evidence_of_one_need_of_two_is_found_in_part():
    """Recall@5 is 1/2: the quote is at rank 2, another place is nowhere."""
    outcome = retrieved(ANSWERABLE, rank=2)
    needs = outcome.located.needs
    elsewhere = replace(needs[0][0], span=replace(needs[0][0].span, document="c.txt"))
    both = replace(outcome, located=replace(outcome.located, needs=(*needs, (elsewhere,))))
    assert word_of(both) == "found in part"


def test_worst_first_is_the_order_of_the_verdicts():
    """Failed, refused wrongly, wrong, citation wrong, right, wherever they stood before."""
    outcomes = [
        RIGHT,
        answered(case_of("2"), cites=OTHER, says="In Geneva."),
        answered(case_of("3"), cites=OTHER),
        refused(case_of("4")),
        answered(case_of("5", answerable=False)),
        failed(case_of("6")),
    ]
    words = [verdict(o, score(outcomes)[o.case.id]) for o in outcomes]
    assert worst_first(outcomes, words) == [5, 4, 3, 2, 1, 0]
    assert set(words) <= set(TONES)


def test_of_equal_verdicts_the_surest_mistake_and_the_least_sure_success_come_first():
    """Wrong at 0.9 before wrong at 0.3; right at 0.3 before right at 0.9."""
    wrong = [answered(case_of(), cites=OTHER, confidence=c) for c in (0.3, 0.9)]
    assert worst_first(wrong, ["wrong", "wrong"]) == [1, 0]
    right = [answered(case_of(), confidence=c) for c in (0.9, 0.3)]
    assert worst_first(right, ["right", "right"]) == [1, 0]


def test_of_rankings_the_lowest_evidence_comes_first():
    """Rank 8 before rank 6."""
    late = [retrieved(case_of(), rank=rank) for rank in (6, 8)]
    assert [first_found(o) for o in late] == [6, 8]
    assert worst_first(late, ["found late", "found late"]) == [1, 0]
