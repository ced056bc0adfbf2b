"""What became of a case in a word, and the order in which cases need looking at. Pure.

Knows nothing of how verdicts are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from eval.outcomes import Outcome
from eval.scoring import PASSAGES, Scores, holds

Verdict = Literal[
    "failed",
    "answered but unanswerable",
    "refused wrongly",
    "wrong",
    "not found",
    "citation wrong",
    "found late",
    "found in part",
    "not scored",
    "right",
    "found",
    "refused rightly",
    "nothing to find",
]
Tone = Literal["bad", "doubtful", "good", "neutral"]

TONES: dict[Verdict, Tone] = {
    "failed": "bad",
    "answered but unanswerable": "bad",
    "refused wrongly": "bad",
    "wrong": "bad",
    "not found": "bad",
    "citation wrong": "doubtful",
    "found late": "doubtful",
    "found in part": "doubtful",
    "not scored": "neutral",
    "right": "good",
    "found": "good",
    "refused rightly": "good",
    "nothing to find": "neutral",
}
"""Every verdict, worst first."""
_ORDER = {word: place for place, word in enumerate(TONES)}


def verdict(outcome: Outcome, scores: Scores) -> Verdict:
    """Return what became of a case.

    An answer is wrong if neither it nor its quotes hold a gold answer; one that is not has
    its citation wrong if a cited place is no evidence, if no evidence is cited, or if a quote
    is not exact. Where only retrieval was run, evidence whose first passage stands beyond the
    first five was found late.
    """
    if outcome.error is not None:
        return "failed"
    if outcome.answer is None:
        return _of_ranking(outcome, scores)
    if not outcome.case.answerable:
        return "answered but unanswerable" if outcome.answer.answered else "refused rightly"
    return _of_answer(outcome, scores) if outcome.answer.answered else "refused wrongly"


def worst_first(outcomes: Sequence[Outcome], verdicts: Sequence[Verdict]) -> list[int]:
    """Return the places of the outcomes by verdict, the worst first.

    Of equal verdicts, the surest mistake and the least sure success come first; of rankings
    those whose evidence stands lowest.
    """

    def badness(place: int) -> tuple[int, float]:
        outcome, word = outcomes[place], verdicts[place]
        if outcome.answer is not None:
            sure = outcome.answer.confidence
            return _ORDER[word], sure if TONES[word] == "good" else -sure
        return _ORDER[word], -(first_found(outcome) or 0)

    return sorted(range(len(outcomes)), key=badness)


def first_found(outcome: Outcome) -> int | None:
    """Return the rank, from 1, of the first passage that holds evidence, None without one."""
    flags = holding(outcome)
    return flags.index(True) + 1 if True in flags else None


def holding(outcome: Outcome) -> list[bool]:
    """Tell of each passage of an outcome whether it holds evidence."""
    return [
        any(
            passage.span.document == place.span.document
            if place.kind == "document"
            else holds(passage.span, place.span)
            for place in outcome.located.places
        )
        for passage in outcome.passages
    ]


def _of_answer(outcome: Outcome, scores: Scores) -> Verdict:
    gold = scores.get("gold_in_answer_or_quote")
    if gold is not None and gold < 1:
        return "wrong"
    precision, recall = scores.get("citation_precision"), scores.get("citation_recall")
    amiss = (precision is not None and precision < 1) or recall == 0
    if amiss or any(not citation.exact for citation in outcome.citations):
        return "citation wrong"
    return "not scored" if gold is None and recall is None else "right"


def _of_ranking(outcome: Outcome, scores: Scores) -> Verdict:
    if not outcome.located.needs:
        return "nothing to find"
    rank = first_found(outcome)
    if rank is None:
        return "not found"
    if rank > PASSAGES:
        return "found late"
    recall = scores.get(f"recall@{PASSAGES}", scores.get(f"document_recall@{PASSAGES}"))
    return "found in part" if recall is not None and recall < 1 else "found"
