"""Saves what can be read of a damaged library into a new one; deletes nothing.

Knows nothing of what damaged it. The damaged file is kept beside the new one.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.beside import DAMAGED, FILE_NAME, discard, part_of
from rag.chunking import Chunk, split_passages
from rag.copies import put_in_place, set_aside
from rag.database import Connection, Database, readable_rows
from rag.errors import StoreError
from rag.library import INDEX_BEHIND, Library, NewDocument
from rag.schema import Answer, Document, LoadedText
from rag.tables import is_fact

_Rows = Mapping[str, Any]
# What a row raises whose values are not what they were.
_NONSENSE = (TypeError, ValueError, KeyError, AttributeError)


@dataclass
class Salvaged:
    """What was saved, what was not, and where the damaged file is."""

    documents: int = 0
    conversations: int = 0
    lost: list[str] = field(default_factory=list)
    """Documents, by uri or, where that is lost too, by number."""
    kept: Path | None = None


@dataclass(frozen=True)
class _Read:
    """What can be read of a file, by document number and by passage number."""

    facts: Mapping[str, str]
    passages: Mapping[int, Sequence[_Rows]]
    vectors: Mapping[int, NDArray[np.float32]]
    dimensions: int


def salvage(home: Path, *, passage_characters: int, fingerprint: Callable[[], str]) -> Salvaged:
    """Put a new library in the place of a damaged one; its passages may lack vectors (zeros).

    A document is saved if its text is; passages that cannot be read are cut from it anew.
    `fingerprint` tells the embedder where the library does not say whose its vectors are.

    Raises:
        StoreError: nothing can be read, or the home cannot be written; all is as it was.
    """
    damaged = home / FILE_NAME
    part = part_of(damaged)
    discard(part)
    saved = Salvaged()
    try:
        _write_documents(damaged, part, saved, passage_characters, fingerprint)
        _write_conversations(damaged, part, saved)
        if not saved.documents and not saved.conversations:
            raise StoreError(
                f"Nothing can be read of the library {damaged}. It stays as it is. Restore a "
                "backup, or move it away and add the documents again."
            )
        _refuse_unsound(part)
        saved.kept = set_aside(damaged, DAMAGED)
        put_in_place(part, damaged)
    except OSError as error:
        raise StoreError(
            f"The home {home} cannot be written ({error.strerror or error}). The library is as "
            "it was."
        ) from error
    finally:
        discard(part)
    return saved


def _write_documents(
    damaged: Path,
    part: Path,
    saved: Salvaged,
    passage_characters: int,
    fingerprint: Callable[[], str],
) -> None:
    read = _read(damaged)
    name = read.facts.get("embedding") or fingerprint()
    known: set[int] = set()
    library = Library(part.parent, name=part.name)
    try:
        for row in readable_rows(damaged, "documents"):
            known.add(row["number"])
            try:
                library.write(_rebuilt(row, read, passage_characters), fingerprint=name)
            except _NONSENSE:
                saved.lost.append(str(row.get("uri")))
        revision = max(library.revision, int(read.facts.get("revision", 0))) + 1
        library.set_facts({**read.facts, **INDEX_BEHIND, "revision": str(revision)})
        saved.documents = len(library.documents())
    finally:
        library.close()
    saved.lost += [f"number {number}" for number in sorted(set(read.passages) - known)]


def _read(damaged: Path) -> _Read:
    passages: dict[int, list[_Rows]] = defaultdict(list)
    for row in readable_rows(damaged, "passages"):
        passages[row["document"]].append(row)
    facts = {
        row["name"]: row["value"]
        for row in readable_rows(damaged, "facts")
        if is_fact(row["name"], row["value"])
    }
    blobs = {row["passage"]: row["vector"] for row in readable_rows(damaged, "vectors")}
    # Vectors that are nobody's are no use.
    whole = {n: b for n, b in blobs.items() if isinstance(b, bytes) and "embedding" in facts}
    lengths = Counter(len(blob) for blob in whole.values() if len(blob) % 4 == 0)
    usual = max(lengths, key=lambda length: lengths[length], default=4)
    vectors = {
        n: np.frombuffer(blob, dtype=np.float32) for n, blob in whole.items() if len(blob) == usual
    }
    return _Read(facts, passages, vectors, usual // 4)


def _rebuilt(row: _Rows, read: _Read, passage_characters: int) -> NewDocument:
    text = str(row["text"])
    loaded = LoadedText(text, str(row["title"]), str(row["mime"]), tuple(json.loads(row["pages"])))
    rows = sorted(read.passages.get(row["number"], ()), key=lambda passage: passage["position"])
    chunks = _chunks_of(rows, text)
    if len(chunks) != row["n_passages"]:
        rows, chunks = [], split_passages(loaded, max_characters=passage_characters)
    vectors = np.zeros((len(chunks), read.dimensions), dtype=np.float32)
    for place, passage in enumerate(rows):
        vectors[place] = read.vectors.get(passage["number"], 0)
    document = Document(
        id=str(row["id"]),
        uri=str(row["uri"]),
        title=loaded.title,
        mime=loaded.mime,
        sha256=str(row["sha256"]),
        n_characters=len(text),
        n_passages=len(chunks),
        added_at=str(row["added_at"]),
        dropped=json.loads(row.get("dropped", "{}")),
    )
    return NewDocument(document, loaded, row["folder"], chunks, vectors)


def _chunks_of(rows: Sequence[_Rows], text: str) -> list[Chunk]:
    """Return the passages that say what the text does, with their sentences."""
    return [
        Chunk(
            start=row["start"],
            end=row["end"],
            page=row["page"],
            heading=row["heading"],
            sentences=tuple((start, end) for start, end in json.loads(row["sentences"])),
        )
        for position, row in enumerate(rows)
        if row["position"] == position and text[row["start"] : row["end"]] == row["text"]
    ]


def _write_conversations(damaged: Path, part: Path, saved: Salvaged) -> None:
    database = Database(part.parent, read_only=False, name=part.name)
    try:
        with database.transaction() as connection:
            talks = {row["id"]: row for row in readable_rows(damaged, "conversations")}
            order = sorted(talks.values(), key=lambda r: (r.get("turn", 0), str(r["changed_at"])))
            for turn, row in enumerate(order, start=1):
                _insert(connection, "conversations", {**row, "turn": turn})
            exchanges = {
                row["id"]: row
                for row in readable_rows(damaged, "exchanges")
                if row["conversation"] in talks and _is_answer(row["answer"])
            }
            for row in exchanges.values():
                _insert(connection, "exchanges", row)
            for row in readable_rows(damaged, "feedback"):
                if row["exchange"] in exchanges:
                    _insert(connection, "feedback", row)
        saved.conversations = len(talks)
    finally:
        database.close()


def _insert(connection: Connection, table: str, row: _Rows) -> None:
    marks = ", ".join("?" * len(row))
    # The names are those of our own tables.
    sql = f"INSERT OR IGNORE INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608
    connection.execute(sql, tuple(row.values()))


def _is_answer(text: Any) -> bool:
    try:
        Answer.from_json(text)
    except ValueError:
        return False
    return True


def _refuse_unsound(part: Path) -> None:
    database = Database(part.parent, read_only=True, name=part.name)
    try:
        problems = database.problems()
    finally:
        database.close()
    if problems:
        raise StoreError(f"What was saved is not sound ({problems[0]}). All is as it was.")
