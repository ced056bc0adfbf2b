"""The registry: which form is read, what every form must hold, and what the library keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.adapters import FORMATS, guess_format, load_dataset
from eval.cases import BadCases
from tests.homes import open_home

CASE = {"id": "span", "question": "How long is it?", "answers": ["312 metres"]}
REPORT = {
    "financebench_id": "f1",
    "question": "What were sales?",
    "answer": "7",
    "evidence": [{"doc_name": "ACME_2022_10K", "evidence_page_num": 0}],
}
CONTEXT = "The bridge is 312 metres long.  \n\n\n\n\nIt opened in 1931."


def squad(*ids: str) -> str:
    """Return a SQuAD file of one paragraph; each question has the same answer in it."""
    answers = [{"text": "1931", "answer_start": CONTEXT.index("1931")}]
    questions = [{"id": id, "question": "When?", "answers": answers} for id in ids]
    paragraphs = [{"context": CONTEXT, "qas": questions}]
    return json.dumps({"data": [{"title": "Bridge", "paragraphs": paragraphs}]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder for documents."""
    (tmp_path / "documents").mkdir()
    return tmp_path / "documents"


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("cases.jsonl", json.dumps(CASE), "jsonl"),
        ("cases.jsonl", "no JSON", "jsonl"),
        ("cases.jsonl", "", "jsonl"),
        ("CASES.JSONL", "\n" + json.dumps(REPORT), "financebench"),
        ("dev.json", "{}", "squad"),
        ("set/corpus.jsonl", "", "beir"),
        ("set/questions_df.csv", "", "chunking"),
    ],
)
def test_the_form_is_guessed(tmp_path: Path, name: str, text: str, form: str) -> None:
    """By the ending of a file and its first line, or by what a folder holds."""
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    assert guess_format(file.parent if "/" in name else file) == form


@pytest.mark.parametrize("name", ["notes.txt", "folder"])
def test_what_has_no_known_form_is_told_which_there_are(tmp_path: Path, name: str) -> None:
    """The message names every format, so that one can be given."""
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadCases) as caught:
        guess_format(tmp_path / name)
    assert all(form in str(caught.value) for form in FORMATS)


@pytest.mark.parametrize("name", ["absent", "x" * 5000])
def test_a_missing_path_is_named(tmp_path: Path, folder: Path, name: str) -> None:
    """Whether it is to be guessed or read, or is a document, and however long it is."""
    cases = tmp_path / "cases.jsonl"
    cases.write_text(json.dumps(CASE))
    for form in FORMATS:
        with pytest.raises(BadCases, match=f"no file or folder .*{name}"):
            load_dataset(form, tmp_path / name, folder)
    with pytest.raises(BadCases, match=name):
        guess_format(tmp_path / name)
    with pytest.raises(BadCases, match=name):
        load_dataset("jsonl", cases, folder, documents=[tmp_path / name])


def test_an_unknown_format_is_answered_with_the_known_ones(tmp_path: Path, folder: Path) -> None:
    """As a wrong word on the command line is."""
    with pytest.raises(BadCases, match=r"'trec'.*jsonl, squad, beir, chunking, financebench"):
        load_dataset("trec", tmp_path, folder)


@pytest.mark.parametrize("form", ["squad", "beir", "chunking"])
def test_forms_with_documents_take_no_others(tmp_path: Path, folder: Path, form: str) -> None:
    """Documents that would be silently left out are refused."""
    with pytest.raises(BadCases, match="brings its own documents"):
        load_dataset(form, tmp_path, folder, documents=[folder])


def test_an_id_given_twice_is_refused(tmp_path: Path, folder: Path) -> None:
    """Results are told apart by it."""
    (tmp_path / "dev.json").write_text(squad("a", "b", "a"))
    with pytest.raises(BadCases, match=r"dev\.json: the id 'a' stands more than once"):
        load_dataset("squad", tmp_path / "dev.json", folder)


def test_data_without_questions_is_refused(tmp_path: Path, folder: Path) -> None:
    """Scores of no question would say nothing."""
    (tmp_path / "dev.json").write_text(squad())
    with pytest.raises(BadCases, match="holds no questions"):
        load_dataset("squad", tmp_path / "dev.json", folder)


def test_a_folder_that_cannot_be_written_is_no_traceback(tmp_path: Path) -> None:
    """The message names what could not be done."""
    (tmp_path / "dev.json").write_text(squad("a"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadCases, match=r"(?s)dev\.json.*may be written"):
        load_dataset("squad", tmp_path / "dev.json", tmp_path / "file" / "below")


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_from_0_to_1(tmp_path: Path, folder: Path, share: float) -> None:
    """Anything else is a slip: a count, or per cent."""
    with pytest.raises(BadCases, match="from 0 to 1"):
        load_dataset("jsonl", tmp_path, folder, withhold=share)


def test_withheld_questions_lose_their_documents(tmp_path: Path, folder: Path) -> None:
    """With a share of 1 each of them; the documents themselves are all still there."""
    (tmp_path / "dev.json").write_text(squad("a", "b"))
    data = load_dataset("squad", tmp_path / "dev.json", folder, withhold=1.0)
    assert [case.without for case in data.cases] == [("Bridge/01.txt",)] * 2
    assert (folder / "Bridge" / "01.txt").exists()


def test_cases_of_a_file_stand_beside_its_folder(tmp_path: Path, folder: Path) -> None:
    """Documents that are not named are those next to the case file."""
    cases = tmp_path / "span.jsonl"
    cases.write_text(json.dumps(CASE))
    (tmp_path / "bridge.txt").write_text(CONTEXT)
    data = load_dataset("jsonl", cases, folder)
    assert (data.name, data.documents, data.cases[0].id) == ("span", (tmp_path,), "span")
    given = load_dataset("jsonl", cases, folder, documents=[folder])
    assert given.documents == (folder,)


def test_a_case_file_alone_in_its_folder_is_told_so(tmp_path: Path) -> None:
    """Hidden files and empty folders are no documents."""
    cases = tmp_path / "alone" / "cases.jsonl"
    (tmp_path / "alone" / "empty").mkdir(parents=True)
    cases.write_text(json.dumps(CASE))
    (tmp_path / "alone" / ".hidden").write_text("x")
    with pytest.raises(BadCases, match="holds no other file"):
        load_dataset("jsonl", cases, tmp_path / "alone" / "empty")


def test_the_library_keeps_the_quotes(tmp_path: Path, folder: Path) -> None:
    """A quote stands in the document of that name after it was cleaned and added."""
    (tmp_path / "dev.json").write_text(squad("a"))
    data = load_dataset("squad", tmp_path / "dev.json", folder)
    (place,) = data.cases[0].evidence
    with open_home(tmp_path / "home") as assistant:
        assistant.add(data.documents)
        (document,) = assistant.documents()
        text = assistant.text_of(document.id)
    assert document.uri.endswith(f"/{place.document}")
    assert text == "The bridge is 312 metres long.\n\nIt opened in 1931."
    assert place.quote == "1931"
    assert place.quote in text
