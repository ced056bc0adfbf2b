"""The records: frozen, and plain when written out."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

import rag.schema
from rag.schema import (
    AddReport,
    Answer,
    Citation,
    Document,
    DocumentResult,
    Hit,
    Passage,
    Sentence,
    Usage,
)

DOCUMENT = Document("d1", "/a/b.txt", "B", "text/plain", "0" * 64, 9, 1, "2025-01-01T00:00:00Z")
PASSAGE = Passage("d1-0", DOCUMENT, 0, 0, 9, None, None, "“Zürich.”")
CITATION = Citation(1, DOCUMENT, "d1-0", 0, 9, None, "“Zürich.”")
ANSWER = Answer(
    question="Where?",
    searched_for="Where?",
    text="Zürich. [1]",
    answered=True,
    confidence=0.9,
    sentences=(Sentence("Zürich.", (CITATION,), "supported"),),
    citations=(CITATION,),
    hits=(Hit(PASSAGE, 0.8, 0.5, None),),
    model="none",
    timings={"total": 0.1},
    usage=Usage(3, 4),
)


def test_every_record_is_frozen():
    """What one room hands to another, nobody changes."""
    records = [t for t in vars(rag.schema).values() if is_dataclass(t) and isinstance(t, type)]
    assert len(records) > 10
    assert all(record.__dataclass_params__.frozen for record in records)  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        ANSWER.text = ""  # type: ignore[misc]


def test_an_answer_is_written_out_whole():
    """As plain values, with every field, and letters as they are."""
    written = ANSWER.to_dict()
    assert set(written) == {field.name for field in fields(Answer)}
    assert written["citations"][0]["document"]["uri"] == "/a/b.txt"
    assert written["hits"][0]["lexical"] is None
    assert written["usage"] == {"prompt_tokens": 3, "completion_tokens": 4}
    text = ANSWER.to_json()
    assert "Zürich" in text
    read = json.loads(text)
    assert read["sentences"][0]["citations"][0]["quote"] == "“Zürich.”"
    assert read["answered"] is True


def test_a_report_counts_its_files():
    """By status, and is written out plainly."""
    report = AddReport(
        (
            DocumentResult("a.txt", "added", document=DOCUMENT),
            DocumentResult("b.txt", "rejected", "It is empty."),
            DocumentResult("c.txt", "added", document=DOCUMENT),
        ),
        removed=(),
        seconds=1.5,
    )
    assert (report.count("added"), report.count("rejected"), report.count("failed")) == (2, 1, 0)
    assert json.loads(json.dumps(report.to_dict()))["documents"][1]["reason"] == "It is empty."


def test_usage_adds_up():
    """Over several calls of a model."""
    assert Usage(1, 2) + Usage(3, 4) == Usage(4, 6)


def test_an_answer_is_read_back():
    """From its dictionary and from its JSON text comes an equal answer; other data is refused."""
    assert Answer.from_dict(ANSWER.to_dict()) == ANSWER
    assert Answer.from_json(ANSWER.to_json()) == ANSWER
    for wrong in ("{}", "[1]", ANSWER.to_json()[:-1]):
        with pytest.raises(ValueError, match="Answer"):
            Answer.from_json(wrong)
