"""Where in the library the evidence of a case stands: quotes, pages and documents as spans.

Knows nothing of questions or of scores.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eval.cases import BadCases, Case, Evidence
from eval.metrics.spans import Span
from rag import Assistant, Document, Passage

Kind = Literal["quote", "page", "document"]
_SHOWN = 5


@dataclass(frozen=True)
class Place:
    """A place that an answer may rest on. `page` counts from 1, None where there are none."""

    span: Span
    kind: Kind
    page: int | None
    relevance: int


@dataclass(frozen=True)
class Located:
    """The evidence of a case by need: each is met by any one of its places."""

    needs: tuple[tuple[Place, ...], ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """Return all places, of whatever need."""
        return tuple(place for need in self.needs for place in need)


class Shelf:
    """The documents of a run under the names that cases call them by.

    A document below an added folder is named by its path in it, another by its file name.
    """

    def __init__(self, assistant: Assistant, roots: Sequence[Path]) -> None:
        self._assistant = assistant
        documents = assistant.documents()
        self._names = names_of(documents, roots)
        self._documents = {self._names[document.id]: document for document in documents}
        self._texts: dict[str, str] = {}
        self._passages: dict[str, list[Passage]] = {}
        # "b.txt" and "a/b.txt" both call "a/b.txt"; all ends of a name are looked up at once.
        self._ends: dict[str, list[str]] = {}
        for name in self._documents:
            parts = name.split("/")
            for first in range(len(parts)):
                self._ends.setdefault("/".join(parts[first:]), []).append(name)

    def name(self, document_id: str) -> str:
        """Return the name of a document."""
        return self._names[document_id]

    def ids_without(self, names: Iterable[str]) -> list[str]:
        """Return the ids of all documents but these; raises BadCases."""
        hidden = {self._find(name).id for name in names}
        return [document.id for document in self._documents.values() if document.id not in hidden]

    def span(self, document_id: str, start: int, end: int) -> Span:
        """Return a span of a document under its name."""
        return Span(self._names[document_id], start, end)

    def is_exact(self, document_id: str, start: int, end: int, quote: str) -> bool:
        """Tell whether the document has exactly this quote at these offsets."""
        return self._text(document_id)[start:end] == quote

    def locate(self, case: Case) -> Located:
        """Return where the evidence of a case stands.

        Raises:
            BadCases: a document is not there, or a quote or a page is not in it.
        """
        return Located(
            tuple(
                tuple(place for evidence in need for place in self._places(evidence))
                for need in case.needs
            )
        )

    def _places(self, evidence: Evidence) -> list[Place]:
        document = self._find(evidence.document)
        name = self._names[document.id]
        if evidence.quote is not None:
            spans = find_quote(self._text(document.id), evidence.quote, near=evidence.start)
            if not spans:
                raise BadCases(
                    f"the quote {evidence.quote!r:.120} is not in {evidence.document}; "
                    "copy it from the document letter by letter"
                )
            kind: Kind = "quote"
        elif evidence.page is not None:
            kind, spans = "page", [self._page(document, evidence.page)]
        else:
            kind, spans = "document", [(0, document.n_characters)]
        return [
            Place(Span(name, start, end), kind, evidence.page, evidence.relevance)
            for start, end in spans
        ]

    def _page(self, document: Document, page: int) -> tuple[int, int]:
        """Return where a page stands, to the passage: it may begin and end within others."""
        if document.id not in self._passages:
            self._passages[document.id] = self._assistant.passages_of(document.id)
        passages = [(p.page or 0, p) for p in self._passages[document.id]]
        on_page = [p for number, p in passages if number == page]
        if not on_page and any(number > page for number, _ in passages):
            # No passage begins on a short page: it lies within the one that begins before it.
            on_page = [p for number, p in passages if number < page][-1:]
        if not on_page:
            raise BadCases(
                f"{self._names[document.id]} has no text on page {page}; pages count from 1"
            )
        return on_page[0].start, on_page[-1].end

    def _text(self, document_id: str) -> str:
        if document_id not in self._texts:
            self._texts[document_id] = self._assistant.text_of(document_id)
        return self._texts[document_id]

    def _find(self, called: str) -> Document:
        found = self._ends.get(called.strip("/"), [])
        if called in self._documents:
            found = [called]
        if len(found) != 1:
            problem = f"names {len(found)} of them" if found else "is not one of them"
            names = sorted(found or self._documents)
            known = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
            known = f"the documents are {known}" if names else "there are none"
            raise BadCases(f"the document {called!r} {problem}; {known}")
        return self._documents[found[0]]


def names_of(documents: Sequence[Document], roots: Sequence[Path]) -> dict[str, str]:
    """Return the name of each document by id: where two are the same, with folders before."""
    names = {document.id: name_of(document, roots) for document in documents}
    while len(set(names.values())) < len(names):
        often = Counter(names.values())
        for document in documents:
            name = names[document.id]
            if often[name] > 1:
                parts = Path(document.uri).as_posix().split("/")
                names[document.id] = "/".join(parts[-name.count("/") - 2 :])
    return names


def name_of(document: Document, roots: Sequence[Path]) -> str:
    """Return the name of a document: its path in the folder it was added from."""
    for root in roots:
        folder = os.path.abspath(root)
        if document.uri.startswith(folder + os.sep):
            return Path(os.path.relpath(document.uri, folder)).as_posix()
    return Path(document.uri).name


def find_quote(text: str, quote: str, *, near: int | None = None) -> list[tuple[int, int]]:
    """Return where a quote stands in a text: everywhere, or the one place nearest to `near`.

    White space matches white space of any kind and length, for adding a file may join lines.
    """
    words = quote.split()
    if not words:
        return []
    exact, flexible = re.escape(quote), r"\s+".join(map(re.escape, words))
    # Looking ahead finds places that overlap, as "aa" has two in "aaa".
    spans = [m.span(1) for m in re.finditer(f"(?=({exact}))", text)]
    spans = spans or [m.span(1) for m in re.finditer(f"(?=({flexible}))", text)]
    if near is not None and spans:
        return [min(spans, key=lambda span: abs(span[0] - near))]
    return spans
