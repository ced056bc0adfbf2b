"""What kind of thing a question asks for, and whether a text has one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.expecting import Kind, asks_for_views, has_kind, kind_expected


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many meetings took place?", "number"),
        ("What percentage of people agree?", "number"),
        ("What was the population of Warsaw in 1901?", "number"),
        ("How long did the siege last?", "number"),
        ("When did they meet?", "time"),
        ("In what year was the bridge built?", "year"),
        ("On which day did they meet?", "date"),
        ("In which month did they meet?", "time"),
        ("Who designed it?", "person"),
        ("What is the name of the official?", "person"),
        ("Where did the delegations meet?", "place"),
        ("In which city was she born?", "town"),
        ("In which country was she born?", "place"),
        ("How much did the briefing cost?", "money"),
        ("Why did it fail?", None),
        ("What did critics say?", None),
        ("", None),
    ],
)
def test_the_wording_tells_the_kind(question: str, kind: Kind | None) -> None:
    """The question word, and what follows it, name the kind of answer."""
    assert kind_expected(question) == kind


@pytest.mark.parametrize(
    ("question", "text", "found"),
    [
        ("How many meetings?", "Over 12 meetings occurred.", True),
        ("How many meetings?", "Twelve meetings occurred.", True),
        ("How many sanctions in 2016?", "Sanctions were raised in 2016.", False),
        ("When did they meet?", "They met in Geneva in May.", True),
        ("When did they meet?", "They met in Geneva.", False),
        ("In which year did they meet?", "They met in May.", False),
        ("In which year did they meet?", "They met in May 2017.", True),
        ("What day was it?", "It was after the war.", False),
        ("What day was it?", "It was on a Tuesday.", True),
        ("In which city did Trump speak?", "Trump spoke at a summit in July.", False),
        ("In which city did Trump speak?", "Trump spoke in Hamburg in July.", True),
        ("Who spoke to CNN?", "It was confirmed to CNN.", False),
        ("Who spoke to CNN?", "Tom Shannon spoke to CNN.", True),
        ("Where did they meet?", "They met in Istanbul.", True),
        ("How much did it cost?", "It cost $4 million.", True),
        ("How much did it cost?", "It had 12 rooms.", False),
    ],
)
def test_a_text_has_the_kind_or_not(question: str, text: str, found: bool) -> None:
    """Only what the question does not name itself counts as an answer."""
    kind = kind_expected(question)
    assert kind is not None
    assert has_kind(text, kind, question=question) is found


@given(st.text(), st.text())
def test_any_text_is_judged(question: str, text: str) -> None:
    """No question and no text makes the judgement fail."""
    kind = kind_expected(question)
    if kind is not None:
        assert has_kind(text, kind, question=question) in (True, False)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the mayor's stance on tolls?", True),
        ("Should the bridge be closed?", True),
        ("Is Holt for lower or for higher tolls?", True),
        ("Is the toll higher or lower than before?", True),
        ("How do people feel about the bridge?", True),
        ("Who designed the bridge?", False),
        ("Did Ann or Bob build it?", False),
    ],
)
def test_questions_on_which_documents_may_disagree(question: str, *, expected: bool):
    """By their wording."""
    assert asks_for_views(question) is expected
