"""The report of a run: what is written is read back, and what is shown lines up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eval.cases import BadCases
from eval.outcomes import Outcome, RunFolder
from eval.report import JSON, Report, aligned, make_report, read_report, table, write_report
from eval.scoring import score, summarise

from .made import answer, outcome, passage, quote, refusal

MANIFEST = {"dataset": "made", "judge": None, "options": {"limit": None, "seed": 0}}
FOUND, BESIDE = passage(0, 100), passage(100, 200)
RETRIEVED = (
    outcome("c1", [quote(0, 10)], passages=[FOUND], sentences=[(0, 10)], tags=["name"]),
    outcome("c2", [quote(0, 10)], passages=[BESIDE, FOUND]),
)
ANSWERED = (
    outcome("c1", [quote(0, 10)], golds=["gold"], cited=[(0, 5)], answer=answer(quotes=["gold"])),
    outcome("c2", answerable=False, answer=refusal(), passages=[BESIDE]),
    outcome("c3", [quote(0, 10)], error="ModelError: gone"),
)


def run_folder(path: Path) -> RunFolder:
    folder = RunFolder(path / "run")
    folder.begin(MANIFEST, [])
    return folder


def written(path: Path, made: tuple[Outcome, ...]) -> Report:
    return write_report(run_folder(path), made, score(made))


def without_none(report: Report) -> Report:
    """Return a report without the scores that do not apply."""
    cases = {
        name: replace(case, scores={k: v for k, v in case.scores.items() if v is not None})
        for name, case in report.cases.items()
    }
    return replace(report, cases=cases)


@pytest.mark.parametrize("made", [RETRIEVED, ANSWERED], ids=["retrieval only", "answers"])
def test_a_report_reads_back_equal(tmp_path, made):
    """From its folder and from its file; scores that do not apply may be left out."""
    report = written(tmp_path, made)
    folder = tmp_path / "run"
    assert report.manifest == MANIFEST
    assert without_none(read_report(folder)) == without_none(report)
    assert read_report(folder / JSON) == read_report(folder)
    assert list(read_report(folder).cases) == [o.case.id for o in made]


def test_a_report_keeps_question_and_document_of_every_case():
    """A comparison shows the one, and draws the other."""
    made = [outcome("c1", answerable=False, cluster="a.txt")]
    case = make_report(MANIFEST, made, score(made)).cases["c1"]
    assert (case.question, case.cluster) == ("What is c1?", "a.txt")
    assert case.scores == {"failed": 0.0}


def test_writing_again_replaces_the_report(tmp_path):
    """The second is what is read, and no half of a file stays behind."""
    written(tmp_path, ANSWERED)
    folder = RunFolder(tmp_path / "run")
    report = write_report(folder, RETRIEVED, score(RETRIEVED))
    assert read_report(folder.path).summary == report.summary
    assert sorted(p.name for p in folder.path.glob("[!.]*")) == [
        "manifest.json",
        "report.html",
        "report.json",
    ]


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", '{"version": 1, "cases": {}}', "\xff"])
def test_what_is_no_report_says_so_and_what_to_name(tmp_path, text):
    """The message names the file and the fix."""
    file = tmp_path / "other.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(BadCases, match=r"other\.json is no report .* Name a folder of results"):
        read_report(file)


def test_a_folder_without_a_report_says_so(tmp_path):
    """That of a run that was stopped, say; or one that is not there at all."""
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadCases, match=r"cannot be read: No such file .* Name a folder"):
            read_report(path)
    with pytest.raises(BadCases, match=r"report\.json cannot be read.* stopped"):
        read_report(run_folder(tmp_path).path)


def test_the_table_shows_what_there_is():
    """Two retrieved cases: groups in order, means, intervals and n; no group without figures."""
    lines = table(summarise(RETRIEVED, score(RETRIEVED))).splitlines()
    cells = {line[11:].split("  ")[0]: line.split()[-5:] for line in lines[1:]}
    # Found at rank 1 and at rank 2, in documents of their own: from 0 to 1.
    assert cells["Recall@1, passages"] == ["0.500", "0.000", "to", "1.000", "2"]
    assert cells["MRR, passages"] == ["0.750", "0.500", "to", "1.000", "2"]
    assert cells["Failed cases (less is better)"] == ["0.000", "0.000", "to", "0.000", "2"]
    groups = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert groups == ["Retrieval", "Run"]
    assert "Page recall@5" not in cells


def test_columns_of_the_table_line_up():
    """Every cell starts where its column does, in lines without blanks at their ends."""
    lines = table(summarise(ANSWERED, score(ANSWERED))).splitlines()
    place = lines[0].index("mean"), lines[0].index("95 %"), lines[0].rindex("n")
    for line in lines[1:]:
        assert line == line.rstrip()
        assert [line[p - 1] for p in place] == [" "] * 3
        assert [line[p].isdigit() for p in place] == [True] * 3


def test_latency_and_tokens_stand_below():
    """Only where there are any."""
    made = (outcome("c1", seconds={"search": 0.5}), outcome("c2", seconds={"search": 1.5}))
    last = table(summarise(made, score(made))).splitlines()[-1]
    # p95 of 0.5 and 1.5 lies at 0.5 + 0.95
    assert last == "search: median 1.00 s, p95 1.45 s (n 2)"
    assert "tokens" not in table(summarise(ANSWERED, score(ANSWERED)))


def test_rows_are_padded_to_the_widest_cell():
    """The last column is not: no line ends in blanks."""
    assert aligned([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]


def test_the_file_is_plain_json(tmp_path):
    """Others may read it: no NaN, and metrics by the names that the catalogue has."""
    written(tmp_path, ANSWERED)
    text = (tmp_path / "run" / JSON).read_text(encoding="utf-8")
    data = json.loads(text, parse_constant=pytest.fail)
    assert data["version"] == 1
    assert data["cases"]["c3"]["scores"] == {"failed": 1.0}
    assert data["summary"]["metrics"]["gold_in_answer"] == {
        "mean": 1.0,
        "low": 1.0,
        "high": 1.0,
        "n": 1,
    }
