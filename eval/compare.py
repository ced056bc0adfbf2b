"""Holds one run against another: what changed, by how much, and whether that is noise. Pure.

Knows nothing of how runs are made. The same cases are compared with each other, so that
a small difference shows that two separate intervals would hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from eval.cases import BadCases
from eval.metrics.intervals import Interval, mean, paired_interval
from eval.report import Report, aligned, labelled
from eval.scoring import JUDGED, METRICS, Metric

# One of them at least moves when anything that users see gets worse.
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
GATE_LEVEL = 0.99
"""Of the gate's intervals: ten metrics at 95 % would raise a false alarm in one run of seven."""

_SHOWN_FLIPS = 40
_NEGLIGIBLE = 0.0005


@dataclass(frozen=True)
class Change:
    """The mean of after - before over the cases that have the metric in both runs."""

    metric: Metric
    before: float
    difference: Interval

    @property
    def is_significant(self) -> bool:
        """Tell whether the interval leaves out 0, and the difference is one to speak of.

        Arithmetic of another machine moves every confidence a little, often the same way;
        what the table rounds to nothing is no change.
        """
        found = self.difference
        return (found.low > 0 or found.high < 0) and abs(found.mean) >= _NEGLIGIBLE

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
    missing: tuple[Metric, ...]
    """Gated metrics that the run before has, and the one after has not."""

    @property
    def regressions(self) -> tuple[Change, ...]:
        """Return the gated metrics that are significantly worse."""
        return tuple(
            change
            for change in self.changes
            if change.metric.name in GATED and change.is_significant and change.is_worse
        )


def compare(before: Report, after: Report, *, level: float = 0.95, seed: int = 0) -> Comparison:
    """Compare two runs case by case, with intervals of this level.

    A case whose question was changed is another case. Verdicts of different judges are not
    compared. Raises BadCases if no case is in both.
    """
    shared = [
        i
        for i, case in before.cases.items()
        if i in after.cases and after.cases[i].question == case.question
    ]
    if not shared:
        raise BadCases(
            "The two runs have no case in common, so there is nothing to compare. Take runs "
            "over the same cases."
        )
    same_judge = before.manifest.get("judge") == after.manifest.get("judge")
    metrics = [m for m in METRICS if same_judge or m.name not in JUDGED]
    clusters = [before.cases[i].cluster for i in shared]
    changes: list[Change] = []
    missing: list[Metric] = []
    for metric in metrics:
        earlier = [before.cases[i].scores.get(metric.name) for i in shared]
        later = [after.cases[i].scores.get(metric.name) for i in shared]
        difference = paired_interval(earlier, later, clusters, seed=seed, level=level)
        if difference is not None:
            paired = (e for e, v in zip(earlier, later, strict=True) if v is not None)
            changes.append(Change(metric, mean(paired) or 0.0, difference))
        elif metric.name in GATED and mean(earlier) is not None:
            missing.append(metric)
    flips = tuple(flip for metric in metrics for flip in _flips(before, after, shared, metric))
    return Comparison(len(shared), tuple(changes), flips, tuple(missing))


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
