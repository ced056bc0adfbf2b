"""Where the sentences of a paragraph end. Pure.

Knows nothing of paragraphs, passages or offsets into a document. Written for English
first: what an abbreviation is, it knows from a list. Chinese, Japanese, Hindi, Arabic and
Urdu end a sentence with signs of their own, which mean nothing else. Takes time in
proportion to the text, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_CLOSING = "\"'”’»›)\\]*_"
_END = re.compile(
    # A run of stops is tried once, at its start: a million dots would take hours otherwise.
    rf"(?P<stop>(?<![.!?…])[.!?…]++)[{_CLOSING}]*+(?:\[\d{{1,3}}\])*+(?=\s|(?P<next>[A-Z][a-z]*\s))"
    r"|[。！？｡।॥؟۔]++[”’」』）)\]\"'»]*+"
)
_TOKEN = re.compile(r"[^\s(\[“\"‘'«—–/]*$")
_NEXT = re.compile(r"\s*+[\"'“‘«‹(\[*_¿¡]*+([^\s,;:]{0,20})")
# Characters to look at, so that a text without ends is not read again and again.
_LOOK_BACK, _ENUMERATION_WIDTH = 30, 10

# They stand before a name, so that the capital after them starts nothing.
_TITLES = frozenset(
    """mr mrs ms mx messrs mme mlle dr prof sen rep reps sens gov gen col lt sgt capt cpt maj cmdr
    adm rev hon pres supt insp fr st mt ft""".split()
)
# They lead on to what follows: a number, a name or an explanation.
_LEADING = frozenset(
    """e.g i.e cf vs v viz al ca approx est vol vols fig figs eq eqs sec ch chap pp p no nos nr art
    par para ed eds op tab ver ref refs app ext tel""".split()
)
# They may end a sentence, too: the next word decides.
_SHORT_FORMS = frozenset(
    """inc ltd corp co cos bros jr sr esq etc dept univ assn ave blvd rd hwy jan feb mar apr jun jul
    aug sep sept oct nov dec mon tue tues wed thu thurs fri sat sun min max hr hrs yr yrs wk ph
    ala ariz ark calif colo conn del fla ga ill ind kan ky la md mich minn miss mo mont neb nev
    okla ore pa penn tenn tex va vt wash wis wyo""".split()
)
# With a capital after an abbreviation, these start a sentence rather than go on with a name.
_STARTERS = frozenset(
    """a according after all also although an and any as at because before both but by during each
    even for from he her his how however i if in it its many meanwhile more most my no not of on
    one or other our over she since so some such that the their then there these they this those
    though to today under until we what when where while who why with yet you your""".split()
)
_DOTTED = re.compile(r"(?:[^\W\d_]{1,3}\.)+[^\W\d_]{1,3}")
_ENUMERATION = re.compile(r"\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})")


def sentence_spans(block: str) -> Iterator[Span]:
    """Yield where each sentence of a paragraph starts and ends; white space may lie between."""
    start = 0
    for match in _END.finditer(block):
        if match["stop"] is None or _ends_sentence(block, start, match):
            yield start, match.end()
            start = match.end()
    if start < len(block):
        yield start, len(block)


def _ends_sentence(block: str, start: int, match: re.Match[str]) -> bool:
    """Tell whether a stop ends the sentence that begins at `start`."""
    token = _TOKEN.search(block, max(start, match.start() - _LOOK_BACK), match.start())
    before = token[0] if token else ""
    following = _NEXT.match(block, match.end())
    after = following[1] if following else ""
    if not after:
        return True
    if match["next"]:  # no space after the stop: "the end.The next"
        return before[-3:].islower() and len(before) > 2 and _starts(after)
    continues = after[0].islower() and not any(c.isupper() for c in after[1:])
    if match["stop"] == ".":
        return _full_stop_ends(
            before,
            after,
            opens=match.start() - start < _ENUMERATION_WIDTH
            and not block[start : match.start() - len(before)].strip(" \n\t(["),
            continues=continues,
            closed=match.end() > match.end("stop"),
        )
    # "Yahoo! said it", "Is it? she asked", "and then... nothing"; not for writers who
    # never use a capital.
    first = _NEXT.match(block, start)
    return not (continues and first is not None and first[1][:1].isupper())


def _full_stop_ends(before: str, after: str, *, opens: bool, continues: bool, closed: bool) -> bool:
    folded = before.lower()
    if opens and _ENUMERATION.fullmatch(before):
        return False
    if folded in _TITLES and before[0].isupper():
        return folded in ("st", "ft", "mt") and _starts(after)
    if folded in _LEADING:
        return not _is_led_to(folded, after, continues=continues)
    if len(before) == 1 and before.islower() and after[0].isdigit():  # "c. 1500", "p. 3"
        return False
    is_initials = (len(before) == 1 and before.isupper()) or _DOTTED.fullmatch(before)
    if is_initials or folded in _SHORT_FORMS:
        return _starts(after) or (closed and not continues)
    return not (continues and closed)


def _is_led_to(abbreviation: str, after: str, *, continues: bool) -> bool:
    """Tell whether an abbreviation such as "No." or "cf." goes on with the next word."""
    if abbreviation in ("no", "art", "app", "par", "ref", "tab", "ed", "p"):
        # Words, too: only a number shows that they were cut short.
        return after[0].isdigit()
    return continues or after[0].isdigit() or not _starts(after)


def _starts(after: str) -> bool:
    return after[0].isupper() and after.rstrip(".!?\"'”’").split("’")[0].lower() in _STARTERS
