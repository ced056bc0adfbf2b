"""Pages of the library's PDFs as pictures, with quotes marked.

Knows nothing of how a page is drawn: the child process that parses files does it, for the
same reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rag.cleaning import letters_of
from rag.errors import RejectedFile
from rag.library import Library
from rag.loading import Loader
from rag.settings import Settings

_PDF = "application/pdf"
# A reader looks at it: what takes longer is not worth the wait.
_SECONDS = 10.0


class Pages:
    """Draws pages of documents, as long as their files are what they were."""

    def __init__(self, library: Library, settings: Settings) -> None:
        self._library = library
        self._loader = Loader(seconds=_SECONDS, max_bytes=settings.file_megabytes * 1_000_000)

    def image(
        self, document_id: str, page: int, *, quotes: Sequence[tuple[int, int]], crop: bool
    ) -> bytes:
        """Return a page as PNG; `quotes` are (start, end) in the document's text.

        Raises UnknownDocument and LoadError, as Assistant.page_image does.
        """
        document = self._library.document(document_id)
        starts = self._library.page_starts(document_id)
        if document.mime != _PDF or not 1 <= page <= len(starts):
            raise RejectedFile(f"{document.title} has no page {page} to be shown.")
        text = self._library.text_of(document_id)
        own = (starts[page - 1], starts[page] if page < len(starts) else len(text))
        marks = [
            (text[start:end], len(letters_of(text[own[0] : start])))
            for start, end in quotes
            if start < own[1] and own[0] < end
        ]
        path = Path(document.uri)
        return self._loader.draw(path, page, marks, sha256=document.sha256, crop=crop)

    def close(self) -> None:
        """End the child process."""
        self._loader.close()
