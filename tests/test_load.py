"""Many at once, at a small size: nobody is failed, mixed up with another, or half served."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rag import Assistant, Settings
from tests.load import chat, line, stubbed_page
from tests.load_library import Library
from tests.ui.served import serve


def test_sessions_are_answered_and_never_mixed() -> None:
    """Each is told its own code word alone, from the first question to the last."""
    with stubbed_page(12, 4) as (served, stub):
        came = asyncio.run(chat(served, stub, sessions=12, turns=4, think=0.5))
    assert (came.questions, came.failed, came.mixed) == (48, 0, 0), came
    # One request for each question: nothing is asked twice.
    assert stub.requests == 48


def test_more_questions_than_places(seeds: Path) -> None:
    """All in line are answered, and those over are told at once."""
    with serve("--add", str(seeds)) as served:
        came = asyncio.run(line(served, tabs=30))
    assert came.answered + came.busy == 30


def test_readers_find_what_a_writer_adds(tmp_path: Path) -> None:
    """Whole, and within a second of its being added."""
    with Assistant(Settings(home=tmp_path / "home", llm="none")) as assistant:
        came = Library(assistant, tmp_path / "files").run(passages=120, readers=4, seconds=5)
    assert came.passages >= 120
    assert came.searches >= 4
    assert (came.errors, came.unfound, came.halves) == ([], 0, 0), came
