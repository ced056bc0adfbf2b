"""From signals to the probability that the documents hold the answer, and how that is fitted.

Knows nothing of where signals come from. Two logistic models: one of what search tells, one
of that together with what the language model said of the best sentences. Their weights, and
what they were fitted on, stand in calibration.json; a library may have such a file of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import StoreError
from rag.ranking import logistic

if TYPE_CHECKING:
    from rag.signals import Signals

FILE = "calibration.json"
READING = "reading"
"""The weight of the language model's log-odds that a sentence states the answer."""
# Beyond this the log-odds of a small model say no more than how sure of itself it is.
_SUREST = 6.0


@dataclass(frozen=True)
class Logistic:
    """P = 1 / (1 + exp(-(intercept + sum of weight * value))); `fitted_on` tells on what."""

    intercept: float
    weights: Mapping[str, float]
    fitted_on: str

    def probability(self, values: Mapping[str, float]) -> float:
        """Return the probability for named values; those without a weight do not count."""
        return logistic(self.intercept + sum(w * values[n] for n, w in self.weights.items()))


@dataclass(frozen=True)
class Observation:
    """The signals of a question, and whether the documents held its answer."""

    signals: Mapping[str, float]
    answerable: bool


@dataclass(frozen=True)
class Calibration:
    """How sure to be: `searched` before, `read` after the language model has read."""

    searched: Logistic
    read: Logistic

    @property
    def models(self) -> tuple[Logistic, Logistic]:
        """Return both."""
        return self.searched, self.read

    def confidence(self, signals: Mapping[str, float]) -> float:
        """Return the probability that the evidence answers the question, 0 without signals.

        Raises:
            KeyError: a signal is missing that has a weight.
        """
        if not signals:
            return 0.0
        return (self.read if READING in signals else self.searched).probability(signals)


def named(signals: Signals | None, reading: float | None = None) -> dict[str, float]:
    """Return signals by name, and with them the reading if there was one.

    `reading` are the log-odds, of the best sentence, that it states the answer.
    """
    if signals is None:
        return {}
    read = {} if reading is None else {READING: min(max(reading, -_SUREST), _SUREST)}
    return {**asdict(signals), **read}


@cache
def default_calibration() -> Calibration:
    """Return the calibration that comes with this version."""
    return _parsed(Path(__file__).with_name(FILE).read_text(encoding="utf-8"))


def calibration_of(home: Path) -> Calibration:
    """Return the calibration of a home: its own where it has one.

    Raises:
        StoreError: its file cannot be read or is none.
    """
    path, default = home / FILE, default_calibration()
    try:
        own = _parsed(path.read_text(encoding="utf-8"))
        if [m.weights.keys() for m in own.models] != [m.weights.keys() for m in default.models]:
            raise ValueError("it weighs other signals than this version has")
    except FileNotFoundError:
        return default
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise StoreError(
            f"The calibration {path} cannot be used ({exc}). Delete it, or write it anew with "
            "`footnote eval calibrate`."
        ) from exc
    return own


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration, whole or not at all. Raises StoreError."""
    written = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        written.write_text(json.dumps(asdict(calibration), indent=2) + "\n", encoding="utf-8")
        os.replace(written, path)
    except OSError as exc:
        written.unlink(missing_ok=True)
        raise StoreError(f"The calibration {path} cannot be written: {exc}.") from exc


def _parsed(text: str) -> Calibration:
    models = json.loads(text)
    return Calibration(*(_logistic(models[name]) for name in ("searched", "read")))


def _logistic(model: Mapping[str, object]) -> Logistic:
    weights = model["weights"]
    if not isinstance(weights, dict):
        raise ValueError("it has no weights")
    numbers = {str(name): float(weight) for name, weight in weights.items()}
    return Logistic(float(str(model["intercept"])), numbers, str(model["fitted_on"]))
