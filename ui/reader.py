"""A document opened at a quote: the words around it, and pages drawn.

Knows nothing of HTML or of how documents are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rag import Document, Passage, UnknownDocument

STRETCH = 6_000
"""Characters of a document that are shown at a time on either side of a place."""


class Documents(Protocol):
    """The part of an assistant that documents are read from."""

    def documents(self) -> list[Document]:
        """Return all documents."""

    def text_of(self, document_id: str) -> str:
        """Return the text of a document."""

    def passages_of(self, document_id: str) -> list[Passage]:
        """Return the passages of a document, in order."""

    def page_of(self, document_id: str, offset: int) -> int | None:
        """Return the page, from 1, of a character; None for a document without pages."""

    def page_image(
        self,
        document_id: str,
        page: int,
        *,
        quotes: Sequence[tuple[int, int]] = (),
        crop: bool = False,
    ) -> bytes:
        """Return a page of a PDF, or the part around the quotes, as PNG with them marked."""


@dataclass(frozen=True)
class Opened:
    """A stretch of a document, text[first:last], with the quote text[start:end] in it.

    `pages` is how many pages the document has, None for one without pages; `page` and
    `heading` are those the quote stands on and under.
    """

    document: Document
    text: str
    first: int
    start: int
    end: int
    page: int | None
    pages: int | None
    heading: str | None

    @property
    def last(self) -> int:
        """Return where the stretch ends."""
        return self.first + len(self.text)


class Reader:
    """Opens documents."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def open(self, document_id: str, start: int, end: int) -> Opened:
        """Return the document around a quote; a place outside of it is moved into it.

        Raises UnknownDocument.
        """
        document, text = self._document(document_id), self._documents.text_of(document_id)
        start, end = sorted((min(max(start, 0), len(text)), min(max(end, 0), len(text))))
        first, last = _outward(text, start - STRETCH), _outward(text, end + STRETCH)
        passages = self._documents.passages_of(document_id)
        here = next((p for p in passages if p.start <= start < p.end), None)
        return Opened(
            document=document,
            text=text[first:last],
            first=first,
            start=start,
            end=end,
            page=self._documents.page_of(document_id, start),
            pages=self._documents.page_of(document_id, len(text)),
            heading=here.heading if here else None,
        )

    def stretch(self, document_id: str, *, before: int | None, after: int | None) -> Opened:
        """Return more of a document: what ends at `before`, or begins at `after`.

        Raises UnknownDocument.
        """
        document, text = self._document(document_id), self._documents.text_of(document_id)
        if before is not None:
            last = min(max(before, 0), len(text))
            first = _outward(text, last - STRETCH)
        else:
            first = min(max(after or 0, 0), len(text))
            last = _outward(text, first + STRETCH)
        return Opened(document, text[first:last], first, first, first, None, None, None)

    def text(self, document_id: str) -> str:
        """Return a whole document. Raises UnknownDocument."""
        return self._documents.text_of(document_id)

    def image(
        self, document_id: str, page: int, quote: tuple[int, int], *, crop: bool = False
    ) -> bytes:
        """Return a page as PNG, a quote on it marked. Raises UnknownDocument, LoadError."""
        quotes = [quote] if quote[0] < quote[1] else []
        return self._documents.page_image(document_id, page, quotes=quotes, crop=crop)

    def _document(self, document_id: str) -> Document:
        for document in self._documents.documents():
            if document.id == document_id:
                return document
        raise UnknownDocument("This document is no longer in your library, as it was cited.")


def _outward(text: str, position: int) -> int:
    """Return the nearest end of a line, or else of a word, a little further on."""
    if not 0 < position < len(text):
        return min(max(position, 0), len(text))
    for end in ("\n", " "):
        found = text.find(end, position, position + 400)
        if found >= 0:
            return found + 1
    return position
