"""Measures of a ranking, worked by hand and against their plain formulas."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.retrieval import page_recall, ranking_scores

items = st.sampled_from(["p1", "p2", "p3", "p10", "é", "a b", ""])
rankings = st.lists(items, max_size=7, unique=True)
grades = st.dictionaries(items, st.integers(1, 3), max_size=5)


def scores(ranking: list[str], relevant: dict[str, int], *ks: int) -> dict[str, float | None]:
    return ranking_scores({"q": ranking}, {"q": relevant}, ks)["q"]


def naive(ranking: list[str], relevant: dict[str, int], k: int) -> dict[str, float]:
    """Return the measures by their formulas."""
    hits = [item in relevant for item in ranking]
    gain = sum(relevant.get(item, 0) / math.log2(n + 2) for n, item in enumerate(ranking[:k]))
    best = sorted(relevant.values(), reverse=True)[:k]
    return {
        f"recall@{k}": sum(hits[:k]) / len(relevant),
        f"hit_rate@{k}": float(any(hits[:k])),
        "mrr": 1 / (hits.index(True) + 1) if any(hits) else 0.0,
        f"ndcg@{k}": gain / sum(grade / math.log2(n + 2) for n, grade in enumerate(best)),
    }


def test_scores_worked_by_hand():
    """Three relevant items, of which the second and the fourth of the ranking are two."""
    # recall@2 = 1/3, recall@4 = 2/3; both cut-offs have a hit; first hit at 2: 1/2.
    # Gains: rank 2: 1 / log2(3) = 0.6309, rank 4: 2 / log2(5) = 0.8614.
    # Ideal: 2 / log2(2) + 1 / log2(3) (+ 1 / log2(4)) = 2.6309 at 2, 3.1309 at 4.
    found = scores(["x", "a", "y", "b"], {"a": 1, "b": 2, "c": 1}, 1, 2, 4)
    assert found == {
        "recall@1": 0.0,
        "recall@2": pytest.approx(1 / 3),
        "recall@4": pytest.approx(2 / 3),
        "hit_rate@1": 0.0,
        "hit_rate@2": 1.0,
        "hit_rate@4": 1.0,
        "mrr": 0.5,
        "ndcg@1": 0.0,
        "ndcg@2": pytest.approx(0.6309 / 2.6309, abs=1e-4),
        "ndcg@4": pytest.approx((0.6309 + 0.8614) / 3.1309, abs=1e-4),
    }


def test_rank_is_the_order_given_and_not_that_of_ids():
    """Ids that would sort the other way round, and the other way round again."""
    assert scores(["z", "a"], {"z": 1}, 1)["mrr"] == 1.0
    assert scores(["a", "z"], {"a": 1}, 1)["mrr"] == 1.0
    assert scores(["p9", "p10", "p11"], {"p11": 1}, 1)["mrr"] == pytest.approx(1 / 3)


def test_the_first_relevant_item_counts_beyond_every_cut_off():
    """The reciprocal rank has no cut-off of its own."""
    found = scores([f"x{n}" for n in range(99)] + ["a"], {"a": 1}, 5)
    assert found["mrr"] == pytest.approx(1 / 100)
    assert found["recall@5"] == 0.0


def test_nothing_relevant_is_not_applicable():
    """An unanswerable question must not be averaged as a failure, nor a grade of 0."""
    nothing = {"recall@3": None, "hit_rate@3": None, "mrr": None, "ndcg@3": None}
    assert scores(["a"], {}, 3) == nothing
    assert scores(["a"], {"a": 0}, 3) == nothing
    assert ranking_scores({"q": ["a"]}, {}, [3]) == {"q": nothing}


def test_nothing_ranked_is_a_failure():
    """With an empty ranking or none at all, every measure is 0."""
    zeros = {"recall@3": 0.0, "hit_rate@3": 0.0, "mrr": 0.0, "ndcg@3": 0.0}
    assert scores([], {"a": 1}, 3) == zeros
    both = ranking_scores({"q": ["a"]}, {"q": {"a": 1}, "lost": {"b": 1}}, [3])
    assert both == {"q": dict.fromkeys(zeros, 1.0), "lost": zeros}


def test_an_item_ranked_again_counts_once():
    """Two passages of one document: those after it move up."""
    found = scores(["a", "a", "b"], {"a": 1, "b": 1}, 1, 2)
    assert (found["recall@1"], found["recall@2"], found["ndcg@2"]) == (0.5, 1.0, 1.0)


def test_a_cut_off_of_nothing_is_refused():
    """The error names the cut-offs."""
    with pytest.raises(ValueError, match=r"start at 1, got \[5, 0\]"):
        ranking_scores({}, {}, [5, 0])


def test_no_questions_have_no_scores():
    """And that is no error."""
    assert ranking_scores({}, {}, [5]) == {}


@given(st.lists(st.tuples(rankings, grades), max_size=4), st.integers(1, 8))
def test_scores_are_those_of_the_formulas(questions: list, k: int):
    """Several questions at once, each scored by itself."""
    found = ranking_scores(
        {f"q{n}": ranking for n, (ranking, _) in enumerate(questions)},
        {f"q{n}": relevant for n, (_, relevant) in enumerate(questions)},
        [k],
    )
    assert len(found) == len(questions)
    for n, (ranking, relevant) in enumerate(questions):
        if relevant:
            assert found[f"q{n}"] == pytest.approx(naive(ranking, relevant, k))
        else:
            assert set(found[f"q{n}"].values()) == {None}


@given(rankings, grades, st.integers(1, 8))
def test_scores_are_shares_and_recall_rises_with_k(ranking: list[str], relevant: dict, k: int):
    """Bounds 0..1; a later cut-off never loses what was found."""
    found = scores(ranking, relevant, k, k + 1)
    assert all(score is None or 0.0 <= score <= 1.0 for score in found.values())
    if relevant:
        assert found[f"recall@{k + 1}"] >= found[f"recall@{k}"]  # type: ignore[operator]


@given(grades.filter(bool))
def test_the_best_ranking_is_perfect(relevant: dict[str, int]):
    """The relevant items, best grade first, with a cut-off that takes them all."""
    ranking = sorted(relevant, key=lambda item: -relevant[item])
    found = scores(ranking, relevant, len(relevant))
    assert found == pytest.approx(dict.fromkeys(found, 1.0))


def test_page_recall_worked_by_hand():
    """Three pages of evidence, one of them named twice; two were retrieved."""
    retrieved = [("a", 4), ("a", 4), ("b", 1), ("b", None), ("c", 7)]
    evidence = [("a", 4), ("b", 1), ("b", 2), ("a", 4)]
    assert page_recall(retrieved, evidence) == pytest.approx(2 / 3)


def test_page_recall_without_pages_is_not_applicable():
    """Without evidence there is no recall; a passage without a page is on none."""
    assert page_recall([("a", 1)], []) is None
    assert page_recall([("a", None)], [("a", 1)]) == 0.0
    assert page_recall([], [("a", 1)]) == 0.0
