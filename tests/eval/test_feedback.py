"""Ratings of the chat page as cases of an evaluation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eval.cases import BadCases, read_cases
from eval.feedback import REFUSE, cases_of, export_feedback
from rag import Answer, Assistant, Exchange, Feedback, Settings
from tests.ui.fake_assistant import answer, cite, refusal
from ui import cli

GENEVA = cite("The delegations met in Geneva on 4 May.")
POINTS = cite("They agreed on three points.", number=2)


def said(question: str = "Where?") -> Answer:
    return answer(
        question,
        ("They met in Geneva.", [GENEVA], "supported"),
        ("They agreed on three points.", [POINTS], "supported"),
    )


def rated(tmp_path: Path, given: Answer, *ratings: tuple[bool, str, int | None]) -> Settings:
    """Keep an answer and these ratings (helpful, reason, citation) in a library."""
    settings = Settings(home=tmp_path / "home", llm="none")
    with Assistant(settings) as assistant:
        conversation = assistant.conversations.start("Talks")
        kept = assistant.conversations.append(conversation.id, given)
        for helpful, reason, citation in ratings:
            assistant.conversations.rate(kept.id, helpful, reason, citation=citation)
    return settings


def test_a_helpful_answer_is_a_case_with_its_quotes(tmp_path: Path) -> None:
    """Each sentence needs one of its citations."""
    out = tmp_path / "cases.jsonl"
    export_feedback(rated(tmp_path, said(), (True, "Clear", None)), out)
    (case,) = read_cases(out)
    assert [place.quote for place in case.evidence] == [GENEVA.quote, POINTS.quote]
    assert [place.start for place in case.evidence] == [GENEVA.start, POINTS.start]
    assert {place.document for place in case.evidence} == {"treaty.txt"}
    assert len(case.needs) == 2
    assert case.tags == ("feedback", "Clear")


def test_a_source_that_was_not_helpful_is_left_out(tmp_path: Path) -> None:
    """And one that was is enough for a case by itself."""
    settings = rated(tmp_path, said(), (True, "", None), (False, "", 2))
    (case,) = export_feedback(settings, tmp_path / "a.jsonl").cases
    assert [place.quote for place in case.evidence] == [GENEVA.quote]
    alone = rated(tmp_path / "b", said(), (True, "", 2))
    (case,) = export_feedback(alone, tmp_path / "b.jsonl").cases
    assert [place.quote for place in case.evidence] == [POINTS.quote]


@pytest.mark.parametrize(
    ("given", "rating"), [(refusal("Who?"), (True, "", None)), (said(), (False, REFUSE, None))]
)
def test_what_was_rightly_refused_or_should_have_been_is_unanswerable(
    tmp_path: Path, given: Answer, rating: tuple[bool, str, int | None]
) -> None:
    """Nothing in the documents answers it."""
    (case,) = export_feedback(rated(tmp_path, given, rating), tmp_path / "a.jsonl").cases
    assert (case.answerable, case.evidence) == (False, ())


@pytest.mark.parametrize("given", [refusal("Who?"), said()])
def test_what_was_not_helpful_waits_for_a_person(tmp_path: Path, given: Answer) -> None:
    """Nobody has said what would be right; once somebody has, it is a case."""
    out = tmp_path / "cases.jsonl"
    exported = export_feedback(rated(tmp_path, given, (False, "It is wrong", None)), out)
    assert exported.cases == ()
    beside = tmp_path / "cases.unfinished.jsonl"
    with pytest.raises(BadCases):
        read_cases(beside)
    line = json.loads(beside.read_text(encoding="utf-8"))
    assert line.pop("answered") == given.text
    beside.write_text(json.dumps(line | {"answers": ["Geneva"]}) + "\n", encoding="utf-8")
    assert read_cases(beside)[0].question == given.question


def test_two_versions_of_a_document_have_one_name() -> None:
    """The one that was cited and the one of today come from the same file."""
    kept = Exchange("e1", "2026-01-01T00:00:00Z", said())
    given = Feedback(kept, None, True, "", "2026-01-01T00:00:00Z")
    newer = replace(GENEVA.document, id="d2")
    (case,) = cases_of([given], [newer]).cases
    assert {place.document for place in case.evidence} == {"treaty.txt"}


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And asks for a file to write to."""
    settings = rated(tmp_path, said(), (False, "It is wrong", None))
    home = ["--home", str(settings.home), "eval", "export-feedback"]
    assert cli.main([*home, "own.jsonl"]) == 0
    told = capsys.readouterr().out
    assert "0 cases written to own.jsonl" in told
    assert "1 more have to be completed" in told
    assert cli.main([*home, "own.jsonl"]) == 2
    assert cli.main(home) == 2
    assert cli.main([*home, str(tmp_path)]) == 2
