"""Fits a calibration to questions whose answer is known to be there or not.

Knows nothing of how questions are searched. NumPy loads when something is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.calibration import (
    FILE,
    READING,
    Calibration,
    Logistic,
    Observation,
    calibration_of,
    save_calibration,
)
from rag.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# How hard a fit is drawn to the weights it starts from: like this many cases' doubt.
_STIFFNESS = 1.0
_STEPS = 50
_FEWEST, _FOLDS = 10, 5


@dataclass(frozen=True)
class CalibrationReport:
    """What a refitting of the confidence came to.

    The Brier scores are means of (confidence - answerable)²: as it was, and as refitted on
    four fifths of the questions and measured on the last, in turn.
    """

    path: str
    questions: int
    answerable: int
    brier_before: float
    brier_after: float


def calibrate(
    home: Path, seen: Sequence[Observation], *, fitted_on: str, path: Path | None = None
) -> CalibrationReport:
    """Fit a home's calibration to what was seen, and write it to `path` (default: the home).

    Raises:
        UsageError: fewer than ten observations, or all answerable, or none.
        StoreError: the file cannot be read or written.
    """
    answerable = sum(o.answerable for o in seen)
    if len(seen) < _FEWEST or not 0 < answerable < len(seen):
        raise UsageError(
            f"A calibration needs {_FEWEST} questions or more, some of them without an answer in "
            f"the documents; these are {len(seen)}, {answerable} with one. Add more."
        )
    start = calibration_of(home)
    held_out = [
        (own.confidence(o.signals) - o.answerable) ** 2
        for fold in range(_FOLDS)
        for own in [
            fitted(start, [o for n, o in enumerate(seen) if n % _FOLDS != fold], fitted_on="")
        ]
        for o in seen[fold::_FOLDS]
    ]
    before = [(start.confidence(o.signals) - o.answerable) ** 2 for o in seen]
    written = path or home / FILE
    save_calibration(fitted(start, seen, fitted_on=fitted_on), written)
    return CalibrationReport(
        path=str(written),
        questions=len(seen),
        answerable=answerable,
        brier_before=sum(before) / len(before),
        brier_after=sum(held_out) / len(held_out),
    )


def fitted(start: Calibration, seen: Sequence[Observation], *, fitted_on: str) -> Calibration:
    """Return a calibration fitted to what was seen, drawn to the one it starts from.

    Logistic regression with a normal prior around the weights of `start` (ridge); few cases
    move it little, many move it all the way. A model that no observation is for stays.
    """
    known = [o for o in seen if o.signals]
    read = [o for o in known if READING in o.signals]
    return Calibration(
        _fitted(start.searched, known, fitted_on) if known else start.searched,
        _fitted(start.read, read, fitted_on) if read else start.read,
    )


def _fitted(start: Logistic, seen: Sequence[Observation], fitted_on: str) -> Logistic:
    # Heavy: only who fits needs it.
    import numpy as np

    names = list(start.weights)
    rows = np.array([[1.0, *(o.signals[name] for name in names)] for o in seen])
    truth = np.array([float(o.answerable) for o in seen])
    # In units of its spread, or the prior would hold fast what is measured in large numbers.
    spread = np.array([1.0, *np.maximum(rows[:, 1:].std(axis=0), 1e-3)])
    before = np.array([start.intercept, *start.weights.values()]) * spread
    after = _newton(rows / spread, truth, before) / spread
    weights = dict(zip(names, map(float, after[1:]), strict=True))
    return Logistic(float(after[0]), weights, fitted_on)


def _newton(
    rows: NDArray[np.float64], truth: NDArray[np.float64], before: NDArray[np.float64]
) -> NDArray[np.float64]:
    # Heavy: as above.
    import numpy as np

    weights = before.copy()
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(rows @ weights, -500, 500)))
        slope = rows.T @ (chance - truth) + _STIFFNESS * (weights - before)
        curve = (rows * (chance * (1 - chance))[:, None]).T @ rows
        step = np.linalg.solve(curve + _STIFFNESS * np.eye(len(weights)), slope)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    return weights
