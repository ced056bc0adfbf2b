"""What a search of one home needs, opened when it is first needed: the home, index, retriever.

Knows nothing of what is searched for. Heavy parts are imported here only when used.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rag.errors import StoreError
from rag.ownership import Ownership
from rag.parts import Parts
from rag.schema import Embedder
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.index import VectorIndex
    from rag.library import Library
    from rag.retrieval import Retriever


class Searching:
    """The home of one Assistant, with the vector index as far as this one may own it."""

    def __init__(
        self, settings: Settings, library: Library, parts: Parts, *, read_only: bool
    ) -> None:
        self._settings = settings
        self._library = library
        self._parts = parts
        self._read_only = read_only
        self._guard = threading.RLock()
        self._retriever: Retriever | None = None
        self._closed = False
        self.index: VectorIndex | None = None
        self.ownership = Ownership(settings.home)

    def own(self) -> None:
        """Take the home, to write to it. Raises StoreError, LibraryLocked."""
        if self._read_only:
            raise StoreError("This assistant only reads. Open it without read_only to write.")
        # Raises for a home that was removed meanwhile, which is not made anew to be locked.
        self._library.fact("revision")
        with self._guard:
            self._refuse_if_closed()
            self.ownership.acquire()

    def embedder(self, *, checked: bool = True) -> Embedder:
        """Return the embedder; raises EmbeddingMismatch for another than the library's."""
        embedder = self._parts.embedder
        if checked:
            self._library.refuse_other(embedder.fingerprint)
        return embedder

    def open_index(self, fingerprint: str) -> VectorIndex:
        """Return the index of vectors with this fingerprint, being opened or open."""
        # Heavy: NumPy.
        from rag.index import VectorIndex

        with self._guard:
            self._refuse_if_closed()
            if self.index is None:
                folder, url = self._settings.home / "chroma", self._settings.chroma_url
                self.index = VectorIndex(self._library, folder, fingerprint, url=url)
                self._retriever = None
            self.index.open_soon()
            return self.index

    def close_index(self) -> None:
        """Close the index; the next use opens it anew."""
        with self._guard:
            index, self.index, self._retriever = self.index, None, None
        if index is not None:
            index.close()

    def close(self) -> None:
        """Close the index for good; from here on the home is not taken again."""
        with self._guard:
            self._closed = True
        self.close_index()

    def retriever(self) -> Retriever:
        """Return what searches; with the vector index if nobody else owns the home."""
        # Heavy: NumPy.
        from rag.retrieval import Retriever

        # Checked each time: another process may have embedded the library anew.
        embedder = self.embedder()
        with self._guard:
            self._refuse_if_closed()
            may_own = self.index is None and not self._read_only
            if may_own and self.ownership.try_acquire():
                self.open_index(embedder.fingerprint)
            if self._retriever is None:
                self._retriever = Retriever(
                    self._library, self.index, embedder, self._parts.reranker
                )
            return self._retriever

    def _refuse_if_closed(self) -> None:
        """Raise StoreError where another thread has closed the home meanwhile."""
        if self._closed:
            raise StoreError("This assistant was closed. Open another one.")
