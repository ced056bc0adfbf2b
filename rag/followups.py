"""A question that leans on the conversation, made to stand alone. Pure.

Knows nothing of retrieval or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from rag.errors import UsageError
from rag.schema import Answer, Turn
from rag.words import content_words, fold, words

_POINTERS = frozenset(
    """it its itself they them their theirs he him his she her hers this that these those there
    then former latter one ones both same such else""".split()
)
# "that" and "this" also join clauses; only at the start or end do they surely point back.
_AMBIGUOUS = frozenset("that this there then one same such both else these those".split())
_OPENERS = re.compile(
    r"^\s*(?:and|but|so|also|or|what about|how about|what else|anything else|why|really|"
    r"how come|who else|where else|when else|tell me more|more|go on|explain|elaborate)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"\b[A-Z][\w’'-]+(?:\s+(?:of|de|von|van|the)?\s*[A-Z][\w’'-]+)*")
# Fewer content words than this and a question hardly names its own subject.
_FEW = 2
_NAMES = 3


def turns_of(history: Iterable[Any]) -> tuple[Turn, ...]:
    """Return a history as turns.

    A history is a sequence of Turn, Answer, (question, answer) pairs, or messages with a
    `role` and a `content`. Raises UsageError for anything else.
    """
    turns: list[Turn] = []
    asked: str | None = None
    for item in history:
        if isinstance(item, Turn):
            turns.append(item)
        elif isinstance(item, Answer):
            turns.append(Turn(item.question, item.text))
        elif isinstance(item, dict) and {"role", "content"} <= item.keys():
            if item["role"] == "user":
                asked = str(item["content"])
            elif item["role"] == "assistant" and asked is not None:
                turns.append(Turn(asked, str(item["content"])))
                asked = None
        elif isinstance(item, tuple | list) and len(item) == 2:
            turns.append(Turn(str(item[0]), str(item[1])))
        else:
            raise UsageError(
                "A history is a sequence of Turn(question, answer), of earlier answers, of "
                f"(question, answer) pairs or of role and content messages; got {item!r:.80}."
            )
    return tuple(turns)


def stand_alone(question: str, turns: Sequence[Turn]) -> str:
    """Return the question with the subject of the conversation, if it leans on it."""
    if not turns or not leans_on_history(question):
        return question
    subject = _subject(turns)
    return f"{question.strip()} ({subject})" if subject else question


def leans_on_history(question: str) -> bool:
    """Tell whether a question points back at something that it does not name."""
    found = [fold(word) for word in words(question)]
    pointing = any(
        word in _POINTERS and (word not in _AMBIGUOUS or n in (0, len(found) - 1))
        for n, word in enumerate(found)
    )
    return pointing or bool(_OPENERS.match(question)) or len(content_words(question)) < _FEW


def _subject(turns: Sequence[Turn]) -> str:
    """Return the last question that stood alone, and names of the last answer."""
    own = next((t.question for t in reversed(turns) if not leans_on_history(t.question)), "")
    question = own or turns[0].question
    known = fold(question)
    new = [n for n in _NAME.findall(turns[-1].answer) if fold(n) not in known]
    # The first word of a sentence is capitalised whatever it is.
    likely = [n for n in dict.fromkeys(new) if content_words(n)][:_NAMES]
    return " ".join([question.strip(), *likely])
