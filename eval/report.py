"""The report of a run: figures for the terminal, report.json, report.html.

Knows nothing of how a run is made. `report.json` keeps every metric of every case, so
that another run can be held against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from eval.cases import BadCases, reason
from eval.metrics.intervals import Interval
from eval.outcomes import Outcome, RunFolder
from eval.scoring import METRICS, Metric, Scores, Summary, summarise

JSON, HTML = "report.json", "report.html"


@dataclass(frozen=True)
class ScoredCase:
    """A case as another run is held against it."""

    question: str
    cluster: str
    scores: Scores


@dataclass(frozen=True)
class Report:
    """Everything that is known of a run but the outcomes themselves."""

    version: Literal[1]
    manifest: Mapping[str, Any]
    summary: Summary
    cases: Mapping[str, ScoredCase]


_REPORT = TypeAdapter(Report)


def make_report(
    manifest: Mapping[str, Any], outcomes: Sequence[Outcome], scores: Mapping[str, Scores]
) -> Report:
    """Return the report of a run."""
    cases = {o.case.id: ScoredCase(o.case.question, o.cluster, scores[o.case.id]) for o in outcomes}
    return Report(1, manifest, summarise(outcomes, scores), cases)


def write_report(
    folder: RunFolder, outcomes: Sequence[Outcome], scores: Mapping[str, Scores]
) -> Report:
    """Write report.json and report.html into the folder of a run."""
    # Plots take a second to load, which a comparison need not wait.
    from eval.html import page

    report = make_report(folder.manifest(), outcomes, scores)
    folder.write(JSON, _REPORT.dump_json(report, exclude_none=True).decode() + "\n")
    folder.write(HTML, page(report.manifest, outcomes, scores, report.summary))
    return report


def read_report(path: Path) -> Report:
    """Return the report in a file, or in the folder of a run; raises BadCases."""
    file = path / JSON if path.is_dir() else path
    try:
        return _REPORT.validate_json(file.read_bytes())
    except OSError as error:
        raise BadCases(
            f"{file} cannot be read: {reason(error)}. Name a folder of results, or a report.json "
            "of one; a run that was stopped has none until it is gone on with."
        ) from error
    except ValidationError as error:
        raise BadCases(
            f"{file} is no report of `footnote eval`: {error.errors()[0]['msg']}. Name a folder "
            "of results, or a report.json of one."
        ) from error


def table(summary: Summary) -> str:
    """Return the figures of a run as lines for a terminal."""
    rows = [("", "", "mean", "95 % interval", "n")]
    for group, metrics in groupby(METRICS, key=lambda metric: metric.group):
        found = [
            (metric, summary.metrics[metric.name])
            for metric in metrics
            if metric.name in summary.metrics
        ]
        for place, (metric, interval) in enumerate(found):
            rows.append((group if place == 0 else "", labelled(metric), *_cells(interval)))
    lines = aligned(rows)
    for stage, latency in summary.seconds.items():
        lines.append(
            f"{stage}: median {latency.median:.2f} s, p95 {latency.p95:.2f} s (n {latency.n})"
        )
    if summary.tokens:
        means = ", ".join(f"{value:.0f} {name}" for name, value in summary.tokens.items())
        lines.append(f"tokens a question: {means}")
    return "\n".join(lines)


def labelled(metric: Metric) -> str:
    """Return the label of a metric, with a word where less is better."""
    return metric.label + (" (less is better)" if metric.better == "lower" else "")


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows of text as lines with columns of equal width."""
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def _cells(interval: Interval) -> tuple[str, str, str]:
    return f"{interval.mean:.3f}", f"{interval.low:.3f} to {interval.high:.3f}", str(interval.n)
