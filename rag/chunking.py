"""Text into sentences and passages, with exact offsets. Pure.

Knows nothing of files, models or the library. Passages tile the text: in order, without
overlap, and nothing between them but white space. Sentences tile their passage likewise.
"""

from __future__ import annotations

import importlib.util
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rag.schema import Heading, LoadedText

if TYPE_CHECKING:
    from nltk.tokenize.punkt import PunktTokenizer

Span = tuple[int, int]

# Lines this wide may be the wrapped lines of one paragraph; a wider one is a paragraph.
_WRAP_FROM, _WRAP_TO = 40, 130
_LIST_ITEM = re.compile(r"\s*(?:[-*+•·▪>|#]|\d{1,3}[.)]\s|[a-z][.)]\s)")
# Abbreviations after which Punkt's English model ends a sentence and should not.
_OPEN_END = re.compile(
    r"(?:^|[\s(\[])(?:e\.g|i\.e|cf|vs|al|viz|ca|No|Nos|Vol|Fig|Figs|Eq|Sec|Ch|pp|Inc|Ltd|Corp)\.$"
)
_LONG_SENTENCE = 600
_SOFT_CUT = re.compile(r"(?<=[;:,.!?)\]])\s+|\s*[—–]\s*")
_HEADING_LIKE = 80


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
    for group in _pack(
        _paragraphs(loaded.text, headings, max_characters), max_characters
    ):
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
        spans.extend(
            (start + s, start + e) for s, e in _sentences_of_block(text[start:end])
        )
    return spans


def page_at(pages: Sequence[int], offset: int) -> int | None:
    """Return the page, from 1, that holds a character, None for a text without pages."""
    return max(1, bisect_right(pages, offset)) if pages else None


def _heading_at(
    headings: Sequence[Heading], starts: list[int], offset: int
) -> str | None:
    position = bisect_right(starts, offset)
    return headings[position - 1].text if position else None


def _blocks(text: str) -> Iterator[Span]:
    """Yield stretches without a paragraph's end inside: a blank line, or a hard line end."""
    lines: list[Span] = []
    for match in re.finditer(r"[^\n]*(?:\n|$)", text):
        if match.group().strip():
            lines.append((match.start(), match.end()))
        elif lines:
            yield from _unwrapped(text, lines)
            lines = []
    if lines:
        yield from _unwrapped(text, lines)


def _unwrapped(text: str, lines: Sequence[Span]) -> Iterator[Span]:
    """Yield runs of lines that are one paragraph wrapped at some width."""
    width = max(len(text[start:end].rstrip()) for start, end in lines)
    run = lines[0][0]
    for (start, end), (following, after) in pairwise(lines):
        if not _is_wrapped(text[start:end], text[following:after], width):
            yield from _trimmed(text, run, end)
            run = following
    yield from _trimmed(text, run, lines[-1][1])


def _is_wrapped(line: str, following: str, width: int) -> bool:
    """Tell whether a line goes on in the following one: its first word had no room left."""
    if not _WRAP_FROM <= width <= _WRAP_TO or _LIST_ITEM.match(following):
        return False
    first_word = following.split(maxsplit=1)[:1]
    return (
        bool(first_word) and len(line.rstrip()) + 1 + len(first_word[0]) > 0.9 * width
    )


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        offset = start + len(piece) - len(piece.lstrip())
        yield offset, offset + len(stripped)


def _sentences_of_block(block: str) -> Iterator[Span]:
    spans: list[Span] = []
    for start, end in _punkt().span_tokenize(block):
        if spans and _OPEN_END.search(block[spans[-1][0] : spans[-1][1]]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    for start, end in spans:
        for piece_start, piece_end in _trimmed(block, start, end):
            yield from _cut(block, piece_start, piece_end, _LONG_SENTENCE)


@lru_cache(maxsize=1)
def _punkt() -> PunktTokenizer:
    """Return NLTK's English Punkt model, from the copy that LlamaIndex carries."""
    # NLTK takes a quarter of a second to import, and a plain search splits nothing.
    import nltk.data
    from nltk.tokenize.punkt import PunktTokenizer

    spec = importlib.util.find_spec("llama_index.core")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "llama-index-core is not installed. Run `make setup`."
        )
    folder = str(Path(spec.submodule_search_locations[0]) / "_static/nltk_cache")
    # First of all places, and a place at all: NLTK opens no file outside its search path.
    if folder not in nltk.data.path:
        nltk.data.path.insert(0, folder)
    return PunktTokenizer("english")


def _cut(text: str, start: int, end: int, limit: int) -> Iterator[Span]:
    """Yield parts of at most `limit` characters, cut after a clause, a word, or anywhere."""
    while end - start > limit:
        window = text[start : start + limit + 1]
        clauses = [
            m.start() for m in _SOFT_CUT.finditer(window) if m.start() > limit // 3
        ]
        space = max(window.rfind(" "), window.rfind("\n"))
        at = clauses[-1] if clauses else space if space > limit // 3 else limit
        yield from _trimmed(text, start, start + at)
        start += at
        start += len(text[start:end]) - len(text[start:end].lstrip())
    yield from _trimmed(text, start, end)


def _paragraphs(
    text: str, headings: Sequence[Heading], limit: int
) -> Iterator[list[Span]]:
    """Yield the sentences of each paragraph; a heading is led into the one below it."""
    heading_starts = {h.start for h in headings}
    waiting: list[Span] = []
    for start, end in _blocks(text):
        inside = [
            part
            for s, e in _sentences_of_block(text[start:end])
            for part in _cut(text, start + s, start + e, limit)
        ]
        is_heading = start in heading_starts or (
            end - start < _HEADING_LIKE and text[end - 1] not in ".!?:;,\"'”’)]|"
        )
        if is_heading and not _LIST_ITEM.match(text[start:end].lstrip("# ")):
            if waiting and _length([*waiting, *inside]) > limit:
                yield waiting
                waiting = []
            waiting = [*waiting, *inside]
        else:
            yield [*waiting, *inside]
            waiting = []
    if waiting:
        yield waiting


def _length(spans: Sequence[Span]) -> int:
    return spans[-1][1] - spans[0][0] if spans else 0


def _pack(paragraphs: Iterator[list[Span]], limit: int) -> Iterator[list[Span]]:
    group: list[Span] = []
    for paragraph in paragraphs:
        if group and _length([*group, *paragraph]) > limit:
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
        grown = _length([*group, span])
        overshoots = grown > limit or grown - target > target - _length(group)
        if group and overshoots:
            yield group
            group = []
        group.append(span)
    yield group
