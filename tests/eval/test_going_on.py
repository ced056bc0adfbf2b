"""A run that was stopped, or in which cases failed, is gone on with where it stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from eval.outcomes import Outcome
from eval.runner import Options, ask_all
from rag import ModelUnavailable
from tests.eval.runs import CASES, Failing, folder_of, nothing, running


def timeless(outcomes: tuple[Outcome, ...]) -> list[Outcome]:
    """Return outcomes without what differs each time: seconds, and ids and times of adding."""
    return [
        replace(
            o,
            seconds={},
            answer=o.answer
            and replace(o.answer, timings={}, hits=(), citations=(), sentences=(), evidence=()),
            passages=tuple(replace(p, id="") for p in o.passages),
        )
        for o in outcomes
    ]


def test_run_that_was_stopped_is_gone_on_with(tmp_path: Path) -> None:
    """Only what is missing is asked, and in the end all is as if nothing had happened."""
    with running(tmp_path) as run:
        uninterrupted = ask_all(run, folder_of(tmp_path, "whole"), Options(), nothing)
    folder = folder_of(tmp_path)
    stop = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with running(tmp_path, open_assistant=lambda s: Failing(s, "pear", stop)) as run:
            ask_all(run, folder, Options(), nothing)
    assert [o.case.id for o in folder.outcomes()] == ["who"]
    with running(tmp_path, open_assistant=lambda s: Failing(s, "", stop)) as run:
        outcomes = ask_all(run, folder, Options(), nothing)
        assert isinstance(run.assistant, Failing)
        assert run.assistant.asked == [case.question for case in CASES[1:]]
    assert timeless(outcomes) == timeless(uninterrupted)


def test_row_that_was_being_written_is_asked_again(tmp_path: Path) -> None:
    """A process that died in the middle of a row costs that row."""
    folder = folder_of(tmp_path)
    with running(tmp_path) as run:
        whole = ask_all(run, folder, Options(), nothing)
        file = folder.path / "outcomes.jsonl"
        file.write_bytes(file.read_bytes()[:-10])
        again = ask_all(run, folder, Options(), nothing)
    assert timeless(again) == timeless(whole)
    assert again[:3] == whole[:3]


def test_failed_cases_are_asked_again_in_their_place(tmp_path: Path) -> None:
    """Those that went well are not; the order stays that of the cases."""
    folder = folder_of(tmp_path)
    error = ModelUnavailable("It is gone. Ask again.")
    with running(tmp_path, open_assistant=lambda s: Failing(s, "pear", error)) as run:
        first = ask_all(run, folder, Options(), nothing)
    with running(tmp_path, open_assistant=lambda s: Failing(s, "", error)) as run:
        second = ask_all(run, folder, Options(), nothing)
        assert isinstance(run.assistant, Failing)
        assert run.assistant.asked == [CASES[1].question]
    assert second[1].error is None
    assert (second[0], *second[2:]) == (first[0], *first[2:])


def test_finished_run_asks_nothing(tmp_path: Path) -> None:
    """No model is loaded for it either."""
    folder = folder_of(tmp_path)
    with running(tmp_path) as run:
        first = ask_all(run, folder, Options(), nothing)
    stop = AssertionError("asked again")
    with running(tmp_path, open_assistant=lambda s: Failing(s, "e", stop)) as run:
        assert ask_all(run, folder, Options(), nothing) == first
        assert "loading" not in run.seconds


def test_progress_goes_up_to_all_cases(tmp_path: Path) -> None:
    """What is done already counts from the start."""
    folder = folder_of(tmp_path)
    seen: list[tuple[float, float | None]] = []
    with running(tmp_path) as run:
        folder.append(Outcome(CASES[0], "x", run.located["who"]))
        ask_all(run, folder, Options(retrieval_only=True), lambda p: seen.append((p.done, p.total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
