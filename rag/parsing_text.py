"""Reads plain text and Markdown, and finds the encoding of any text.

Knows nothing of PDF, Word or the layout of web pages.
"""

from __future__ import annotations

import codecs
import re
from itertools import pairwise

from rag.bounds import check_length
from rag.cleaning import (
    INVISIBLE,
    Layout,
    Piece,
    clean_characters,
    clean_line,
    count_invisible,
    lay_out,
)
from rag.errors import RejectedFile

# The encodings that files really come in; others only add wrong guesses.
LEGACY_ENCODINGS = (
    "cp1252 cp1250 iso8859_2 cp1251 koi8_r cp1253 cp1254 cp1255 cp1256 cp1257 cp874 cp932 "
    "euc_jp gb18030 big5 cp949 mac_roman cp866 cp850"
)
MAX_MESS = 0.15
MAX_CONTROL_SHARE = 0.05
MAX_HEADING_SOURCE = 2_000

_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]+")
_FRONT_MATTER = re.compile(r"---[ \t]*\n((?:.*\n){0,300}?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_YAML_START = re.compile(r"(?:#.*\n|[ \t]*\n)*[\w-]+[ \t]*:(?:\s|$)")
# A first line of so many characters may be a title.
_TITLE_FROM, _TITLE_TO = 8, 120
_YAML_TITLE = re.compile(r"^title[ \t]*:[ \t]*(['\"]?)(.+?)\1[ \t]*$", re.MULTILINE)


def parse_plain(data: bytes, stem: str) -> tuple[str, Layout]:
    """Return the title and layout of a plain text."""
    text = decode(data)
    check_length(len(text))
    layout = lay_out([Piece(text)])
    return _title_line(layout.text) or stem, layout


def _title_line(text: str) -> str | None:
    """Return the first line if it reads like a title: short, alone, and no sentence."""
    first, _, rest = text.partition("\n")
    alone = rest.startswith("\n") and _TITLE_FROM <= len(first) <= _TITLE_TO
    return first if alone and not first[0].islower() and first[-1] not in ".,;:" else None


def parse_markdown(data: bytes, stem: str) -> tuple[str, Layout]:
    """Return the title and layout of a Markdown file; the text stays Markdown source."""
    raw = decode(data)
    check_length(len(raw))
    source, front_matter = _split_front_matter(clean_characters(raw))
    headings = _find_headings(source)
    lines = source.split("\n")
    starts = [0, *(line for line, _, _ in headings), len(lines)]
    texts = [None, *(text for _, _, text in headings)]
    pieces = [
        Piece("\n".join(lines[start:end]), heading=text)
        for start, end, text in zip(starts, starts[1:], texts, strict=False)
        if end > start
    ]
    named = _YAML_TITLE.search(front_matter)
    title = next((text for _, level, text in headings if level == 1 and text), None)
    return title or (clean_line(named[2]) if named else "") or stem, lay_out(
        pieces, {INVISIBLE: count_invisible(raw)}
    )


def decode(data: bytes, declared: str | None = None) -> str:
    """Return the bytes as text.

    A byte-order mark decides; then valid UTF-8, the declared encoding, and a guess that
    must be a good one.

    Raises:
        RejectedFile: the bytes are no text.
    """
    text = _decode_marked(data)
    if text is None:
        text = _decode_utf8(data, declared)
    if text is None:
        text = _guess(data)
    if sum(len(run) for run in _CONTROL.findall(text)) > MAX_CONTROL_SHARE * len(text):
        raise RejectedFile(
            "is not text: too many of its characters are control characters. It seems to be "
            "a binary file; give it the ending of its real type, or leave it out."
        )
    return text


def _decode_marked(data: bytes) -> str | None:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise RejectedFile(
                    f"begins as {encoding.upper()} text but is broken after that "
                    f"(byte {error.start}). Save it again as UTF-8."
                ) from error
    sample = data[:4096]
    for encoding, high in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        # Unmarked UTF-16 of a Western text: every second byte is zero, no other is.
        if sample.count(0) > 0.4 * len(sample) and high.count(0) == sample.count(0):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                continue
    return None


def _decode_utf8(data: bytes, declared: str | None) -> str | None:
    """Decode UTF-8 that is valid or hardly damaged, or else as declared."""
    # Only in these does pure ASCII mean something else than it says.
    if declared and declared.startswith("iso2022"):
        return data.decode(declared, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    # Other encodings hardly ever look like valid sequences of UTF-8 ten times out of eleven.
    if damaged * 10 < sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", text))):
        return text
    if declared is None:
        return None
    try:
        return data.decode(declared)
    except UnicodeDecodeError:
        return None


def _guess(data: bytes) -> str:
    # Only here, because nearly all text is UTF-8 and the detector takes a while to import.
    from charset_normalizer import from_bytes

    controls = len(re.findall(rb"[\x00-\x08\x0e-\x19\x7f]", data))
    matches = None
    if controls * 1000 <= len(data):
        matches = from_bytes(data, cp_isolation=LEGACY_ENCODINGS.split(), threshold=MAX_MESS)
    best = matches.best() if matches else None
    if matches is None or best is None:
        raise RejectedFile(
            "is not text in any encoding that Footnote knows. If it is a text, save it as "
            "UTF-8; if not, give it the ending of its real type or leave it out."
        )
    for match in matches:
        # Short Western texts fit several encodings equally well: take the usual one.
        near = match.chaos <= best.chaos + 0.03 and match.coherence >= best.coherence - 0.2
        if "cp1252" in match.could_be_from_charset and near:
            return data.decode("cp1252")
    return str(best)


def _split_front_matter(source: str) -> tuple[str, str]:
    found = _FRONT_MATTER.match(source)
    if found is None or not _YAML_START.match(found[1]):
        return source, ""
    return source[found.end() :], found[1]


def _find_headings(source: str) -> list[tuple[int, int, str]]:
    """Return (line, level, text) of each heading that is not inside another block."""
    # Only here, because only Markdown needs it and every start would pay for it.
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark")
    # Inline markup is parsed for headings alone: in the whole text it takes most of the time.
    markdown.disable("inline")
    tokens = markdown.parse(source)
    markdown.enable("inline")
    headings = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.level == 0 and opening.map:
            # Some markup takes time with the square of its length; more is not shown anyway.
            children = markdown.parseInline(inline.content[:MAX_HEADING_SOURCE])[0].children or []
            text = clean_line("".join(child.content or " " for child in children if child.content))
            headings.append((opening.map[0], int(opening.tag[1:]), text))
    return headings
