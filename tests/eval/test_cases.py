"""Case files: what a line may hold, what is told of a wrong one, and the seeds' own cases."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.cases import SPLITS, BadCases, Case, Evidence, line_of, parse_case, read_cases
from rag import Turn
from tests.conftest import ROOT

SEEDS_CASES = ROOT / "eval" / "data" / "seeds.jsonl"
LINE = {"id": "a", "question": "Who?", "answers": ["Clara Holt"]}
PLACE = {"document": "bridge.txt", "quote": "Clara Holt"}


def line_with(**changes: object) -> str:
    """Return a line with one good case but for these fields."""
    return json.dumps({**LINE, **changes})


def written(folder: Path, *lines: str) -> Path:
    """Write a case file."""
    path = folder / "cases.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def complaint(line: str) -> str:
    """Return what is said of a line that is no case."""
    with pytest.raises(BadCases) as caught:
        parse_case(line, "c.jsonl, line 7")
    message = str(caught.value)
    assert message.startswith("c.jsonl, line 7: ")
    assert "\n" not in message
    return message.removeprefix("c.jsonl, line 7: ")


# Reading ------------------------------------------------------------------------------


def test_every_field_is_read(tmp_path: Path) -> None:
    """A line with all there is becomes a case with all there is."""
    line = line_with(
        answers=["Holt", ["Clara", "engineer"]],
        evidence=[{**PLACE, "start": 3, "group": "g", "relevance": 2}, {"document": "b.pdf"}],
        history=[{"question": "What is it?", "answer": "A bridge."}],
        tags=["name"],
        without=["old.txt"],
    )
    (case,) = read_cases(written(tmp_path, line))
    assert case.answers == (("Holt",), ("Clara", "engineer"))
    assert case.evidence == (
        Evidence(document="bridge.txt", quote="Clara Holt", start=3, group="g", relevance=2),
        Evidence(document="b.pdf"),
    )
    assert case.history == (Turn("What is it?", "A bridge."),)
    assert (case.tags, case.without, case.answerable) == (("name",), ("old.txt",), True)


def test_cases_keep_the_order_of_the_file(tmp_path: Path) -> None:
    """They are asked as they stand."""
    path = written(tmp_path, *(line_with(id=i) for i in "cab"))
    assert [case.id for case in read_cases(path)] == ["c", "a", "b"]


def test_marks_and_line_ends_of_windows_are_no_matter(tmp_path: Path) -> None:
    r"""A byte order mark, \r\n and blank lines are passed over, the last line end is not needed."""
    path = tmp_path / "cases.jsonl"
    text = f"{line_with()}\r\n\r\n  \r\n{line_with(id='b')}"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert [case.id for case in read_cases(path)] == ["a", "b"]


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    r"""A line separator, which JSON allows inside of text, stays; a lone \r is a blank."""
    question = "One\u2028two\u0085three?"
    line = json.dumps({**LINE, "question": question}, ensure_ascii=False)
    (case,) = read_cases(written(tmp_path, line.replace(", ", ",\r")))
    assert case.question == question


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    """The number is the one that an editor shows."""
    path = written(tmp_path, line_with(), "", "", "{}")
    with pytest.raises(BadCases, match=r"cases\.jsonl, line 4: id: Field required"):
        read_cases(path)


def test_ids_stand_once(tmp_path: Path) -> None:
    """The message names both lines."""
    path = written(tmp_path, line_with(), line_with(id="b"), "", line_with())
    with pytest.raises(BadCases, match=r"line 4: the id 'a' stands in line 1 already\. Give"):
        read_cases(path)


@pytest.mark.parametrize("text", ["", "\n\n", " \r\n"])
def test_empty_file_holds_no_cases(tmp_path: Path, text: str) -> None:
    """No line, or none but blank ones: the message says what to write."""
    with pytest.raises(BadCases, match=r"holds no cases\. Write one JSON object a line"):
        read_cases(written(tmp_path, text))


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder, and bytes that are not UTF-8 are told apart."""
    with pytest.raises(BadCases, match=r"none\.jsonl cannot be read: No such file"):
        read_cases(tmp_path / "none.jsonl")
    with pytest.raises(BadCases, match="cannot be read: Is a directory"):
        read_cases(tmp_path)
    (tmp_path / "latin.jsonl").write_bytes('{"id": "Größe"}'.encode("latin-1"))
    with pytest.raises(BadCases, match=r"latin\.jsonl cannot be read: it is not UTF-8"):
        read_cases(tmp_path / "latin.jsonl")


def test_line_of_a_case(tmp_path: Path) -> None:
    """Found by its id; None where it is not, or the file is no case file."""
    path = written(tmp_path, "", line_with(), "no JSON", line_with(id="b"))
    assert line_of(path, "b") == 4
    assert line_of(path, "c") is None
    assert line_of(tmp_path, "a") is None
    assert line_of(tmp_path / "none.jsonl", "a") is None


# Wrong lines --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "Invalid JSON"),
        ('{"id": "a"', "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"question": "Who?"}', "id: Field required"),
        (line_with(id=7), "id: Input should be a valid string"),
        (line_with(id=" "), "id: String should match"),
        (line_with(question=""), "question: String should have at least 1"),
        (line_with(answers="Holt"), "answers: Input should be a valid array"),
        (line_with(answers=[""]), "answers.0.0: String should have at least 1"),
        (line_with(answers=[[]]), "answers.0: "),
        (line_with(answers=[["a", 1]]), "answers.0.1: "),
        (line_with(answerable="maybe"), "answerable: "),
        (line_with(tags="name"), "tags: "),
        (line_with(history=[{"question": "What?"}]), "history.0.answer: Field required"),
        (line_with(evidence=[{"quote": "x"}]), "evidence.0.document: Field required"),
        (line_with(evidence=[{**PLACE, "quote": "\n"}]), "evidence.0.quote: "),
        (line_with(evidence=[{**PLACE, "start": -1}]), "evidence.0.start: "),
        (line_with(evidence=[{"document": "b", "page": 0}]), "evidence.0.page: "),
        (line_with(evidence=[{**PLACE, "relevance": 0}]), "evidence.0.relevance: "),
    ],
)
def test_wrong_line_is_named_with_its_reason(line: str, said: str) -> None:
    """The message has the place, the field, and what is wrong with it."""
    assert said in complaint(line)


@pytest.mark.parametrize(
    ("line", "where", "known"),
    [
        (line_with(awnsers=[]), "awnsers", "a case has id, question, answers, evidence,"),
        (
            line_with(evidence=[PLACE, {**PLACE, "qoute": "x"}]),
            "evidence.1.qoute",
            "evidence has document, quote, start, page, group, relevance.",
        ),
        (
            line_with(history=[{"question": "What?", "answer": "It.", "by": "me"}]),
            "history.0.by",
            "a turn has question, answer.",
        ),
    ],
)
def test_unknown_field_is_told_which_there_are(line: str, where: str, known: str) -> None:
    """A field that is spelt wrong is shown the fields of its own level."""
    assert complaint(line).startswith(f"{where}: there is no such field; {known}")


def test_answerable_cases_say_what_answers_them() -> None:
    """Without answers and evidence there would be nothing to measure; either is enough."""
    assert 'set "answerable": false' in complaint(line_with(answers=[]))
    assert parse_case(line_with(answers=[], evidence=[PLACE]), "").answers == ()


@pytest.mark.parametrize("field", [{"answers": ["x"]}, {"answers": [], "evidence": [PLACE]}])
def test_unanswerable_cases_have_no_answer(field: dict) -> None:
    """What the documents do not say has neither answers nor evidence."""
    assert 'takes no "answers" or "evidence"' in complaint(line_with(answerable=False, **field))
    assert not parse_case(line_with(answerable=False, answers=[]), "").answerable


# What a case is ---------------------------------------------------------------------------


def test_needs_are_groups_in_order() -> None:
    """Places of a group are alternatives; each other place is a need by itself."""
    groups = ["x", None, "y", "x", None]
    evidence = tuple(Evidence(document=f"{n}", group=g) for n, g in enumerate(groups))
    case = Case(id="a", question="Who?", evidence=evidence)
    needs = [[place.document for place in need] for need in case.needs]
    assert needs == [["0", "3"], ["1"], ["2"], ["4"]]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
places = st.builds(
    Evidence,
    document=texts,
    quote=st.none() | texts,
    start=st.none() | st.integers(0, 10**6),
    page=st.none() | st.integers(1, 9),
    group=st.none() | st.text(max_size=3),
    relevance=st.integers(1, 3),
)
common = {
    "id": texts,
    "question": texts,
    "history": st.lists(st.builds(Turn, texts, texts), max_size=2).map(tuple),
    "tags": st.lists(texts, max_size=2).map(tuple),
    "without": st.lists(texts, max_size=2).map(tuple),
}
answers = st.lists(st.lists(texts, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3)
cases = st.builds(
    Case, **common, answers=answers.map(tuple), evidence=st.lists(places, max_size=3).map(tuple)
) | st.builds(Case, **common, answerable=st.just(False))


@given(cases)
def test_case_is_written_as_it_is_read(case: Case) -> None:
    """`to_dict`, as JSON with or without escapes, is the same case again."""
    for escaped in (True, False):
        line = json.dumps(case.to_dict(), ensure_ascii=escaped)
        assert "\n" not in line
        assert parse_case(line, "") == case


@given(cases, cases)
def test_split_depends_on_the_id_alone(one: Case, other: Case) -> None:
    """Whatever else a case holds, it stays in its half."""
    assert one.model_copy(update={"id": other.id}).split == other.split
    assert one.split in SPLITS


def test_splits_are_halves() -> None:
    """Of 1000 ids 500 +- 47 are in each half: three standard deviations of fair coins."""
    ids = (Case(id=f"case-{n}", question="?", answerable=False) for n in range(1000))
    count = Counter(case.split for case in ids)
    assert abs(count["dev"] - 500) < 47


def test_split_never_moves() -> None:
    """SHA-256 of "seeds-001" begins with 0x88, even: dev; of "seeds-003" with 0x23: test."""
    for name, split in (("seeds-001", "dev"), ("seeds-003", "test")):
        assert Case(id=name, question="?", answerable=False).split == split


# The seeds' own cases -----------------------------------------------------------------


def test_seeds_have_enough_of_each_kind() -> None:
    """At least 120 answerable cases, 40 unanswerable ones, 25 of them near misses."""
    found = read_cases(SEEDS_CASES)
    assert sum(case.answerable for case in found) >= 120
    unanswerable = [case for case in found if not case.answerable]
    assert len(unanswerable) >= 40
    assert sum("near-miss" in case.tags for case in unanswerable) >= 25
    assert any(case.history for case in found)
    alone = [case.question for case in found if not case.history]
    assert len(set(alone)) == len(alone)


def test_quotes_of_the_seeds_stand_in_them(seeds: Path) -> None:
    """Every answerable case quotes its seed letter by letter, and every seed is quoted."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in seeds.glob("*.txt")}
    quoted = set()
    for case in read_cases(SEEDS_CASES):
        assert bool(case.evidence) == case.answerable
        for place in case.evidence:
            assert place.quote is not None
            assert place.quote in texts[place.document], case.id
            quoted.add(place.document)
    assert quoted == set(texts)


def test_both_splits_of_the_seeds_are_of_use() -> None:
    """Each half has at least 40 % of the cases, and of those that cannot be answered."""
    found = read_cases(SEEDS_CASES)
    for part in (found, [case for case in found if not case.answerable]):
        share = sum(case.split == "dev" for case in part) / len(part)
        assert 0.4 <= share <= 0.6
    for split in SPLITS:
        tags = {tag for case in found if case.split == split for tag in case.tags}
        assert {"near-miss", "off-topic", "follow-up", "cross-document"} <= tags
