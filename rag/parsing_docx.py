"""Reads Word files (.docx): paragraphs, tables and notes in the order of the document.

Knows nothing of pictures and layout. A file that could unpack to too much is refused
before any of it is unpacked.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import docx
from docx.document import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.exceptions import OpcError
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from rag.cleaning import Layout, Piece, clean_line, lay_out
from rag.errors import RejectedFile

MAX_PARTS = 2_000
MAX_UNPACKED = 200_000_000
MAX_RATIO = 200
MAIN_PART = "word/document.xml"
ENCRYPTED = 1
HIDDEN, DELETED = "hidden texts", "deleted texts"

_HEADING_STYLE = re.compile(r"(?:heading [1-9]|title)$", re.IGNORECASE)
_LEVEL_ONE = re.compile(r"(?:heading 1|title)$", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list\b", re.IGNORECASE)
_DELETED = (qn("w:del"), qn("w:moveFrom"))
# Struck out, moved away, or the same once more for older programs.
_SKIPPED = frozenset(map(qn, ("w:del", "w:moveFrom", "w:pPr", "w:rPr", "w:sdtPr"))) | {
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
}
# Forms and tables of contents wrap whole paragraphs in these, or rows and cells.
_WRAPPERS = frozenset(map(qn, ("w:sdt", "w:sdtContent", "w:ins", "w:customXml")))
_MARKS = {
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
# What python-docx and zipfile raise on damaged files; none of them says so itself.
_DAMAGE = (
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,  # a compression that zipfile does not know
    OpcError,
    SyntaxError,  # broken XML
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
)


def parse_docx(data: bytes, stem: str) -> tuple[str, Layout]:
    """Return the title and layout of a Word file."""
    try:
        _check_package(data)
        document = docx.Document(io.BytesIO(data))
        dropped = _drop_hidden(document.element.body)
        names = {style.style_id: style.name or "" for style in document.styles}
        paragraphs = [*_read_blocks(document.element.body, names), *_read_notes(document)]
        core = clean_line(document.core_properties.title or "")
    except _DAMAGE as error:
        raise RejectedFile(
            f"is not a readable Word file ({type(error).__name__}). Open it in a word "
            "processor, save a copy as .docx and add that."
        ) from error
    first = next((t for t, style in paragraphs if _LEVEL_ONE.match(style)), "")
    return core or clean_line(first) or stem, lay_out(_to_pieces(paragraphs), dropped)


def _drop_hidden(body: Any) -> dict[str, int]:
    """Take out what a word processor does not show; return how much of what there was."""
    hidden = [run for run in body.iter(qn("w:r")) if _is_hidden(run) and _has_text(run)]
    for run in hidden:
        run.getparent().remove(run)
    deleted = [part for name in _DELETED for part in body.iter(name) if _has_text(part)]
    return {HIDDEN: len(hidden), DELETED: len(deleted)}


def _is_hidden(run: Any) -> bool:
    vanish = run.find(f"{qn('w:rPr')}/{qn('w:vanish')}")
    return vanish is not None and vanish.get(qn("w:val")) not in ("0", "false", "off")


def _has_text(element: Any) -> bool:
    texts = (part.text for name in ("w:t", "w:delText") for part in element.iter(qn(name)))
    return any(text and text.strip() for text in texts)


def _check_package(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = package.infolist()
    if not any(part.filename == MAIN_PART for part in parts):
        raise RejectedFile(
            f"is a zip archive without {MAIN_PART}, so no Word file. Save it as .docx, or give "
            "it the ending of its real type."
        )
    if any(part.flag_bits & ENCRYPTED for part in parts):
        raise RejectedFile("needs a password to be opened. Save a copy without one and add that.")
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if len(parts) > MAX_PARTS or unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(packed, 1):
        raise RejectedFile(
            f"unpacks to {len(parts):,} parts of {unpacked / 1e6:,.0f} MB in all, more than is "
            "safe. Save its text as a new .docx file and add that."
        )


def _read_blocks(parent: Any, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (text, style name) of each paragraph and table row below an element."""
    for child in parent.iterchildren():
        if child.tag == qn("w:p"):
            style = child.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
            key = "" if style is None else style.get(qn("w:val"))
            yield "".join(_read_text(child)), names.get(key, "")
        elif child.tag == qn("w:tbl"):
            for row in _directly(child, "w:tr"):
                yield from _read_row(list(_directly(row, "w:tc")), names)
        elif child.tag in _WRAPPERS:
            yield from _read_blocks(child, names)


def _read_row(cells: list[Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield a row of data as one line, and what stands in a row that only lays out a table."""
    if any(next(cell.iter(qn("w:tbl")), None) is not None for cell in cells):
        for cell in cells:
            yield from _read_blocks(cell, names)
    else:
        texts = map(_read_cell, cells)
        yield " | ".join(text for text in texts if text), "Table Row"


def _directly(parent: Any, name: str) -> Iterator[Any]:
    """Yield the elements of this name below a part of a table, but not those of tables in it."""
    for child in parent.iterchildren():
        if child.tag == qn(name):
            yield child
        elif child.tag in _WRAPPERS:
            yield from _directly(child, name)


def _read_cell(cell: Any) -> str:
    return clean_line(" ".join(text for text, _ in _read_blocks(cell, {})))


def _read_text(element: Any) -> Iterator[str]:
    for child in element.iterchildren():
        if child.tag in _SKIPPED:
            continue
        if child.tag == qn("w:t"):
            yield child.text or ""
        elif child.tag in _MARKS:
            yield _MARKS[child.tag]
        else:
            yield from _read_text(child)
            if child.tag == qn("w:p"):  # of a text box
                yield "\n"


def _read_notes(document: Document) -> Iterator[tuple[str, str]]:
    for kind in (RELATIONSHIP_TYPE.FOOTNOTES, RELATIONSHIP_TYPE.ENDNOTES):
        for relation in document.part.rels.values():
            if relation.reltype == kind and not relation.is_external:
                yield from _read_note_part(relation.target_part.blob)


def _read_note_part(blob: bytes) -> Iterator[tuple[str, str]]:
    for note in parse_xml(blob).iterchildren():
        if note.get(qn("w:type")) is None:  # the others are separators
            for paragraph in note.iter(qn("w:p")):
                yield "".join(_read_text(paragraph)).strip(), "Note"


def _to_pieces(paragraphs: list[tuple[str, str]]) -> Iterator[Piece]:
    previous = ""
    for text, style in paragraphs:
        if not text.strip():
            continue
        together = style == previous and (style == "Table Row" or _LIST_STYLE.match(style))
        heading = text if _HEADING_STYLE.match(style) else None
        yield Piece(text if together else "\n" + text, heading=heading)
        previous = style
