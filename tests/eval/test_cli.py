"""`footnote eval` from its arguments to files and exit codes, as a user meets it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from eval import adapters, cases
from eval import cli as eval_cli
from eval.cli import evaluate
from eval.commands import Request
from rag import Answer, Assistant, Settings, UsageError
from tests.homes import three_files
from ui import cli

QUOTE = "Clara Holt, an engineer, designed the Anders Bridge."


def found(number: int, question: str, answer: str, document: str, quote: str) -> dict:
    evidence = [{"document": document, "quote": quote}]
    return {"id": f"c{number}", "question": question, "answers": [answer], "evidence": evidence}


TEN = [
    found(1, "Who designed the Anders Bridge?", "Clara Holt", "bridge.txt", QUOTE),
    found(2, "When did the Anders Bridge open?", "1931", "bridge.txt", "It opened on 4 May 1931."),
    found(3, "How long is the longest span?", "312", "bridge.txt", "span measures 312 metres"),
    found(4, "Until when did trains cross the bridge?", "1968", "bridge.txt", "until 1968"),
    found(5, "How often did the harbour freeze?", "twice", "harbour.txt", "froze twice"),
    found(6, "Who wrote down the weather?", "Jonas Reed", "harbour.txt", "Jonas Reed"),
    found(7, "When were the pear trees grafted?", "1874", "orchard.txt", "were grafted in 1874"),
    found(8, "What ruined the crop of 1901?", "Wasps", "orchard.txt", "Wasps ruined the crop"),
    {"id": "c9", "question": "Which bank paid for the lighthouse?", "answerable": False},
    {"id": "c10", "question": "What did Clara Holt study?", "answerable": False},
]


@pytest.fixture(autouse=True)
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer by quotes alone."""
    monkeypatch.setenv("FOOTNOTE_LLM", "none")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return a folder of three documents and a case file of ten lines."""
    folder = three_files(tmp_path / "mine")
    write_cases(folder / "cases.jsonl", *TEN)
    return folder


def write_cases(path: Path, *lines: dict) -> Path:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def run(*arguments: object) -> int:
    return cli.main(["eval", *map(str, arguments)])


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the one line that is said of wrong use; nothing is printed, nothing written."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert {p: p.read_bytes() for p in Path().rglob("*") if p.is_file()} == before
    # Above it stand bars of progress.
    said = [line for line in captured.err.splitlines() if line.startswith("footnote")]
    assert len(said) == 1
    assert captured.err.endswith(said[0] + "\n")
    return said[0]


# A user's own cases ---------------------------------------------------------------------


def test_own_cases_on_own_documents(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten lines in the folder of the documents: a table, a report, all files, exit code 0."""
    assert run(mine / "cases.jsonl", "--out", "results") == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["mean", "95", "%", "interval", "n"]
    exact = next(line for line in lines if "Quotes that are exact" in line)
    assert "1.000" in exact
    assert any(line.startswith("share of the harness itself: ") for line in lines)
    assert lines[-1] == f"Report: {Path('results') / 'report.html'}"
    assert "Asking: 100%" in captured.err
    assert "cases.jsonl" not in captured.err
    assert files_below(Path("results")) == {
        ".footnoteignore", "manifest.json", "outcomes.jsonl", "report.html", "report.json",
    }  # fmt: skip
    rows = Path("results/outcomes.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["case"]["id"] for row in rows] == [line["id"] for line in TEN]
    report = json.loads(Path("results/report.json").read_text(encoding="utf-8"))
    assert set(report["cases"]) == {line["id"] for line in TEN}
    assert TEN[0]["question"] in Path("results/report.html").read_text(encoding="utf-8")


def test_library_of_the_user_stays_as_it_is(mine: Path, tmp_path: Path) -> None:
    """Without --out, a folder of results is all that is new; it bears the name of the data."""
    assert run(mine / "cases.jsonl", "--retrieval-only") == 0
    new = {path for path in files_below(tmp_path) if not path.startswith("mine")}
    (folder,) = (tmp_path / ".footnote" / "eval").iterdir()
    assert folder.name.startswith("cases-20")
    assert {Path(path).parent for path in new} == {folder.relative_to(tmp_path)}


def test_documents_may_lie_elsewhere(mine: Path, tmp_path: Path) -> None:
    """Named files and folders are the documents, not what lies beside the cases."""
    path = write_cases(tmp_path / "cases.jsonl", TEN[0])
    (tmp_path / "bridge.txt").write_text("Another bridge.")
    arguments = ("--documents", mine / "bridge.txt", mine / "orchard.txt", "--retrieval-only")
    assert run(path, *arguments, "--out", "results") == 0
    manifest = json.loads(Path("results/manifest.json").read_text(encoding="utf-8"))
    assert [d["name"] for d in manifest["documents"]] == ["bridge.txt", "orchard.txt"]


def test_same_command_goes_on_and_asks_nothing_twice(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also with the results among the documents, whose report is none of them."""
    monkeypatch.setattr("eval.commands.commit_of", lambda _: "abc")
    command = (mine / "cases.jsonl", "--retrieval-only", "--out", mine / "results")
    assert run(*command) == 0
    rows = (mine / "results" / "outcomes.jsonl").read_bytes()
    capsys.readouterr()
    assert run(*command) == 0
    captured = capsys.readouterr()
    assert f"Going on with the run in {mine / 'results'}." in captured.err
    assert "share of the harness" not in captured.out
    assert (mine / "results" / "outcomes.jsonl").read_bytes() == rows


def test_stopped_run_says_how_to_go_on(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends with 130 and names the folder; the same command asks what is left."""
    monkeypatch.setattr("eval.commands.commit_of", lambda _: "abc")
    ask = Assistant.ask
    asked: list[str] = []

    def interrupted(self: Assistant, question: str, *arguments: Any) -> Answer:
        if question == TEN[4]["question"] and not asked:
            asked.append(question)
            raise KeyboardInterrupt
        return ask(self, question, *arguments)

    monkeypatch.setattr(Assistant, "ask", interrupted)
    assert run(mine / "cases.jsonl", "--out", "results") == 130
    error = capsys.readouterr().err
    assert "Go on later: the same command, with --out results" in error
    assert not Path("results/report.json").exists()
    assert len(Path("results/outcomes.jsonl").read_bytes().splitlines()) == 4
    assert run(mine / "cases.jsonl", "--out", "results") == 0
    report = json.loads(Path("results/report.json").read_text(encoding="utf-8"))
    assert len(report["cases"]) == 10


def test_failed_case_makes_the_command_fail(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figures are printed and written all the same; the exit code is 1."""
    long = {"id": "long", "question": "Who? " * 100, "answerable": False}
    monkeypatch.setenv("FOOTNOTE_QUESTION_CHARACTERS", "100")
    write_cases(mine / "cases.jsonl", TEN[0], long)
    assert run(mine / "cases.jsonl", "--out", "results") == 1
    assert "0.500" in next(
        line for line in capsys.readouterr().out.splitlines() if "Failed cases" in line
    )
    assert Path("results/report.html").exists()


def test_part_of_the_cases(mine: Path) -> None:
    """The split, the limit and the seed say which are asked."""
    for name, arguments in {
        "dev": ("--split", "dev"),
        "one": ("--limit", 3),
        "same": ("--limit", 3),
        "other": ("--limit", 3, "--seed", 7),
    }.items():
        assert run(mine / "cases.jsonl", "--retrieval-only", *arguments, "--out", name) == 0
    asked = {
        name: list(json.loads(Path(name, "report.json").read_text(encoding="utf-8"))["cases"])
        for name in ("dev", "one", "same", "other")
    }
    known = cases.read_cases(mine / "cases.jsonl")
    assert asked["dev"] == [case.id for case in known if case.split == "dev"]
    assert len(asked["one"]) == 3
    assert asked["one"] == asked["same"] != asked["other"]


def test_two_runs_are_compared(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table has both figures and the difference; the exit code is 0."""
    run(mine / "cases.jsonl", "--retrieval-only", "--out", "one")
    run(mine / "cases.jsonl", "--retrieval-only", "--out", "two")
    capsys.readouterr()
    assert run("compare", "one", "two/report.json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "10 cases in both runs"
    assert lines[2].split()[:3] == ["before", "after", "difference"]
    assert any("Recall@1, passages" in line and "+0.000" in line for line in lines)


def test_report_is_shown_on_request(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--open hands the page to the browser."""
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    run(mine / "cases.jsonl", "--retrieval-only", "--out", "results", "--open")
    assert shown == [(Path.cwd() / "results" / "report.html").as_uri()]


# Wrong use ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{**TEN[0], "awnsers": []}], "line 1: awnsers: there is no such field; a case has id,"),
        (
            [TEN[1], {**TEN[0], "evidence": [{"document": "bridge.txt", "qoute": "x"}]}],
            "line 2: evidence.0.qoute: there is no such field; evidence has document, quote,",
        ),
        ([TEN[0], TEN[1], TEN[0]], "line 3: the id 'c1' stands in line 1 already. Give every"),
        ([], " holds no cases. Write one JSON object a line."),
        ([{"id": "a", "question": "?"}], 'line 1: an answerable case needs "answers" or'),
        (
            [TEN[0], found(2, "?", "x", "bridge.txt", "It opened on 5 May 1931.")],
            "line 2 (case c2): the quote 'It opened on 5 May 1931.' is not in bridge.txt; copy it",
        ),
        (
            [found(1, "?", "x", "brigde.txt", QUOTE)],
            "line 1 (case c1): the document 'brigde.txt' is not one of them; the documents are "
            "bridge.txt, harbour.txt, orchard.txt.",
        ),
        (
            [{"id": "a", "question": "?", "evidence": [{"document": "bridge.txt", "page": 2}]}],
            "line 1 (case a): bridge.txt has no text on page 2; pages count from 1.",
        ),
    ],
)
def test_bad_line_is_told(
    mine: Path, capsys: pytest.CaptureFixture[str], lines: list[dict], said: str
) -> None:
    """Exit code 2 and one line with the file, the line and what to do; nothing is written."""
    path = write_cases(mine / "cases.jsonl", *lines)
    message = refused(capsys, path, "--out", "results")
    assert str(path) in message
    assert said in message
    assert not Path("results").exists()


def test_line_that_is_no_json_is_told(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named by its number."""
    (mine / "cases.jsonl").write_text(json.dumps(TEN[0]) + "\n{'id': 1}\n")
    assert "cases.jsonl, line 2: Invalid JSON" in refused(capsys, mine / "cases.jsonl")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "no file or folder none.jsonl"),
        (["mine/cases.jsonl", "--documents", "none"], "no file or folder none"),
        (["mine/bridge.txt"], "in none of the forms known here"),
        (["mine"], "in none of the forms known here"),
        (["one", "two"], "Name one file or folder of cases"),
        (["compare", "one"], "Name two runs"),
        (["compare", "none", "mine"], "none cannot be read: No such file"),
        (["mine/cases.jsonl", "--fail-below", "none.json"], "none.json cannot be read: No such"),
        (
            ["mine/cases.jsonl", "--fail-below", "mine/cases.jsonl"],
            "cases.jsonl is no report of `footnote eval`",
        ),
        (["mine/cases.jsonl", "--fail-below", "mine"], "report.json cannot be read: No such file"),
        (["mine/cases.jsonl", "--withhold", "2"], "Give one from 0 to 1"),
        (["mine/cases.jsonl", "--judge", "none"], "A judge has to be a language model"),
        (["mine/cases.jsonl", "--judge", "some-model"], "names no model"),
    ],
)
def test_wrong_arguments_are_told(
    mine: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Exit code 2 and one line that says what is wrong, before anything is asked or written."""
    assert said in refused(capsys, *arguments)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--format", "xml", "invalid choice: 'xml'"),
        ("--split", "train", "invalid choice: 'train'"),
        ("--limit", "0", "'0' is no number from 1 up"),
        ("--limit", "many", "'many' is no number from 1 up"),
        ("--seed", "x", "invalid int value"),
    ],
)
def test_wrong_values_are_told_by_the_parser(
    mine: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, said: str
) -> None:
    """The usage is shown, and below it what is wrong."""
    assert run(mine / "cases.jsonl", option, value) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_folder_of_something_else_is_not_touched(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a folder of results, and one of other files, are told and stay as they are."""
    half = Path("half")
    half.mkdir()
    (half / "outcomes.jsonl").write_text('{"case"')
    said = refused(capsys, mine / "cases.jsonl", "--retrieval-only", "--out", half)
    assert "half/manifest.json cannot be read" in said
    assert "remove it, or name another" in said


def test_folder_of_another_run_is_not_touched(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results over other cases or settings are neither mixed nor overwritten."""
    monkeypatch.setattr("eval.commands.commit_of", lambda _: "abc")
    command = (mine / "cases.jsonl", "--retrieval-only", "--out", "results")
    run(*command, "--limit", 2)
    capsys.readouterr()
    said = refused(capsys, *command)
    assert "results holds the results of another run (different: cases, options)" in said


def test_damaged_row_is_told(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line amid the outcomes that is none is named; the file stays as it is."""
    monkeypatch.setattr("eval.commands.commit_of", lambda _: "abc")
    command = (mine / "cases.jsonl", "--retrieval-only", "--out", "results")
    run(*command)
    path = Path("results/outcomes.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"?\n", *lines[2:]]))
    capsys.readouterr()
    assert "results/outcomes.jsonl, line 2 is no outcome" in refused(capsys, *command)


# Arguments ------------------------------------------------------------------------------


def test_choices_are_those_of_the_work_itself() -> None:
    """The help text, which loads nothing heavy, names the same formats and splits."""
    assert eval_cli.FORMATS == adapters.FORMATS
    assert eval_cli.SPLITS == cases.SPLITS


def test_seeds_are_asked_without_arguments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seeds: Path
) -> None:
    """`footnote eval` takes their cases and documents, wherever it is run."""
    requests: list[Request] = []

    def remember(request: Request, _settings: Settings) -> int:
        requests.append(request)
        return 0

    monkeypatch.setattr("eval.commands.evaluate", remember)
    assert run() == 0
    (request,) = requests
    assert request.path == eval_cli.SEEDS
    assert [path.resolve() for path in request.documents] == [seeds.resolve()]
    assert (request.out, request.fail_below, request.judge) == (None, None, None)


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of use has a line."""
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert "footnote eval CASES --documents D" in out
    assert "footnote eval compare A B" in out


def test_entry_point_runs_by_itself() -> None:
    """The command needs nothing of the command line but parsed arguments."""
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    with pytest.raises(UsageError, match="Name two runs"):
        evaluate.run(parser.parse_args(["compare"]), None)  # type: ignore[arg-type]
