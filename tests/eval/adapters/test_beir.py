"""BEIR: a corpus becomes files, judged queries become cases with graded documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.adapters.beir import load
from eval.cases import BadCases, Dataset

CORPUS: list[dict[str, Any]] = [
    {"_id": "d1", "title": "Bridges\n of  iron", "text": "They  rust.\n", "metadata": {}},
    {"_id": "d2", "title": "", "text": "Stone lasts."},
    {"_id": "d3", "text": "Wood burns."},
]
QUERIES: list[dict[str, Any]] = [
    {"_id": "q1", "text": "What rusts?"},
    {"_id": "q2", "text": "What lasts?"},
]
HEADER = "query-id\tcorpus-id\tscore\n"


def lines(*records: dict[str, Any]) -> str:
    """Return the records as JSON lines."""
    return "\n".join(map(json.dumps, records))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder with a small data set; q2 has no judgement."""
    folder = tmp_path / "iron"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(lines(*CORPUS))
    (folder / "queries.jsonl").write_text(lines(*QUERIES))
    (folder / "qrels" / "test.tsv").write_text(f"{HEADER}q1\td1\t2\nq1\td3\t1\nq1\td2\t0\n")
    return folder


def read(source: Path) -> Dataset:
    """Load the data set; its documents go beside it."""
    (source.parent / "documents").mkdir()
    return load(source, source.parent / "documents")


def test_documents_are_title_and_text(source: Path) -> None:
    """The title on one line, a blank line, the text as it is; the text alone without a title."""
    data = read(source)
    folder = source.parent / "documents"
    assert (data.name, data.documents) == ("iron", (folder,))
    texts = {path.name: path.read_text() for path in folder.rglob("*.txt")}
    assert texts == {
        "d1.txt": "Bridges of iron\n\nThey  rust.\n",
        "d2.txt": "Stone lasts.",
        "d3.txt": "Wood burns.",
    }


def test_judged_queries_become_cases(source: Path) -> None:
    """Relevant documents with their grades, any of which is enough; zero is not relevant."""
    (case,) = read(source).cases
    assert (case.id, case.question, case.answers) == ("q1", "What rusts?", ())
    assert [(place.document, place.relevance) for place in case.evidence] == [
        ("0000/d1.txt", 2),
        ("0000/d3.txt", 1),
    ]
    assert len(case.needs) == 1


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ("test dev train", "test"),
        ("dev train", "dev"),
        ("train", "train"),
        ("", "qrels"),
    ],
)
def test_the_test_split_comes_first(source: Path, there: str, taken: str) -> None:
    """Then dev, then train, then a table beside the corpus; each judges its own document."""
    (source / "qrels" / "test.tsv").unlink()
    tables = {"test": "d1", "dev": "d2", "train": "d3"}
    for split in there.split():
        (source / "qrels" / f"{split}.tsv").write_text(f"{HEADER}q1\t{tables[split]}\t1\n")
    (source / "qrels.tsv").write_text(f"{HEADER}q2\td1\t1\n")
    (case,) = read(source).cases
    assert case.id == ("q2" if taken == "qrels" else "q1")
    assert case.evidence[0].document == f"0000/{tables.get(taken, 'd1')}.txt"


def test_odd_ids_get_files_of_their_own(source: Path) -> None:
    """With slashes, hundreds of characters, differing in case alone, or numbers."""
    ids = ["a/b", "A/B", "../../up", "x" * 300, "x" * 301, "地", ".hidden", 7]
    corpus = [{"_id": id, "text": f"Text of {id}."} for id in ids]
    (source / "corpus.jsonl").write_text(lines(*corpus))
    rows = "".join(f"q1\t{id}\t1\n" for id in ids)
    (source / "qrels" / "test.tsv").write_text(HEADER + rows)
    (case,) = read(source).cases
    folder = source.parent / "documents"
    assert len({place.document.lower() for place in case.evidence}) == len(ids)
    for id, place in zip(ids, case.evidence, strict=True):
        assert (folder / place.document).read_text() == f"Text of {id}."
    assert not any(path.name.startswith(".") for path in folder.rglob("*"))


def test_folders_hold_a_thousand_files(source: Path) -> None:
    """The 1,001st document begins the second folder."""
    corpus = [{"_id": f"n{n}", "text": "Text."} for n in range(1001)]
    (source / "corpus.jsonl").write_text(lines(*corpus))
    (source / "qrels" / "test.tsv").write_text(f"{HEADER}q1\tn999\t1\nq1\tn1000\t1\n")
    (case,) = read(source).cases
    assert [p.document for p in case.evidence] == ["0000/n999.txt", "0001/n1000.txt"]


def test_documents_without_text_are_left_out(source: Path) -> None:
    """The library takes no empty file; a query that has nothing else is no case."""
    (source / "corpus.jsonl").write_text(
        lines({"_id": "d1", "title": None, "text": " "}, {"_id": "d2", "title": "T", "text": ""})
    )
    (source / "qrels" / "test.tsv").write_text(f"{HEADER}q1\td1\t1\nq2\td1\t1\nq2\td2\t1\n")
    (case,) = read(source).cases
    assert (case.id, [place.document for place in case.evidence]) == ("q2", ["0000/d2.txt"])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("corpus.jsonl", "{", r"corpus\.jsonl, line 1: Invalid JSON"),
        ("corpus.jsonl", '{"_id": "d1"}', r"line 1: text: Field required.*holds _id, title, text"),
        ("corpus.jsonl", lines(*CORPUS, CORPUS[0]), "line 4: the id 'd1' stands in line 1"),
        ("queries.jsonl", '\n{"text": "?"}', r"queries\.jsonl, line 2: _id: Field required"),
        ("queries.jsonl", lines(*QUERIES, QUERIES[1]), "line 3: the id 'q2' stands in line 2"),
        ("qrels/test.tsv", "q1\td1\t1\n", r"test\.tsv, row 1: there is no column query-id"),
        ("qrels/test.tsv", HEADER + "q1\td1\n", "row 2: cells are missing"),
        ("qrels/test.tsv", HEADER + "q1\td1\tyes\n", "row 2: score: .*whole number"),
        ("qrels/test.tsv", HEADER + "q1\td1\t1\nq1\td9\t1\n", "row 3: corpus.jsonl has no 'd9'"),
        ("qrels/test.tsv", HEADER + "q9\td1\t1\n", "row 2: queries.jsonl has no 'q9'"),
    ],
)
def test_wrong_files_are_refused(source: Path, file: str, text: str, message: str) -> None:
    """With the file, the line or row, and what it lacks."""
    (source / file).write_text(text)
    with pytest.raises(BadCases, match=message):
        read(source)


@pytest.mark.parametrize("file", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_missing_files_are_named(source: Path, file: str) -> None:
    """Each of the three is needed."""
    (source / file).unlink()
    with pytest.raises(BadCases, match=file):
        read(source)
