"""Words, terms, numbers, names and negations of a text. Pure.

Knows nothing of documents or questions. A term is a content word, folded to lower case
without diacritics and stemmed by Porter's algorithm, as SQLite's full-text index does it,
so that counts from there can be used for terms from here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

_WORD = re.compile(r"[^\W_]+(?:[.'’&-][^\W_]+)*")
_PLAIN = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

STOP_WORDS = frozenset(
    """a about above after again against all also am an and any are aren't as at be because been
    before being below between both but by can can't cannot could couldn't did didn't do does
    doesn't doing don don't down during each either else etc ever every few for from further had
    hadn't has hasn't have haven't having he her here hers herself him himself his how i if in
    into is isn't it it's its itself just let's me more most much must my myself of off
    on once only or other our ours ourselves out over own please same shall she should shouldn't so
    some such tell than that that's the their theirs them themselves then there these they
    this those through to too under until up upon us very was wasn't we were weren't what
    what's when where whether which while who whom whose why will with won't would
    wouldn't you your yours yourself yourselves s t d ll re ve m""".split()
)
NEGATIONS = frozenset(
    """no not never none nobody nothing neither nor nowhere without cannot can't couldn't didn't
    doesn't don't hadn't hasn't haven't isn't aren't wasn't weren't won't wouldn't shouldn't
    unable fails failed refuses refused denied denies""".split()
)
_NUMERALS = {
    word: str(value)
    for value, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
        fifteen sixteen seventeen eighteen nineteen twenty""".split()
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70",
     "eighty": "80", "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000",
     "billion": "1000000000", "dozen": "12"}  # fmt: skip


def fold(text: str) -> str:
    """Return text in lower case, without diacritics and with plain apostrophes."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'").lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """Return the words of a text as they stand there; a hyphen or dot inside joins."""
    return _WORD.findall(text)


def content_words(text: str) -> list[str]:
    """Return the words of a text that carry meaning, folded, in order, repeats kept."""
    return [folded for folded in map(fold, words(text)) if folded not in STOP_WORDS]


def terms(text: str) -> list[str]:
    """Return the content words of a text as terms, in order, repeats kept."""
    parts = (part for word in content_words(text) for part in _PLAIN.findall(word))
    return [stem(part) for part in parts if part not in STOP_WORDS]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return the Porter stem of a folded word."""
    return str(_stemmer().stemWord(word))


@lru_cache(maxsize=1)
def _stemmer() -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("porter")


def numbers(text: str) -> set[str]:
    """Return the numbers in a text, digits or words, as plain digits ("1,000" is "1000")."""
    found = {_plain_number(match) for match in _NUMBER.findall(text)}
    return found | {
        _NUMERALS[w] for w in map(fold, words(text)) if w in _NUMERALS and w != "one"
    }


def _plain_number(digits: str) -> str:
    grouped = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits)
    plain = digits.replace(",", "") if grouped else digits
    whole, point, rest = plain.partition(".")
    return (whole.lstrip("0") or "0") + point + rest if whole.isdigit() else plain


def names(text: str) -> set[str]:
    """Return the folded words that look like names: capitalised, not merely first in line.

    The first word of a text counts only when it is capitalised throughout ("NATO") or has
    a capital inside ("BuzzFeed"): any word is capitalised there.
    """
    found: set[str] = set()
    for index, word in enumerate(words(text)):
        inner_capital = any(c.isupper() for c in word[1:])
        if word[0].isupper() and (index > 0 or inner_capital):
            folded = fold(word).removesuffix("'s").removesuffix("'")
            if folded not in STOP_WORDS:
                found.update(_PLAIN.findall(folded))
    return found


def negations(text: str) -> int:
    """Return how many words of a text deny something."""
    return sum(
        word in NEGATIONS or word.endswith("n't")
        for word in (fold(w) for w in words(text))
    )
