"""The command line in processes of its own, with the real library and embedding model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT


def footnote(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    program = "import sys; from ui.cli import main; sys.exit(main())"
    root = Path(__file__).parent.parent.parent
    environment = os.environ | {"FOOTNOTE_LLM": "none", "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment,
        check=False,
        timeout=120,
        **options,
    )


def test_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """`footnote ... | head -1` ends without a complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    program = "import sys; from ui.cli import main; sys.exit(main(['--help']))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert done.returncode == 0
    assert done.stderr == b""


def test_whole_way_from_files_to_cited_answer(tmp_path: Path) -> None:
    """Add, list, search, ask and remove, each in its own process, on the same library."""
    paper = tmp_path / "paper.txt"
    paper.write_text(
        "The delegations met in Geneva on 4 May. They agreed on three points about grain.\n",
        encoding="utf-8",
    )
    (tmp_path / "other.txt").write_text(
        "Bees keep the hive warm in winter. A queen lays eggs from spring to autumn.\n\n"
        "Honey is stored in wax cells. Beekeepers harvest it twice a year.\n",
        encoding="utf-8",
    )
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\x00\x01\x02" * 40)
    added = footnote("add", "paper.txt", "other.txt", "picture.txt", cwd=tmp_path)
    assert added.returncode == 1, added.stderr  # the picture was named, and is no text
    assert "rejected" in added.stdout
    documents = json.loads(footnote("docs", "--json", cwd=tmp_path).stdout)
    (document,) = [d for d in documents if d["uri"].endswith("paper.txt")]
    hits = json.loads(footnote("search", "grain", "--json", cwd=tmp_path).stdout)
    assert hits[0]["uri"] == document["uri"]
    asked = footnote("ask", "Where did the delegations meet?", "--json", cwd=tmp_path)
    answer = json.loads(asked.stdout)
    quotes = [citation["quote"] for citation in answer["citations"]]
    assert any("Geneva" in quote for quote in quotes), asked.stderr
    assert footnote("remove", document["id"], cwd=tmp_path).returncode == 0
    left = json.loads(footnote("docs", "--json", cwd=tmp_path).stdout)
    assert [d["uri"].rsplit("/", 1)[-1] for d in left] == ["other.txt"]


def test_missing_file_is_a_failure_without_traceback(tmp_path: Path) -> None:
    """A path that is not there is named, and nothing else happens."""
    done = footnote("add", "nowhere.txt", cwd=tmp_path)
    assert done.returncode == 1
    assert "nowhere.txt" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_named_file_that_fails_is_a_failure(tmp_path: Path) -> None:
    """A script sees that a file it named was not added, though another one was."""
    (tmp_path / "good.txt").write_text("The Harwick Bridge was opened in 1932.")
    command = [sys.executable, "-m", "ui.cli", "--home", "h", "add", "good.txt", "missing.txt"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "added" in done.stdout
    assert "missing.txt" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_an_output_that_is_full_is_one_line(tmp_path: Path) -> None:
    """A full disk behind a redirection ends in a message and exit code 1."""
    command = [sys.executable, "-m", "ui.cli", "--home", "h", "docs"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    (tmp_path / "good.txt").write_text("The Harwick Bridge was opened in 1932.")
    footnote("--home", "h", "add", "good.txt", cwd=tmp_path)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr
