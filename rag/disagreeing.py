"""Whether a text answers a question as what has been told does, or otherwise. Pure.

Knows nothing of documents. What an answer consists of is guessed from what the question
asks for: numbers, names, or any words that are not the question's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from rag.expecting import Kind, kind_expected
from rag.words import fold, names, numbers, terms, words

Stance = Literal["same", "other", "none"]
_NAMED: frozenset[Kind] = frozenset({"person", "town", "place"})


def stance(text: str, told: Iterable[str], *, question: str) -> Stance:
    """Tell whether a text answers as what has been told, otherwise, or not at all.

    It says the same if it shares a name that was asked for, or else a number, or else any word
    beyond the question's own; it says nothing if it has no such word, or if it lacks a number
    of the question that has been told: then it is about another year, room or round.
    """
    known = list(told)
    asked = numbers(question)
    if any(asked & numbers(one) - numbers(text) for one in known):
        return "none"
    for answers_in in _readings(kind_expected(question)):
        new = answers_in(text, question)
        before = {item for one in known for item in answers_in(one, question)}
        if new and before:
            return "other" if new.isdisjoint(before) else "same"
    return "none"


def _readings(kind: Kind | None) -> tuple[Callable[[str, str], set[str]], ...]:
    """Return what to compare answers by, best first."""
    return (_names, _terms) if kind in _NAMED else (_numbers, _terms)


def _numbers(text: str, question: str) -> set[str]:
    return numbers(text) - numbers(question)


def _names(text: str, question: str) -> set[str]:
    return names(text) - set(map(fold, words(question)))


def _terms(text: str, question: str) -> set[str]:
    return set(terms(text)) - set(terms(question))
