"""From signals to a probability, and how that is fitted."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.calibration import (
    FILE,
    READING,
    Observation,
    calibration_of,
    default_calibration,
    named,
    save_calibration,
)
from rag.errors import StoreError, UsageError
from rag.fitting import calibrate, fitted
from rag.signals import Signals

from .found import SURE, UNSURE

CALIBRATION = default_calibration()


def sure(found: Signals | None, reading: float | None = None) -> float:
    """Return the confidence that comes with this version."""
    return CALIBRATION.confidence(named(found, reading))


flags = st.sampled_from([0.0, 1.0])
signals = st.builds(
    Signals,
    relevance=st.floats(-12, 12),
    unrelated=st.floats(0, 12),
    evidence_coverage=st.floats(0, 1),
    kind_missing=flags,
    year_missing=flags,
    name_missing=flags,
)
readings = st.none() | st.floats(-30, 30)


def test_nothing_found_is_no_confidence() -> None:
    """Not small, but none."""
    assert sure(None) == 0.0


@pytest.mark.parametrize(("yes", "no"), [(None, None), (4.0, -4.0)])
def test_strong_signals_make_sure_and_weak_ones_do_not(yes: float | None, no: float | None) -> None:
    """The two ends of the scale, before the model has read and after."""
    assert sure(SURE, yes) > 0.9
    assert sure(UNSURE, no) < 0.1


@given(signals, readings)
def test_confidence_is_a_probability(found: Signals, reading: float | None) -> None:
    """Whatever the signals."""
    assert 0.0 <= sure(found, reading) <= 1.0


@given(signals, readings, st.sampled_from(["kind_missing", "year_missing", "name_missing"]))
def test_what_is_missing_makes_less_sure(found: Signals, reading: float | None, name: str) -> None:
    """A question for a number, say, and no number in sight."""
    there, missing = (replace(found, **{name: flag}) for flag in (0.0, 1.0))
    assert sure(missing, reading) <= sure(there, reading)


@given(signals, st.floats(-30, 30), st.floats(-30, 30))
def test_a_reader_that_sees_the_answer_makes_sure(found: Signals, one: float, two: float) -> None:
    """The likelier a sentence states the answer, the surer, however sure the model is."""
    low, high = sorted((one, two))
    assert sure(found, low) <= sure(found, high)


def related(relevance: float) -> Signals:
    """Return signals that differ by how relevant the best sentence is."""
    return replace(SURE, relevance=relevance, unrelated=max(0.0, -relevance))


def observations(answer: float, none: float, reading: float | None = None) -> list[Observation]:
    """Return fifty questions each with and without an answer, told apart by relevance alone."""
    return [
        Observation(named(related(relevance + spread / 10), reading), answerable)
        for spread in range(-25, 25)
        for answerable, relevance in ((True, answer), (False, none))
    ]


def test_a_fit_learns_what_tells_answers_apart() -> None:
    """In a library where even a low relevance means an answer, it is believed."""
    own = fitted(CALIBRATION, observations(answer=0.0, none=-8.0), fitted_on="a test")
    assert own.confidence(named(related(0.0))) > 0.5
    assert own.confidence(named(related(-8.0))) < 0.5
    assert own.searched.fitted_on == "a test"
    assert own.read == CALIBRATION.read  # nothing was read


def test_what_was_read_is_fitted_by_itself() -> None:
    """The model of search alone learns from all questions, that of reading from those read."""
    seen = observations(0.0, -8.0) + observations(0.0, -8.0, reading=0.5)
    own = fitted(CALIBRATION, seen, fitted_on="a test")
    assert own.read.fitted_on == own.searched.fitted_on == "a test"
    assert own.confidence(named(related(-8.0), 0.5)) < 0.5


def test_few_cases_move_a_fit_little() -> None:
    """One odd case is no reason to refuse everything."""
    own = fitted(CALIBRATION, [Observation(named(SURE), answerable=False)], fitted_on="one case")
    assert abs(own.confidence(named(SURE)) - sure(SURE)) < 0.5
    assert fitted(CALIBRATION, [], fitted_on="none") == CALIBRATION


def test_a_home_keeps_its_own(tmp_path: Path) -> None:
    """It has the one of this version until it is calibrated; the report is of unseen questions."""
    assert calibration_of(tmp_path) == CALIBRATION
    seen = observations(0.0, -8.0)
    report = calibrate(tmp_path, seen, fitted_on="a test")
    assert (report.questions, report.answerable) == (100, 50)
    assert report.brier_after < report.brier_before
    assert report.path == str(tmp_path / FILE)
    own = calibration_of(tmp_path)
    mean = sum((own.confidence(o.signals) - o.answerable) ** 2 for o in seen) / len(seen)
    assert mean == pytest.approx(report.brier_after, abs=0.05)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_calibration_can_be_written_elsewhere(tmp_path: Path) -> None:
    """To look at before it is used."""
    calibrate(tmp_path, observations(0.0, -8.0), fitted_on="a test", path=tmp_path / "other.json")
    assert calibration_of(tmp_path) == CALIBRATION
    assert (tmp_path / "other.json").exists()


@pytest.mark.parametrize(
    "seen",
    [[], observations(0.0, -8.0)[:8], [o for o in observations(0.0, -8.0) if o.answerable]],
)
def test_too_little_to_fit_is_wrong_use(tmp_path: Path, seen: list[Observation]) -> None:
    """Questions of one sort only would make everything certain."""
    with pytest.raises(UsageError, match="some of them without"):
        calibrate(tmp_path, seen, fitted_on="a test")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"searched": 1, "read": 2}',
        '{"searched": {"intercept": 0, "weights": {"x": 1}, "fitted_on": ""},'
        ' "read": {"intercept": 0, "weights": {"x": 1}, "fitted_on": ""}}',
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    """It is not passed over: confidence would change in silence."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StoreError, match=rf"{FILE}.*calibrate"):
        calibration_of(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With the cause."""
    with pytest.raises(StoreError, match="cannot be written"):
        save_calibration(CALIBRATION, tmp_path / "no" / "such" / FILE)


def test_every_weight_is_of_something_that_is_seen() -> None:
    """A renamed signal would otherwise be noticed by the first question only."""
    seen = set(asdict(SURE))
    assert set(CALIBRATION.searched.weights) <= seen
    assert set(CALIBRATION.read.weights) <= seen | {READING}
    assert READING in CALIBRATION.read.weights
    assert CALIBRATION.searched.fitted_on
