"""The vector index: derived from the library, and built anew from it whenever in doubt.

Knows nothing of text or models, nor how vectors are kept (`rag.chroma`). A folder is
opened first by a throw-away process, and one that was being written when a process ended
is never opened again: it is built anew from the vectors in the library. Until the index is
ready, search compares with all vectors of the library, which is exact.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.errors import FootnoteError, IndexUnavailable
from rag.library import INDEX_BEHIND, INDEX_UP_TO_DATE, document_of
from rag.trial import Trial

if TYPE_CHECKING:
    from rag.chroma import ChromaCollection
    from rag.library import Library

# Vectors that are looked for before an index is opened.
_TRIED = 32
# After a failure, this long passes before the index is opened again by itself.
_PAUSE_SECONDS = 30.0
_GENERATION = "index_generation"
# More documents in a filter than this and the library finds them faster.
_MOST_NAMED = 1000
_BETWEEN_STOPS = 1000
# Among hundreds of passages that say the same, such as pages left blank on purpose, Chroma's own
# numbers leave others unfound. These cost 0.4 ms a passage and 3 ms a search (5,000 passages).
_GRAPH = {"max_neighbors": 48, "ef_construction": 200, "ef_search": 1000}
# How far a score may be from what the library's own vector gives, both computed in 32 bits.
_SAME = 1e-4

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Chroma:
    """What is used of `rag.chroma`."""

    collection: type[ChromaCollection]
    is_sound: Callable[..., bool]


class VectorIndex:
    """The passages' vectors in Chroma, one collection per embedder and generation.

    Every method may be called from several threads; writing ones only by the process
    that owns the home, one at a time.
    """

    def __init__(
        self, library: Library, folder: Path, fingerprint: str, *, url: str | None = None
    ) -> None:
        self._library = library
        self._folder = folder
        self._fingerprint = fingerprint
        self._url = url
        self._collection: ChromaCollection | None = None
        # What no search of the collection comes to: passage id -> vector.
        self._aside: dict[str, NDArray[np.float32]] = {}
        # Held while the index is opened, built or written; readers do not need it.
        self._lock = threading.RLock()
        self._starting = threading.Lock()
        self._opening: threading.Thread | None = None
        self._closed = threading.Event()
        self._trial = Trial()
        self._not_before = 0.0
        self._missed = False

    @property
    def ready(self) -> bool:
        """Tell whether searches are answered by Chroma."""
        return self._collection is not None

    def open_soon(self) -> None:
        """Open, or build, the index in the background, unless it failed just now."""
        with self._starting:
            busy = self._opening is not None and self._opening.is_alive()
            if busy or self.ready or self._closed.is_set() or time.monotonic() < self._not_before:
                return
            # A thread that is importing or in Chroma when Python ends takes it down.
            atexit.unregister(self.close)
            atexit.register(self.close)
            self._opening = threading.Thread(
                target=self._open_quietly, name="footnote-index", daemon=True
            )
            self._opening.start()

    def wait(self) -> None:
        """Wait until the opening in the background, if any, is over."""
        with self._starting:
            opening = self._opening
        if opening is not None:
            opening.join()

    def open(self) -> None:
        """Open the index and wait for it; it is built anew if it cannot be trusted.

        Raises:
            IndexUnavailable: Chroma cannot be opened or written.
            StoreError: the library cannot be read or written.
        """
        with self._lock:
            if self.ready or self._closed.is_set():
                return
            if self.is_sound() and self._takes_up(self._generation):
                return
            if not self._closed.is_set():
                self.rebuild()

    def is_sound(self) -> bool:
        """Tell whether the index, as another process opens it, holds what the library does."""
        generation = self._generation
        return bool(generation and self._library.index_up_to_date and self._opens_whole(generation))

    def rebuild(self) -> None:
        """Build the index anew from the vectors in the library.

        Raises:
            IndexUnavailable: Chroma cannot be opened or written.
            StoreError: the library cannot be read or written.
        """
        with self._lock:
            self._let_go()
            generation = self._generation + 1
            self._library.set_facts({**INDEX_BEHIND, _GENERATION: str(generation)})
            # A document that is written from here on is written to the index as well.
            revision = self._library.revision
            ids, vectors = self._library.vectors()
            built = self._build(generation, ids, vectors)
            if built is not None:
                self._use(built, ids, vectors)
                self._missed = False
                self._library.set_facts(INDEX_UP_TO_DATE, at=revision)
                self._sweep(generation)

    def close(self) -> None:
        """Let go of Chroma's files; what is being opened or built is given up."""
        self._closed.set()
        self._trial.give_up()
        self.wait()
        with self._lock:
            self._let_go()
        atexit.unregister(self.close)

    def search(
        self, vector: NDArray[np.float32], *, limit: int, documents: Sequence[str] | None = None
    ) -> list[tuple[str, float]] | None:
        """Return (passage id, cosine similarity), best first, or None while not ready."""
        collection = self._collection
        if collection is None:
            self.open_soon()
            return None
        if documents is not None and not 0 < len(documents) <= _MOST_NAMED:
            return None if documents else []
        try:
            found = dict(collection.nearest(vector[None, :], limit=limit, documents=documents)[0])
        except IndexUnavailable as error:
            # Closed or built anew by another thread is no failure.
            if collection is self._collection:
                self._distrust(error)
            return None
        wanted = None if documents is None else set(documents)
        for passage, other in self._aside.items():
            if wanted is None or document_of(passage) in wanted:
                found[passage] = float(other @ vector)
        # A search that begins in a part of the graph that leads nowhere else ends there.
        if len(found) < limit and len(found) < self._library.count(documents):
            return None
        return sorted(found.items(), key=itemgetter(1), reverse=True)[:limit]

    def write(
        self, ids: Sequence[str], vectors: NDArray[np.float32], *, gone: Sequence[str] = ()
    ) -> None:
        """Add passages and take out those that are gone, if the index is open.

        It is behind otherwise.
        """
        with self._changing() as collection:
            if collection is not None:
                collection.upsert(ids, vectors, list(map(document_of, ids)))
                collection.delete(gone)
                self._aside = {i: self._aside[i] for i in self._aside.keys() - set(gone)}

    def delete(self, ids: Sequence[str]) -> None:
        """Take passages out, if the index is open; it is behind otherwise."""
        self.write((), np.empty((0, 0), dtype=np.float32), gone=ids)

    def settle(self) -> None:
        """Record that the index holds what the library holds, if it does."""
        with self._lock:
            if self._collection is None or self._missed:
                return
            try:
                self._aside = self._beyond(self._collection, *self._library.vectors())
            except IndexUnavailable as error:
                self._distrust(error)
            else:
                self._library.set_facts(INDEX_UP_TO_DATE)

    def _open_quietly(self) -> None:
        try:
            self.open()
        except FootnoteError as error:
            self._not_before = time.monotonic() + _PAUSE_SECONDS
            # At the end of the program it is no news.
            if threading.main_thread().is_alive() and not self._closed.is_set():
                _log.warning("%s", error)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[ChromaCollection | None]:
        self.wait()
        with self._lock:
            if self._collection is None:
                self._missed = True
            try:
                yield self._collection
            except IndexUnavailable as error:
                self._distrust(error)

    def _distrust(self, error: IndexUnavailable) -> None:
        """Close the index, to be built anew: the library answers in its place."""
        with self._lock:
            _log.warning("The vector index failed and will be built anew. %s", error)
            self._not_before = time.monotonic() + _PAUSE_SECONDS
            self._missed = True
            self._let_go()
            self._library.set_facts(INDEX_BEHIND)

    def _takes_up(self, generation: int) -> bool:
        """Use an index that is there; tell whether it holds what the library does."""
        try:
            collection = _chroma().collection(self._place(generation), self._name(generation))
            self._use(collection, *self._library.vectors())
        except IndexUnavailable as error:
            _log.info("The index is not used: %s", error)
            return False
        return True

    def _use(
        self, collection: ChromaCollection, ids: list[str], vectors: NDArray[np.float32]
    ) -> None:
        """Search a collection, of which these passages are expected."""
        try:
            self._aside = self._beyond(collection, ids, vectors)
        except BaseException:
            collection.close()
            raise
        self._collection = collection

    def _beyond(
        self, collection: ChromaCollection, ids: list[str], vectors: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float32]]:
        """Return those of the passages that a search for all of them does not come to.

        HNSW gives no node a link that leads to it for certain: one may lose all of them to
        nearer neighbours (nmslib/hnswlib#522), and some hundred equal vectors do. A server is
        not asked, for it may limit how much it returns.

        Raises:
            IndexUnavailable: the collection holds other passages than these, or other vectors.
        """
        if self._url is not None or not ids:
            return {}
        # Garbled vectors score alike for none but those that happen to lie across it.
        query = vectors.sum(axis=0) + vectors[0]
        query /= np.linalg.norm(query)
        # One more than there should be shows what should not be there.
        found = dict(collection.nearest(query[None, :], limit=len(ids) + 1)[0])
        scores = dict(zip(ids, (vectors @ query).tolist(), strict=True))
        # Not "above": what is no number is above nothing.
        if not all(i in scores and abs(score - scores[i]) <= _SAME for i, score in found.items()):
            raise IndexUnavailable(
                "The vector index holds something else than the library. It is built anew."
            )
        return {i: v for i, v in zip(ids, vectors, strict=True) if i not in found}

    def _let_go(self) -> None:
        collection, self._collection = self._collection, None
        self._aside = {}
        if collection is not None:
            collection.close()

    def _build(
        self, generation: int, ids: list[str], vectors: NDArray[np.float32]
    ) -> ChromaCollection | None:
        """Return a collection of these vectors, None if closed meanwhile."""
        place = self._place(generation)
        if isinstance(place, Path):
            _delete(place)
        documents = list(map(document_of, ids))
        with contextlib.ExitStack() as stack:
            name = self._name(generation)
            collection = _chroma().collection(place, name, create=_GRAPH)
            stack.callback(collection.close)
            for start in range(0, len(ids), _BETWEEN_STOPS):
                if self._closed.is_set():
                    return None
                part = slice(start, start + _BETWEEN_STOPS)
                collection.upsert(ids[part], vectors[part], documents[part])
            stack.pop_all()
        return collection

    def _sweep(self, generation: int) -> None:
        """Delete what earlier generations have left."""
        if self._url is None:
            for other in self._folder.iterdir():
                if other != self._place(generation):
                    _delete(other)
        elif self._collection is not None:
            self._collection.drop_others(self._prefix())

    @property
    def _generation(self) -> int:
        return int(self._library.fact(_GENERATION) or 0)

    def _opens_whole(self, generation: int) -> bool:
        place, name, count = self._place(generation), self._name(generation), self._library.count()
        sample = self._library.sample_vectors(_TRIED)
        if isinstance(place, str):
            with contextlib.suppress(IndexUnavailable):
                return _chroma().is_sound(place, name, count, sample)
            return False
        return place.is_dir() and self._trial.succeeds([str(place), name, str(count)], sample)

    def _place(self, generation: int) -> Path | str:
        return self._url or self._folder / f"g{generation}"

    def _prefix(self) -> str:
        """Return how the names of our collections begin: a server may hold several libraries'."""
        return f"footnote-{self._library.identity[:16]}-"

    def _name(self, generation: int) -> str:
        safe = "".join(c if c.isascii() and c.isalnum() else "-" for c in self._fingerprint)
        # One of other numbers is not found by this name, and built anew.
        graph = "-".join(map(str, _GRAPH.values()))
        return f"{self._prefix()}{safe[:60]}-{graph}-g{generation}"


def _delete(path: Path) -> None:
    # What cannot be deleted only takes room.
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()


def _chroma() -> _Chroma:
    try:
        # Heavy: Chroma takes more than half a second to import, and reading can do without.
        from rag import chroma
    # It reads the environment then, and may not like what it finds, or that Python ends.
    except (ImportError, RuntimeError, ValueError) as error:
        raise IndexUnavailable(
            f"Chroma cannot be loaded ({error}). Search goes on without it; "
            "`footnote doctor` tells more."
        ) from error
    return _Chroma(chroma.ChromaCollection, chroma.is_sound)
