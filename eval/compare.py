"""Holds one run against another: what changed, by how much, and whether that is noise. Pure.

Knows nothing of how runs are made. The same cases are compared with each other, so that
a small difference shows that two separate intervals would hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from eval.cases import BadCases
from eval.metrics.intervals import Interval, paired_interval
from eval.report import Report, aligned, labelled
from eval.scoring import METRICS, Metric

# Few enough that chance alone seldom makes one of them look worse, and together they move
# when anything that users see gets worse.
GATED = (
    "recall@1",
    "recall@5",
    "document_recall@1",
    "sentence_recall@3",
    "gold_in_answer",
    "gold_in_answer_or_quote",
    "citation_precision",
    "citation_recall",
    "quotes_exact",
    "refusal_recall",
    "false_refusal_rate",
    "brier_score",
    "failed",
)
"""The metrics of which a significant loss is a regression."""

_JUDGED = {metric.name for metric in METRICS if metric.group == "Judge"}
_SHOWN_FLIPS = 40


@dataclass(frozen=True)
class Change:
    """The mean of after - before over the cases that have the metric in both runs."""

    metric: Metric
    before: float
    difference: Interval

    @property
    def is_significant(self) -> bool:
        """Tell whether the 95 % interval leaves out 0."""
        return self.difference.low > 0 or self.difference.high < 0

    @property
    def is_worse(self) -> bool:
        """Tell whether the run that came after is worse, noise or not."""
        gain = self.difference.mean if self.metric.better == "higher" else -self.difference.mean
        return gain < 0


@dataclass(frozen=True)
class Flip:
    """A case that was right by a metric in one run, and wrong in the other."""

    case_id: str
    question: str
    metric: Metric
    before: float
    after: float

    @property
    def is_worse(self) -> bool:
        """Tell whether it was right before."""
        return (self.after < self.before) == (self.metric.better == "higher")


@dataclass(frozen=True)
class Comparison:
    """What changed between two runs, over the cases that both have."""

    n: int
    changes: tuple[Change, ...]
    flips: tuple[Flip, ...]

    @property
    def regressions(self) -> tuple[Change, ...]:
        """Return the gated metrics that are significantly worse."""
        return tuple(
            change
            for change in self.changes
            if change.metric.name in GATED and change.is_significant and change.is_worse
        )


def compare(before: Report, after: Report, *, seed: int = 0) -> Comparison:
    """Compare two runs case by case.

    Verdicts of different judges are not compared. Raises BadCases if no case is in both.
    """
    shared = [case_id for case_id in before.cases if case_id in after.cases]
    if not shared:
        raise BadCases(
            "The two runs have no case in common, so there is nothing to compare. Take runs "
            "over the same cases."
        )
    same_judge = before.manifest.get("judge") == after.manifest.get("judge")
    metrics = [m for m in METRICS if same_judge or m.name not in _JUDGED]
    changes = (_change(before, after, shared, metric, seed) for metric in metrics)
    flips = tuple(flip for metric in metrics for flip in _flips(before, after, shared, metric))
    return Comparison(len(shared), tuple(c for c in changes if c is not None), flips)


def _change(
    before: Report, after: Report, shared: list[str], metric: Metric, seed: int
) -> Change | None:
    earlier = [before.cases[i].scores.get(metric.name) for i in shared]
    later = [after.cases[i].scores.get(metric.name) for i in shared]
    clusters = [before.cases[i].cluster for i in shared]
    difference = paired_interval(earlier, later, clusters, seed=seed)
    if difference is None:
        return None
    paired = [e for e, v in zip(earlier, later, strict=True) if e is not None and v is not None]
    return Change(metric, sum(paired) / len(paired), difference)


def _flips(before: Report, after: Report, shared: list[str], metric: Metric) -> Iterator[Flip]:
    if metric.name not in GATED or metric.name == "brier_score":
        return
    for i in shared:
        earlier = before.cases[i].scores.get(metric.name)
        later = after.cases[i].scores.get(metric.name)
        if earlier is not None and later is not None and (earlier >= 0.5) != (later >= 0.5):
            yield Flip(i, before.cases[i].question, metric, earlier, later)


def comparison_table(comparison: Comparison) -> str:
    """Return a comparison as lines for a terminal: differences, then what flipped."""
    rows = [("", "before", "after", "difference", "95 % interval", "n", "")]
    for change in comparison.changes:
        difference = change.difference
        rows.append(
            (
                labelled(change.metric),
                f"{change.before:.3f}",
                f"{change.before + difference.mean:.3f}",
                f"{difference.mean:+.3f}",
                f"{difference.low:+.3f} to {difference.high:+.3f}",
                str(difference.n),
                _word(change),
            )
        )
    lines = [f"{comparison.n} cases in both runs", "", *aligned(rows)]
    if comparison.flips:
        lines += ["", f"{len(comparison.flips)} flips, losses first:"]
        ordered = sorted(comparison.flips, key=lambda flip: not flip.is_worse)
        lines += [
            f"  {'lost  ' if flip.is_worse else 'gained'}  {flip.metric.label}: "
            f"{flip.question} ({flip.case_id})"
            for flip in ordered[:_SHOWN_FLIPS]
        ]
        if len(ordered) > _SHOWN_FLIPS:
            lines.append(f"  … and {len(ordered) - _SHOWN_FLIPS} more")
    return "\n".join(lines)


def _word(change: Change) -> str:
    if not change.is_significant:
        return ""
    return "worse" if change.is_worse else "better"
