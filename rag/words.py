"""Words, terms, numbers, names and negations of a text. Pure.

Knows nothing of documents or questions. A term is a content word, folded to lower case
without diacritics and stemmed by Porter's algorithm, as SQLite's full-text index does it,
so that counts from there can be used for terms from here. Two kinds of term are made to
match better than they do there: initials ("U.S." and "US" are both "us") and runs of
Chinese, Japanese and Thai, which have no spaces and become pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

import snowballstemmer

# Signs that Python counts as no part of a word, but without which Indic words fall apart.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0dff\u0e31-\u0e4e"
_PART = rf"[^\W_](?:[^\W_]|[{_MARKS}])*"
_PLAIN = re.compile(_PART)
_WORD = re.compile(rf"{_PART}(?:(?:[.'’&-]|(?<=\d),(?=\d{{3}}(?!\d))){_PART})*")
_INITIALS = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.)+[^\W\d_](?![^\W_])")
_CONTRACTED = re.compile(r"'(?:s|t|d|ll|re|ve|m)?$")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)

STOP_WORDS = frozenset(
    """a about above after again against all also am an and any are aren't as at be because been
    before being below between both but by can can't cannot could couldn't did didn't do does
    doesn't doing don don't down during each either else etc ever every few for from further had
    hadn't has hasn't have haven't having he her here hers herself him himself his how i if in
    into is isn't it its itself just let me more most much must my myself of off
    on once only or other our ours ourselves out over own please same shall she should shouldn't so
    some such tell than that the their theirs them themselves then there these they
    this those through to too under until up upon us very was wasn't we were weren't what
    when where whether which while who whom whose why will with won't would
    wouldn't you your yours yourself yourselves""".split()
)
NEGATIONS = frozenset(
    """no not never none nobody nothing neither nor nowhere without cannot unable hardly scarcely
    barely rarely seldom unlikely impossible fail fails failed failing refuse refuses refused
    refusing deny denies denied denying lack lacks lacked lacking""".split()
)
# What follows "not" or "no" when nothing is denied: "not only this but also that", "No. 5".
_NO_DENIAL = frozenset("only just merely least doubt matter".split())
# Words that open a sentence and say nothing themselves; a capital there means no name.
_OPENERS = frozenset(
    """according additionally although altogether amid among another around beside besides beyond
    compared concerning consequently despite earlier even finally first furthermore given
    hence however indeed instead last lastly later like many may maybe meanwhile moreover near
    neither never nevertheless next no nonetheless nor not nothing nobody now often one others
    otherwise overall people perhaps rather recent second several similarly since sometimes soon
    still therefore third though throughout thus today together toward towards unless unlike
    usually via whereas whatever whenever wherever within without yes yet""".split()
)
_COMMON_ENDING = re.compile(r"(?:ly|ing|ed)$")

_DIGITS = r"\d+(?:[.,]\d+)*|(?<![\w.])\.\d+"
_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
}
_SCALES = {"hundred": 100, "dozen": 12, "thousand": 1000, "million": 10**6, "billion": 10**9,
           "trillion": 10**12, "bn": 10**9}  # fmt: skip
_ORDINALS = {
    **{f"{word.removesuffix('y')}{'ie' * word.endswith('y')}th": n for word, n in _SMALL.items()},
    "first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12,
    "twice": 2, "thrice": 3,
}  # fmt: skip
_FRACTIONS = {"half": "0.5", "quarter": "0.25"}
_NUMERAL = re.compile(rf"(?P<digits>{_DIGITS})|(?P<word>[^\W\d_]+)|(?P<gap>[^\w\s-]+)")
# "One" before or after these words is a pronoun, and counts nothing.
_PRONOUN_BEFORE = frozenset("the this that no any each every which some another".split())
_PRONOUN_AFTER = frozenset("of who which that another more day can could should would is".split())


def fold(text: str) -> str:
    """Return text in lower case, without Latin diacritics; initials joined: "U.S" is "us"."""
    return _lower(_INITIALS.sub(lambda found: found[0].replace(".", ""), text))


def _lower(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = text.replace("’", "'").lower().replace("ς", "σ")
    kept: list[str] = []
    latin = False
    for character in unicodedata.normalize("NFKD", plain):
        if not unicodedata.combining(character):
            latin = character < "\u0250" or "\u1e00" <= character <= "\u1eff"
        elif latin:
            continue
        kept.append(character)
    # The full-text index keeps the marks of other scripts: й is not и, nor έ ε.
    return unicodedata.normalize("NFC", "".join(kept))


def words(text: str) -> list[str]:
    """Return the words of a text as they stand there; a hyphen or dot inside joins."""
    return _WORD.findall(text)


def content_words(text: str) -> list[str]:
    """Return the words of a text that carry meaning, folded, in order, repeats kept.

    They are what to look up in a full-text index: compounds are taken apart, the 's of
    a possessive is dropped, initials keep their dots.
    """
    return [_lower(word) for word in _content_words(text)]


# Some 20 MB at most: the passages that are searched again and again, and their sentences.
@lru_cache(maxsize=10_000)
def terms(text: str) -> tuple[str, ...]:
    """Return the content words of a text as terms, in order, repeats kept."""
    found: list[str] = []
    for word in _content_words(text):
        folded = fold(word)
        if _GROUPED.fullmatch(folded):
            folded = folded.replace(",", "")
        for part in _PLAIN.findall(folded):
            found.extend(_pairs(part) if _UNSPACED.match(part) else [stem(part)])
    return tuple(found)


def _content_words(text: str) -> Iterator[str]:
    """Yield the words that carry meaning, as they stand there."""
    found = words(text)
    shouted = len(found) > 1 and text.isupper()
    for compound in found:
        if _is_stop(compound, shouted=shouted):
            continue
        for word in compound.replace("’", "'").split("-"):
            bare = _CONTRACTED.sub("", word)
            if bare and not _is_stop(word, shouted=shouted):
                yield bare


def _is_stop(word: str, *, shouted: bool) -> bool:
    """Tell whether a word carries no meaning. "US", "WHO" and "IT" do, unless all is capitals."""
    if len(word) > 1 and word.isupper() and not shouted:
        return False
    folded = _lower(word)
    return folded in STOP_WORDS or _CONTRACTED.sub("", folded) in STOP_WORDS


def _pairs(run: str) -> list[str]:
    return [run[n : n + 2] for n in range(max(1, len(run) - 1))]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return the stem of a folded word, by Porter's algorithm as SQLite's index has it."""
    encoded = word.encode()
    if not 3 <= len(encoded) < 64:
        return word
    # Porter's own later corrections, which the index makes and this stemmer does not.
    ending = re.fullmatch(r"(.*[aeiouy][^aeiou].*?)(bly|log(?:y|ies))", word)
    if ending and ending[2] == "bly":
        return stem(ending[1] + "ble")
    if ending:
        return ending[1] + "log"
    # The index stems bytes, so that is what it must be given: one character for each.
    stemmed = str(_stemmer().stemWord(encoded.decode("latin-1")))
    return stemmed.encode("latin-1").decode(errors="ignore")


@lru_cache(maxsize=1)
def _stemmer() -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("porter")


def numbers(text: str) -> set[str]:
    """Return the numbers in a text, in digits or words, as plain digits.

    "1,000", "1000" and "one thousand" are "1000"; "$2.5 million" is "2500000"; "third"
    and "3rd" are "3"; "one" counts unless it is a pronoun.
    """
    found: set[str] = set()
    run: list[str] = []
    numerals = [_numeral(match) for match in _NUMERAL.finditer(text)]
    for before, numeral, after in zip(["", *numerals], numerals, [*numerals[1:], ""], strict=False):
        joins = numeral == "and" and bool(run) and run[-1] in _SCALES and after in _SMALL
        if numeral in _ORDINALS:
            # "Twenty-first" is one number.
            tens = run.pop() if run and run[-1] in _TENS and _ORDINALS[numeral] < 10 else "zero"
            found.add(str(_SMALL[tens] + _ORDINALS[numeral]))
        if _is_counting(numeral, before, after):
            run.append(numeral)
        elif not joins:
            found |= _counted(run)
            run = []
            found |= {_FRACTIONS[numeral]} if numeral in _FRACTIONS else set()
    return found | _counted(run)


def _is_counting(numeral: str, before: str, after: str) -> bool:
    if numeral == "one" and (before in _PRONOUN_BEFORE or after in _PRONOUN_AFTER):
        return False
    return numeral in _SMALL or numeral in _SCALES or numeral[:1].isdigit()


def _numeral(match: re.Match[str]) -> str:
    """Return digits as plain digits, a word in lower case and singular, a gap as it is."""
    if match["digits"]:
        return _plain_number(match["digits"])
    numeral = match[0].lower()
    return numeral[:-1] if numeral[:-1] in _SCALES else numeral


def _counted(run: list[str]) -> set[str]:
    """Return the numbers that a run of numerals stands for: "two hundred six" is one, "5 6" two."""
    found: list[str] = []
    total, current, smallest = Decimal(0), Decimal(0), 0
    counting = False
    for numeral in run:
        if numeral in _SCALES:
            scale = _SCALES[numeral]
            current = (current if counting else Decimal(1)) * scale
            if scale >= 1000:
                total, current = total + current, Decimal(0)
            smallest, counting = scale, True
            continue
        value = _value(numeral)
        if value is None:
            found.append(numeral)
            continue
        if counting and not _adds(value, smallest, numeral):
            found.append(_show(total + current))
            total, current = Decimal(0), Decimal(0)
        current += value
        smallest, counting = (int(value) if numeral in _SMALL else 0), True
    return {*found, _show(total + current)} if counting else set(found)


def _adds(value: Decimal, smallest: int, numeral: str) -> bool:
    """Tell whether a numeral goes on with the number before it, as six does in "twenty-six"."""
    if smallest in _SCALES.values() and smallest != 12:
        return value < smallest
    return numeral in _SMALL and 20 <= smallest < 100 and 0 < value < 10


def _value(numeral: str) -> Decimal | None:
    if numeral in _SMALL:
        return Decimal(_SMALL[numeral])
    return Decimal(numeral) if re.fullmatch(r"\d+(?:\.\d+)?", numeral) else None


def _show(number: Decimal) -> str:
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _plain_number(digits: str) -> str:
    """Return digits without grouping commas or needless zeros, in our own digits."""
    plain = "".join(str(unicodedata.decimal(c)) if c.isdigit() else c for c in digits)
    plain = plain.replace(",", "") if _GROUPED.fullmatch(plain) else plain
    if re.fullmatch(r"\d*\.\d+|\d+", plain):
        plain = _show(Decimal(plain))
    return plain


def names(text: str) -> set[str]:
    """Return the folded words that look like names: those with a capital letter.

    The first word of a text is capitalised whatever it is; it counts unless it is one of
    those that usually open a sentence, or has the ending of an adverb or a participle.
    """
    found: set[str] = set()
    for index, word in enumerate(words(text)):
        for part in word.replace("’", "'").split("-"):
            bare = _CONTRACTED.sub("", part)
            if any(c.isupper() for c in bare) and not _is_stop(bare, shouted=False):
                folded = fold(bare)
                opens = index == 0 and not any(c.isupper() for c in bare[1:])
                if not (opens and (folded in _OPENERS or _COMMON_ENDING.search(folded))):
                    found.update(_PLAIN.findall(folded))
    return found


def negations(text: str) -> int:
    """Return how many words of a text deny something."""
    found = [_lower(word) for word in words(text)]
    return sum(
        word.endswith("n't")
        or (word in NEGATIONS and not (word in ("no", "not") and _is_no_denial(after)))
        for word, after in zip(found, [*found[1:], ""], strict=False)
    )


def _is_no_denial(following: str) -> bool:
    return following in _NO_DENIAL or following[:1].isdigit()
