"""FinanceBench: pages of PDF files, which the user has beside the questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.adapters.financebench import load
from eval.cases import BadCases, Case, Evidence


def page(document: str, number: int) -> dict[str, Any]:
    """Return a piece of evidence as published, its number counted from 0."""
    return {
        "evidence_text": "Net sales 7",
        "doc_name": document,
        "evidence_page_num": number,
        "evidence_text_full_page": "Net sales 7\n48",
    }


def record(name: str, *pages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a question as published."""
    return {
        "financebench_id": name,
        "company": "Acme",
        "doc_name": "ACME_2022_10K",
        "question_type": "metrics-generated",
        "question_reasoning": None,
        "question": "What were net sales?",
        "answer": "$7",
        "justification": "Read off.",
        "evidence": pages,
        **fields,
    }


FIRST = record("f1", page("ACME_2022_10K", 0))


def write(folder: Path, *records: dict[str, Any], pdfs: str = "ACME_2022_10K") -> Path:
    """Write the questions to data/ and empty PDF files to pdfs/, as in the repository."""
    for name in ("data", "pdfs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in pdfs.split():
        (folder / "pdfs" / f"{name}.pdf").touch()
    file = folder / "data" / "open.jsonl"
    file.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return file


def test_questions_rest_on_pages(tmp_path: Path) -> None:
    """Pages are counted from 1 here; each is needed, and needed once."""
    pages = (page("ACME_2022_10K", 47), page("ACME_2021_10K", 0), page("ACME_2022_10K", 47))
    file = write(tmp_path, record("f1", *pages), pdfs="ACME_2021_10K ACME_2022_10K")
    data = load(file, ())
    assert data.name == "open"
    assert data.cases == (
        Case(
            id="f1",
            question="What were net sales?",
            answers=(("$7",),),
            evidence=(
                Evidence(document="ACME_2022_10K.pdf", page=48),
                Evidence(document="ACME_2021_10K.pdf", page=1),
            ),
            tags=("metrics-generated", "company:Acme"),
        ),
    )
    assert len(data.cases[0].needs) == 2


def test_only_files_that_are_used_are_documents(tmp_path: Path) -> None:
    """The repository holds 368 of them, and its questions need 84."""
    file = write(tmp_path, FIRST, FIRST | {"financebench_id": "f2"}, pdfs="ACME_2022_10K OTHER")
    assert [path.name for path in load(file, ()).documents] == ["ACME_2022_10K.pdf"]


def test_files_may_stand_beside_the_questions(tmp_path: Path, monkeypatch) -> None:
    """In pdfs next to the file, also when it is named from within its folder."""
    file = write(tmp_path / "data", FIRST)
    file = file.rename(tmp_path / "data" / "open.jsonl")
    monkeypatch.chdir(tmp_path / "data")
    (found,) = load(Path("open.jsonl"), ()).documents
    assert found.samefile(tmp_path / "data" / "pdfs" / "ACME_2022_10K.pdf")


def test_files_are_taken_where_the_user_says(tmp_path: Path) -> None:
    """From folders at any depth and as files, and then from nowhere else."""
    file = write(tmp_path, FIRST, record("f2", page("B", 1)), pdfs="ACME_2022_10K B")
    mine = tmp_path / "mine"
    (mine / "acme").mkdir(parents=True)
    (mine / "acme" / "ACME_2022_10K.pdf").touch()
    alone = tmp_path / "pdfs" / "B.pdf"
    assert load(file, [mine, alone]).documents == (mine / "acme" / "ACME_2022_10K.pdf", alone)
    with pytest.raises(BadCases, match=r"1 of 2 .* missing: B\.pdf \(looked for in \S*mine\)"):
        load(file, [mine])


def test_missing_files_are_named(tmp_path: Path) -> None:
    """The first five, how many there are, and both places where they were looked for."""
    records = [record(f"f{n}", page(f"R{n}", 0)) for n in range(7)]
    with pytest.raises(BadCases) as caught:
        load(write(tmp_path, *records, pdfs="R6"), ())
    message = str(caught.value)
    assert "6 of 7 PDF files are missing: R0.pdf, R1.pdf, R2.pdf, R3.pdf, R4.pdf, ..." in message
    assert str(tmp_path / "data" / "pdfs") in message
    assert str(tmp_path / "pdfs") in message


def test_what_is_not_told_is_no_tag(tmp_path: Path) -> None:
    """Copies of the data set leave out, or leave empty, what only describes a question."""
    bare = {k: v for k, v in FIRST.items() if k not in {"company", "justification", "doc_name"}}
    (case,) = load(write(tmp_path, bare | {"question_type": None, "answer": 7}), ()).cases
    assert (case.tags, case.answers) == ((), (("7",),))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"question": ""}, "question: "),
        ({"answer": None}, "answer: "),
        ({"evidence": []}, "evidence: .*at least 1"),
        ({"evidence": [{"doc_name": "A"}]}, r"evidence\[0\]\.evidence_page_num: Field required"),
        ({"evidence": [page("A", -1)]}, r"evidence\[0\]\.evidence_page_num"),
        ({"financebench_id": None}, "financebench_id: "),
    ],
)
def test_wrong_lines_are_refused(tmp_path: Path, fields: dict, message: str) -> None:
    """With the file, the line and the field."""
    file = write(tmp_path, FIRST, FIRST | fields)
    with pytest.raises(BadCases, match=rf"open\.jsonl, line 2: {message}.*as FinanceBench has"):
        load(file, ())


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    """Such as the table of an older release, by its first line."""
    file = write(tmp_path)
    file.write_text("financebench_id,question\n")
    with pytest.raises(BadCases, match=r"open\.jsonl, line 1: Invalid JSON"):
        load(file, ())
