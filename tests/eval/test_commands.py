"""Runs as a whole: their manifest, their judge, and the regressions they must not let pass."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.cases import BadCases
from eval.commands import Bars, Request, commit_of, report_again
from eval.runner import Options
from rag import ModelUnavailable, Progress, Settings
from tests.conftest import ROOT
from tests.fakes import ScriptedModel
from tests.homes import three_files
from ui import cli

CASE = {
    "id": "who",
    "question": "Who designed the Anders Bridge?",
    "answers": ["Clara Holt"],
    "evidence": [{"document": "bridge.txt", "quote": "Clara Holt, an engineer"}],
}
REFUSED = {"id": "no", "question": "Which bank paid for the lighthouse?", "answerable": False}


@pytest.fixture(autouse=True)
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer by quotes alone."""
    monkeypatch.setenv("FOOTNOTE_LLM", "none")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return a case file beside its documents: one case is answered, the other is not."""
    path = three_files(tmp_path / "mine") / "cases.jsonl"
    path.write_text(f"{json.dumps(CASE)}\n{json.dumps(REFUSED)}\n", encoding="utf-8")
    return path


def run(*arguments: object) -> int:
    return cli.main(["eval", *map(str, arguments)])


def read(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_text(encoding="utf-8"))


# The manifest -------------------------------------------------------------------------


def test_manifest_says_what_was_run(mine: Path) -> None:
    """Code, data, models, settings, machine and seed: enough to do it again."""
    assert run(mine, "--limit", 2, "--seed", 5, "--withhold", 0, "--out", "results") == 0
    manifest = read("results/manifest.json")
    assert manifest["dataset"] == "cases"
    assert manifest["footnote"]
    assert manifest["options"] == {
        "split": None, "retrieval_only": False, "limit": 2, "seed": 5, "format": "jsonl",
        "withhold": 0.0,
    }  # fmt: skip
    assert manifest["settings"]["passages"] == Settings().passages
    assert manifest["settings"]["llm"] == "none"
    assert manifest["embedding"].startswith("minilm-int8:")
    assert {d["name"] for d in manifest["documents"]} == {
        "bridge.txt", "harbour.txt", "orchard.txt",
    }  # fmt: skip
    assert all(len(d["sha256"]) == 64 for d in manifest["documents"])
    assert len(manifest["cases"]) == 64
    assert {"system", "processor", "cores", "python"} == set(manifest["machine"])
    assert manifest["started"] <= manifest["finished"]
    assert manifest["seconds"]["adding"] > 0
    assert manifest["judge"] is None


def test_commit_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve digits of it, and whether there are changes on top; none outside of git."""
    assert commit_of(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    file = tmp_path / "code.py"
    file.write_text("1")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    clean = commit_of(tmp_path)
    assert clean is not None
    assert re.fullmatch("[0-9a-f]{12,}", clean)
    file.write_text("2")
    assert commit_of(tmp_path) == f"{clean}+changes"
    monkeypatch.setenv("PATH", "")
    assert commit_of(tmp_path) is None


def test_manifest_does_without_git(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, the version has to do."""
    monkeypatch.setenv("PATH", "")
    assert run(mine, "--retrieval-only", "--out", "others") == 0
    assert read("others/manifest.json")["commit"] is None


def test_manifest_tells_neither_keys_nor_places(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report can be handed on: no secret and no folder of this machine is in it."""
    secrets = {"FOOTNOTE_LLM_KEY": "k1", "FOOTNOTE_EMBEDDING_KEY": "k2", "OPENAI_API_KEY": "k3"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, f"secret-{value}")
    monkeypatch.setenv("FOOTNOTE_LLM", str(tmp_path / "models" / "mine.gguf"))
    (mine.parent / "empty.txt").write_text("")
    judged_by = str(tmp_path / "judge.gguf")
    assert run(mine, "--retrieval-only", "--judge", judged_by, "--out", "results") == 0
    manifest = read("results/manifest.json")
    assert (manifest["settings"]["llm"], manifest["judge"]) == ("mine.gguf", "judge.gguf")
    assert [reason.partition(":")[0] for reason in manifest["rejected"]] == ["empty.txt"]
    assert not {"home", "models", "llm_key", "embedding_key", "openai_api_key"} & set(
        manifest["settings"]
    )
    text = json.dumps(manifest)
    for private in ("secret", "****", str(tmp_path), str(Path.home()) + "/", str(ROOT)):
        assert private not in text


# The judge ----------------------------------------------------------------------------


def judging(monkeypatch: pytest.MonkeyPatch, *replies: str | ModelUnavailable) -> ScriptedModel:
    """Put a scripted model in place of whatever judge is named; note how it is set up."""
    model = ScriptedModel(*replies)

    def build(settings: Settings) -> ScriptedModel:
        assert (settings.llm, settings.llm_url) == ("big", "http://127.0.0.1:1/v1")
        return model

    monkeypatch.setattr("eval.commands.build_chat_model", build)
    return model


JUDGE = ("--judge", "big", "--judge-url", "http://127.0.0.1:1/v1")


def test_judge_adds_its_verdicts(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They stand in the table and in the report of the case that was answered."""
    model = judging(monkeypatch, "YES", "NO", "4.0\nTerse.")
    assert run(mine, *JUDGE, "--out", "results") == 0
    assert (model.replies, model.closed) == ([], 1)
    scores = read("results/report.json")["cases"]["who"]["scores"]
    assert (scores["faithfulness"], scores["relevancy"], scores["correctness"]) == (1.0, 0.0, 0.75)
    assert read("results/report.json")["cases"]["no"]["scores"].get("faithfulness") is None
    assert read("results/manifest.json")["judge"] == "big at http://127.0.0.1:1"
    captured = capsys.readouterr()
    assert "0.750" in next(line for line in captured.out.splitlines() if "Correctness" in line)
    assert "Judging: 100%" in captured.err


def test_verdicts_are_kept_for_the_next_run(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers, judged by the same judge, cost no call; they lie in the user's home."""
    judging(monkeypatch, "YES", "YES", "5\nGood.")
    run(mine, *JUDGE, "--out", "one")
    model = judging(monkeypatch)
    assert run(mine, *JUDGE, "--out", "two") == 0
    assert model.prompts == []
    assert read("two/report.json")["cases"]["who"]["scores"]["correctness"] == 1.0
    assert [path.name for path in Path(".footnote").iterdir()] == ["verdicts"]


def test_verdicts_stay_when_the_report_is_made_again(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no part of the outcomes, and yet not lost."""
    judging(monkeypatch, "YES", "NO", "5\nGood.")
    run(mine, *JUDGE, "--out", "results")
    before = read("results/report.json")
    assert report_again(Path("results")) == 0
    assert read("results/report.json") == before


def test_the_key_of_the_model_is_not_for_the_judge(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server than the one that answers gets no key of it."""
    keys = []

    def build(settings: Settings) -> ScriptedModel:
        keys.append(settings.llm_key)
        return ScriptedModel("YES", "YES", "5\nGood.")

    monkeypatch.setattr("eval.commands.build_chat_model", build)
    monkeypatch.setenv("FOOTNOTE_LLM_KEY", "secret")
    assert run(mine, *JUDGE, "--out", "results") == 0
    assert keys == [None]


def test_hosts_that_get_text_are_named(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a judge, before it is sent anything; a model on this machine sends nothing away."""
    judging(monkeypatch, "YES", "YES", "5\nGood.")
    run(mine, *JUDGE, "--out", "here")
    assert "sent to" not in capsys.readouterr().err
    judging(monkeypatch, "YES", "YES", "5\nGood.").host = "judge.example"  # type: ignore[assignment]
    run(mine, *JUDGE, "--out", "there")
    assert "sent to judge.example" in capsys.readouterr().err


def test_missing_verdicts_are_told(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A judge that says nothing of use costs its verdicts, not the run."""
    judging(monkeypatch, "Perhaps.", ModelUnavailable("It is busy."), "5\nGood.")
    assert run(mine, *JUDGE, "--out", "results") == 0
    assert "2 verdicts are missing: the judge gave none." in capsys.readouterr().err


def test_name_of_the_judge() -> None:
    """A model is another one on another server."""
    request = Request(Path("x"), None, (), 0.0, Options())
    assert request.judge_name is None
    assert replace(request, judge="big").judge_name == "big"
    assert replace(request, judge="big", judge_url="http://a").judge_name == "big at http://a"


# Scoring again ------------------------------------------------------------------------


def test_report_is_made_again_from_the_outcomes(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the documents, the same figures come out."""
    run(mine, "--out", "results")
    before = read("results/report.json")
    Path("results/report.json").unlink()
    Path("results/report.html").unlink()
    capsys.readouterr()
    assert report_again(Path("results")) == 0
    assert read("results/report.json") == before
    assert Path("results/report.html").exists()
    assert "Quotes that are exact" in capsys.readouterr().out


def test_report_needs_outcomes(tmp_path: Path) -> None:
    """A folder of something else, and a run that was stopped at once, have none."""
    with pytest.raises(BadCases, match=r"manifest\.json cannot be read"):
        report_again(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(BadCases, match="holds no outcomes yet"):
        report_again(tmp_path)


# Progress -----------------------------------------------------------------------------


def test_each_task_has_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """They come one after the other, each ended by the next; unknown totals are shown, too."""
    with Bars() as bars:
        bars(Progress("Adding", 0, None, "files"))
        bars(Progress("Adding", 2, None, "files"))
        bars(Progress("Asking", 3, 4, "questions"))
        bars(Progress("Asking", 4, 4, "questions"))
    shown = capsys.readouterr().err
    assert "Adding: 2 files" in shown
    assert "Asking: 100%" in shown
    assert "4/4" in shown
