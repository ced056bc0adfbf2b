"""Chroma as the vector index uses it: one collection of our own vectors, errors that help.

Knows nothing of the library or of when an index can be trusted. Run as a program,
`python -m rag.chroma FOLDER NAME COUNT`, with vectors that must be found on its standard
input, it tells by its exit code whether a folder can be opened: Chroma can die by signal
on damaged files, and then only that process is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import chromadb
import httpx
import numpy as np
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError
from numpy.typing import NDArray

from rag.errors import IndexUnavailable

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

# 50 to 250 are recommended; above 5,461 Chroma refuses.
BATCH = 250
_SERVER_SECONDS = 30
_FAILURES = (ChromaError, httpx.HTTPError, OSError, RuntimeError, ValueError)
# What its client raises when another thread has closed it.
_CLOSED = (AttributeError, KeyError)
# A cosine distance of a vector to itself, computed in 32 bits.
_SAME = 1e-3
# What the trial may hold, beside so many times the size of the files: a header with a count that
# is far too large would have it fill all memory there is.
_TRIAL_BYTES, _TRIAL_TIMES = 1_000_000_000, 4
# HNSW writes out memory that it has not filled, and what others left there with it: words of
# removed documents. glibc fills what it hands out with the complement of this byte: with zeros.
_PERTURB, _FILL = -6, 0xFF
with contextlib.suppress(OSError, AttributeError):
    ctypes.CDLL(None).mallopt(_PERTURB, _FILL)


class ChromaCollection:
    """An open collection, in a folder or on a server.

    With `create` it is a new one, whose HNSW graph has these numbers.

    Raises (every method):
        IndexUnavailable: Chroma failed.
    """

    def __init__(
        self, place: Path | str, name: str, *, create: Mapping[str, int] | None = None
    ) -> None:
        with explained():
            self._client = _connect(place)
            try:
                if create is None:
                    self._collection = _get(self._client, name)
                else:
                    self._collection = _create(self._client, name, create)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Let go of the files or the connection."""
        self._client.close()  # type: ignore[attr-defined]  # on the class, not on its interface
        # Which leaves the connections to a server open.
        for session in _sessions_of(self._client):
            session.close()

    def count(self) -> int:
        """Return how many vectors there are."""
        with explained():
            return int(self._collection.count())

    def upsert(
        self, ids: Sequence[str], vectors: NDArray[np.float32], documents: Sequence[str]
    ) -> None:
        """Put vectors (rows) under ids, each with the id of its document."""
        with explained():
            for start in range(0, len(ids), BATCH):
                part = slice(start, start + BATCH)
                self._collection.upsert(
                    ids=list(ids[part]),
                    embeddings=list(vectors[part]),
                    metadatas=[{"document": document} for document in documents[part]],
                )

    def delete(self, ids: Sequence[str]) -> None:
        """Take ids out; one that is not there does not matter."""
        with explained():
            for start in range(0, len(ids), BATCH):
                self._collection.delete(ids=list(ids[start : start + BATCH]))

    def nearest(
        self,
        vectors: NDArray[np.float32],
        *,
        limit: int,
        documents: Sequence[str] | None = None,
    ) -> list[list[tuple[str, float]]]:
        """Return (id, cosine similarity) for each row, best first."""
        where: Any = None if documents is None else {"document": {"$in": list(documents)}}
        with explained():
            found = self._collection.query(
                query_embeddings=vectors, n_results=limit, where=where, include=["distances"]
            )
        distances = found["distances"] or []
        return [
            [(i, 1.0 - float(d)) for i, d in zip(ids, row, strict=True)]
            for ids, row in zip(found["ids"], distances, strict=True)
        ]

    def drop_others(self, prefix: str) -> None:
        """Delete the other collections of this server whose names begin like this."""
        with explained():
            for other in self._client.list_collections():
                if other.name.startswith(prefix) and other.name != self._collection.name:
                    self._client.delete_collection(other.name)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what Chroma raises into IndexUnavailable."""
    try:
        yield
    except (*_FAILURES, *_CLOSED) as error:
        raise IndexUnavailable(
            f"The vector index cannot be used ({error}). Search goes on without it; "
            "`footnote doctor` tells more."
        ) from error


def _connect(place: Path | str) -> ClientAPI:
    # Chroma's settings also read the file .env of the working folder, which is none of its.
    settings = ChromaSettings(
        _env_file=None,  # type: ignore[call-arg]
        anonymized_telemetry=False,
        # A variable of the environment could name somebody to report to.
        chroma_otel_granularity="none",
    )
    if isinstance(place, str):
        return _connect_server(place, settings)
    place.mkdir(parents=True, exist_ok=True)
    # Always the resolved path: Chroma keeps one system per path string.
    return chromadb.PersistentClient(os.path.realpath(place), settings=settings)


def _connect_server(url: str, settings: ChromaSettings) -> ClientAPI:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 8000)
    # Chroma's client waits for ever: first see that somebody answers, then set a limit.
    heartbeat = f"{parts.scheme}://{parts.hostname}:{port}/api/v2/heartbeat"
    urllib.request.urlopen(heartbeat, timeout=_SERVER_SECONDS).close()  # noqa: S310  # http(s)
    client = chromadb.HttpClient(
        host=parts.hostname or "localhost",
        port=port,
        ssl=parts.scheme == "https",
        settings=settings,
    )
    for session in _sessions_of(client):
        session.timeout = httpx.Timeout(_SERVER_SECONDS)
    return client


def _sessions_of(client: ClientAPI) -> list[httpx.Client]:
    """Return what a client of a server speaks through: itself, and its own admin client."""
    parts = (client, getattr(client, "_admin_client", None))
    sessions = (getattr(getattr(part, "_server", None), "_session", None) for part in parts)
    return [session for session in sessions if isinstance(session, httpx.Client)]


def _get(client: ClientAPI, name: str) -> Collection:
    return client.get_collection(name, embedding_function=None)


def _create(client: ClientAPI, name: str, graph: Mapping[str, int]) -> Collection:
    if name in {collection.name for collection in client.list_collections()}:
        client.delete_collection(name)
    hnsw: Any = {"space": "cosine", **graph}
    created = client.create_collection(
        name,
        # Else Chroma records a model of its own, and fetches it when it is handed a text.
        embedding_function=None,
        configuration={"hnsw": hnsw},
    )
    # Now that it is empty: the first one makes the graph of all that was added before, with
    # Python's lock held, which takes seconds where there are thousands.
    created.query(query_embeddings=[1.0], n_results=1)
    return created


def is_sound(place: Path | str, name: str, count: int, sample: NDArray[np.float32]) -> bool:
    """Tell whether a collection opens, holds `count` vectors and finds those of the sample."""
    collection = ChromaCollection(place, name)
    try:
        if collection.count() != count:
            return False
        found = collection.nearest(sample, limit=1) if len(sample) else []
        # The owner will ask for everything, which comes to damage that the sample passes by. A
        # server may limit how much it returns, and is not asked.
        if len(sample) and isinstance(place, Path):
            collection.nearest(sample[:1], limit=count)
        return all(row and row[0][1] > 1 - _SAME for row in found)
    finally:
        collection.close()


def _limit_memory(folder: Path) -> None:
    # Not everywhere can it be limited.
    with contextlib.suppress(ImportError, OSError, ValueError):
        # Unix alone has it.
        import resource

        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        limit = _TRIAL_BYTES + _TRIAL_TIMES * size
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main(folder: str, name: str, count: str) -> int:
    _limit_memory(Path(folder))
    sample = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    try:
        return 0 if is_sound(Path(folder), name, int(count), sample) else 1
    except IndexUnavailable as error:
        print(error, file=sys.stderr)  # noqa: T201  # the starting process reads it
        return 1


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
