"""Text into passages, with exact offsets. Pure.

Knows nothing of files, models or the library. Passages tile the text: in order, without
overlap, and nothing between them but white space. Sentences tile their passage likewise.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.schema import Heading, LoadedText
from rag.sentences import LIST_ITEM, Span, next_visible, paragraph_spans, sentences_of

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
    starts = [next_visible(loaded.text, h.start) for h in headings]
    chunks = []
    for group in _pack(_paragraphs(loaded.text, headings, max_characters), max_characters):
        start, end = group[0][0], group[-1][1]
        chunks.append(
            Chunk(
                start=start,
                end=end,
                page=page_at(loaded.pages, start),
                heading=_heading_of(group, headings, starts),
                sentences=tuple(group),
            )
        )
    return chunks


def page_at(pages: Sequence[int], offset: int) -> int | None:
    """Return the page, from 1, that holds a character, None for a text without pages."""
    return max(1, bisect_right(pages, offset)) if pages else None


def _heading_of(
    group: Sequence[Span], headings: Sequence[Heading], starts: list[int]
) -> str | None:
    """Return the heading that a passage stands under: of those it begins with, the last."""
    first = next((s for s, _ in group if not _holds(starts, s)), group[-1][0])
    position = bisect_right(starts, first)
    return headings[position - 1].text if position else None


def _holds(ascending: list[int], value: int) -> bool:
    position = bisect_left(ascending, value)
    return position < len(ascending) and ascending[position] == value


def _paragraphs(
    text: str, headings: Sequence[Heading], limit: int
) -> Iterator[tuple[list[Span], bool]]:
    """Yield the sentences of each paragraph, and whether it should start a passage.

    A heading is led into the paragraph below it.
    """
    heading_starts = {next_visible(text, h.start) for h in headings}
    waiting: list[Span] = []
    is_known = False
    for start, end in paragraph_spans(text, heading_starts):
        inside = list(sentences_of(text, start, end, limit))
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
    return not LIST_ITEM.match(text[start:end].lstrip("# "))


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
