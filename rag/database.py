"""SQLite as the library uses it: the tables, connections for threads, errors that help.

Knows nothing of documents beyond the shape of their tables.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.errors import SchemaMismatch, StoreError

Connection = sqlite3.Connection
Row = tuple[Any, ...]

FILE_NAME = "library.sqlite"
_BUSY_SECONDS = 10

# What each version added to the one before; a file is brought forward step by step.
_STEPS = (
    """
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uri TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL, mime TEXT NOT NULL, sha256 TEXT NOT NULL,
    n_characters INTEGER NOT NULL, n_passages INTEGER NOT NULL, added_at TEXT NOT NULL,
    folder TEXT, pages TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    document INTEGER NOT NULL REFERENCES documents(number) ON DELETE CASCADE,
    position INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    page INTEGER, heading TEXT, sentences TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX passages_of_document ON passages(document);
CREATE TABLE vectors (
    passage INTEGER PRIMARY KEY REFERENCES passages(number) ON DELETE CASCADE,
    vector BLOB NOT NULL
);
CREATE VIRTUAL TABLE words USING fts5(
    heading, text, content='passages', content_rowid='number',
    tokenize='porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row');
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
""",
    """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL
);
CREATE TABLE exchanges (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    position INTEGER NOT NULL, asked_at TEXT NOT NULL,
    question TEXT NOT NULL, text TEXT NOT NULL, answer TEXT NOT NULL,
    UNIQUE (conversation, position)
);
CREATE TABLE feedback (
    exchange TEXT NOT NULL REFERENCES exchanges(id) ON DELETE CASCADE,
    citation INTEGER NOT NULL, helpful INTEGER NOT NULL, reason TEXT NOT NULL,
    given_at TEXT NOT NULL, PRIMARY KEY (exchange, citation)
);
""",
)
SCHEMA_VERSION = len(_STEPS)


class Database:
    """One file. Any number of threads may ask; one at a time writes.

    Raises (every method):
        SchemaMismatch: the file was written by another version of Footnote.
        StoreError: the file cannot be read or written; the message names the cause.
    """

    def __init__(self, home: Path, *, read_only: bool) -> None:
        self.path = home / FILE_NAME
        self._read_only = read_only
        self._idle: list[Connection] = []
        self._guard = threading.Lock()
        # SQLite would make a second writer wait too, but gives up after `_BUSY_SECONDS`.
        self._writing = threading.RLock()
        self._closed = False
        if read_only:
            self._refuse_if_missing(os.path.lexists(self.path))
        else:
            self._make_home()
        with _explained(self.path):
            self._check_schema()

    def close(self) -> None:
        """Close the file; what is under way in other threads ends first."""
        with self._guard:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with _explained(self.path), self._connection() as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection inside a transaction: all of it is written, or nothing."""
        with self._writing, _explained(self.path), self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def erase_removed(self) -> None:
        """Make unreadable what is still in the file of rows that were deleted."""
        with self.transaction() as connection:
            # The word index only marks words as gone, until its parts are made one.
            connection.execute("INSERT INTO words(words) VALUES ('optimize')")
        # Whatever was written lately is also in the journal: empty it, unless one is reading.
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Lend a connection to one thread: as many are open as threads ask at once."""
        with self._guard:
            if self._closed:
                raise StoreError(f"The library {self.path} was closed. Open it again.")
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._take_back(connection)

    def _take_back(self, connection: Connection) -> None:
        with self._guard:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _connect(self) -> Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?{self._mode()}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        # What is deleted is written over, however this SQLite was built.
        connection.execute("PRAGMA secure_delete = ON")
        if self._read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _mode(self) -> str:
        if not self._read_only:
            return "mode=rwc"
        if os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK):
            # "ro" would leave the files behind that SQLite keeps while a reader is there.
            return "mode=rw"
        # Where those cannot be made, a file that nobody writes to can be read without them.
        beside = self.path.with_name(FILE_NAME + "-wal")
        return "mode=ro" if beside.exists() else "mode=ro&immutable=1"

    def _make_home(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(_advice(self.path, error.strerror or str(error))) from error

    def _refuse_if_missing(self, there: bool) -> None:
        if not there:
            home = self.path.parent
            raise StoreError(
                f"There is no library in {home}. Add documents first: "
                f"footnote --home {home} add PATH"
            )

    def _check_schema(self) -> None:
        with self._connection() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not self._read_only:
                connection.execute("PRAGMA journal_mode = WAL")
        if version == 0:
            # A process may have ended between making the file and making the tables.
            self._refuse_if_missing(not self._read_only)
        if version < SCHEMA_VERSION and not self._read_only:
            self._make_tables()
        elif version > SCHEMA_VERSION:
            raise SchemaMismatch(
                f"The library {self.path} has version {version}, this Footnote reads version "
                f"{SCHEMA_VERSION}. Use the Footnote that wrote it, or another --home."
            )

    def _make_tables(self) -> None:
        with self.transaction() as transaction:
            # Another process may have made some since we looked.
            version = transaction.execute("PRAGMA user_version").fetchone()[0]
            for step in _STEPS[version:]:
                for statement in step.split(";\n"):
                    transaction.execute(statement)
            transaction.execute(f"PRAGMA user_version = {max(version, SCHEMA_VERSION)}")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says into errors that name the fix."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(_advice(path, str(error))) from error
    except sqlite3.ProgrammingError:
        raise  # a mistake of ours, not of the file
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"The library {path} is damaged ({error}). Restore a copy of it, or move it away "
            "and add the documents again."
        ) from error


def _advice(path: Path, problem: str) -> str:
    problem_now = problem.lower()
    if "full" in problem_now or "no space" in problem_now:
        fix = "The disk is full: free some space and try again; what was added is kept."
    elif "i/o error" in problem_now:
        fix = "Check that the disk has free space and no fault; what was added is kept."
    elif any(word in problem_now for word in ("readonly", "read-only", "denied", "permitted")):
        fix = f"Give yourself write access to {path.parent}, or choose another --home."
    elif "no such table" in problem_now:
        fix = "An earlier Footnote wrote it: open it once for writing, as `footnote add` does."
    elif "locked" in problem_now:
        fix = "Another program is writing to it: wait until it is done and try again."
    else:
        fix = f"Check that {path.parent} is a folder you may read and write."
    return f"The library {path} cannot be used ({problem}). {fix}"
