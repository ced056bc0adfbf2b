"""A question, checked and made to stand alone when it leans on the conversation. Pure.

Knows nothing of retrieval or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rag.asides import without_asides
from rag.cleaning import clean_characters
from rag.errors import QuestionError, UsageError
from rag.schema import Answer, Turn
from rag.words import content_words, fold, words

_PERSONAL = frozenset(
    """it its itself they them their theirs themselves he him his himself she her hers
    herself""".split()
)
_DEMONSTRATIVE = frozenset("this that these those".split())
_AUXILIARY = frozenset(
    """is are was were be do does did has have had can could will would shall should may might must
    isn't aren't wasn't weren't don't doesn't didn't""".split()
)
_ASKING = frozenset("what who whom whose which when where why how".split()) | _AUXILIARY
# After one of these stands a noun, which a pronoun further on may mean.
_BEFORE_NOUN = _AUXILIARY | frozenset(
    """the a an which whose many much all some most my our your of in on at by for from to with
    about between""".split()
)
# After one of these a single word may be the whole subject: "what is entropy", "about Mars".
_BEFORE_SUBJECT = frozenset(
    "is are was were a an many much define explain describe about on of".split()
)
# Words that carry meaning and yet name no subject.
_GENERIC = frozenset(
    """answer bigger continue detail details elaborate example examples explain first give
    go going happen happened happening happens kind last list long longer mean means more name next
    number ok okay old one ones others part point please purpose question really reason reasons
    result right said say says second show smaller sort still summarise summarize tell thanks then
    thing things third true two three four five way well word words year years yes""".split()
)
_OPENER = re.compile(
    r"\W*(?:(?:ok|okay|yes|no|right|well|and|but|so|or|also|then)\b[\s,]*)+", re.IGNORECASE
)
_ALWAYS = re.compile(
    r"\W*(?:what about|how about|what if not|how so|how come|why not|tell me more|go on)\b"
    r"|.*\b(?:else|the latter|the former(?=\s*(?:\W*$|is|was|do|does|did)))\b"
    r"|.*\bwhich (?:one|ones|of (?:them|these|those))\b"
    r"|.*\b(?:that|this|other|\w+(?:st|nd|rd|th)) ones?\W*$",
    re.IGNORECASE | re.DOTALL,
)
# "It" that stands for nothing: "is it true that", "what is it that", "does it rain".
_EMPTY_IT = re.compile(
    r"\bit (?:that|who|which|rains?|snows?|takes? .*\bto)\b"
    r"|\b(?:is|was|be) it (?:from|\w+ (?:that|to|for))\b",
    re.IGNORECASE | re.DOTALL,
)
# So few words after "that" at the start of a clause hardly say what it is.
_BARE = 2
_NAMES = 3


def checked(question: str, *, longest: int) -> str:
    """Return a question that can be worked on; raises QuestionError for any other.

    As in documents, what cannot be seen in it is not meant to be asked.
    """
    question = clean_characters(question)
    if not question.strip():
        raise QuestionError("The question is empty. Write what you want to know.")
    if len(question) > longest:
        raise QuestionError(
            f"The question has {len(question):,} characters, the limit is {longest:,}. "
            "Shorten it, or add the text as a document and ask about it."
        )
    return question


def turns_of(history: Iterable[Any]) -> tuple[Turn, ...]:
    """Return a history as turns.

    A history is a sequence of Turn, Answer, (question, answer) pairs, or messages with a
    `role` and a `content`. Raises UsageError for anything else.
    """
    turns: list[Turn] = []
    asked: str | None = None
    # Callers without type checks hand over anything; a string would be read letter by letter.
    if isinstance(history, str | bytes | Mapping) or not hasattr(history, "__iter__"):
        raise _wrong_history(history)
    for item in history:
        if isinstance(item, Turn):
            turns.append(item)
        elif isinstance(item, Answer):
            turns.append(Turn(item.question, item.text))
        elif isinstance(item, Mapping) and {"role", "content"} <= item.keys():
            if item["role"] == "user":
                asked = _text_of(item["content"])
            elif item["role"] == "assistant" and asked is not None:
                turns.append(Turn(asked, _text_of(item["content"])))
                asked = None
        elif isinstance(item, tuple | list) and len(item) == 2:
            turns.append(Turn(_text_of(item[0]), _text_of(item[1])))
        else:
            raise _wrong_history(item)
    return tuple(turns)


def _wrong_history(item: object) -> UsageError:
    return UsageError(
        "A history is a sequence of Turn(question, answer), of earlier answers, of "
        "(question, answer) pairs or of role and content messages; got "
        f"{type(item).__name__}: {item!r:.80}."
    )


def _text_of(content: object) -> str:
    """Return the text of a message, which may come in parts; what is no text is left out."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return _text_of(content.get("text"))
    if isinstance(content, list | tuple):
        return " ".join(filter(None, map(_text_of, content)))
    return ""


def stand_alone(question: str, turns: Sequence[Turn]) -> str:
    """Return the question with the subject of the conversation, if it leans on it."""
    if not turns or not leans_on_history(question):
        return question
    subject = _subject(turns)
    return f"{question.strip()} ({subject})" if subject else question


def leans_on_history(question: str) -> bool:
    """Tell whether a question points back at something that it does not name."""
    found = words(question)
    folded = [fold(word) for word in found]
    if _ALWAYS.match(question) or not folded or folded[-1] in ("this", "that", "then"):
        return True
    opener = _OPENER.match(question)
    rest = words(question[opener.end() :]) if opener else found
    if opener and (not rest or fold(rest[0]) not in _ASKING):
        return True
    return _names_no_subject(found, folded) or _points_back(question, found, folded)


def _names_no_subject(found: Sequence[str], folded: Sequence[str]) -> bool:
    """Tell whether a question is too bare to be about anything: "Why?", "Who won?"."""
    places = [n for n, word in enumerate(found) if _tells(word)]
    if len(places) != 1:
        return not places
    place = places[0]
    is_name = place > 0 and any(c.isupper() for c in found[place])
    return not is_name and (place == 0 or folded[place - 1] not in _BEFORE_SUBJECT)


def _points_back(question: str, found: Sequence[str], folded: Sequence[str]) -> bool:
    """Tell whether a pronoun stands for something outside the question."""
    is_empty = _EMPTY_IT.search(question) is not None
    has_antecedent = False
    for place, word in enumerate(folded):
        before = folded[place - 1] if place else ""
        if word in _PERSONAL and not (word == "it" and is_empty):
            is_last = place == len(folded) - 1 and not word.endswith(("self", "selves"))
            if is_last or not has_antecedent:
                return True
        elif word in _DEMONSTRATIVE and (before in _AUXILIARY or not place):
            if sum(map(_tells, found[place + 1 :])) <= _BARE:
                return True
        elif _tells(found[place]):
            is_name = place > 0 and any(c.isupper() for c in found[place])
            has_antecedent = has_antecedent or is_name or before in _BEFORE_NOUN
    return False


def _tells(word: str) -> bool:
    """Tell whether a word names something to ask about."""
    return any(part not in _GENERIC for part in content_words(word))


def _subject(turns: Sequence[Turn]) -> str:
    """Return the last question that stood alone, and names of the last answer."""
    own = next((t.question for t in reversed(turns) if not leans_on_history(t.question)), "")
    question = own or turns[0].question
    known = fold(question)
    new = [name for name in _names(without_asides(turns[-1].answer)) if fold(name) not in known]
    return " ".join([question.strip(), *list(dict.fromkeys(new))[:_NAMES]])


def _names(text: str) -> list[str]:
    """Return the runs of capitalised words in a text that are more than a sentence's start."""
    runs: list[list[str]] = [[]]
    for word in words(text):
        if word[0].isupper() and content_words(word):
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    return [" ".join(run) for run in runs if run]
