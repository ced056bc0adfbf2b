"""Whether a text answers as what has been told does."""

from __future__ import annotations

import pytest

from rag.disagreeing import Stance, stance


@pytest.mark.parametrize(
    ("question", "told", "text", "expected"),
    [
        ("When was it opened?", "It was opened in 1931.", "The opening was in 1947.", "other"),
        ("When was it opened?", "It was opened on 4 May 1931.", "Opened in 1931.", "same"),
        ("Who built it?", "Clara Holt built it.", "It was built by Ada Morley.", "other"),
        ("Who built it?", "Clara Holt built it.", "Holt drew the plans in 1930.", "same"),
        ("Of what is the roof?", "The roof is of slate.", "The roof is of copper.", "other"),
        ("Of what is the roof?", "The roof is of slate.", "Slate covers it.", "same"),
        ("What does it cost?", "It costs 17 euros.", "It costs 49 euros.", "other"),
        ("Who built the bridge?", "Clara Holt built it.", "# The bridge", "none"),
    ],
)
def test_stance(question: str, told: str, text: str, expected: Stance) -> None:
    """Names, numbers or words that the question does not have are compared."""
    assert stance(text, [told], question=question) == expected


def test_what_was_told_before_counts_whole() -> None:
    """An answer that has both sides is not contradicted by either."""
    told = ["It opened in 1931.", "Others say it opened in 1947."]
    assert stance("It opened in 1947.", told, question="In what year did it open?") == "same"
