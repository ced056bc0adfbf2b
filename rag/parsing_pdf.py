"""Reads PDF files: the text of each page, with the lines put back into paragraphs.

Knows nothing of pictures: a scanned page without a text layer has no text here.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pypdfium2
import pypdfium2.raw as pdfium

from rag.cleaning import Layout, Piece, clean_line, lay_out
from rag.errors import RejectedFile

MAX_PAGES = 5_000
MAX_CHARACTERS = 20_000_000
MIN_CHARACTERS_A_PAGE = 20
MIN_CHARACTERS = 200

# A line this wide, against the widest of its block, was broken by the page's edge.
FULL_WIDTH = 0.85
NARROW = 0.35
# A step down this much longer than the usual one leaves a blank line.
BLANK_STEP = 1.35

_PASSWORD_ERROR = 4
_HYPHEN_MARKS = "\x02\ufffe"
_SENTENCE_END = re.compile(r"[.!?:…。！？][\"'”’)\]»]*$")
_LIST_ITEM = re.compile(r"(?:[•‣▪●◦*–—-]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
_BROKEN_WORD = re.compile(r"[^\W\d_]*[a-zß-öø-ÿ]-$")
_LETTERS = re.compile(r"[\W\d_]")
_COMPOUND = re.compile(r"[^\W\d_]+-[^\W\d_]+")
_NO_TITLE = re.compile(
    r"untitled|microsoft word|\(?anonymous|document\d*$"
    r"|.*\.(docx?|indd|qxd|tex|dvi|rtf|pdf|pptx?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Line:
    """A line of a page with its box in points; y grows upwards."""

    text: str
    left: float
    right: float
    bottom: float
    size: float


def parse_pdf(data: bytes, stem: str) -> tuple[str, Layout]:
    """Return the title and layout of a PDF."""
    document = _open(data)
    try:
        if len(document) > MAX_PAGES:
            raise RejectedFile(
                f"has {len(document):,} pages; the limit is {MAX_PAGES:,}. Split it into parts."
            )
        title = clean_line(document.get_metadata_value("Title"))
        layout = _lay_out_pages(list(_read_pages(document)))
    except pypdfium2.PdfiumError as error:
        raise _damaged(error) from error
    finally:
        document.close()
    n_characters = sum(not character.isspace() for character in layout.text)
    few = n_characters < MIN_CHARACTERS_A_PAGE * len(layout.pages)
    if n_characters == 0 or (few and n_characters < MIN_CHARACTERS):
        raise RejectedFile(
            "has no text layer: it seems to be a scan. Run OCR on it (for example with "
            "ocrmypdf) and add it again."
        )
    sensible = 3 <= len(title) <= 200 and not _NO_TITLE.match(title)
    return title if sensible and re.search(r"[^\W\d_]", title) else stem, layout


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)  # also opens with the empty password
    except pypdfium2.PdfiumError as error:
        if error.err_code == _PASSWORD_ERROR:
            raise RejectedFile(
                "needs a password to be opened. Save a copy without one and add that."
            ) from error
        raise _damaged(error) from error


def _damaged(error: Exception) -> RejectedFile:
    return RejectedFile(
        f"is not a readable PDF ({str(error).rstrip('.')}). Open it in a PDF viewer, save a "
        "copy and add that."
    )


def _read_pages(document: pypdfium2.PdfDocument) -> Iterator[list[_Line]]:
    n_characters = 0
    for number in range(len(document)):
        page = document[number]
        text_page = page.get_textpage()
        lines = _read_lines(text_page)
        text_page.close()
        page.close()
        n_characters += sum(len(line.text) for line in lines)
        if n_characters > MAX_CHARACTERS:
            raise RejectedFile(
                f"has more than {MAX_CHARACTERS:,} characters of text. Split it into parts."
            )
        yield lines


def _read_lines(page: pypdfium2.PdfTextPage) -> list[_Line]:
    """Return the lines as they lie on the page, in the order of the file.

    Characters are taken one by one because only so do they come with their boxes, and
    the boxes tell where a paragraph ends.
    """
    read = pdfium.FPDFText_GetUnicode
    units = [read(page, index) for index in range(page.count_chars())]
    lines = []
    start = 0
    for index in range(len(units) + 1):
        end = index == len(units) or chr(units[index]) in "\r\n" or units[index] in (2, 0xFFFE)
        if not end:
            continue
        hyphen = index < len(units) and chr(units[index]) in _HYPHEN_MARKS
        text = _to_text(units[start:index]).rstrip() + ("-" if hyphen else "")
        if text.strip():
            lines.append(_measure(page, text, units, (start, index + hyphen)))
        start = index + 1
    return lines


def _to_text(units: Sequence[int]) -> str:
    # Characters beyond the first 65,536 come as two halves.
    text = "".join(map(chr, units))
    if not any(0xD800 <= unit < 0xE000 for unit in units):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _measure(
    page: pypdfium2.PdfTextPage, text: str, units: Sequence[int], span: tuple[int, int]
) -> _Line:
    seen = [index for index in range(*span) if not chr(units[index]).isspace()]
    first, last = seen[0], seen[-1]
    left, bottom, _ = _box(page, first)
    return _Line(
        text.strip(), left, _box(page, last)[2], bottom, pdfium.FPDFText_GetFontSize(page, first)
    )


def _box(page: pypdfium2.PdfTextPage, index: int) -> tuple[float, float, float]:
    """Return left, bottom (the font's, not the glyph's) and right of a character."""
    box = pdfium.FS_RECTF()
    if not pdfium.FPDFText_GetLooseCharBox(page, index, ctypes.byref(box)):
        return 0.0, 0.0, 0.0
    return box.left, min(box.bottom, box.top), box.right


def _lay_out_pages(pages: Sequence[Sequence[_Line]]) -> Layout:
    compounds = frozenset(
        word for lines in pages for line in lines for word in _COMPOUND.findall(line.text)
    )
    return lay_out(Piece(_join_lines(lines, compounds) + "\n", page=True) for lines in pages)


def _join_lines(lines: Sequence[_Line], compounds: frozenset[str]) -> str:
    """Join the lines of each paragraph, and part the paragraphs by blank lines."""
    parts = []
    widest = max((line.right - line.left for line in lines), default=0.0)
    for block in _split_blocks(lines):
        # The rows of a narrow table end by themselves, however wide they are in it.
        width = max(NARROW * widest, *(line.right - line.left for line in block))
        text = block[0].text
        for line, following in pairwise(block):
            text = _append(text, line, following, width=width, compounds=compounds)
        parts.append(text)
    return "\n\n".join(parts)


def _append(
    text: str, line: _Line, following: _Line, *, width: float, compounds: frozenset[str]
) -> str:
    starts_lower = following.text[0].islower()
    broken = _BROKEN_WORD.search(line.text)
    if starts_lower and broken:
        # A word that has its hyphen within a line elsewhere has it here too.
        whole = broken[0] + _LETTERS.split(following.text, maxsplit=1)[0]
        return (text if whole in compounds else text[:-1]) + following.text
    ended = bool(_SENTENCE_END.search(line.text))
    full = line.right - line.left >= FULL_WIDTH * width
    indented = following.left - line.left > following.size
    if _LIST_ITEM.match(following.text) and not starts_lower:
        return f"{text}\n{following.text}"
    if ended and (indented or not full):
        return f"{text}\n\n{following.text}"
    if full or (starts_lower and not ended):
        return f"{text} {following.text}"
    return f"{text}\n{following.text}"


def _split_blocks(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Cut the lines where the page leaves a gap or changes the size of the letters."""
    steps = [a.bottom - b.bottom for a, b in pairwise(lines)]
    down = sorted(step for step in steps if step > 1)
    usual = down[len(down) // 2] if down else 0.0
    blocks: list[list[_Line]] = [[]] if lines else []
    for index, line in enumerate(lines):
        if index and _is_apart(lines[index - 1], line, usual):
            blocks.append([])
        blocks[-1].append(line)
    return blocks


def _is_apart(line: _Line, following: _Line, usual: float) -> bool:
    sizes = sorted((line.size, following.size))
    if sizes[1] > 1.1 * sizes[0]:
        return True
    step = line.bottom - following.bottom
    # A step up leads to the next column: the paragraph may go on there.
    goes_on = following.text[0].islower() or not _SENTENCE_END.search(line.text)
    if step < -1:
        return not goes_on
    return step > BLANK_STEP * min(usual, 1.5 * max(sizes[1], 1.0))
