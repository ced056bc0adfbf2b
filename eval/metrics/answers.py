"""Measures of an answer's text against the gold answers, as SQuAD takes them.

Knows nothing of citations or of who answered. Gold answers are alternatives, any of which is
right; each is made of one or more parts that must all be there. Markers such as [1] are words
to these measures: take them out before.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

Answers = Sequence[Sequence[str]]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")
# Dashes that part words become a space, or the words would grow together.
_FOLDED = str.maketrans({"—": " ", "―": " ", "−": "-", "⁄": "/"})
_JOINTS = re.compile("[-‐‑‒–'’]")


def normalise(text: str) -> str:
    """Return a text in the form in which SQuAD's script compares answers.

    Lower case, without punctuation, without the articles a, an and the, white space squeezed
    (Rajpurkar et al., 2016, evaluate-v1.1.py): "The 1,000 men" is "1000 men". Differences:
    compatible characters are folded first (NFKC), punctuation and currency signs of all
    scripts are dropped, and a decimal point stays, so that 12.5 is not 125.
    """
    folded = unicodedata.normalize("NFKC", text).translate(_FOLDED).lower()
    pieces = _DECIMAL_POINT.split(folded)
    kept = ".".join("".join(c for c in piece if not _is_dropped(c)) for piece in pieces)
    return " ".join(_ARTICLES.sub(" ", kept).split())


def exact_match(text: str, answers: Answers) -> float | None:
    """Return 1 if the text is one of the answers after normalisation, 0 if not.

    The parts of an answer are joined by a space. None without answers.
    """
    if not answers:
        return None
    said = normalise(text)
    return float(any(said == normalise(" ".join(parts)) for parts in answers))


def token_f1(text: str, answers: Answers) -> float | None:
    """Return SQuAD's F1, 0 to 1: the harmonic mean of the precision and recall of tokens.

    Tokens are those of the normalised texts, repeats counted; the best of the answers
    counts, its parts joined by a space. Where either text has no tokens it is 1 if both
    have none, else 0, as in SQuAD 2.0. None without answers.
    """
    if not answers:
        return None
    said = normalise(text).split()
    return max(_f1(said, normalise(" ".join(parts)).split()) for parts in answers)


def gold_in_text(text: str, answers: Answers) -> float | None:
    """Return 1 if the text holds all parts of one of the answers, 0 if not.

    Both are normalised, and whole tokens are compared: 12 is not in 2012. The text is also
    read with its hyphens and apostrophes as spaces, so that 2012 is in "2010-2012" and
    Tesla in "Tesla's". An answer of which normalisation leaves nothing ("A") cannot be
    looked for; None without an answer that can.
    """
    golds = [[normalise(part) for part in parts] for parts in answers]
    usable = [parts for parts in golds if parts and all(parts)]
    if not usable:
        return None
    readings = [f" {normalise(form)} " for form in (text, _JOINTS.sub(" ", text))]
    return float(
        any(all(any(f" {p} " in said for said in readings) for p in parts) for parts in usable)
    )


def _is_dropped(character: str) -> bool:
    if character.isascii():
        return character in string.punctuation
    category = unicodedata.category(character)
    return category.startswith("P") or category == "Sc"


def _f1(said: Sequence[str], gold: Sequence[str]) -> float:
    if not said or not gold:
        return float(said == gold)
    same = (Counter(said) & Counter(gold)).total()
    # The harmonic mean of same / len(said) and same / len(gold).
    return 2 * same / (len(said) + len(gold))
