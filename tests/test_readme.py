"""The examples of the README run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOOTNOTE_LLM": "none", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path, seeds: Path) -> Path:
    """Return a folder that looks like the repository to the examples."""
    shutil.copytree(seeds, tmp_path / "seeds")
    (tmp_path / "cases.jsonl").write_text("".join(_blocks("json")), encoding="utf-8")
    return tmp_path


def test_the_python_example_runs(folder: Path) -> None:
    """The example adds the seeds, answers with a citation and follows up."""
    (example,) = _blocks("python")
    result = _run([sys.executable, "-c", example], folder)
    assert result.returncode == 0, result.stderr
    assert "5 documents added" in result.stdout
    assert "Istanbul" in result.stdout
    assert "[1]" in result.stdout


def test_the_commands_run(folder: Path) -> None:
    """Every `footnote` line of the README ends with exit code 0."""
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("footnote ")]
    assert len(commands) >= 5
    for command in commands:
        result = _run([sys.executable, "-m", "ui.cli", *command[1:]], folder)
        assert result.returncode == 0, f"{command}: {result.stderr}"


def test_every_link_leads_somewhere() -> None:
    """Files that the README links or shows are in the repository."""
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_tree_is_the_repository() -> None:
    """The folders of the tree exist, and no package is left out."""
    named = set(re.findall(r"^ *([a-z]+)/ ", README, re.MULTILINE))
    assert {"rag", "ui", "eval", "tests", "seeds", "docs"} <= named
