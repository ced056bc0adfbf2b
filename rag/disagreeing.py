"""Whether a sentence answers a question otherwise than what has been told. Pure.

Knows nothing of documents. What an answer consists of is guessed from what the question
asks for: numbers, names, or any words that are not the question's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rag.expecting import Kind, kind_expected
from rag.words import fold, names, numbers, terms, words

_COUNTED: frozenset[Kind] = frozenset({"number", "money", "year", "date", "time"})
_NAMED: frozenset[Kind] = frozenset({"person", "town", "place"})


def answers_otherwise(text: str, told: Iterable[str], *, question: str) -> bool:
    """Tell whether a text has an answer of its own, none of which has been told.

    A text that shares a number that was asked for, or a name, or else any word beyond the
    question's own, is taken to say the same.
    """
    known = list(told)
    for answers_in in _readings(kind_expected(question)):
        new = answers_in(text, question)
        before = {item for one in known for item in answers_in(one, question)}
        if new and before:
            return new.isdisjoint(before)
    return False


def _readings(kind: Kind | None) -> tuple[Callable[[str, str], set[str]], ...]:
    """Return what to compare answers by, best first."""
    if kind in _COUNTED:
        return _numbers, _terms
    if kind in _NAMED:
        return _names, _terms
    return (_terms,)


def _numbers(text: str, question: str) -> set[str]:
    return numbers(text) - numbers(question)


def _names(text: str, question: str) -> set[str]:
    return names(text) - set(map(fold, words(question)))


def _terms(text: str, question: str) -> set[str]:
    return set(terms(text)) - set(terms(question))
