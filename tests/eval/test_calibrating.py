"""The confidence is fitted to runs on one's own questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.homes import three_files
from ui import cli

# What the bridge's and the orchard's documents say, and what they do not.
ANSWERED = (
    "Who designed the Anders Bridge?",
    "What did Clara Holt do?",
    "What is said of the harbour?",
    "What is said of the orchard?",
    "What is said of the bridge?",
    "Which engineer is named?",
)
REFUSED = (
    "Which bank paid for the lighthouse?",
    "How many zebras live in Zanzibar?",
    "What is the capital of Australia?",
    "Who won the World Cup in 2022?",
    "When did the Berlin Wall come down?",
    "What does a kilo of saffron cost?",
)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a run over twelve questions."""
    monkeypatch.setenv("FOOTNOTE_LLM", "none")
    cases: list[dict[str, Any]] = [
        {"id": f"a{n}", "question": question, "answers": ["x"]}
        for n, question in enumerate(ANSWERED)
    ] + [
        {"id": f"r{n}", "question": question, "answerable": False}
        for n, question in enumerate(REFUSED)
    ]
    path = three_files(tmp_path / "mine") / "cases.jsonl"
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    assert cli.main(["eval", str(path), "--out", "results"]) == 0
    return Path("results")


def test_a_run_is_fitted_to_and_used_from_then_on(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The home gets a file that says what it was fitted on."""
    home = Path(".footnote")
    home.mkdir(exist_ok=True)
    assert cli.main(["eval", "calibrate", str(results)]) == 0
    told = capsys.readouterr().out
    assert "12 questions, 6 with an answer in the documents. Brier score" in told
    own = json.loads((home / "calibration.json").read_text())
    assert "12 questions of cases (quotes only)" in own["searched"]["fitted_on"]


def test_runs_are_put_together_and_written_where_one_says(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To compare before it is used."""
    wanted = ["eval", "calibrate", str(results), str(results), "--out", "own.json"]
    assert cli.main(wanted) == 0
    assert "24 questions" in capsys.readouterr().out
    assert Path("own.json").exists()
    assert not Path(".footnote/calibration.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [((), 2, "Name one run"), (("nowhere",), 2, "nowhere")],
)
def test_without_a_run_there_is_nothing_to_fit(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong use, and a folder without results."""
    assert cli.main(["eval", "calibrate", *arguments]) == code
    assert said in capsys.readouterr().err
