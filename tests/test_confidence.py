"""How sure the search is that the documents hold the answer."""

from __future__ import annotations

from dataclasses import asdict, replace

from hypothesis import given
from hypothesis import strategies as st

from rag.confidence import COEFFICIENTS, confidence
from rag.signals import Signals

from .found import SURE, UNSURE

shares = st.floats(0, 1)
signals = st.builds(
    Signals,
    relevance=st.floats(-12, 12),
    sentence_cosine=st.floats(-1, 1),
    passage_coverage=shares,
    sentence_coverage=shares,
    evidence_coverage=shares,
    kind_missing=st.sampled_from([0.0, 1.0]),
    year_missing=st.sampled_from([0.0, 1.0]),
    name_missing=st.sampled_from([0.0, 1.0]),
)


def test_nothing_found_is_no_confidence():
    """Not small, but none."""
    assert confidence(None) == 0.0


def test_strong_signals_make_sure_and_weak_ones_do_not():
    """The two ends of the scale."""
    assert confidence(SURE) > 0.9
    assert confidence(UNSURE) < 0.1


def test_every_coefficient_weighs_a_signal():
    """A renamed signal would otherwise be noticed by the first question only."""
    assert set(COEFFICIENTS) <= set(asdict(SURE))


@given(signals)
def test_confidence_is_a_probability(found: Signals):
    """Whatever the signals."""
    assert 0.0 <= confidence(found) <= 1.0


@given(signals, st.sampled_from(["sentence_cosine", "sentence_coverage", "passage_coverage"]))
def test_a_better_match_is_never_less_sure(found: Signals, name: str):
    """Each signal of likeness raises the confidence."""
    assert confidence(replace(found, **{name: 1.0})) >= confidence(found)


@given(signals)
def test_a_missing_kind_makes_less_sure(found: Signals):
    """A question for a number, and no number in sight."""
    assert confidence(replace(found, kind_missing=1.0)) <= confidence(
        replace(found, kind_missing=0.0)
    )
