"""The vector index: Chroma, derived from the library and rebuilt from it whenever in doubt.

Knows nothing of text or models. Chroma can die by signal on damaged files, so its folder
is opened first in a throw-away process (`python -m rag.index FOLDER COLLECTION COUNT`),
and a folder that was being written when a process ended is never opened again: it is
built anew from the vectors in the library. Until the index is ready, search compares with
all vectors of the library, which is exact.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import chromadb
import numpy as np
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError
from numpy.typing import NDArray

from rag.errors import IndexUnavailable
from rag.library import INDEX_BEHIND, INDEX_UP_TO_DATE

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

    from rag.library import Library

# 50 to 250 are recommended; above 5,461 Chroma refuses.
_BATCH = 250
_PROBE_SECONDS = 60
_GENERATION = "index_generation"

_log = logging.getLogger(__name__)


class VectorIndex:
    """The passages' vectors in Chroma, one collection per embedder and generation.

    Every method may be called from several threads; writing ones only by the process
    that owns the home.
    """

    def __init__(
        self, library: Library, folder: Path, fingerprint: str, *, url: str | None = None
    ) -> None:
        self._library = library
        self._folder = folder
        self._fingerprint = fingerprint
        self._url = url
        self._client: ClientAPI | None = None
        self._collection: Collection | None = None
        self._lock = threading.RLock()
        self._opening: threading.Thread | None = None
        self._closed = False
        self._missed = False

    @property
    def ready(self) -> bool:
        """Tell whether searches are answered by Chroma."""
        return self._collection is not None

    def open_soon(self) -> None:
        """Open, or build, the index in the background."""
        with self._lock:
            if self._opening is None and not self._closed:
                self._opening = threading.Thread(
                    target=self._open_quietly, name="footnote-index", daemon=True
                )
                self._opening.start()

    def open(self) -> None:
        """Open the index and wait for it; it is built anew if it cannot be trusted.

        Raises:
            IndexUnavailable: Chroma cannot be opened or written.
        """
        with self._lock, _explained():
            if self._collection is not None or self._closed:
                return
            generation = int(self._library.fact(_GENERATION) or 0)
            count = self._library.count()
            trusted = self._library.index_up_to_date
            if not (generation and trusted and self._probe(generation, count)):
                self._rebuild(generation + 1)
            elif not self._url:
                self._client = self._connect(self._path(generation))
                self._collection = self._client.get_collection(
                    self._name(generation), embedding_function=None
                )

    def close(self) -> None:
        """Let go of Chroma's files."""
        self._closed = True
        if self._opening is not None:
            self._opening.join()
        with self._lock:
            self._let_go()

    def search(
        self, vector: NDArray[np.float32], *, limit: int, documents: Sequence[str] | None = None
    ) -> list[tuple[str, float]] | None:
        """Return (passage id, cosine similarity), best first, or None while not ready."""
        collection = self._collection
        if collection is None:
            return None
        where: Any = None if documents is None else {"document": {"$in": list(documents)}}
        try:
            found = collection.query(
                query_embeddings=vector[None, :], n_results=limit, where=where, include=["distances"]
            )
        except (ChromaError, ValueError, RuntimeError) as error:
            # The library answers in its place, and what is broken is built anew.
            self._distrust(error)
            return None
        distances = (found["distances"] or [[]])[0]
        return [(i, 1.0 - d) for i, d in zip(found["ids"][0], distances, strict=True)]

    def write(
        self, document_id: str, ids: Sequence[str], vectors: NDArray[np.float32]
    ) -> None:
        """Add the passages of a document, if the index is open; it is behind otherwise."""
        with self._changing() as collection:
            for start in range(0, len(ids), _BATCH):
                batch = list(ids[start : start + _BATCH])
                collection.upsert(
                    ids=batch,
                    embeddings=list(vectors[start : start + _BATCH]),
                    metadatas=[{"document": document_id}] * len(batch),
                )

    def delete(self, ids: Sequence[str]) -> None:
        """Take passages out, if the index is open; it is behind otherwise."""
        with self._changing() as collection:
            for start in range(0, len(ids), _BATCH):
                collection.delete(ids=list(ids[start : start + _BATCH]))

    def settle(self) -> None:
        """Record that the index holds what the library holds."""
        with self._lock:
            if self._collection is not None and not self._missed:
                self._library.set_facts(INDEX_UP_TO_DATE)

    def rebuild(self) -> None:
        """Build the index anew from the vectors in the library.

        Raises:
            IndexUnavailable: Chroma cannot be opened or written.
        """
        with self._lock, _explained():
            self._rebuild(int(self._library.fact(_GENERATION) or 0) + 1)

    def _open_quietly(self) -> None:
        try:
            self.open()
        except IndexUnavailable as error:
            _log.warning("%s", error)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Any]:
        # A change between the count and the opening would be in neither.
        if self._opening is not None:
            self._opening.join()
        with self._lock:
            if self._collection is None:
                self._missed = True
                yield _Nothing()
                return
            try:
                yield self._collection
            except (ChromaError, ValueError, RuntimeError, OSError) as error:
                self._distrust(error)

    def _distrust(self, error: Exception) -> None:
        with self._lock:
            _log.warning("The vector index failed and will be built anew: %s", error)
            self._library.set_facts(INDEX_BEHIND)
            self._let_go()
            self._opening = None

    def _let_go(self) -> None:
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            client.close()  # type: ignore[attr-defined]  # on the class, not on its interface

    def _rebuild(self, generation: int) -> None:
        self._let_go()
        self._library.set_facts({**INDEX_BEHIND, _GENERATION: str(generation)})
        path = self._path(generation)
        shutil.rmtree(path, ignore_errors=True)
        client = self._connect(path)
        with contextlib.suppress(ChromaError, ValueError):
            client.delete_collection(self._name(generation))
        collection = client.create_collection(
            self._name(generation),
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "ef_construction": 200, "ef_search": 200}},
        )
        self._client, self._collection = client, collection
        ids, vectors = self._library.vectors()
        documents = [i.rpartition("-")[0] for i in ids]
        for start in range(0, len(ids), _BATCH):
            end = start + _BATCH
            collection.upsert(
                ids=ids[start:end],
                embeddings=list(vectors[start:end]),
                metadatas=[{"document": d} for d in documents[start:end]],
            )
        self._missed = False
        self._library.set_facts(INDEX_UP_TO_DATE)
        if not self._url:
            self._sweep(path)

    def _sweep(self, keep: Path) -> None:
        for old in self._folder.iterdir():
            if old != keep:
                shutil.rmtree(old, ignore_errors=True)

    def _probe(self, generation: int, count: int) -> bool:
        """Tell whether the collection opens, holds `count` vectors and finds one of them."""
        name = self._name(generation)
        if self._url:
            self._client = self._connect(self._path(generation))
            with contextlib.suppress(ChromaError, ValueError):
                self._collection = self._client.get_collection(name, embedding_function=None)
                if self._collection.count() == count:
                    return True
            self._let_go()
            return False
        path = self._path(generation)
        if not path.is_dir():
            return False
        command = [sys.executable, "-m", __name__, str(path), name, str(count)]
        try:
            result = subprocess.run(  # noqa: S603  # our own interpreter and module
                command, capture_output=True, timeout=_PROBE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return result.returncode == 0

    def _connect(self, path: Path) -> ClientAPI:
        if self._url:
            parts = urlsplit(self._url)
            return chromadb.HttpClient(
                host=parts.hostname or "localhost",
                port=parts.port or (443 if parts.scheme == "https" else 8000),
                ssl=parts.scheme == "https",
                settings=ChromaSettings(anonymized_telemetry=False),
            )
        return _open_folder(path)

    def _path(self, generation: int) -> Path:
        return self._folder / f"g{generation}"

    def _name(self, generation: int) -> str:
        safe = "".join(c if c.isalnum() else "-" for c in self._fingerprint)
        return f"p-{safe[:40]}-g{generation}".replace("--", "-")


class _Nothing:
    """Stands in for a collection that is not open: it will be built from the library."""

    def upsert(self, **_: object) -> None:
        """Do nothing."""

    def delete(self, **_: object) -> None:
        """Do nothing."""


def _open_folder(path: Path) -> ClientAPI:
    path.mkdir(parents=True, exist_ok=True)
    return chromadb.PersistentClient(
        # Always the resolved path: Chroma keeps one system per path string.
        os.path.realpath(path),
        settings=ChromaSettings(anonymized_telemetry=False),
    )


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (ChromaError, ValueError, RuntimeError, OSError) as error:
        raise IndexUnavailable(
            f"The vector index cannot be used ({error}). Search goes on without it; "
            "`footnote doctor` tells more."
        ) from error


def _probe_folder(path: str, name: str, count: int) -> bool:
    collection = _open_folder(Path(path)).get_collection(name, embedding_function=None)
    if collection.count() != count:
        return False
    if count == 0:
        return True
    sample = collection.get(limit=1, include=["embeddings"])
    embeddings = sample["embeddings"]
    if embeddings is None or not len(embeddings):
        return False
    found = collection.query(query_embeddings=np.asarray([embeddings[0]], dtype=np.float32), n_results=1)
    return bool(found["ids"][0])


if __name__ == "__main__":
    sys.exit(0 if _probe_folder(sys.argv[1], sys.argv[2], int(sys.argv[3])) else 1)
