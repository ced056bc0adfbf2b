"""SQLite as the library uses it: the tables, a connection a thread, errors that help.

Knows nothing of documents beyond the shape of their tables.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.errors import SchemaMismatch, StoreError

Connection = sqlite3.Connection
Row = tuple[Any, ...]

SCHEMA_VERSION = 1
FILE_NAME = "library.sqlite"
_BUSY_SECONDS = 10

_SCHEMA = f"""
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
PRAGMA user_version = {SCHEMA_VERSION};
"""


class Database:
    """One file, opened by each thread that asks.

    Raises (every method):
        SchemaMismatch: the file was written by another version of Footnote.
        StoreError: the file cannot be read or written; the message names the cause.
    """

    def __init__(self, home: Path, *, read_only: bool) -> None:
        self.path = home / FILE_NAME
        self._read_only = read_only
        self._local = threading.local()
        self._connections: list[Connection] = []
        self._guard = threading.Lock()
        if read_only and not self.path.is_file():
            raise StoreError(
                f"There is no library in {home}. Add documents first: "
                f"footnote --home {home} add PATH"
            )
        with _explained(self.path):
            if not read_only:
                home.mkdir(parents=True, exist_ok=True)
            self._check_schema()

    def close(self) -> None:
        """Close every thread's connection."""
        with self._guard:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._local = threading.local()

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            mode = "ro" if self._read_only else "rwc"
            connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode={mode}",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,  # close() closes all of them, from one thread
            )
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            with self._guard:
                self._connections.append(connection)
            self._local.connection = connection
        return connection

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with _explained(self.path):
            return self._connection().execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection inside a transaction: all of it is written, or nothing."""
        with _explained(self.path):
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _check_schema(self) -> None:
        connection = self._connection()
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not self._read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            with self.transaction() as transaction:
                # Another process may have made the tables since we looked.
                if transaction.execute("PRAGMA user_version").fetchone()[0] == 0:
                    for statement in _SCHEMA.split(";\n"):
                        transaction.execute(statement)
        elif version != SCHEMA_VERSION:
            raise SchemaMismatch(
                f"The library {self.path} has version {version}, this Footnote reads version "
                f"{SCHEMA_VERSION}. Use the Footnote that wrote it, or another --home."
            )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into errors that name the fix."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(_advice(path, str(error))) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"The library {path} is damaged ({error}). Restore a copy of it, or move it away "
            "and add the documents again."
        ) from error
    except OSError as error:
        raise StoreError(_advice(path, error.strerror or str(error))) from error


def _advice(path: Path, problem: str) -> str:
    problem_now = problem.lower()
    if "full" in problem_now or "no space" in problem_now:
        fix = "The disk is full: free some space and try again; what was added is kept."
    elif (
        "readonly" in problem_now
        or "denied" in problem_now
        or "read-only" in problem_now
    ):
        fix = f"Give yourself write access to {path.parent}, or choose another --home."
    elif "locked" in problem_now:
        fix = "Another program is writing to it: wait until it is done and try again."
    else:
        fix = f"Check that {path.parent} is a folder you may read and write."
    return f"The library {path} cannot be used ({problem}). {fix}"
