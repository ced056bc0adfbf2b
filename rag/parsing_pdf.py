"""Reads PDF files: the text of each page, its lines put back into paragraphs; draws pages.

Knows nothing of what pictures show: a scanned page without a text layer has no text here.
"""

from __future__ import annotations

import ctypes
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops, ImageDraw

from rag.bounds import check_length
from rag.cleaning import Layout, Piece, clean_line, lay_out, letters_of
from rag.errors import RejectedFile

MAX_PAGES = 5_000
MIN_CHARACTERS_A_PAGE = 20
MIN_CHARACTERS = 200
OFF_PAGE = "lines off the page"

# Of a drawn page, in pixels; a page is drawn at most twice as high as that.
PAGE_WIDTH = 1000
MARGIN = 70
MARK_COLOUR = (255, 228, 130)
# Fewer letters in a row than this tell no quote.
FEWEST_LETTERS = 24

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
        dropped: Counter[str] = Counter()
        layout = _lay_out_pages(list(_read_pages(document, dropped)), dropped)
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


def draw_page(
    data: bytes, number: int, marks: Sequence[tuple[str, int]], *, crop: bool = False
) -> bytes:
    """Return a page, counted from 1, as PNG; the words of each mark have a coloured ground.

    With each mark comes how many letters and digits of the page stand before it. Cropped, it
    is as high as the marks and a little more.
    """
    document = _open(data)
    try:
        if not 1 <= number <= len(document):
            raise RejectedFile(f"has no page {number}.")
        page = document[number - 1]
        scale = min(
            PAGE_WIDTH / max(page.get_width(), 1), 2 * PAGE_WIDTH / max(page.get_height(), 1)
        )
        image = page.render(scale=scale).to_pil().convert("RGB")
        grounds = Image.new("RGB", image.size, "white")
        pen = ImageDraw.Draw(grounds)
        boxes = list(_boxes_of(page, marks, image.size))
        for box in boxes:
            pen.rectangle(box, fill=MARK_COLOUR)
        image = ImageChops.multiply(image, grounds)
        if crop and boxes:
            top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
            height = image.height
            band = max(0, top - MARGIN), min(height, bottom + MARGIN)
            image = image.crop((0, band[0], image.width, band[1]))
        picture = io.BytesIO()
        image.save(picture, "PNG")
        return picture.getvalue()
    except pypdfium2.PdfiumError as error:
        raise _damaged(error) from error
    finally:
        document.close()


def _boxes_of(
    page: pypdfium2.PdfPage, marks: Sequence[tuple[str, int]], size: tuple[int, int]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield left, top, right and bottom, in pixels, of each line of each mark."""
    text_page = page.get_textpage()
    read = pdfium.FPDFText_GetUnicode
    letters = [
        (letter, index)
        for index in range(text_page.count_chars())
        for letter in letters_of(chr(read(text_page, index)))
    ]
    text = "".join(letter for letter, _ in letters)
    for words, before in marks:
        found = _place_of(letters_of(words), text, before)
        if found is None:
            continue
        first, last = letters[found[0]][1], letters[found[1] - 1][1]
        for number in range(text_page.count_rects(first, last - first + 1)):
            left, bottom, right, top = text_page.get_rect(number)
            corners = [_pixel(page, size, x, y) for x, y in ((left, top), (right, bottom))]
            (x0, x1), (y0, y1) = (sorted(values) for values in zip(*corners, strict=True))
            box = max(x0 - 1, 0), max(y0 - 1, 0), min(x1 + 1, size[0]), min(y1 + 1, size[1])
            # Words may stand outside of what is seen of a page.
            if box[0] < box[2] and box[1] < box[3]:
                yield box


def _place_of(words: str, text: str, before: int) -> tuple[int, int] | None:
    """Return where words stand in a text: the place nearest to `before`, or most of them.

    A quote may go on on the next page, and an old file may hold other letters than it shows.
    """
    places = [found.start() for found in re.finditer(f"(?={re.escape(words)})", text)]
    if words and places:
        start = min(places, key=lambda place: abs(place - before))
        return start, start + len(words)
    match = SequenceMatcher(None, text, words, autojunk=False).find_longest_match()
    return (match.a, match.a + match.size) if match.size >= FEWEST_LETTERS else None


def _pixel(page: pypdfium2.PdfPage, size: tuple[int, int], x: float, y: float) -> tuple[int, int]:
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, across, down)
    return across.value, down.value


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


def _read_pages(document: pypdfium2.PdfDocument, dropped: Counter[str]) -> Iterator[list[_Line]]:
    n_characters = 0
    for number in range(len(document)):
        page = document[number]
        text_page = page.get_textpage()
        # Before they are read, for that takes its time with each of them.
        check_length(n_characters + text_page.count_chars())
        read = _read_lines(text_page)
        lines = [line for line in read if _is_on(page.get_cropbox(), line)]
        dropped[OFF_PAGE] += len(read) - len(lines)
        text_page.close()
        page.close()
        n_characters += sum(len(line.text) for line in lines)
        yield lines


def _is_on(box: tuple[float, float, float, float], line: _Line) -> bool:
    """Tell whether any of a line lies in this part of a page: left, bottom, right, top."""
    left, bottom, right, top = box
    measured = line.left or line.right or line.bottom
    if not measured or left >= right or bottom >= top:
        return True
    across = min(line.left, line.right) <= right and max(line.left, line.right) >= left
    return across and bottom <= line.bottom + line.size and line.bottom <= top


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


def _lay_out_pages(pages: Sequence[Sequence[_Line]], dropped: Mapping[str, int]) -> Layout:
    compounds = frozenset(
        word for lines in pages for line in lines for word in _COMPOUND.findall(line.text)
    )
    pieces = (Piece(_join_lines(lines, compounds) + "\n", page=True) for lines in pages)
    return lay_out(pieces, dropped)


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
