"""Every metric of an answer, worked by hand."""

from __future__ import annotations

import pytest

from eval.scoring import BY_NAME, said

from .made import answer, outcome, passage, quote, refusal, scores_of

FIRST = passage(0, 100)


def test_markers_are_no_part_of_an_answer():
    """Nor is the space before them; a refusal says nothing."""
    assert said(answer("Ada did. [1][12] In 1932. [2]")) == "Ada did. In 1932."
    assert said(refusal()) == ""


def test_an_answer_worked_by_hand():
    """Answered "It was Ada Morley [1]", gold "Ada Morley": 2 of 4 tokens, all of the gold."""
    # Twice 2 of 4 + 2 tokens.
    found = scores_of(outcome("c1", golds=["Ada Morley"], answer=answer("It was Ada Morley [1]")))
    assert found["exact_match"] == 0
    assert found["token_f1"] == pytest.approx(2 / 3)
    assert found["gold_in_answer"] == found["gold_in_answer_or_quote"] == 1
    exact = scores_of(outcome("c1", golds=["Ada Morley"], answer=answer("Ada Morley. [1]")))
    assert exact["exact_match"] == 1


def test_the_gold_may_stand_in_a_quote():
    """The answer says who, and only its quote says when."""
    who = answer("Ada did. [1]", quotes=["Ada Morley did it in 1932.", "Nothing else."])
    found = scores_of(outcome("c1", golds=["1932"], answer=who))
    assert (found["gold_in_answer"], found["gold_in_answer_or_quote"]) == (0, 1)
    assert found["gold_in_quotes"] == 0.5
    parts = scores_of(outcome("c1", golds=[["did", "1932"]], answer=who))
    assert parts["gold_in_answer_or_quote"] == 1


def test_a_gold_is_not_put_together_from_two_texts():
    """The answer ends in "May", its quote starts with "1932": nobody said May 1932."""
    made = answer("It opened in May. [1]", quotes=["1932 was wet.", "In 1931", "May came."])
    found = scores_of(outcome("c1", golds=["May 1932", "1931 May"], answer=made))
    assert found["gold_in_answer_or_quote"] == 0


def test_a_refusal_has_no_gold_and_no_citations():
    """Zero for the gold that it did not give, nothing for what it did not cite."""
    made = outcome("c1", [quote(0, 10)], golds=["gold"], passages=[FIRST], answer=refusal(0.2))
    found = scores_of(made)
    for name in ("exact_match", "token_f1", "gold_in_answer", "gold_in_answer_or_quote"):
        assert found[name] == 0
    assert not [name for name in found if "citation" in name or "quotes" in name]
    assert "sentences_supported" not in found
    assert found["recall@1"] == 1
    assert (found["false_refusal_rate"], found["refusal_precision"]) == (1, 0)
    assert "refusal_recall" not in found


def test_citations_worked_by_hand():
    """Three citations: two at the first need, one at nothing; the second need has none."""
    needs = [quote(0, 10)], [quote(50, 60), quote(70, 80)]
    cited = outcome(
        "c1",
        *needs,
        cited=[(0, 20), (5, 8)],
        inexact=[(100, 120)],
        answer=answer(verdicts=["supported", "partial", "supported", "unsupported"]),
    )
    found = scores_of(cited)
    assert found["citation_precision"] == pytest.approx(2 / 3)
    assert found["citation_recall"] == 0.5
    assert found["quotes_exact"] == pytest.approx(2 / 3)
    assert found["sentences_supported"] == 0.5


def test_an_answer_without_citations_cites_no_need():
    """Recall is 0; of nothing cited, nothing is wrong."""
    found = scores_of(outcome("c1", [quote(0, 10)], answer=answer()))
    assert found["citation_recall"] == 0
    assert not {"citation_precision", "quotes_exact", "gold_in_quotes"} & set(found)


def test_refusing_an_unanswerable_question_is_right():
    """It counts for precision and recall; there is no gold and no evidence to score."""
    found = scores_of(outcome("c1", answerable=False, passages=[FIRST], answer=refusal(0.1)))
    assert found == {
        "failed": 0,
        "refusal_precision": 1,
        "refusal_recall": 1,
        "brier_score": pytest.approx(0.01),
    }


def test_answering_an_unanswerable_question_is_wrong():
    """Its citations are not scored: no place would be right; that they are exact is."""
    made = outcome("c1", answerable=False, cited=[(0, 10)], answer=answer(quotes=["x"]))
    assert scores_of(made) == {
        "failed": 0,
        "quotes_exact": 1,
        "refusal_recall": 0,
        "brier_score": pytest.approx(0.81),
    }


@pytest.mark.parametrize(
    ("answerable", "made", "brier"),
    [
        (True, answer(confidence=0.7), 0.09),
        (True, refusal(0.2), 0.64),
        (False, answer(confidence=0.7), 0.49),
        (False, refusal(0.2), 0.04),
    ],
)
def test_confidence_is_held_against_whether_there_is_an_answer(answerable, made, brier):
    """Not against whether one was given: (0.7 - 1)² = 0.09, (0.7 - 0)² = 0.49."""
    found = scores_of(outcome("c1", answerable=answerable, answer=made))
    assert found["brier_score"] == pytest.approx(brier)


def test_retrieval_alone_has_no_metrics_of_answers():
    """There is none; to count it as wrong would mix up two kinds of run."""
    made = outcome("c1", [quote(0, 10)], golds=["gold"], passages=[FIRST], sentences=[(0, 10)])
    groups = {BY_NAME[name].group for name in scores_of(made)}
    assert groups == {"Retrieval", "Run"}


def test_a_failed_case_only_failed():
    """Nothing is known of how it would have been answered."""
    made = outcome("c1", [quote(0, 9, page=1)], golds=["gold"], error="ModelError: gone")
    assert scores_of(made) == {"failed": 1}
