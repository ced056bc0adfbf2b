"""What an outcome is worth: every metric of a case, and the figures of a whole run. Pure.

Knows nothing of how cases are asked, nor of how figures are shown. A metric that does not
apply to a case is None and takes no part in the mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from eval.locating import Located, Place
from eval.metrics.answers import exact_match, gold_in_text, token_f1
from eval.metrics.citations import (
    citation_precision,
    citation_recall,
    gold_in_quotes,
    supported_share,
)
from eval.metrics.intervals import Interval, bootstrap_interval, mean, quantile
from eval.metrics.refusals import Bin, expected_calibration_error, reliability
from eval.metrics.retrieval import page_recall, ranking_scores
from eval.metrics.spans import Span, character_scores, shared_length
from eval.outcomes import Outcome
from rag import Answer

Better = Literal["higher", "lower"]
Scores = dict[str, float | None]

PASSAGES, SENTENCES = 5, 8
"""Passages and sentences that the figures by character look at: what a search returns."""
_KS = (1, 3, 5, 10)
_MARKER = re.compile(r"\s*\[\d+\]")
# Normalisation keeps it: no gold answer is put together from the ends of two texts.
_BREAK = " \0 "


@dataclass(frozen=True)
class Metric:
    """What a figure is called, which part of the work it is about, and which way is better."""

    name: str
    group: str
    label: str
    better: Better = "higher"


def _catalogue() -> tuple[Metric, ...]:
    passages = [
        Metric(f"{name}@{k}", "Retrieval", f"{label}@{k}, passages")
        for name, label in (("recall", "Recall"), ("hit_rate", "Hit rate"), ("ndcg", "nDCG"))
        for k in _KS
        if (name, k) not in {("ndcg", 1), ("ndcg", 3)}
    ]
    return (
        *passages,
        Metric("mrr", "Retrieval", "MRR, passages"),
        *(Metric(f"document_recall@{k}", "Retrieval", f"Recall@{k}, documents") for k in _KS),
        Metric("document_mrr", "Retrieval", "MRR, documents"),
        Metric("document_ndcg@10", "Retrieval", "nDCG@10, documents"),
        Metric("page_recall", "Retrieval", f"Page recall@{PASSAGES}"),
        *(Metric(f"sentence_recall@{k}", "Retrieval", f"Recall@{k}, sentences") for k in _KS),
        Metric("character_recall", "Retrieval", "Characters of passages: Recall"),
        Metric("character_precision", "Retrieval", "Characters of passages: Precision"),
        Metric("character_iou", "Retrieval", "Characters of passages: IoU"),
        Metric("sentence_character_recall", "Retrieval", "Characters of sentences: Recall"),
        Metric("sentence_character_precision", "Retrieval", "Characters of sentences: Precision"),
        Metric("sentence_character_iou", "Retrieval", "Characters of sentences: IoU"),
        Metric("exact_match", "Answers", "Exact match"),
        Metric("token_f1", "Answers", "Token F1"),
        Metric("gold_in_answer", "Answers", "Gold in the answer"),
        Metric("gold_in_answer_or_quote", "Answers", "Gold in the answer or a quote"),
        Metric("citation_precision", "Citations", "Citation precision"),
        Metric("citation_recall", "Citations", "Citation recall"),
        Metric("gold_in_quotes", "Citations", "Quotes with the gold"),
        Metric("quotes_exact", "Citations", "Quotes that are exact"),
        Metric("sentences_supported", "Citations", "Sentences supported"),
        Metric("refusal_precision", "Refusals", "Refusal precision"),
        Metric("refusal_recall", "Refusals", "Refusal recall"),
        Metric("false_refusal_rate", "Refusals", "False refusals", "lower"),
        Metric("brier_score", "Refusals", "Brier score of confidence", "lower"),
        Metric("faithfulness", "Judge", "Faithfulness"),
        Metric("relevancy", "Judge", "Relevancy"),
        Metric("correctness", "Judge", "Correctness"),
        Metric("failed", "Run", "Failed cases", "lower"),
    )


METRICS = _catalogue()
BY_NAME = {metric.name: metric for metric in METRICS}
JUDGED = tuple(metric.name for metric in METRICS if metric.group == "Judge")


@dataclass(frozen=True)
class Latency:
    """Seconds of one stage over the cases that have it."""

    median: float
    p95: float
    n: int


@dataclass(frozen=True)
class Calibration:
    """How well confidence tells answerable from unanswerable questions."""

    bins: tuple[Bin, ...]
    error: float


@dataclass(frozen=True)
class Summary:
    """The figures of a run. Metrics that apply to no case are left out."""

    n: int
    n_answerable: int
    metrics: Mapping[str, Interval]
    by_tag: Mapping[str, Mapping[str, Interval]]
    seconds: Mapping[str, Latency]
    tokens: Mapping[str, float]
    calibration: Calibration | None = None


def score(outcomes: Sequence[Outcome]) -> dict[str, Scores]:
    """Return every metric of every case, by id; None where it does not apply."""
    rankings = _rankings(outcomes)
    return {
        o.case.id: {
            "failed": float(o.error is not None),
            **rankings.get(o.case.id, {}),
            **(_by_character(o) if o.error is None else {}),
            **(_of_answer(o, o.answer) if o.answer is not None else {}),
        }
        for o in outcomes
    }


def summarise(
    outcomes: Sequence[Outcome], scores: Mapping[str, Scores], *, seed: int = 0
) -> Summary:
    """Return the figures of a run, with 95 % intervals by bootstrap over documents."""
    answers = [(o, o.answer) for o in outcomes if o.answer is not None]
    pairs = [(answer.confidence, o.case.answerable) for o, answer in answers]
    error = expected_calibration_error(pairs)
    tags = sorted({tag for o in outcomes for tag in o.case.tags})
    by_tag = {tag: [o for o in outcomes if tag in o.case.tags] for tag in tags}
    usage = {
        "prompt": mean(a.usage.prompt_tokens for _, a in answers),
        "completion": mean(a.usage.completion_tokens for _, a in answers),
    }
    return Summary(
        n=len(outcomes),
        n_answerable=sum(o.case.answerable for o in outcomes),
        metrics=_means(outcomes, scores, seed),
        by_tag={tag: _means(part, scores, seed) for tag, part in by_tag.items()},
        seconds=_latencies(outcomes),
        tokens={name: value for name, value in usage.items() if value},
        calibration=None if error is None else Calibration(reliability(pairs), error),
    )


def _means(
    outcomes: Sequence[Outcome], scores: Mapping[str, Scores], seed: int
) -> dict[str, Interval]:
    clusters = [o.cluster for o in outcomes]
    means = {
        metric.name: bootstrap_interval(
            [scores[o.case.id].get(metric.name) for o in outcomes], clusters, seed=seed
        )
        for metric in METRICS
    }
    return {name: interval for name, interval in means.items() if interval is not None}


def _latencies(outcomes: Sequence[Outcome]) -> dict[str, Latency]:
    stages: dict[str, list[float]] = {}
    for o in outcomes:
        timings = o.answer.timings if o.answer is not None else o.seconds
        for stage, seconds in timings.items():
            stages.setdefault(stage, []).append(seconds)
    return {
        stage: Latency(quantile(values, 0.5) or 0.0, quantile(values, 0.95) or 0.0, len(values))
        for stage, values in stages.items()
    }


# Retrieval ----------------------------------------------------------------------------


def holds(found: Span, place: Span) -> bool:
    """Tell whether a span holds a place: it has half of its characters, or lies half in it."""
    return 2 * shared_length([found], [place]) >= min(found.length, place.length) > 0


def _rankings(outcomes: Sequence[Outcome]) -> dict[str, Scores]:
    """Return the metrics of all rankings; trec_eval takes the questions of a run together."""
    found: dict[str, Scores] = {}
    levels: tuple[tuple[str, Callable[[Outcome], _Ranking | None]], ...] = (
        ("", _ranked_passages),
        ("document_", _ranked_documents),
        ("sentence_", _ranked_sentences),
    )
    # Beyond the depth that was asked for nothing is known.
    depths = {o.case.id: o.depth for o in outcomes}
    for prefix, ranked in levels:
        rankings = {o.case.id: ranking for o in outcomes if (ranking := ranked(o)) is not None}
        values = ranking_scores(
            {i: ranking.items for i, ranking in rankings.items()},
            {i: ranking.relevant for i, ranking in rankings.items()},
            _KS,
        )
        for i, by_name in values.items():
            found.setdefault(i, {}).update(
                {
                    prefix + name: value
                    for name, value in by_name.items()
                    if prefix + name in BY_NAME and _cutoff(name) <= depths[i]
                }
            )
    for o in outcomes:
        paged = any(place.page for place in o.located.places)
        if o.error is None and paged and depths[o.case.id] >= PASSAGES:
            found.setdefault(o.case.id, {})["page_recall"] = _page_recall(o)
    return found


@dataclass(frozen=True)
class _Ranking:
    items: Sequence[str]
    relevant: Mapping[str, int]


def _cutoff(name: str) -> int:
    return int(name.partition("@")[2] or 0)


def _ranked_passages(outcome: Outcome) -> _Ranking | None:
    if _of_documents(outcome.located):
        return None
    items = [(p.id, p.span) for p in outcome.passages]
    return _ranked(outcome, items, holds)


def _ranked_documents(outcome: Outcome) -> _Ranking | None:
    documents = dict.fromkeys(p.span.document for p in outcome.passages)
    items = [(name, Span(name, 0, 0)) for name in documents]
    return _ranked(outcome, items, lambda found, place: found.document == place.document)


def _ranked_sentences(outcome: Outcome) -> _Ranking | None:
    # An answer keeps no ranking of sentences; without one, no sentences are none found.
    if outcome.answer is not None or _of_documents(outcome.located):
        return None
    items = [(str(rank), span) for rank, span in enumerate(outcome.sentences)]
    return _ranked(outcome, items, holds)


def _ranked(
    outcome: Outcome, items: Sequence[tuple[str, Span]], meets: Callable[[Span, Span], bool]
) -> _Ranking | None:
    """Return a ranking whose relevant items are the first that meet a need, each.

    A need that no item meets is one relevant item more, which was not found. So every need
    counts once, however many places it has; whole documents that are named as evidence
    are each a need of their own, as in BEIR.
    """
    if outcome.error is not None or not outcome.located.needs:
        return None
    relevant: dict[str, int] = {}
    for number, need in enumerate(_separate(outcome.located)):
        grades = [
            (item, place.relevance)
            for item, span in items
            for place in need
            if meets(span, place.span)
        ]
        item, grade = grades[0] if grades else (f"missing {number}", need[0].relevance)
        relevant[item] = max(grade, relevant.get(item, 0))
    return _Ranking([item for item, _ in items], relevant)


def _of_documents(located: Located) -> bool:
    """Tell whether whole documents are evidence: where in them, nobody knows."""
    return any(place.kind == "document" for place in located.places)


def _separate(located: Located) -> tuple[tuple[Place, ...], ...]:
    if all(place.kind == "document" for place in located.places):
        return tuple((place,) for place in located.places)
    return located.needs


def _page_recall(outcome: Outcome) -> float | None:
    retrieved = [(p.span.document, p.page) for p in outcome.passages[:PASSAGES]]
    evidence = [(place.span.document, place.page) for place in outcome.located.places if place.page]
    return page_recall(retrieved, [(name, page) for name, page in evidence if page])


def _by_character(outcome: Outcome) -> Scores:
    if not outcome.located.needs or _of_documents(outcome.located):
        return {}
    scores: Scores = {}
    retrieved = [p.span for p in outcome.passages[:PASSAGES]]
    sentences = list(outcome.sentences[:SENTENCES])
    for prefix, spans in (("", retrieved), ("sentence_", sentences)):
        if prefix and outcome.answer is not None:
            continue
        # Of places that are alternatives, the one that was found best.
        references = [
            max((place.span for place in need), key=lambda span: shared_length(spans, [span]))
            for need in outcome.located.needs
        ]
        found = character_scores(spans, references)
        scores[f"{prefix}character_recall"] = found.recall
        scores[f"{prefix}character_precision"] = found.precision
        scores[f"{prefix}character_iou"] = found.iou
    return scores


# Answers ------------------------------------------------------------------------------


def said(answer: Answer) -> str:
    """Return the text of an answer without its markers, nothing for a refusal."""
    return _MARKER.sub("", answer.text) if answer.answered else ""


def _of_answer(outcome: Outcome, answer: Answer) -> Scores:
    case, text = outcome.case, said(answer)
    golds = case.answers
    quotes = [citation.quote for citation in answer.citations]
    needs = [[place.span for place in need] for need in outcome.located.needs]
    cited = [citation.span for citation in outcome.citations]
    refused = float(not answer.answered)
    return {
        "exact_match": exact_match(text, golds),
        "token_f1": token_f1(text, golds),
        "gold_in_answer": gold_in_text(text, golds),
        "gold_in_answer_or_quote": gold_in_text(_BREAK.join([text, *quotes]), golds),
        "citation_precision": citation_precision(cited, needs),
        "citation_recall": citation_recall(cited, needs) if answer.answered else None,
        "gold_in_quotes": gold_in_quotes(quotes, golds),
        "quotes_exact": mean(citation.exact for citation in outcome.citations),
        "sentences_supported": supported_share(s.verdict for s in answer.sentences),
        "refusal_precision": None if answer.answered else float(not case.answerable),
        "refusal_recall": None if case.answerable else refused,
        "false_refusal_rate": refused if case.answerable else None,
        "brier_score": (answer.confidence - case.answerable) ** 2,
    }
