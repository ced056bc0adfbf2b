"""Everything measured by one command, as tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.commands import Request
from eval.quality import TABLE, Task, measure_all, section, tasks
from eval.report import Report, read_report
from eval.runner import Options
from rag import Settings
from tests.homes import three_files
from ui import cli

CASES = (
    {
        "id": "who",
        "question": "Who designed the Anders Bridge?",
        "answers": ["Clara Holt"],
        "evidence": [{"document": "bridge.txt", "quote": "Clara Holt, an engineer"}],
    },
    {"id": "no", "question": "Which bank paid for the lighthouse?", "answerable": False},
)


@pytest.fixture
def mine(tmp_path: Path) -> Task:
    """Return a task on three small documents."""
    folder = three_files(tmp_path / "mine")
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in CASES), encoding="utf-8")
    request = Request(path=path, form="jsonl", documents=(folder,), withhold=0.0, options=Options())
    return Task(
        name="mine",
        title="Mine",
        request=request,
        bars={"gold_in_answer_or_quote": 0.9, "false_refusal_rate": 0.1, "brier_score": None},
        systems=("Footnote", "Footnote, quotes only", "CitationQueryEngine"),
        seconds=(4.5, 8.0),
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Answer by quotes alone."""
    return Settings(home=tmp_path / "home", llm="none")


def cells(text: str, label: str) -> list[str]:
    """Return the cells of the row with this label."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_without_a_model_what_needs_none_is_measured(mine: Task, settings: Settings) -> None:
    """Every figure with its interval and its aim; the table is kept with the runs."""
    out = Path("out")
    text = measure_all([mine], settings, out)
    assert (out / TABLE).read_text(encoding="utf-8") == text
    assert "Questions: Footnote, quotes only: 1 answerable, 1 not." in text
    _, aim, figure = cells(text, "Gold in the answer or a quote")
    interval = read_report(out / "mine-footnote-quotes-only").summary.metrics[
        "gold_in_answer_or_quote"
    ]
    assert aim == "at least 0.9"
    assert figure == f"{interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"
    assert cells(text, "False refusals")[1] == "at most 0.1"
    assert cells(text, "Brier score of confidence")[1] == ""
    assert cells(text, "total")[1] == "4.5, 8"


def test_what_is_done_is_not_done_again(mine: Task, settings: Settings) -> None:
    """A second command only makes the table."""
    out = Path("out")
    first = measure_all([mine], settings, out)
    outcomes = out / "mine-footnote-quotes-only" / "outcomes.jsonl"
    before = outcomes.stat().st_mtime_ns
    assert measure_all([mine], settings, out) == first
    assert outcomes.stat().st_mtime_ns == before


def test_systems_stand_side_by_side(mine: Task, settings: Settings) -> None:
    """In the order of the task; the engine, which states no confidence, has no score for it."""
    measure_all([mine], settings, Path("out"))
    report = read_report(Path("out/mine-footnote-quotes-only"))
    reports: dict[str, Report] = {"CitationQueryEngine": report, "Footnote": report}
    text = section(mine, reports)  # type: ignore[arg-type]
    assert cells(text, "")[2:] == ["Footnote", "CitationQueryEngine"]
    brier = cells(text, "Brier score of confidence")
    assert brier[2]
    assert not brier[3]
    assert section(mine, {}) == ""


def test_published_data_is_measured_as_far_as_it_is_there(tmp_path: Path, seeds: Path) -> None:
    """The seeds always are."""
    found = tasks(None, seeds, Path("cases.jsonl"))
    assert [task.name for task in found] == ["seeds"]
    (tmp_path / "xquad-en-dev.json").write_text("{}")
    assert [t.name for t in tasks(tmp_path, seeds, Path("c"))] == ["xquad-search", "xquad", "seeds"]
    (tmp_path / "chunking").mkdir()
    assert {t.name for t in tasks(tmp_path, seeds, Path("c"))} >= {"chunking-search"}


def test_the_command_names_a_folder_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt folder must not pass for one without data."""
    assert cli.main(["eval", "--full", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
