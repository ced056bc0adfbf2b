"""The paragraphs of a text, and the sentences of a paragraph, as offsets. Pure.

Knows nothing of passages, headings or files. Written for English first: what an
abbreviation is, it knows from a list. Chinese, Japanese, Hindi, Arabic and Urdu end a
sentence with signs of their own, which mean nothing else. Takes time in proportion to the
length of the text, whatever stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from itertools import pairwise

Span = tuple[int, int]

# Lines this wide may be the wrapped lines of one paragraph; a wider one is a paragraph.
_WRAP_FROM, _WRAP_TO = 40, 130
# Where more than this share of the lines below another begin with a small letter, lines
# are wrapped; elsewhere a line that begins with a capital is a new one.
_WRAPPED_SHARE = 0.25
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FOLLOWING_LINE = re.compile(r"(?<=[^\n]\n)[ \t]*+(\S)")
_VISIBLE = re.compile(r"\S")
LIST_ITEM = re.compile(r"\s*(?:[-*+•·▪‣◦–—]\s|[>|]|#{1,6}\s|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s)")
_LONG_SENTENCE = 600
_SOFT_CUT = re.compile(r"(?<=[;:,.!?)\]])\s+|\s+[—–]\s|(?<=[，；、：])")
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


def split_sentences(text: str) -> list[Span]:
    """Return the sentences of a text as offsets; a paragraph's end ends a sentence."""
    spans: list[Span] = []
    for start, end in paragraph_spans(text):
        spans.extend(sentences_of(text, start, end, _LONG_SENTENCE))
    return spans


def paragraph_spans(text: str, breaks: Set[int] = frozenset()) -> Iterator[Span]:
    """Yield stretches without a paragraph's end inside: a blank line, or a hard line end.

    A line that starts at one of the `breaks` stands alone.
    """
    wraps = _is_hard_wrapped(text)
    lines: list[Span] = []
    for match in _LINE.finditer(text):
        if not match[0].isspace():
            lines.append(match.span())
        elif lines:
            yield from _unwrapped(text, lines, breaks, wraps=wraps)
            lines = []
    if lines:
        yield from _unwrapped(text, lines, breaks, wraps=wraps)


def _is_hard_wrapped(text: str) -> bool:
    """Tell whether lines are broken at some width: then many begin in the middle of a sentence."""
    following: list[str] = _FOLLOWING_LINE.findall(text)
    return sum(c.islower() for c in following) > _WRAPPED_SHARE * len(following)


def _unwrapped(
    text: str, lines: Sequence[Span], breaks: Set[int], *, wraps: bool
) -> Iterator[Span]:
    """Yield runs of lines that are one paragraph wrapped at some width."""
    width = max(_width(text[start:end]) for start, end in lines)
    run = lines[0][0]
    for (start, end), (following, after) in pairwise(lines):
        alone = bool(breaks) and not breaks.isdisjoint(
            {next_visible(text, start), next_visible(text, following)}
        )
        if alone or not _is_wrapped(text[start:end], text[following:after], width, wraps=wraps):
            yield from _trimmed(text, run, end)
            run = following
    yield from _trimmed(text, run, lines[-1][1])


def _width(line: str) -> int:
    """Return the length of a line; 0 where one long word, such as an address, sticks out."""
    line = line.rstrip()
    return len(line) if len(line) <= _WRAP_FROM or " " in line.lstrip()[:-_WRAP_FROM] else 0


def _is_wrapped(line: str, following: str, width: int, *, wraps: bool) -> bool:
    """Tell whether a line goes on in the following one: its first word had no room left."""
    if not _WRAP_FROM <= width <= _WRAP_TO or LIST_ITEM.match(following):
        return False
    first_word = following.split(maxsplit=1)[0]
    is_full = len(line.rstrip()) + 1 + len(first_word) > 0.9 * width
    return is_full and (wraps or first_word[0].islower())


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        offset = start + len(piece) - len(piece.lstrip())
        yield offset, offset + len(stripped)


def sentences_of(text: str, start: int, end: int, limit: int) -> Iterator[Span]:
    """Yield the sentences of a paragraph; one of more than `limit` characters is cut."""
    for sentence_start, sentence_end in _sentence_spans(text[start:end]):
        for piece in _trimmed(text, start + sentence_start, start + sentence_end):
            yield from _cut(text, *piece, limit=min(limit, _LONG_SENTENCE))


def _cut(text: str, start: int, end: int, *, limit: int) -> Iterator[Span]:
    """Yield parts of at most `limit` characters, cut after a clause, a word, or anywhere."""
    while end - start > limit:
        window = text[start : start + limit + 1]
        clauses = [m.start() for m in _SOFT_CUT.finditer(window, limit // 3)]
        space = max(window.rfind(" "), window.rfind("\n"))
        at = clauses[-1] if clauses else space if space > limit // 3 else limit
        yield from _trimmed(text, start, start + at)
        start = next_visible(text, start + at)
    yield from _trimmed(text, start, end)


def next_visible(text: str, start: int) -> int:
    """Return the offset of the first character, from `start`, that is no white space."""
    found = _VISIBLE.search(text, start)
    return found.start() if found else len(text)


def _sentence_spans(block: str) -> Iterator[Span]:
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
        return len(before) > 2 and before[1:].islower() and _starts(after)
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
    if len(before) == 1 and before.islower() and (continues or after[0].isdigit()):  # "c. 1500"
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
