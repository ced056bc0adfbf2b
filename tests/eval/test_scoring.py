"""Every metric of retrieval, and the figures of a run, worked by hand."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics.spans import Span, character_scores
from eval.outcomes import Outcome
from eval.scoring import BY_NAME, METRICS, Summary, holds, score, summarise
from rag import Usage

from .made import answer, outcome, passage, quote, refusal, scores_of, whole

FIRST, SECOND, THIRD = (passage(n, n + 100) for n in (0, 100, 200))


def summary_of(*made: Outcome) -> Summary:
    return summarise(made, score(made))


def test_metrics_are_named_once():
    """A name stands for one metric, and a score has no name that is not in the catalogue."""
    assert len(BY_NAME) == len(METRICS)
    full = outcome("c1", [quote(0, 9, page=1)], golds=["gold"], passages=[FIRST], answer=answer())
    ranked = outcome("c1", [quote(0, 9)], passages=[FIRST], sentences=[(0, 9)])
    assert set(scores_of(full)) | set(scores_of(ranked)) <= set(BY_NAME)


def test_less_is_better_of_what_goes_wrong():
    """False refusals, failures and the Brier score."""
    lower = {metric.name for metric in METRICS if metric.better == "lower"}
    assert lower == {"false_refusal_rate", "brier_score", "failed"}


# Rankings -----------------------------------------------------------------------------


def test_a_passage_holds_what_it_has_half_of():
    """Of a place of 10 characters: 5 are enough, 4 are not; nor is touching it."""
    place = Span("a", 100, 110)
    assert holds(Span("a", 0, 105), place)
    assert not holds(Span("a", 0, 104), place)
    assert not holds(Span("a", 0, 100), place)
    assert not holds(Span("b", 0, 200), place)


def test_a_sentence_holds_a_place_that_it_lies_in():
    """A page of 1000 characters: a sentence of 10 lies half in it with 5."""
    page = Span("a", 0, 1000)
    assert holds(Span("a", 995, 1005), page)
    assert not holds(Span("a", 996, 1006), page)


def test_what_is_empty_holds_nothing():
    """No character, no half of any."""
    assert not holds(Span("a", 5, 5), Span("a", 0, 10))
    assert not holds(Span("a", 0, 10), Span("a", 5, 5))


def test_a_need_is_met_by_the_first_passage_that_holds_it():
    """Overlapping passages both hold the quote: that the second does adds nothing."""
    # One relevant passage, at rank 2: MRR 1/2, nDCG 1 / log2(3).
    again = passage(150, 250)
    found = scores_of(outcome("c1", [quote(160, 170)], passages=[FIRST, SECOND, again]))
    assert [found[f"recall@{k}"] for k in (1, 3, 5, 10)] == [0, 1, 1, 1]
    assert [found[f"hit_rate@{k}"] for k in (1, 3, 5, 10)] == [0, 1, 1, 1]
    assert found["mrr"] == 0.5
    assert found["ndcg@5"] == found["ndcg@10"] == pytest.approx(1 / log2(3))


def test_alternatives_are_one_need():
    """Three places say the same: the first passage with any of them is all there is to find."""
    need = [quote(210, 220), quote(110, 120), quote(310, 320)]
    found = scores_of(outcome("c1", need, passages=[FIRST, SECOND, THIRD]))
    assert (found["recall@1"], found["recall@3"], found["mrr"]) == (0, 1, 0.5)
    assert found["ndcg@5"] == pytest.approx(1 / log2(3))


def test_each_need_counts():
    """Of two needs, one is met at rank 1, the other at rank 3."""
    # The gain is 1 + 1 / log2(4) = 1.5 of an ideal 1 + 1 / log2(3).
    needs = [quote(0, 10)], [quote(200, 210)]
    found = scores_of(outcome("c1", *needs, passages=[FIRST, SECOND, THIRD]))
    assert (found["recall@1"], found["recall@3"]) == (0.5, 1)
    assert (found["hit_rate@1"], found["mrr"]) == (1, 1)
    assert found["ndcg@5"] == pytest.approx(1.5 / (1 + 1 / log2(3)))


def test_two_needs_in_one_passage_are_met_by_it():
    """There is one passage to find, and it stands first."""
    needs = [quote(0, 10)], [quote(50, 60)]
    found = scores_of(outcome("c1", *needs, passages=[FIRST, SECOND]))
    assert (found["recall@1"], found["ndcg@5"], found["mrr"]) == (1, 1, 1)


def test_a_need_that_is_never_met_is_missing():
    """One of two needs is found at rank 1: recall stays at a half."""
    # nDCG@5: 1 / (1 + 1 / log2(3))
    needs = [quote(0, 10)], [quote(900, 910)]
    found = scores_of(outcome("c1", *needs, passages=[FIRST, SECOND]))
    assert [found[f"recall@{k}"] for k in (1, 3, 5, 10)] == [0.5] * 4
    assert found["ndcg@10"] == pytest.approx(1 / (1 + 1 / log2(3)))


@pytest.mark.parametrize("passages", [(), (SECOND, THIRD)])
def test_finding_none_of_it_is_zero(passages):
    """Nothing retrieved, or only what is beside the point."""
    found = scores_of(outcome("c1", [quote(0, 10)], passages=passages))
    for name in ("recall@1", "hit_rate@10", "ndcg@5", "mrr", "character_recall"):
        assert found[name] == 0
    assert found["document_recall@1"] == (1 if passages else 0)


def test_documents_are_ranked_by_their_first_passage():
    """Passages of a, a, b, a: documents a, b. What b holds is found at rank 2."""
    others = passage(0, 100, "b.txt")
    found = scores_of(
        outcome("c1", [quote(500, 510, "b.txt")], passages=[FIRST, SECOND, others, THIRD])
    )
    assert [found[f"document_recall@{k}"] for k in (1, 3, 5, 10)] == [0, 1, 1, 1]
    assert found["document_mrr"] == 0.5
    assert found["document_ndcg@10"] == pytest.approx(1 / log2(3))
    assert found["recall@10"] == 0


def test_graded_documents_are_needs_of_their_own():
    """As in BEIR: a (grade 2) and b (grade 1) are relevant, whatever their group."""
    # Ranked b, c, a: DCG = 1 + 2 / log2(4) = 2, ideal 2 + 1 / log2(3) = 2.6309
    ranking = [passage(0, 100, f"{name}.txt") for name in "bca"]
    found = scores_of(outcome("c1", [whole("a.txt", 2), whole("b.txt")], passages=ranking))
    assert [found[f"document_recall@{k}"] for k in (1, 3)] == [0.5, 1]
    assert found["document_ndcg@10"] == pytest.approx(2 / (2 + 1 / log2(3)))
    assert found["document_mrr"] == 1


def test_whole_documents_say_nothing_of_passages_and_sentences():
    """Which of the document's are meant, nobody knows."""
    made = outcome("c1", [whole("a.txt")], passages=[FIRST], sentences=[(0, 10)])
    found = scores_of(made)
    assert found["document_recall@1"] == 1
    assert [name for name in found if not name.startswith("document_")] == ["failed"]


def test_nothing_is_said_beyond_the_depth():
    """Five passages were asked for: no figure @10, though MRR and all below 10 are there."""
    found = scores_of(outcome("c1", [quote(0, 10)], passages=[FIRST], depth=5))
    assert not [name for name in found if name.endswith("@10")]
    assert {"recall@1", "recall@5", "hit_rate@3", "ndcg@5", "document_recall@5", "mrr"} <= set(
        found
    )
    shallow = scores_of(outcome("c1", [quote(0, 9, page=1)], passages=[FIRST], depth=3))
    assert not {"recall@5", "page_recall"} & set(shallow)
    assert shallow["recall@3"] == 1


def test_page_recall_counts_pages_among_the_first_five():
    """Pages 1 and 7 are needed; 1 is found in time, 7 only by the sixth passage."""
    ranking = [passage(n, n + 100, page=n // 100 + 1) for n in range(0, 500, 100)]
    late = passage(600, 700, page=7)
    needs = [quote(0, 10, page=1)], [quote(600, 610, page=7)]
    found = scores_of(outcome("c1", *needs, passages=[*ranking, late]))
    assert found["page_recall"] == 0.5
    elsewhere = scores_of(outcome("c1", needs[0], passages=[passage(0, 100, "b.txt", page=1)]))
    assert elsewhere["page_recall"] == 0
    assert "page_recall" not in scores_of(outcome("c1", [quote(0, 10)], passages=[FIRST]))


def test_sentences_are_ranked_like_passages():
    """The second sentence lies in the place, the first beside it."""
    found = scores_of(outcome("c1", [quote(100, 200)], sentences=[(0, 100), (100, 150)]))
    assert [found[f"sentence_recall@{k}"] for k in (1, 3)] == [0, 1]


def test_finding_no_sentence_is_zero_and_not_asking_for_any_is_nothing():
    """Retrieval that comes back without sentences missed them; an answer ranks none."""
    missed = scores_of(outcome("c1", [quote(0, 10)], passages=[FIRST]))
    assert missed["sentence_recall@3"] == missed["sentence_character_recall"] == 0
    assert "sentence_character_precision" not in missed
    answered = scores_of(outcome("c1", [quote(0, 10)], passages=[FIRST], answer=answer()))
    assert not [name for name in answered if name.startswith("sentence_")]


def test_characters_worked_by_hand():
    """A place of 40 characters; two passages of 100, one of which has 30 of them."""
    # Recall 30/40, precision 30/200, IoU 30 / (200 + 10). The sentence of 20 lies in the
    # place: recall 20/40, precision 20/20, IoU 20 / (20 + 20).
    found = scores_of(
        outcome("c1", [quote(170, 210)], passages=[FIRST, SECOND], sentences=[(180, 200)])
    )
    assert found["character_recall"] == 0.75
    assert found["character_precision"] == 0.15
    assert found["character_iou"] == pytest.approx(30 / 210)
    assert found["sentence_character_recall"] == 0.5
    assert found["sentence_character_precision"] == 1.0
    assert found["sentence_character_iou"] == 0.5


def test_the_best_found_alternative_counts_by_character():
    """Of two places that say the same, one is not found at all: it does not matter."""
    found = scores_of(outcome("c1", [quote(900, 950), quote(0, 50)], passages=[FIRST]))
    assert (found["character_recall"], found["character_precision"]) == (1.0, 0.5)


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 30)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 30)), min_size=1, max_size=3),
)
def test_characters_agree_with_the_measure(found, needed):
    """Without alternatives they are the measure's, of the first five passages."""
    passages = [passage(start, start + length) for start, length in found]
    needs = [[quote(start, start + length)] for start, length in needed]
    scores = scores_of(outcome("c1", *needs, passages=passages))
    expected = character_scores([p.span for p in passages[:5]], [place.span for (place,) in needs])
    assert scores["character_recall"] == expected.recall
    assert scores["character_precision"] == expected.precision
    assert scores["character_iou"] == expected.iou


def test_eight_sentences_count_by_character():
    """The eighth of nine holds one need, the ninth the other: as many as a search returns."""
    needs = [quote(700, 710)], [quote(800, 810)]
    sentences = [(n, n + 10) for n in range(0, 900, 100)]
    found = scores_of(outcome("c1", *needs, sentences=sentences))
    assert found["sentence_character_recall"] == 0.5
    assert found["sentence_recall@5"] == 0
    assert found["sentence_recall@10"] == 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), unique=True), st.sets(st.integers(0, 9), min_size=1))
def test_recall_is_the_share_of_needs_met(ranks, needed):
    """Passages of 100 tile the text and each need lies in one of its own."""
    ranking = [passage(100 * n, 100 * n + 100) for n in ranks]
    needs = [[quote(100 * n + 10, 100 * n + 20)] for n in sorted(needed)]
    found = scores_of(outcome("c1", *needs, passages=ranking))
    for k in (1, 3, 5, 10):
        assert found[f"recall@{k}"] == pytest.approx(len(needed & {*ranks[:k]}) / len(needed))
        assert found[f"hit_rate@{k}"] == float(bool(needed & {*ranks[:k]}))


# Runs ---------------------------------------------------------------------------------


def test_cases_are_scored_apart():
    """The scores of a case are the same alone and among others."""
    made = [
        outcome("c1", [quote(0, 10)], passages=[FIRST, SECOND]),
        outcome("c2", [quote(0, 10)], passages=[SECOND, FIRST]),
        outcome("c3", answerable=False, passages=[FIRST]),
        outcome("c4", [quote(0, 10)], error="ModelError: gone"),
    ]
    assert score(made) == {o.case.id: score([o])[o.case.id] for o in made}


def test_means_are_over_the_cases_that_have_the_metric():
    """Two of three are answerable, one of them is found."""
    summary = summary_of(
        outcome("c1", [quote(0, 10)], passages=[FIRST]),
        outcome("c2", [quote(0, 10)], passages=[SECOND]),
        outcome("c3", answerable=False, passages=[FIRST]),
    )
    assert (summary.n, summary.n_answerable) == (3, 2)
    recall = summary.metrics["recall@1"]
    assert (recall.mean, recall.n) == (0.5, 2)
    assert summary.metrics["failed"].n == 3
    assert "gold_in_answer" not in summary.metrics


def test_tags_have_figures_of_their_own():
    """A case with two tags counts in both."""
    summary = summary_of(
        outcome("c1", [quote(0, 10)], passages=[FIRST], tags=["name", "list"]),
        outcome("c2", [quote(0, 10)], passages=[SECOND], tags=["name"]),
        outcome("c3", [quote(0, 10)], passages=[SECOND]),
    )
    assert list(summary.by_tag) == ["list", "name"]
    assert {tag: m["recall@1"].mean for tag, m in summary.by_tag.items()} == {
        "list": 1.0,
        "name": 0.5,
    }
    assert summary.by_tag["name"]["recall@1"].n == 2


def test_documents_are_what_intervals_are_drawn_from():
    """Twenty equal questions on each of two documents say less than on one of their own."""

    def made(cluster):
        return [
            outcome(
                str(n), [quote(0, 10)], passages=[FIRST if n % 2 else SECOND], cluster=cluster(n)
            )
            for n in range(40)
        ]

    own, shared = (
        summary_of(*made(cluster)).metrics["recall@1"]
        for cluster in (lambda n: f"{n}.txt", lambda n: f"{n % 20}.txt")
    )
    assert own.mean == shared.mean == 0.5
    assert own.high - own.low < shared.high - shared.low


def test_latency_is_by_stage():
    """Of 1, 2 and 11 seconds: the median is 2, p95 lies at 2 + 0.9 * 9; an answer's own count."""
    answers = [answer(timings={"total": t}) for t in (11.0, 1.0, 2.0)]
    summary = summary_of(
        *(outcome(str(n), answer=a, seconds={"ask": 99.0}) for n, a in enumerate(answers))
    )
    assert list(summary.seconds) == ["total"]
    total = summary.seconds["total"]
    assert (total.median, total.n) == (2.0, 3)
    assert total.p95 == pytest.approx(10.1)
    searched = summary_of(outcome("c1", seconds={"search": 0.5, "evidence": 0.1}))
    assert [(s, latency.median) for s, latency in searched.seconds.items()] == [
        ("search", 0.5),
        ("evidence", 0.1),
    ]


def test_tokens_are_means_over_answers():
    """(100 + 200) / 2; a writer that counts none has no figure."""
    made = [answer(usage=Usage(prompt_tokens=n)) for n in (100, 200)]
    summary = summary_of(*(outcome(str(n), answer=a) for n, a in enumerate(made)), outcome("c"))
    assert summary.tokens == {"prompt": 150.0}
    assert summary_of(outcome("c1", answer=answer())).tokens == {}


def test_calibration_worked_by_hand():
    """Confidence 0.9 three times, two answerable: |0.9 - 2/3|; 0.1 once, rightly: 0.1."""
    # Expected calibration error: (3 * 0.2333 + 1 * 0.1) / 4 = 0.2
    summary = summary_of(
        outcome("c1", answer=answer(confidence=0.9)),
        outcome("c2", answer=answer(confidence=0.9)),
        outcome("c3", answerable=False, answer=answer(confidence=0.9)),
        outcome("c4", answerable=False, answer=refusal(0.1)),
    )
    assert summary.calibration is not None
    assert summary.calibration.error == pytest.approx(0.2)
    assert [b.n for b in summary.calibration.bins] == [1, 3]


def test_without_answers_there_is_no_calibration():
    """Retrieval has no confidence to speak of."""
    assert summary_of(outcome("c1", [quote(0, 10)], passages=[FIRST])).calibration is None
