"""The whole table of docs/quality.md by one command: every data set, beside other systems.

Knows nothing of how a run is made or scored. Each part is a run in a folder of its own; what
was stopped is gone on with by the same command.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from eval.cases import BadCases
from eval.commands import Request, commit_of, evaluate
from eval.metrics.intervals import Interval
from eval.outcomes import RunFolder
from eval.report import JSON, Report, read_report
from eval.runner import Open, Options
from eval.scoring import BY_NAME
from rag import Assistant, Settings

XQUAD, CHUNKING = "xquad-en-dev.json", "chunking"
"""What the folder of published data holds under which names."""
TABLE = "quality.md"
# The share of XQuAD's questions whose paragraph is hidden, how many are asked, and which.
_WITHHELD, _SAMPLE, _DRAW = 0.333, 180, 3

System = Literal["Footnote", "Footnote, quotes only", "CitationQueryEngine"]
SYSTEMS: tuple[System, ...] = ("Footnote", "Footnote, quotes only", "CitationQueryEngine")

# The engine states no confidence.
_UNSTATED = ("brier_score", "CitationQueryEngine")
_STAGES = (
    "search",
    "retrieval",
    "evidence",
    "reading",
    "prompt",
    "generation",
    "verification",
    "elsewhere",
    "total",
)
_RANKED = {
    "recall@1": 0.95, "recall@5": 0.995, "sentence_recall@3": 0.95,
}  # fmt: skip
_CHUNKED = {
    "character_recall": 0.90, "character_iou": 0.06,
    "sentence_character_recall": 0.75, "sentence_character_iou": 0.15,
}  # fmt: skip
_XQUAD = {
    "gold_in_answer_or_quote": 0.92, "gold_in_answer": 0.80, "gold_in_quotes": 0.90,
    "refusal_recall": 0.95, "false_refusal_rate": 0.03, "quotes_exact": 1.0, "brier_score": 0.08,
}  # fmt: skip
_SEEDS = {
    "gold_in_answer_or_quote": 0.93, "gold_in_answer": None, "refusal_recall": 0.90,
    "false_refusal_rate": 0.04, "citation_precision": None, "quotes_exact": 1.0,
    "brier_score": None,
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """Questions that are asked of one system or more, and what is wanted of the first.

    `bars` are aims by metric, None where there is none; `seconds` those of median and 95th
    percentile.
    """

    name: str
    title: str
    request: Request
    bars: Mapping[str, float | None]
    systems: tuple[System, ...]
    seconds: tuple[float, float] | None = None
    peer_sample: int = 0
    """How many questions the engine is asked, which takes it ten to forty seconds each."""


def tasks(data: Path | None, seeds: Path, seeds_cases: Path) -> list[Task]:
    """Return all that can be measured; of published data what the folder `data` holds.

    Raises:
        BadCases: there is no such folder.
    """
    if data and not data.is_dir():
        raise BadCases(f"There is no folder {data}. Name one that holds {XQUAD} or {CHUNKING}/.")
    found = []
    xquad, chunking = ((data / name if data else None) for name in (XQUAD, CHUNKING))
    if xquad and xquad.exists():
        searched = _request(xquad, "squad", retrieval_only=True)
        found.append(Task("xquad-search", "XQuAD, search", searched, _RANKED, SYSTEMS[:1]))
    if chunking and chunking.exists():
        searched = _request(chunking, "chunking", retrieval_only=True)
        title = "The chunking report's data, search"
        found.append(Task("chunking-search", title, searched, _CHUNKED, SYSTEMS[:1]))
    if xquad and xquad.exists():
        asked = _request(xquad, "squad", withhold=_WITHHELD, limit=_SAMPLE, seed=_DRAW)
        title = "XQuAD, answers, every third question without its paragraph"
        found.append(Task("xquad", title, asked, _XQUAD, SYSTEMS, (4.5, 8.0), peer_sample=40))
    own = _request(seeds_cases, "jsonl", documents=(seeds,), split="dev")
    title = "The seeds' questions, dev half"
    found.append(Task("seeds", title, own, _SEEDS, SYSTEMS, peer_sample=20))
    return found


def measure_all(wanted: Sequence[Task], settings: Settings, out: Path) -> str:
    """Run every part that is not done yet and return the tables as Markdown.

    They are written to `quality.md` in the folder `out`, too. Where no language model is
    set, only what needs none is run.

    Raises:
        BadCases: data or folder cannot be used.
    """
    sections = []
    for task in wanted:
        reports: dict[System, Report] = {}
        for system in task.systems:
            if settings.llm == "none" and _needs_model(task, system):
                continue
            folder = out / f"{task.name}-{_slug(system)}"
            if not _is_done(folder):
                print(f"{task.title}: {system}", file=sys.stderr)
                _run(task, system, settings, folder)
            reports[system] = read_report(folder)
        sections.append(section(task, reports))
    text = "\n".join(sections)
    RunFolder(out).write(TABLE, text)
    return text


def section(task: Task, reports: Mapping[System, Report]) -> str:
    """Return the figures of a task as Markdown, a column for each system."""
    systems = [system for system in task.systems if system in reports]
    if not systems:
        return ""
    counts = (f"{s}: {_count(reports[s])}" for s in systems)
    lines = [f"### {task.title}", "", f"Questions: {'; '.join(counts)}.", ""]
    lines += _markdown(("", "aim", *systems), _metric_rows(task, reports, systems))
    seconds = list(_seconds_rows(task, reports, systems))
    if seconds:
        lines += ["", "Seconds of a question, median and 95th percentile:", ""]
        lines += _markdown(("", "aim", *systems), seconds)
    return "\n".join(lines) + "\n"


def _request(
    path: Path,
    form: str,
    *,
    documents: tuple[Path, ...] = (),
    withhold: float = 0.0,
    **options: Any,
) -> Request:
    return Request(path, form, documents, withhold, Options(**options))


def _needs_model(task: Task, system: System) -> bool:
    return not task.request.options.retrieval_only and system != "Footnote, quotes only"


def _is_done(folder: Path) -> bool:
    """Tell whether this version has run a part wholly: its report is written last."""
    if not (folder / JSON).exists():
        return False
    known = read_report(folder).manifest
    return known.get("commit") == commit_of(Path(__file__).parent)


def _run(task: Task, system: System, settings: Settings, folder: Path) -> None:
    request = replace(task.request, out=folder)
    opened: Open = Assistant
    if system == "Footnote, quotes only":
        settings = settings.model_copy(update={"llm": "none"})
    if system == "CitationQueryEngine":
        # LlamaIndex takes two seconds to load.
        from eval.peer import CitationQueryEngineAssistant

        opened = CitationQueryEngineAssistant
        request = replace(request, options=replace(request.options, limit=task.peer_sample))
    evaluate(request, settings, open_assistant=opened)


def _metric_rows(
    task: Task, reports: Mapping[System, Report], systems: Sequence[System]
) -> Iterator[Sequence[str]]:
    for name, bar in task.bars.items():
        metric = BY_NAME[name]
        sign = "at most" if metric.better == "lower" else "at least"
        found = [
            None if (name, system) == _UNSTATED else reports[system].summary.metrics.get(name)
            for system in systems
        ]
        aim = "" if bar is None else f"{sign} {bar:g}"
        yield (metric.label, aim, *(_figure(interval) for interval in found))


def _seconds_rows(
    task: Task, reports: Mapping[System, Report], systems: Sequence[System]
) -> Iterator[Sequence[str]]:
    for stage in _STAGES:
        found = [reports[s].summary.seconds.get(stage) for s in systems]
        if any(found):
            aim = "{:g}, {:g}".format(*task.seconds) if task.seconds and stage == "total" else ""
            cells = (f"{x.median:.2f}, {x.p95:.2f}" if x else "" for x in found)
            yield (stage, aim, *cells)


def _figure(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _count(report: Report) -> str:
    summary = report.summary
    unanswerable = summary.n - summary.n_answerable
    return f"{summary.n_answerable} answerable" + (f", {unanswerable} not" if unanswerable else "")


def _markdown(
    head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]
) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _slug(system: System) -> str:
    return system.lower().replace(",", "").replace(" ", "-")
