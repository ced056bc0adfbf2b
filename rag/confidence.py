"""How likely it is that the documents hold the answer. Pure.

Knows nothing of where the signals come from. A logistic model; the coefficients were
fitted on questions whose own paragraph was in the library or withheld from it.
"""

from __future__ import annotations

from dataclasses import asdict

from rag.ranking import logistic
from rag.signals import Signals

# Fitted on the development half of XQuAD English in libraries of 1, 6 and 24 articles
# (1,186, 480 and 384 questions, half of them with their paragraph withheld; L2 = 1). The
# signals mean the same in a library of any size.
INTERCEPT = -9.18
COEFFICIENTS = {
    "sentence_cosine": 9.18,
    "sentence_coverage": 3.21,
    "evidence_coverage": 1.06,
    "passage_coverage": 4.61,
    "kind_missing": -1.94,
    # Set by hand. A year is so rare in XQuAD that nothing can be fitted, and near certain; a
    # name fits at -1.05, for there it goes with missing words, but is worth more where
    # all others are there.
    "year_missing": -4.0,
    "name_missing": -2.0,
}


def confidence(signals: Signals | None) -> float:
    """Return the probability that the evidence answers the question, 0 without signals."""
    if signals is None:
        return 0.0
    values = asdict(signals)
    return logistic(INTERCEPT + sum(c * values[name] for name, c in COEFFICIENTS.items()))
