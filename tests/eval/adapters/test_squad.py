"""SQuAD and its like: paragraphs become documents, marked answers become evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.adapters.squad import load
from eval.cases import BadCases, Case, Dataset, Evidence

#          0         1         2         3
#          0123456789012345678901234567890123456789
CONTEXT = "It rained in May. In May 1931 it opened."


def question(name: str, *answers: tuple[str, int], **fields: Any) -> dict[str, Any]:
    """Return a question with answers of (text, start)."""
    marked = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": name, "question": f"What of {name}?", "answers": marked, **fields}


def article(title: str, *paragraphs: tuple[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return an article with paragraphs of (context, questions)."""
    return {"title": title, "paragraphs": [{"context": c, "qas": qas} for c, qas in paragraphs]}


def read(tmp_path: Path, *articles: dict[str, Any]) -> Dataset:
    """Write the articles as a file and load it."""
    file = tmp_path / "dev.json"
    file.write_text(json.dumps({"version": "1.1", "data": articles}), encoding="utf-8")
    (tmp_path / "documents").mkdir()
    return load(file, tmp_path / "documents")


def only(tmp_path: Path, *answers: tuple[str, int], **fields: Any) -> Case:
    """Return the case of one question with these answers in the paragraph above."""
    data = read(tmp_path, article("May", (CONTEXT, [question("q", *answers, **fields)])))
    assert len(data.cases) == 1
    return data.cases[0]


def test_paragraphs_become_documents(tmp_path: Path) -> None:
    """One file each, numbered by article, with the context alone, kept to the character."""
    data = read(
        tmp_path,
        article("Steam_engine", (" One.\r\n", [question("a", ("One", 1))]), ("Two  é", [])),
        article("Rhine", ("Three", [question("b", ("Three", 0))])),
    )
    files = {
        path.relative_to(tmp_path / "documents").as_posix(): path.read_bytes().decode()
        for path in (tmp_path / "documents").rglob("*.txt")
    }
    assert files == {
        "Steam-engine/01.txt": " One.\r\n",
        "Steam-engine/02.txt": "Two  é",
        "Rhine/01.txt": "Three",
    }
    assert (data.name, data.documents) == ("dev", (tmp_path / "documents",))
    assert data.cases[1] == Case(
        id="b",
        question="What of b?",
        answers=(("Three",),),
        evidence=(Evidence(document="Rhine/01.txt", quote="Three", start=0),),
        tags=("article:Rhine",),
    )


def test_articles_of_one_title_stay_apart(tmp_path: Path) -> None:
    """So do titles that are no names for folders, and articles without a title."""
    context: tuple[str, list] = ("Text", [])
    nameless = {"paragraphs": [{"context": "Text", "qas": []}]}
    read(
        tmp_path, article("a/b", context), article("a b", context), article("..", context), nameless
    )
    folders = {path.name for path in (tmp_path / "documents").iterdir()}
    assert folders == {"a-b", "a-b-2", "unnamed", "unnamed-2"}


def test_the_mark_tells_which_of_several_is_meant(tmp_path: Path) -> None:
    """A right mark is kept: "May" stands at 13 and at 21."""
    assert only(tmp_path, ("May", 21)).evidence[0].start == 21


@pytest.mark.parametrize(("mark", "start"), [(18, 21), (14, 13), (-1, 13), (999, 21)])
def test_a_wrong_mark_moves_to_the_nearest_place(tmp_path: Path, mark: int, start: int) -> None:
    """From 18 it is 3 to 21 and 5 to 13; from 14 it is 1 to 13 and 7 to 21."""
    assert only(tmp_path, ("May", mark)).evidence[0].start == start


def test_a_mark_from_the_end_is_no_mark(tmp_path: Path) -> None:
    """-5 counts from the end in Python, and "ened." stands there; the word is found instead."""
    assert only(tmp_path, ("ened.", -5)).evidence[0].start == 35


def test_several_annotations_are_alternatives(tmp_path: Path) -> None:
    """Each text once as an answer, each place once as evidence, and any place will do."""
    case = only(tmp_path, ("May", 13), ("1931", 25), ("May", 21), ("May", 13))
    assert case.answers == (("May",), ("1931",))
    assert [(place.quote, place.start) for place in case.evidence] == [
        ("May", 13),
        ("1931", 25),
        ("May", 21),
    ]
    assert len(case.needs) == 1


def test_impossible_questions_are_unanswerable(tmp_path: Path) -> None:
    """As SQuAD 2.0 marks them, whatever answers stand with them or would be plausible."""
    case = only(
        tmp_path,
        ("May", 13),
        is_impossible=True,
        plausible_answers=[{"text": "x", "answer_start": 0}],
    )
    assert (case.answerable, case.answers, case.evidence) == (False, (), ())


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([("June", 0)], r"dev\.json, article 'May', question 'q': .* 'June'"),
        ([], r"dev\.json, article 'May', question 'q': it has no answers"),
        ([(" ", 2)], r"data\[0\]\.paragraphs\[0\]\.qas\[0\]\.answers\[0\]\.text"),
    ],
)
def test_wrong_answers_are_refused(tmp_path: Path, answers: list, message: str) -> None:
    """With the file, the article and the question."""
    with pytest.raises(BadCases, match=message):
        only(tmp_path, *answers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON"),
        ("[]", "should be an object"),
        ("{}", "data: Field required"),
        ('{"data": []}', "data: .*at least 1"),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', r"data\[0\]\.paragraphs\[0\]\.context"),
        (
            '{"data": [{"paragraphs": [{"context": "\\ud800", "qas": []}]}]}',
            "Invalid JSON: .*hex escape",
        ),
    ],
)
def test_other_json_is_refused_with_the_form(tmp_path: Path, text: str, message: str) -> None:
    """The message names the file and the field, and shows what SQuAD looks like."""
    (tmp_path / "dev.json").write_text(text)
    with pytest.raises(BadCases, match=rf"(?s)dev\.json: .*{message}.*The form of SQuAD is"):
        load(tmp_path / "dev.json", tmp_path)


def test_a_folder_is_no_squad_file(tmp_path: Path) -> None:
    """It is refused as what cannot be read."""
    with pytest.raises(BadCases, match="cannot be read"):
        load(tmp_path, tmp_path)
