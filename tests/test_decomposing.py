"""Questions that ask two things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.decomposing import parts_of
from rag.schema import Turn


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        (
            "Which dam burst in 1931, and who built the dam?",
            ("Which dam burst in 1931?", "who built the dam?"),
        ),
        (
            "Where was Clara Holt born? In which year did she die?",
            ("Where was Clara Holt born?", "In which year did she die?"),
        ),
        (
            "When did the dam burst and in which town did people drown?",
            ("When did the dam burst?", "in which town did people drown?"),
        ),
    ],
)
def test_what_asks_two_things_is_taken_apart(question: str, asked: tuple[str, ...]):
    """At the words that begin another question."""
    assert tuple(part for part, _ in parts_of(question)) == asked


@pytest.mark.parametrize(
    "question",
    [
        "Which dam burst?",
        "How and when did the dam burst in Lune?",
        "What happened, and why?",
        "The dam is old, and what else is it?",
        "Do we know the man who built the dam and the bridge?",
        "What is the difference between a dam and a weir?",
        "dam bridge Lune",
        "",
    ],
)
def test_what_asks_one_thing_stays_whole(question: str):
    """Both halves have to be questions."""
    assert parts_of(question) == ((question, question),)


def test_a_part_that_leans_on_the_one_before_is_searched_for_with_its_subject():
    """And the first one with that of the conversation."""
    first, second = parts_of("Which dam burst in 1931, and who built it for the town?")
    assert first == ("Which dam burst in 1931?", "Which dam burst in 1931?")
    assert second[0] == "who built it for the town?"
    assert "dam burst in 1931" in second[1]
    turns = [Turn("Who built the Lune Dam?", "Clara Holt")]
    first, _ = parts_of("When was it built by her, and who paid for the walls?", turns)
    assert "Lune Dam" in first[1]


@given(st.text(max_size=200))
def test_any_text_has_at_least_one_part(question: str):
    """Whatever is asked, something is searched for."""
    parts = parts_of(question)
    assert 1 <= len(parts) <= 3
    assert len(parts) > 1 or parts[0][0] == question
