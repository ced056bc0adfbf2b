"""Files into the library: load, chunk, embed, write; incremental and crash-safe.

Knows nothing of how a file is parsed or a vector is made. One document is one transaction
of the library; a process that ends in between leaves every other document whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.beside import FILE_NAME
from rag.chunking import Chunk, split_passages
from rag.errors import FailedFile, ModelRejected, RejectedFile
from rag.library import Library, NewDocument, passage_id
from rag.loading import Loader, Source, find_sources, hash_file
from rag.ownership import LOCK_NAME, OWNER_NAME
from rag.reading import uri_of
from rag.schema import (
    AddReport,
    Document,
    DocumentResult,
    Embedder,
    LoadedText,
    Progress,
    ProgressCallback,
    Status,
)

if TYPE_CHECKING:
    from rag.index import VectorIndex

# Passages of small files that are gathered before they are embedded, and of large ones that are
# written to the index between two reports.
_TOGETHER = 256
# Passages that are written before the index, too, is told of them: nobody waits a second for it.
_INDEXED = 32
# Passages embedded between two reports of progress, at which adding can be stopped: two or
# three seconds of work, and one request to a server.
_REPORTED = 64
# What a home holds beside the files that begin with the library's name.
_OWN = frozenset({LOCK_NAME, OWNER_NAME, "chroma", "models"})


@dataclass(frozen=True)
class Limits:
    """What `add` accepts: longest passage (characters), largest file (bytes), time to parse."""

    passage_characters: int
    file_bytes: int
    parse_seconds: float


@dataclass(frozen=True)
class _Parsed:
    source: Source
    document: Document
    loaded: LoadedText
    chunks: list[Chunk]


class Adder:
    """Adds files to one library."""

    def __init__(
        self, library: Library, index: VectorIndex, embedder: Embedder, limits: Limits
    ) -> None:
        self._library = library
        self._index = index
        self._embedder = embedder
        self._limits = limits

    def add(
        self, paths: Iterable[str | Path], progress: ProgressCallback | None = None
    ) -> AddReport:
        """Add files and folders; one that cannot be added does not stop the others.

        A folder added again is brought up to date: documents whose files have gone from it
        are removed, unless it holds no readable file at all any more.
        """
        started = time.monotonic()
        wanted = [str(path) for path in paths]
        found = [self._as_known(s) for s in find_sources(wanted) if not self._is_own(s)]
        tell = _Reporter(progress, len(found))
        results = self._add_all(found, tell)
        removed = list(self._remove_missing(wanted, found))
        self._index.settle()
        if removed or any(result.status == "updated" for result in results):
            self._library.erase_removed()
        return AddReport(tuple(results), tuple(removed), time.monotonic() - started)

    def _add_all(
        self, found: list[Source | DocumentResult], tell: _Reporter
    ) -> list[DocumentResult]:
        """Return a result for each file, in the order found.

        Small documents are embedded together: passages of like length then share a batch,
        and little is padded. Each is written by itself all the same.
        """
        results: dict[int, DocumentResult] = {}
        group: dict[int, _Parsed] = {}
        tell.part(0)  # whoever tells the time counts from here
        for number, parsed in enumerate(self._parse_all(found)):
            if isinstance(parsed, DocumentResult):
                results[number] = parsed
                tell.done(1)
                continue
            group[number] = parsed
            if sum(len(item.chunks) for item in group.values()) >= _TOGETHER:
                results |= zip(group, self._write_all(list(group.values()), tell), strict=True)
                group = {}
        if group:
            results |= zip(group, self._write_all(list(group.values()), tell), strict=True)
        return [results[number] for number in sorted(results)]

    def _parse_all(
        self, found: list[Source | DocumentResult]
    ) -> Iterator[_Parsed | DocumentResult]:
        limits = self._limits
        loader = Loader(seconds=limits.parse_seconds, max_bytes=limits.file_bytes)
        # The next file is parsed by another process while this one is embedded here.
        with contextlib.closing(loader), ThreadPoolExecutor(1) as ahead:
            pending: deque[Future[_Parsed | DocumentResult]] = deque()
            for item in found:
                pending.append(ahead.submit(self._parse, item, loader))
                if len(pending) > 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _parse(self, item: Source | DocumentResult, loader: Loader) -> _Parsed | DocumentResult:
        if isinstance(item, DocumentResult):
            return item
        known = self._library.document_at(item.uri)
        try:
            if known is not None:
                unchanged = hash_file(item.path, limit_bytes=self._limits.file_bytes)
                if unchanged == known.sha256:
                    return DocumentResult(item.uri, "unchanged", document=known)
            sha256, loaded = loader.load(item.path)
        except RejectedFile as error:
            return DocumentResult(item.uri, "rejected", str(error))
        except FailedFile as error:
            return DocumentResult(item.uri, "failed", str(error))
        chunks = split_passages(loaded, max_characters=self._limits.passage_characters)
        if not chunks:
            reason = f"{item.path.name} holds no text. Leave it out, or put text in it."
            return DocumentResult(item.uri, "rejected", reason)
        return _Parsed(item, _document(item, sha256, loaded, len(chunks)), loaded, chunks)

    def _write_all(self, group: list[_Parsed], tell: _Reporter) -> list[DocumentResult]:
        """Embed documents together, then write each in a transaction of its own."""
        try:
            vectors = self._embed(group, tell)
        except ModelRejected:
            if len(group) == 1:
                raise
            # One by one, so that those before the one that it does not take are kept. A model
            # that cannot be reached would only keep everyone waiting once more.
            return [result for parsed in group for result in self._write_all([parsed], tell)]
        results: list[DocumentResult] = []
        ids: list[str] = []
        gone: list[str] = []
        start = 0
        try:
            for parsed in group:
                end = start + len(parsed.chunks)
                results.append(self._write(parsed, vectors[start:end], gone))
                ids += [passage_id(parsed.document.id, n) for n in range(len(parsed.chunks))]
                start = end
                if len(ids) >= _INDEXED:
                    for _ in self._indexed(ids, vectors[:start], gone):
                        tell.part(len(group))
        finally:
            # What is written is found, though the next one could not be written.
            for _ in self._indexed(ids, vectors[:start], gone):
                pass
        tell.done(len(group))
        return results

    def _indexed(
        self, ids: list[str], vectors: NDArray[np.float32], gone: list[str]
    ) -> Iterator[None]:
        """Write passages, to which the last of the vectors belong, to the index, part by part.

        What was written is taken off the lists.
        """
        while ids or gone:
            rows = vectors[len(vectors) - len(ids) :]
            self._index.write(ids[:_TOGETHER], rows[:_TOGETHER], gone=gone)
            del ids[:_TOGETHER]
            gone.clear()
            yield

    def _write(
        self, parsed: _Parsed, vectors: NDArray[np.float32], gone: list[str]
    ) -> DocumentResult:
        """Write a document; add to `gone` the ids of the passages that it takes the place of."""
        known = self._library.document_at(parsed.document.uri)
        folder = uri_of(parsed.source.folder) if parsed.source.folder else None
        gone += self._library.write(
            NewDocument(parsed.document, parsed.loaded, folder, parsed.chunks, vectors),
            fingerprint=self._embedder.fingerprint,
        )
        status: Status = "added" if known is None else "updated"
        return DocumentResult(parsed.document.uri, status, document=parsed.document)

    def _embed(self, group: list[_Parsed], tell: _Reporter) -> NDArray[np.float32]:
        texts = [
            parsed.loaded.text[chunk.start : chunk.end]
            for parsed in group
            for chunk in parsed.chunks
        ]
        rows = []
        # Progress is told within a long document too.
        for start in range(0, len(texts), _REPORTED):
            rows.append(self._embedder.embed(texts[start : start + _REPORTED]))
            tell.part(len(group) * min(start + _REPORTED, len(texts)) / len(texts))
        return np.concatenate(rows)

    def _is_own(self, item: Source | DocumentResult) -> bool:
        """Tell whether a file that was not named is part of a home that lies in a folder."""
        if isinstance(item, Source) and item.folder is None:
            return False
        path, home = Path(item.uri), self._library.home
        if not path.is_relative_to(home):
            return False
        part = path.relative_to(home).parts[0]
        return part in _OWN or part.startswith(FILE_NAME)

    def _as_known(self, item: Source | DocumentResult) -> Source | DocumentResult:
        """Give a file the uri it is known by, when only its path is spelled through a link."""
        if isinstance(item, DocumentResult) or self._library.document_at(item.uri) is not None:
            return item
        return replace(item, uri=self._real_paths.get(os.path.realpath(item.path), item.uri))

    @cached_property
    def _real_paths(self) -> dict[str, str]:
        return {os.path.realpath(d.uri): d.uri for d in self._library.documents()}

    def _remove_missing(
        self, wanted: list[str], found: list[Source | DocumentResult]
    ) -> Iterator[Document]:
        present = {item.uri for item in found}
        sources = [item.path for item in found if isinstance(item, Source)]
        for path in wanted:
            folder = Path(os.path.abspath(os.path.expanduser(path)))
            # An empty folder is more often a disk that is not mounted than a wish.
            if not path or not any(source.is_relative_to(folder) for source in sources):
                continue
            for document in self._library.documents_below(uri_of(folder)):
                if document.uri not in present and _is_gone(document.uri):
                    self._index.delete(self._library.remove(document.id))
                    yield document


def embed_anew(
    library: Library, embedder: Embedder, progress: ProgressCallback | None = None
) -> int:
    """Replace the vectors of all passages by this embedder's; return how many there are."""
    total = library.count()
    done = 0

    def batches() -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        nonlocal done
        for document in library.documents():
            passages = library.passages_of(document.id)
            for start in range(0, len(passages), _TOGETHER):
                part = passages[start : start + _TOGETHER]
                yield [p.id for p in part], embedder.embed([p.text for p in part])
                done += len(part)
                if progress:
                    progress(Progress("Embedding passages", done, total, "passages"))

    library.write_vectors(batches(), fingerprint=embedder.fingerprint)
    return done


def _is_gone(path: str) -> bool:
    """Tell whether a file is surely not there: one that may not be looked at may be."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _document(source: Source, sha256: str, loaded: LoadedText, n_passages: int) -> Document:
    identity = hashlib.sha256(f"{source.uri}\n{sha256}".encode("utf-8", "surrogateescape"))
    return Document(
        id=identity.hexdigest()[:16],
        uri=source.uri,
        title=loaded.title,
        mime=loaded.mime,
        sha256=sha256,
        n_characters=len(loaded.text),
        n_passages=n_passages,
        added_at=datetime.now(UTC).isoformat(timespec="seconds"),
        dropped=loaded.dropped,
    )


class _Reporter:
    """Tells the progress of an `add`, in files, fractions of those under way included."""

    def __init__(self, callback: ProgressCallback | None, total: int) -> None:
        self._callback = callback
        self._total = total
        self._done = 0

    def part(self, files: float) -> None:
        """Tell that so many files more are embedded, though not all of it is written."""
        self._tell(self._done + 0.99 * files)

    def done(self, files: int) -> None:
        """Tell that so many files more are done."""
        self._done += files
        self._tell(self._done)

    def _tell(self, done: float) -> None:
        if self._callback:
            self._callback(Progress("Adding documents", done, self._total, "files"))
