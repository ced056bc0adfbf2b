"""The library: documents, passages, vectors and word index in one SQLite file, the truth.

Knows nothing of files, models or Chroma. A document becomes visible, and its earlier
version invisible, in one transaction; readers never wait for the writer.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.advising import damaged
from rag.beside import FILE_NAME
from rag.chunking import Chunk, page_at
from rag.conversations import Conversations
from rag.database import Connection, Database, Row
from rag.errors import EmbeddingMismatch, LibraryDamaged, UnknownDocument
from rag.schema import Document, Evidence, LoadedText, Passage
from rag.sentences import Span
from rag.tables import is_fact, unsound

# SQLite takes at most 32,766 variables in one statement.
_VARIABLES = 30_000
# A write of the library records beside it that the index is behind, until it has caught up.
INDEX_BEHIND = {"index_up_to_date": "0"}
INDEX_UP_TO_DATE = {"index_up_to_date": "1"}
_DOCUMENT = "id, uri, title, mime, sha256, n_characters, n_passages, added_at, dropped"
_PASSAGE = 'p.id, p.position, p.start, p."end", p.page, p.heading, p.text'


@dataclass(frozen=True)
class NewDocument:
    """A document ready to be written: one chunk and one vector (row) per passage."""

    document: Document
    loaded: LoadedText
    folder: str | None
    chunks: Sequence[Chunk]
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Entry:
    """A passage with what ranking needs beside it: its sentences' offsets in the text."""

    passage: Passage
    sentences: tuple[Span, ...]


class Library:
    """One library file.

    Raises (every method):
        StoreError: the file cannot be read or written; the message names the cause.
    """

    def __init__(self, home: Path, *, read_only: bool = False, name: str = FILE_NAME) -> None:
        self.home = home
        self._database = Database(home, read_only=read_only, name=name)
        self.conversations = Conversations(self._database)

    def close(self) -> None:
        """Close the file; nothing can be asked afterwards."""
        self._database.close()

    # Reading ------------------------------------------------------------------

    def documents(self) -> list[Document]:
        """Return all documents, by uri."""
        rows = self._database.rows(f"SELECT {_DOCUMENT} FROM documents ORDER BY uri")
        return [_document(row) for row in rows]

    def document(self, document_id: str) -> Document:
        """Return a document; raises UnknownDocument."""
        rows = self._database.rows(
            f"SELECT {_DOCUMENT} FROM documents WHERE id = ?", (document_id,)
        )
        if not rows:
            raise _unknown(document_id)
        return _document(rows[0])

    def document_at(self, uri: str) -> Document | None:
        """Return the document that came from this uri, if any."""
        rows = self._database.rows(f"SELECT {_DOCUMENT} FROM documents WHERE uri = ?", (uri,))
        return _document(rows[0]) if rows else None

    def documents_below(self, folder: str) -> list[Document]:
        """Return the documents below this folder, but for those that were added by name."""
        prefix = folder.rstrip(os.sep) + os.sep
        sql = (
            f"SELECT {_DOCUMENT} FROM documents WHERE folder IS NOT NULL "
            "AND substr(uri, 1, ?) = ? ORDER BY uri"
        )
        return [_document(row) for row in self._database.rows(sql, (len(prefix), prefix))]

    def text_of(self, document_id: str) -> str:
        """Return the whole text of a document; raises UnknownDocument."""
        rows = self._database.rows("SELECT text FROM documents WHERE id = ?", (document_id,))
        if not rows:
            raise _unknown(document_id)
        return str(rows[0][0])

    def page_of(self, document_id: str, offset: int) -> int | None:
        """Return the page that holds a character, None for a document without pages."""
        return page_at(self.page_starts(document_id), offset)

    def page_starts(self, document_id: str) -> list[int]:
        """Return where each page starts; none for a document without pages, or one that went."""
        rows = self._database.rows("SELECT pages FROM documents WHERE id = ?", (document_id,))
        return list(json.loads(rows[0][0])) if rows else []

    def entries(self, passage_ids: Iterable[str]) -> dict[str, Entry]:
        """Return the passages that are in the library, by id; others are left out."""
        wanted = list(dict.fromkeys(passage_ids))
        found: dict[str, Entry] = {}
        for start in range(0, len(wanted), _VARIABLES):
            part = wanted[start : start + _VARIABLES]
            sql = (
                f"SELECT {_PASSAGE}, p.sentences, {_columns('d')} FROM passages p "
                f"JOIN documents d ON d.number = p.document WHERE p.id IN ({_marks(part)})"
            )
            for row in self._database.rows(sql, part):
                found[row[0]] = _entry(row)
        return found

    def sentences_of(self, passage_ids: Iterable[str]) -> tuple[Evidence, ...]:
        """Return all sentences of these passages, with scores of 0."""
        return tuple(
            Evidence(p, start, end, p.text[start - p.start : end - p.start], 0.0)
            for p, spans in ((e.passage, e.sentences) for e in self.entries(passage_ids).values())
            for start, end in spans
        )

    def passages_of(self, document_id: str) -> list[Passage]:
        """Return the passages of a document, in order; raises UnknownDocument."""
        document = self.document(document_id)
        sql = (
            f"SELECT {_PASSAGE} FROM passages p JOIN documents d ON d.number = p.document "
            "WHERE d.id = ? ORDER BY p.position"
        )
        return [_passage(row, document) for row in self._database.rows(sql, (document_id,))]

    def count(self, documents: Sequence[str] | None = None) -> int:
        """Return how many passages there are, or how many of them these documents have."""
        join, condition, values = _limited_to(documents)
        sql = f"SELECT count(*) FROM passages p {join} WHERE 1 {condition}"
        return int(self._database.rows(sql, values)[0][0])

    def search_words(
        self,
        words: Sequence[str],
        *,
        limit: int,
        documents: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """Return (passage id, BM25 score), best first, of passages with any of the words.

        BM25 as SQLite's FTS5 computes it (k1 = 1.2, b = 0.75), with the sign turned so
        that more is better; a heading counts half as much as the text.
        """
        if not words:
            return []
        query = " OR ".join(f'"{word}"' for word in dict.fromkeys(words))
        join, condition, values = _limited_to(documents)
        sql = (
            f"SELECT p.id, -bm25(words, 0.5, 1.0) AS score FROM words "
            f"JOIN passages p ON p.number = words.rowid {join} "
            f"WHERE words MATCH ? {condition} ORDER BY score DESC, p.number LIMIT ?"
        )
        rows = self._database.rows(sql, (query, *values, limit))
        return [(row[0], float(row[1])) for row in rows]

    def passages_with(self, terms: Iterable[str]) -> dict[str, int]:
        """Return, for each term, how many passages have it."""
        wanted = list(dict.fromkeys(terms))[:_VARIABLES]
        sql = f"SELECT term, doc FROM vocabulary WHERE term IN ({_marks(wanted)})"
        return dict.fromkeys(wanted, 0) | dict(self._database.rows(sql, wanted))

    def vectors(self) -> tuple[list[str], NDArray[np.float32]]:
        """Return all passage ids and their vectors as rows, in the order of adding."""
        rows = self._database.rows(
            "SELECT p.id, v.vector FROM vectors v JOIN passages p ON p.number = v.passage "
            "ORDER BY p.number"
        )
        return [row[0] for row in rows], _matrix([row[1] for row in rows])

    def vectors_of(self, passage_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of these passages, by id."""
        wanted = list(passage_ids)[:_VARIABLES]
        sql = (
            "SELECT p.id, v.vector FROM vectors v JOIN passages p ON p.number = v.passage "
            f"WHERE p.id IN ({_marks(wanted)})"
        )
        return {
            row[0]: np.frombuffer(row[1], dtype=np.float32)
            for row in self._database.rows(sql, wanted)
        }

    def sample_vectors(self, limit: int) -> NDArray[np.float32]:
        """Return up to `limit` vectors as rows, spread over the passages.

        They are always the same ones for the same passages.
        """
        sql = "SELECT vector FROM vectors ORDER BY (passage * 2654435761) % 4294967296 LIMIT ?"
        return _matrix([row[0] for row in self._database.rows(sql, (limit,))])

    def fact(self, name: str, connection: Connection | None = None) -> str | None:
        """Return a fact about the library, such as the fingerprint of its embedder."""
        execute = self._database.rows if connection is None else connection.execute
        for (value,) in execute("SELECT value FROM facts WHERE name = ?", (name,)):
            if not is_fact(name, value):
                raise LibraryDamaged(damaged(self._database.path, unsound(name)))
            return str(value)
        return None

    @property
    def embedding(self) -> str | None:
        """Return the fingerprint of the embedder of the vectors, None before the first."""
        return self.fact("embedding")

    def refuse_other(self, fingerprint: str) -> None:
        """Raise EmbeddingMismatch if the vectors are another embedder's than this."""
        stored = self.embedding
        if stored not in (None, fingerprint):
            raise EmbeddingMismatch(
                f"The library in {self.home} was embedded with {stored}, the settings name "
                f"{fingerprint}. Set FOOTNOTE_EMBEDDING back, choose another --home, or run "
                "`footnote reembed`."
            )

    @property
    def index_up_to_date(self) -> bool:
        """Tell whether the vector index was known to hold what the library holds."""
        return self.fact("index_up_to_date") == "1"

    @property
    def revision(self) -> int:
        """Return a number that grows with every change of the documents."""
        return int(self.fact("revision") or 0)

    @property
    def identity(self) -> str:
        """Return the name that tells this library from all others."""
        known = self.fact("identity")
        if known is None:
            known = uuid.uuid4().hex
            self.set_facts({"identity": known})
        return known

    # Writing ------------------------------------------------------------------

    def write(self, new: NewDocument, *, fingerprint: str) -> list[str]:
        """Put a document in place of the one at its uri; return the passage ids that went."""
        with self._database.transaction() as connection:
            gone = self._delete(connection, "uri = ?", new.document.uri)
            self._insert(connection, new)
            self._bump(connection, {"embedding": fingerprint})
        return gone

    def remove(self, document_id: str) -> list[str]:
        """Remove a document; return its passage ids. Raises UnknownDocument."""
        self.document(document_id)
        with self._database.transaction() as connection:
            gone = self._delete(connection, "id = ?", document_id)
            self._bump(connection, {})
        return gone

    def erase_removed(self) -> None:
        """Make unreadable what is still in the file of documents that went or were changed."""
        self._database.erase_removed()

    def set_facts(self, facts: dict[str, str], *, at: int | None = None) -> None:
        """Record facts about the library; those `at` a revision only if it is still that."""
        with self._database.transaction() as connection:
            if at is None or at == self._revision(connection):
                _record(connection, facts)

    def write_vectors(
        self,
        batches: Iterable[tuple[Sequence[str], NDArray[np.float32]]],
        *,
        fingerprint: str,
    ) -> None:
        """Put new vectors in place of all, in one transaction: (passage ids, rows) by batch."""
        with self._database.transaction() as connection:
            for ids, rows in batches:
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors (passage, vector) "
                    "SELECT number, ? FROM passages WHERE id = ?",
                    [(row.tobytes(), i) for i, row in zip(ids, rows, strict=True)],
                )
            self._bump(connection, {"embedding": fingerprint})

    def _bump(self, connection: Connection, facts: dict[str, str]) -> None:
        revision = str(self._revision(connection) + 1)
        _record(connection, {**INDEX_BEHIND, **facts, "revision": revision})

    def _revision(self, connection: Connection) -> int:
        return int(self.fact("revision", connection) or 0)

    def _insert(self, connection: Connection, new: NewDocument) -> None:
        document, text = new.document, new.loaded.text
        place: tuple[object, ...] = new.folder, json.dumps(new.loaded.pages)
        cursor = connection.execute(
            f"INSERT INTO documents ({_DOCUMENT}, folder, pages, text) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*astuple(document)[:-1], json.dumps(dict(document.dropped)), *place, text),
        )
        for position, (chunk, vector) in enumerate(zip(new.chunks, new.vectors, strict=True)):
            passage = passage_id(document.id, position), cursor.lastrowid, position
            place = chunk.start, chunk.end, chunk.page, chunk.heading
            body = text[chunk.start : chunk.end]
            number = connection.execute(
                'INSERT INTO passages (id, document, position, start, "end", page, heading, '
                "sentences, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*passage, *place, json.dumps(chunk.sentences), body),
            ).lastrowid
            connection.execute("INSERT INTO vectors VALUES (?, ?)", (number, vector.tobytes()))
            connection.execute(
                "INSERT INTO words (rowid, heading, text) VALUES (?, ?, ?)",
                (number, chunk.heading, body),
            )

    def _delete(self, connection: Connection, condition: str, value: str) -> list[str]:
        rows = connection.execute(
            "SELECT p.number, p.id, p.heading, p.text FROM passages p JOIN documents d "
            f"ON d.number = p.document WHERE d.{condition}",
            (value,),
        ).fetchall()
        # The word index keeps no text of its own, so it must be told what to forget.
        connection.executemany(
            "INSERT INTO words (words, rowid, heading, text) VALUES ('delete', ?, ?, ?)",
            [(number, heading, text) for number, _, heading, text in rows],
        )
        connection.execute(f"DELETE FROM documents WHERE {condition}", (value,))
        return [row[1] for row in rows]


def passage_id(document_id: str, position: int) -> str:
    """Return the id of the passage at this position of a document."""
    return f"{document_id}-{position:05d}"


def _unknown(document_id: str) -> UnknownDocument:
    return UnknownDocument(
        f"The library holds no document {document_id!r}. `footnote docs` lists the ids it holds."
    )


def document_of(passage: str) -> str:
    """Return the id of the document that a passage with this id belongs to."""
    return passage.rpartition("-")[0]


def _record(connection: Connection, facts: dict[str, str]) -> None:
    connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())


def _limited_to(documents: Sequence[str] | None) -> tuple[str, str, list[str]]:
    if documents is None:
        return "", "", []
    # One value, for a statement takes only so many.
    condition = "AND d.id IN (SELECT value FROM json_each(?))"
    return "JOIN documents d ON d.number = p.document", condition, [json.dumps(list(documents))]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _columns(table: str) -> str:
    return ", ".join(f"{table}.{column}" for column in _DOCUMENT.split(", "))


def _document(row: Row) -> Document:
    return Document(*(*row[:-1], json.loads(row[-1])))


def _passage(row: Row, document: Document) -> Passage:
    identity, index, start, end, page, heading, text = row[:7]
    return Passage(identity, document, index, start, end, page, heading, text)


def _entry(row: Row) -> Entry:
    document = _document(row[8:])
    sentences = tuple((s, e) for s, e in json.loads(str(row[7])))
    return Entry(_passage(row, document), sentences)


def _matrix(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    if not blobs:
        return np.empty((0, 0), dtype=np.float32)
    return np.frombuffer(b"".join(blobs), dtype=np.float32).reshape(len(blobs), -1)
