"""What kind of thing a question asks for, and whether a text has one. Pure.

Knows nothing of retrieval. Eight kinds are told apart by the wording of the question; for
all others (why, how, what) no kind is expected and every text will do.
"""

from __future__ import annotations

import re
from typing import Literal

from rag.words import fold, names, numbers, words

Kind = Literal["number", "money", "year", "date", "time", "person", "town", "place"]

_UNIT = r"(?:\w+\s+){0,2}"
_WORDINGS: tuple[tuple[Kind, str], ...] = (
    (
        "money",
        r"\bhow much (?:money|did|does|do|was|were|is|are|would|will)\b.*\b(?:cost|costs|pay|"
        r"paid|spend|spent|earn|earned|worth|price|charge|charged|raise|raised|fund|lose|"
        r"lost|invest\w*|sell|sold|make)\b|\b(?:what|which) (?:was|is|were) the "
        r"(?:\w+ ){0,2}(?:price|cost|fee|salary|budget)\b",
    ),
    ("year", r"\b(?:what|which) years?\b"),
    ("date", r"\b(?:what|which) (?:\w+ )?(?:date|day)\b"),
    (
        "time",
        r"^(?:\w+ ){0,2}when\b|\b(?:what|which) (?:\w+ )?(?:year|month|decade|"
        r"century|season|time)\b|\bhow long ago\b|\bsince when\b",
    ),
    (
        "number",
        rf"\bhow (?:many|much|long|old|far|tall|high|deep|wide|large|big|heavy|fast|often)\b|"
        rf"\b(?:what|which) {_UNIT}(?:percentage|percent|proportion|share|fraction|number|"
        rf"population|age|amount|score|rate|temperature|speed|distance|height|length|"
        rf"weight|size)\b",
    ),
    (
        "person",
        r"^(?:\w+ ){0,2}(?:who|whom|whose)\b|\bwhat (?:is|was|are|were) the names? of\b|"
        r"\bwhat (?:\w+ )?(?:is|was) \w+(?:'s)? name\b|\b(?:which|what) (?:person|man|woman|"
        r"author|president|scientist|actor|actress|player|king|queen|leader)\b",
    ),
    ("town", r"\b(?:what|which) (?:\w+ )?(?:city|cities|towns?|villages?|capitals?)\b"),
    (
        "place",
        r"^(?:\w+ ){0,2}where\b|\b(?:what|which) (?:\w+ )?(?:country|state|place|continent|"
        r"island|region|street|location)\b",
    ),
)
_VIEWS = re.compile(
    r"\b(?:stances?|attitudes?|opinions?|positions? on|views? (?:of|on|about)|feels? about|"
    r"thinks? (?:of|about)|should|ought|(?:dis)?agree|differ|dispute|controvers\w+|"
    r"(?:for|in favou?r of) (?:\w+ )*or\b|\w+er (?:or|than) (?:\w+ )?\w+er)\b"
)
_PATTERNS = tuple((kind, re.compile(wording)) for kind, wording in _WORDINGS)
_YEAR = re.compile(r"\b(?:1\d|20)\d\d(?=\b|s\b)")
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_DATE = re.compile(rf"\b(?:{_MONTHS}|{_WEEKDAYS}|today|yesterday|tomorrow|\d+/\d+)\b")
_TIME = re.compile(
    rf"\b\d{{3,4}}s?\b|\b(?:{_MONTHS}|{_WEEKDAYS}|spring|summer|"
    r"autumn|winter|century|centuries|decades?|years?|months?|weeks?|days?|hours?|today|"
    r"yesterday|tomorrow|earlier|later|after|before|during|since|until|morning|evening|night|"
    r"bc|ad|b\.c|a\.d)\b"
)
_CALENDAR: dict[Kind, re.Pattern[str]] = {"year": _YEAR, "date": _DATE, "time": _TIME}
_MONEY = re.compile(
    r"[$€£¥₽]|\b(?:dollars?|euros?|pounds?|yen|rubles?|roubles?|francs?|cents?|usd|eur|gbp|"
    r"free of charge|for free|no cost)\b"
)
_QUANTITY = re.compile(
    r"\b(?:half|third|quarter|majority|minority|most|none|all|both|several|dozens?|hundreds?|"
    r"thousands?|millions?|billions?|twice|once|one|few|many|percent|per cent|unlimited|"
    r"infinite(?:ly)?|indefinitely|every|daily|weekly|monthly|yearly|annually|century|"
    r"decades?|years?|months?|weeks?|days?|hours?|minutes?)\b"
)
_SOMEBODY = re.compile(
    r"\b(?:president|minister|king|queen|officials?|director|government|company|committee|"
    r"people|scientists?|students?|workers?|members?|leaders?|critics|allies|analysts|experts|"
    r"groups?|team|army|troops|men|women|children|settlers|companies|authorities|public)\b"
)


def kind_expected(question: str) -> Kind | None:
    """Return the kind of thing a question asks for, None where its wording does not tell."""
    asked = fold(question).strip()
    return next((kind for kind, pattern in _PATTERNS if pattern.search(asked)), None)


def asks_for_views(question: str) -> bool:
    """Tell whether a question is one on which documents may disagree."""
    return bool(_VIEWS.search(fold(question)))


def years(text: str) -> set[str]:
    """Return the years that a text names, from 1000 to 2099; of a decade its first."""
    return set(_YEAR.findall(text))


def has_kind(text: str, kind: Kind, *, question: str) -> bool:
    """Tell whether a text has a thing of this kind that the question does not name itself."""
    folded = fold(text)
    if kind == "money":
        return bool(_MONEY.search(folded))
    if kind in _CALENDAR:
        pattern = _CALENDAR[kind]
        return not set(pattern.findall(folded)) <= set(pattern.findall(fold(question)))
    if kind == "number":
        return bool(numbers(text) - numbers(question)) or bool(_QUANTITY.search(folded))
    new_names = names(text) - set(map(fold, words(question)))
    if kind == "town":
        # That a name is one of a town cannot be told, only that a date is none.
        return any(not _DATE.fullmatch(name) for name in new_names)
    if kind == "person":
        return bool(new_names) or bool(_SOMEBODY.search(folded))
    return bool(new_names) or bool(re.search(r"\b(?:in|at|on|near|to|from|between)\b", folded))
