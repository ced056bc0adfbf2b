"""Measures of a ranking, computed by trec_eval through pytrec_eval, and of retrieved pages.

Knows nothing of what is ranked: passages, documents or pages, by any id. It is the only file
that knows of pytrec_eval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytrec_eval

from eval.metrics.intervals import mean


def ranking_scores(
    rankings: Mapping[str, Sequence[str]],
    relevant: Mapping[str, Mapping[str, int]],
    ks: Sequence[int],
) -> dict[str, dict[str, float | None]]:
    """Return the scores of each question's ranking, by question id and measure.

    - "recall@k": share of the relevant items that are among the first k
    - "hit_rate@k": 1 if a relevant item is among the first k, else 0 (trec_eval: success)
    - "mrr": 1 / rank of the first relevant item of the whole ranking, 0 if there is none;
      the mean over questions is the mean reciprocal rank
    - "ndcg@k": normalised discounted cumulative gain with the grade itself as gain and
      log2(rank + 1) as discount (Järvelin and Kekäläinen, 2002; trec_eval: ndcg_cut)

    A question without relevant items has None for each. One without a ranking, or with an
    empty one, has 0. An item that is ranked again counts at its first rank only, and those
    after it move up.

    Args:
        rankings: Item ids by question id, best first.
        relevant: Grades by item id, by question id; grades below 1 are not relevant.
        ks: Cut-offs, each at least 1.

    Raises:
        ValueError: a cut-off is below 1.
    """
    if any(k < 1 for k in ks):
        raise ValueError(f"cut-offs start at 1, got {list(ks)}")
    grades = {
        question: {item: grade for item, grade in items.items() if grade > 0}
        for question, items in relevant.items()
    }
    names = _measures(ks)
    evaluator = pytrec_eval.RelevanceEvaluator(grades, set(names.values()))
    found = evaluator.evaluate(
        {question: _falling(items) for question, items in rankings.items() if items}
    )
    return {
        question: {
            name: found.get(question, {}).get(measure, 0.0) if grades.get(question) else None
            for name, measure in names.items()
        }
        for question in {**relevant, **rankings}
    }


def page_recall(
    retrieved: Sequence[tuple[str, int | None]], evidence: Sequence[tuple[str, int]]
) -> float | None:
    """Return the share of the evidence's pages that were retrieved, None without evidence.

    Args:
        retrieved: Document and page of each retrieved passage; no page where it has none.
        evidence: Document and page of each place; a page that is named twice counts once.
    """
    pages = set(retrieved)
    return mean(page in pages for page in set(evidence))


def _measures(ks: Sequence[int]) -> dict[str, str]:
    """Return trec_eval's names of the measures, by ours."""
    names = {"mrr": "recip_rank"}
    for k in ks:
        names[f"recall@{k}"] = f"recall_{k}"
        names[f"hit_rate@{k}"] = f"success_{k}"
        names[f"ndcg@{k}"] = f"ndcg_cut_{k}"
    return names


def _falling(items: Sequence[str]) -> dict[str, float]:
    """Return strictly falling scores: trec_eval ranks by score, and breaks ties by id."""
    return {item: float(-rank) for rank, item in enumerate(dict.fromkeys(items))}
