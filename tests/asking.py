"""A question about two small documents, answered from hand-made evidence."""

from __future__ import annotations

from typing import Any

from rag.answering import answer
from rag.calibration import default_calibration
from rag.drafting import Manner, Task
from rag.retrieval import Found
from rag.schema import Answer, ChatModel, Event

from .fakes import ScriptedModel
from .found import found_of

TEXT = (
    "The U.S. Army built the Harwick Bridge in 1932. Ada Morley designed it in Lancaster. "
    "It replaced a ferry that had carried cattle across the Lune since 1801."
)
OTHER = "The bridge was painted green in 1951 by volunteers from Kendal."
CALIBRATION = default_calibration()
QUESTION = "Who built the Harwick Bridge?"


def task_of(
    found: Found, question: str = QUESTION, *, searched_for: str = "", alike: float = 10.0
) -> Task:
    """Return a question that is to be answered from what was found, and nothing else."""
    return Task(
        question=question,
        searched_for=searched_for or question,
        found=found,
        context=found.evidence,
        page_of=lambda _document, _offset: 3,
        alike=lambda _sentence, _text: alike,
        timings={},
    )


def events_of(
    *replies: Any, found: Found | None = None, strictness: float = 0.4, question: str = QUESTION
) -> list[Event]:
    """Return the events of one answer by a model with this script; by none without."""
    model: ChatModel | None = ScriptedModel(*replies) if replies else None
    task = task_of(found_of(TEXT, OTHER) if found is None else found, question)
    return list(answer(task, Manner(model, CALIBRATION, strictness, 100)))


def answer_of(*replies: Any, **options: Any) -> Answer:
    """Return the answer alone."""
    last = events_of(*replies, **options)[-1].answer
    assert last is not None
    return last
