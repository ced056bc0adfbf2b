"""Text into sentences and passages, with exact offsets. Pure.

Knows nothing of files, models or the library. Passages tile the text: in order, without
overlap, and nothing between them but white space. Sentences tile their passage likewise.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from rag.schema import Heading, LoadedText
from rag.sentences import Span, sentence_spans

# Lines this wide may be the wrapped lines of one paragraph; a wider one is a paragraph.
_WRAP_FROM, _WRAP_TO = 40, 130
# Where more than this share of the lines below another begin with a small letter, lines
# are wrapped; elsewhere a line that begins with a capital is a new one.
_WRAPPED_SHARE = 0.25
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FOLLOWING_LINE = re.compile(r"(?<=[^\n]\n)[ \t]*+(\S)")
_VISIBLE = re.compile(r"\S")
_LIST_ITEM = re.compile(
    r"\s*(?:[-*+•·▪‣◦–—]\s|[>|]|#{1,6}\s|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s)"
)
_LONG_SENTENCE = 600
_SOFT_CUT = re.compile(r"(?<=[;:,.!?)\]])\s+|\s+[—–]\s|(?<=[，；、：])")
# A short line without a stop is like a heading, if it stands above a body of some length.
_HEADING_LIKE, _BODY = 80, 120
_NO_HEADING_END = ".!?:;,\"'”’)]|。！？；，।"


@dataclass(frozen=True)
class Chunk:
    """A passage to be: offsets into the text, and those of its sentences."""

    start: int
    end: int
    page: int | None
    heading: str | None
    sentences: tuple[Span, ...]


def split_passages(loaded: LoadedText, *, max_characters: int) -> list[Chunk]:
    """Return the passages of a text, none longer than `max_characters`.

    Paragraphs are kept whole where they fit and are packed together; a longer one is cut
    between sentences into parts of about equal length. A heading starts a passage.
    """
    headings = sorted(loaded.headings, key=lambda h: h.start)
    starts = [h.start for h in headings]
    chunks = []
    for group in _pack(_paragraphs(loaded.text, headings, max_characters), max_characters):
        start, end = group[0][0], group[-1][1]
        chunks.append(
            Chunk(
                start=start,
                end=end,
                page=page_at(loaded.pages, start),
                heading=_heading_at(headings, starts, start),
                sentences=tuple(group),
            )
        )
    return chunks


def split_sentences(text: str) -> list[Span]:
    """Return the sentences of a text as offsets; a paragraph's end ends a sentence."""
    spans: list[Span] = []
    for start, end in _blocks(text):
        spans.extend(_sentences_of_block(text, start, end, _LONG_SENTENCE))
    return spans


def page_at(pages: Sequence[int], offset: int) -> int | None:
    """Return the page, from 1, that holds a character, None for a text without pages."""
    return max(1, bisect_right(pages, offset)) if pages else None


def _heading_at(headings: Sequence[Heading], starts: list[int], offset: int) -> str | None:
    position = bisect_right(starts, offset)
    return headings[position - 1].text if position else None


def _blocks(text: str, breaks: Set[int] = frozenset()) -> Iterator[Span]:
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
            {_next_visible(text, start), _next_visible(text, following)}
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
    if not _WRAP_FROM <= width <= _WRAP_TO or _LIST_ITEM.match(following):
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


def _sentences_of_block(text: str, start: int, end: int, limit: int) -> Iterator[Span]:
    for sentence_start, sentence_end in sentence_spans(text[start:end]):
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
        start = _next_visible(text, start + at)
    yield from _trimmed(text, start, end)


def _next_visible(text: str, start: int) -> int:
    found = _VISIBLE.search(text, start)
    return found.start() if found else len(text)


def _paragraphs(
    text: str, headings: Sequence[Heading], limit: int
) -> Iterator[tuple[list[Span], bool]]:
    """Yield the sentences of each paragraph, and whether it should start a passage.

    A heading is led into the paragraph below it.
    """
    heading_starts = {_next_visible(text, h.start) for h in headings}
    waiting: list[Span] = []
    is_known = False
    for start, end in _blocks(text, heading_starts):
        inside = list(_sentences_of_block(text, start, end, limit))
        if start in heading_starts or _looks_like_heading(text, start, end):
            if waiting and _length([*waiting, *inside]) > limit:
                yield waiting, is_known
                waiting, is_known = [], False
            waiting = [*waiting, *inside]
            is_known = is_known or start in heading_starts
        else:
            yield [*waiting, *inside], is_known or (bool(waiting) and end - start > _BODY)
            waiting, is_known = [], False
    if waiting:
        yield waiting, is_known


def _looks_like_heading(text: str, start: int, end: int) -> bool:
    if end - start >= _HEADING_LIKE or text[end - 1] in _NO_HEADING_END:
        return False
    return not _LIST_ITEM.match(text[start:end].lstrip("# "))


def _length(spans: Sequence[Span]) -> int:
    return spans[-1][1] - spans[0][0] if spans else 0


def _pack(paragraphs: Iterable[tuple[list[Span], bool]], limit: int) -> Iterator[list[Span]]:
    """Yield groups of sentences that fit a passage, from as few paragraphs as may be."""
    group: list[Span] = []
    for paragraph, opens in paragraphs:
        if group and (opens or _length([group[0], paragraph[-1]]) > limit):
            yield group
            group = []
        if _length(paragraph) > limit:
            yield from _balanced(paragraph, limit)
        else:
            group = [*group, *paragraph]
    if group:
        yield group


def _balanced(paragraph: list[Span], limit: int) -> Iterator[list[Span]]:
    """Cut a long paragraph between sentences into parts of about equal length."""
    parts = -(-_length(paragraph) // limit)
    target = _length(paragraph) / parts
    group: list[Span] = []
    for span in paragraph:
        if group:
            grown = _length([group[0], span])
            if grown > limit or grown - target > target - _length(group):
                yield group
                group = []
        group.append(span)
    yield group
