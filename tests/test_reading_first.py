"""The language model reads the best sentences before it writes, and its reading decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from rag.answering import answer
from rag.calibration import default_calibration, named
from rag.drafting import Manner
from rag.errors import ModelError, ModelUnavailable
from rag.schema import Answer, Message
from rag.signals import Signals

from .asking import OTHER, TEXT, task_of
from .fakes import ScriptedModel
from .found import SURE, UNSURE, found_of

CALIBRATION = default_calibration()
# Related, and no more: what search tells does not decide.
DOUBTFUL = replace(SURE, relevance=-1.0, unrelated=1.0, evidence_coverage=0.5)


class Reader(ScriptedModel):
    """Finds the answer in a text as surely as it was told to; remembers what it was asked."""

    def __init__(self, odds: dict[str, float | ModelError], *replies: str) -> None:
        super().__init__(*replies)
        self.told, self.read = odds, list[str]()

    def odds(self, messages: Sequence[Message], *, word: str) -> float | None:
        text = messages[-1].content
        self.read.append(text)
        said = next((odds for part, odds in self.told.items() if part in text), None)
        if isinstance(said, ModelError):
            raise said
        return None if said is None else -said


def read_by(model: Reader, signals: Signals = DOUBTFUL, **options: Any) -> Answer:
    """Return the answer by a model that reads the sentences of TEXT and OTHER first."""
    task = task_of(found_of(TEXT, OTHER, signals=signals), **options)
    done = answer(task, Manner(model, CALIBRATION, 0.5, 100))
    final = list(done)[-1].answer
    assert final is not None
    return final


def test_what_the_model_reads_decides_in_doubt():
    """The same evidence is answered from or refused."""
    said = "Ada Morley designed it in Lancaster."
    yes = read_by(Reader({"Army built": -3.0, "Ada Morley": 5.0}, said))
    no = read_by(Reader({"Army built": -5.0, "Ada Morley": -5.0}, said))
    assert yes.answered
    assert not no.answered
    assert yes.confidence > 0.5 > no.confidence
    assert "reading" in yes.timings
    assert [p for p in yes.prompts if p.startswith("Text: ")]


def test_reading_ends_with_a_sentence_that_states_the_answer():
    """The next would cost another second."""
    model = Reader({"Army built": 4.0, "Ada Morley": 5.0}, "The U.S. Army built it.")
    assert read_by(model).answered
    assert len(model.read) == 1


def test_the_model_writes_from_what_it_found_first():
    """The sentence it said yes to leads the facts."""
    model = Reader({"Army built": -6.0, "Ada Morley": 6.0}, "Ada Morley designed it.")
    read_by(model, question="Who designed it?")
    facts = model.prompts[0][-1].content
    assert facts.startswith("Facts:\n1. Ada Morley")


@pytest.mark.parametrize("odds", [{}, {"Army": ModelUnavailable("gone")}])
def test_a_model_that_cannot_tell_is_not_waited_for(odds: dict[str, float | ModelError]):
    """What search told decides, as for a model that is never asked."""
    final = read_by(Reader(odds, "The U.S. Army built the Harwick Bridge."))
    assert final.confidence == CALIBRATION.confidence(named(DOUBTFUL))


def test_nothing_is_read_where_search_is_sure():
    """Of what is plainly there, or plainly not."""
    model = Reader({"Army": 1.0}, "The U.S. Army built the Harwick Bridge in 1932.")
    assert read_by(model, SURE).answered
    assert not read_by(model, UNSURE).answered
    assert model.read == []
