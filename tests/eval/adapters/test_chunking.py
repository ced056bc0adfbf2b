"""Chroma's chunking evaluation: passages of Markdown corpora, by the character."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from eval.adapters.chunking import load
from eval.cases import BadCases

#         0         1         2          3
#         012345678901234567890123456789 0123456
SPEECH = "# Talk\n\n**We** build  \nroads — \nand rest."


def reference(content: str, start: int, end: int | None = None) -> dict[str, Any]:
    """Return a reference as the CSV file holds it."""
    end = start + len(content) if end is None else end
    return {"content": content, "start_index": start, "end_index": end}


def write(folder: Path, *rows: tuple[str, Any, str], corpora: str = ".") -> Path:
    """Write two corpora and a table of (question, references, corpus)."""
    (folder / corpora).mkdir(parents=True, exist_ok=True)
    (folder / corpora / "speech.md").write_text(SPEECH, encoding="utf-8")
    (folder / corpora / "rain.md").write_text("It rains.", encoding="utf-8")
    with (folder / "questions_df.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["question", "references", "corpus_id"])
        for question, references, corpus in rows:
            text = references if isinstance(references, str) else json.dumps(references)
            table.writerow([question, text, corpus])
    return folder


@pytest.mark.parametrize("corpora", [".", "corpora"])
def test_questions_become_numbered_cases(tmp_path: Path, corpora: str) -> None:
    """Every passage is a need of its own; the corpora may stand in the folder corpora too."""
    rows = [
        ("Who?", [reference("**We** build", 8), reference("and rest.", 32)], "speech"),
        ('What, "now"?', [reference("It rains.", 0)], "rain"),
    ]
    data = load(write(tmp_path / "set", *rows, corpora=corpora))
    assert data.name == "set"
    assert [path.name for path in data.documents] == ["rain.md", "speech.md"]
    assert [path.read_text(encoding="utf-8") for path in data.documents] == ["It rains.", SPEECH]
    first, second = data.cases
    assert (first.id, second.id, second.question) == (
        "chunking-001",
        "chunking-002",
        'What, "now"?',
    )
    assert (first.answers, first.tags) == ((), ("corpus:speech",))
    assert [(p.document, p.quote, p.start) for p in first.evidence] == [
        ("speech.md", "**We** build", 8),
        ("speech.md", "and rest.", 32),
    ]
    assert len(first.needs) == 2


def test_outer_spaces_are_no_part_of_a_quote(tmp_path: Path) -> None:
    """The library drops spaces at line ends: of " build  " at 14, "build" at 15 is left."""
    data = load(write(tmp_path, ("What?", [reference(" build  ", 14)], "speech")))
    (place,) = data.cases[0].evidence
    assert (place.quote, place.start) == ("build", 15)
    assert SPEECH.startswith("build", 15)


def test_corpora_that_nobody_asks_of_stay_out(tmp_path: Path) -> None:
    """A README.md beside them is no document."""
    (tmp_path / "README.md").write_text("About")
    data = load(write(tmp_path, ("What?", [reference("It", 0)], "rain")))
    assert [path.name for path in data.documents] == ["rain.md"]


def test_long_references_are_read(tmp_path: Path) -> None:
    """A passage of 200,000 characters is longer than the csv module reads by itself."""
    folder = write(tmp_path, ("What?", [reference("x" * 200_000, 0)], "long"))
    (folder / "long.md").write_text("x" * 200_000)
    assert len(load(folder).cases[0].evidence[0].quote or "") == 200_000


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("Who?", [reference("We", 8)], "speech"), "characters 8 to 10 of speech.md are not 'We'"),
        (("Who?", [reference("We", 10, 13)], "speech"), "characters 10 to 13"),
        (("Who?", [reference("We", -3)], "speech"), "start_index"),
        (("Who?", [{"content": "We"}], "speech"), r"references\[0\]\.start_index: Field required"),
        (("Who?", [], "speech"), "references: .*at least 1"),
        (("Who?", "[{'content': 'We'}]", "speech"), "references: Invalid JSON.*References are"),
        ((" ", [reference("It", 0)], "rain"), "question: "),
        (("Who?", [reference("It", 0)], "snow"), r"there is no snow\.md"),
        (("Who?", [reference("It", 0)], "../other"), r"there is no \.\./other\.md"),
    ],
)
def test_wrong_rows_are_refused(tmp_path: Path, row: tuple[str, Any, str], message: str) -> None:
    """With the table and the row: the second question stands in row 3."""
    (tmp_path / "other.md").write_text("It")
    good = ("What?", [reference("It", 0)], "rain")
    with pytest.raises(BadCases, match=rf"questions_df\.csv, row 3: .*{message}"):
        load(write(tmp_path / "set", good, row))


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    """The message names the columns; a folder without the table is named too."""
    (tmp_path / "questions_df.csv").write_text("id,question\n1,Who?\n")
    with pytest.raises(BadCases, match="row 1: there is no column references, corpus_id"):
        load(tmp_path)
    (tmp_path / "questions_df.csv").unlink()
    with pytest.raises(BadCases, match=r"questions_df\.csv cannot be read"):
        load(tmp_path)
