"""SQLite as the library uses it: connections for threads, copies of a file, errors that help.

Knows nothing of documents beyond the shape of their tables (`rag.tables`).
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.advising import advice, damaged
from rag.beside import FILE_NAME, dated, discard, finish, part_of
from rag.errors import LibraryDamaged, SchemaMismatch, StoreError, UsageError
from rag.tables import AS_NOW, COUNTS, FIRST_TABLES, SCHEMA_VERSION, STEPS, problems_in, shape

Connection = sqlite3.Connection
Row = tuple[Any, ...]

_BUSY_SECONDS = 10
_ERASING_MILLISECONDS = 300
_WAL = "PRAGMA journal_mode = WAL"
# How SQLite tells that a file is no whole database: its error codes without their details.
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# Where a file does not tell how many rows a table has, so many numbers are tried.
_MOST_TRIED = 100_000

_log = logging.getLogger(__name__)


class Database:
    """One file. Any number of threads may ask; one at a time writes.

    A file of an earlier version is brought forward, after a copy of it was put beside it.

    Raises (every method):
        SchemaMismatch: the file was written by a later version of Footnote.
        LibraryDamaged: the file is damaged; from then on nothing is written to it.
        StoreError: the file cannot be read or written; the message names the cause.
        UsageError: a text has lone surrogates, as no file and no other program would take it.
    """

    def __init__(self, home: Path, *, read_only: bool, name: str = FILE_NAME) -> None:
        self.path = home / name
        self._read_only = read_only
        self._idle: list[Connection] = []
        self._guard = threading.Lock()
        # SQLite would make a second writer wait too, but gives up after `_BUSY_SECONDS`.
        self._writing = threading.RLock()
        self._closed = False
        self._damage: LibraryDamaged | None = None
        # Which file it is, for another may come to stand in its place.
        self._file: tuple[int, int] | None = None
        if read_only:
            self._refuse_if_missing(os.path.lexists(self.path))
        else:
            self._make_home()
        try:
            with self._explained():
                self._check_schema()
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; what is under way in other threads ends first."""
        with self._guard:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with self._explained(), self._connection() as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection inside a transaction: all of it is written, or nothing."""
        with self._writing, self._explained(), self._connection() as connection:
            if self._damage is not None:
                raise self._damage
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
        # Whatever was written lately is also in the journal: empty it, unless one is reading. All
        # who write wait meanwhile, and the next time is soon enough.
        with self._explained(), self._connection() as connection:
            connection.execute(f"PRAGMA busy_timeout = {_ERASING_MILLISECONDS}")
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")

    def refuse_if_gone(self) -> None:
        """Raise StoreError if the file was removed, moved or replaced since it was opened."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise StoreError(
                f"The library {self.path} is gone ({error.strerror}): its folder was removed or "
                "moved while it was open. Put it back, or open Footnote again."
            ) from error
        if self._file not in (None, (status.st_dev, status.st_ino)):
            raise StoreError(
                f"Another library was put in the place of {self.path} while it was open. "
                "Open Footnote again to use that one."
            )

    def copy_to(self, target: Path, facts: Mapping[str, str]) -> tuple[int, int]:
        """Write all of it, as it is at one moment, to a file that is whole or not there.

        Others may write meanwhile. The copy is one file, checked, with these facts in it;
        returned is how many documents and passages it has.
        """
        part = part_of(target)
        self.refuse_if_gone()
        try:
            # With the documents in it, it is nobody else's to read.
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with (
                _explained(target),
                self._connection() as source,
                contextlib.closing(_open(part, "mode=rw")) as copy,
            ):
                _copy(source, copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                copy.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())
                wrong = problems_in(copy.execute)
                documents, passages = copy.execute(COUNTS).fetchone()
            if wrong:
                raise LibraryDamaged(damaged(self.path, wrong[0]))
            finish(part, target)
            return documents, passages
        except OSError as error:
            raise StoreError(advice(target, error.strerror or str(error))) from error
        finally:
            discard(part)

    def problems(self) -> list[str]:
        """Return what a thorough look at every page finds; nothing for a sound file."""
        with self._explained(), self._connection() as connection:
            return problems_in(connection.execute)

    def foreign(self) -> list[str]:
        """Return what of its tables, indexes, triggers and views is not as its version made it."""
        with (
            self._explained(),
            self._connection() as connection,
            contextlib.closing(sqlite3.connect(":memory:")) as known,
        ):
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            known.executescript("".join(STEPS[: max(version, 0)]))
            other = shape(connection.execute) ^ shape(known.execute)
        return sorted({f"{kind} {name}" for kind, name, _ in other})

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Lend a connection to one thread: as many are open as threads ask at once."""
        with self._guard:
            if self._closed:
                raise StoreError(f"The library {self.path} was closed. Open it again.")
            connection = self._idle.pop() if self._idle else None
        try:
            if self._file is not None:
                self.refuse_if_gone()
            connection = connection or self._connect()
            yield connection
        finally:
            if connection is not None:
                self._take_back(connection)

    def _take_back(self, connection: Connection) -> None:
        with self._guard:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _connect(self) -> Connection:
        connection = _open(self.path, self._mode())
        if self._read_only:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            for step in range(version + 1, SCHEMA_VERSION + 1) if version else ():
                for view in AS_NOW.get(step, ()):
                    connection.execute(view)
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _mode(self) -> str:
        if not self._read_only:
            # Made once: a file that has gone since is not made anew, empty.
            return "mode=rwc" if self._file is None else "mode=rw"
        if os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK):
            # "ro" would leave the files behind that SQLite keeps while a reader is there.
            return "mode=rw"
        # Where those cannot be made, a file that nobody writes to can be read without them.
        beside = self.path.with_name(self.path.name + "-wal")
        return "mode=ro" if beside.exists() else "mode=ro&immutable=1"

    def _make_home(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(advice(self.path, error.strerror or str(error))) from error

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
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if tables and not tables >= FIRST_TABLES:
                raise StoreError(
                    f"{self.path} is a database of another program. Choose another --home."
                )
            if version == 0:
                # A process may have ended between making the file and making the tables.
                self._refuse_if_missing(not self._read_only)
            if not self._read_only and version <= SCHEMA_VERSION:
                connection.execute(_WAL)
        if version > SCHEMA_VERSION:
            raise SchemaMismatch(
                f"The library {self.path} has version {version}, this Footnote reads version "
                f"{SCHEMA_VERSION}. Use the Footnote that wrote it, or another --home."
            )
        status = self.path.stat()
        self._file = status.st_dev, status.st_ino
        if version < SCHEMA_VERSION and not self._read_only:
            self._bring_forward(version)

    def _bring_forward(self, version: int) -> None:
        if version:
            kept = dated(self.path, f"v{version}")
            self.copy_to(kept, {})
            _log.warning(
                "The library %s is brought from version %d to %d. A copy of it as it was is %s.",
                *(self.path, version, SCHEMA_VERSION, kept),
            )
        with self.transaction() as transaction:
            # Another process may have made some since we looked.
            version = transaction.execute("PRAGMA user_version").fetchone()[0]
            for step in STEPS[version:]:
                for statement in step.split(";\n"):
                    transaction.execute(statement)
            transaction.execute(f"PRAGMA user_version = {max(version, SCHEMA_VERSION)}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with _explained(self.path):
                yield
        except LibraryDamaged as error:
            self._damage = error
            raise


def overwrite(target: Path, source: Path) -> None:
    """Put all that one file holds in place of what another does, in one transaction.

    Whoever reads the other meanwhile sees it as it was, and then as it is. One that is not
    there is made.

    Raises:
        LibraryDamaged, StoreError: as for Database; the target is as it was.
    """
    with _explained(target), contextlib.closing(_open(source, "mode=rw")) as new:
        new.execute(_WAL)
        with contextlib.closing(_open(target, "mode=rwc")) as old:
            _copy(new, old)


def readable_rows(path: Path, table: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table of a damaged file by column, in the order of adding.

    Each is read by its number: a page that cannot be read costs only what it holds.
    """
    every = f"SELECT * FROM {table} WHERE rowid = ?"  # noqa: S608  # the tables are our own
    try:
        connection = _open(path, "mode=rw")
    except sqlite3.DatabaseError:
        return  # not even its first page can be read
    with contextlib.closing(connection):
        for number in _row_numbers(connection, table):
            # What is lost is lost; the others are not.
            with contextlib.suppress(sqlite3.DatabaseError):
                cursor = connection.execute(every, (number,))
                names = [column[0] for column in cursor.description]
                for row in cursor.fetchall():
                    yield dict(zip(names, row, strict=True))


def _row_numbers(connection: Connection, table: str) -> Iterable[int]:
    """Return the numbers of a table's rows, and any between those that can be read."""
    every = f"SELECT rowid FROM {table} NOT INDEXED ORDER BY rowid"  # noqa: S608  # as above

    def until_it_breaks(order: str) -> tuple[list[int], bool]:
        found: list[int] = []
        try:
            for (number,) in connection.execute(f"{every} {order}"):
                found.append(number)  # what was read before it breaks is kept
        except sqlite3.DatabaseError:
            return found, False
        return found, True

    first, whole = until_it_breaks("ASC")
    if whole:
        return first
    last, _ = until_it_breaks("DESC")
    start = first[-1] + 1 if first else 1
    end = last[-1] if last else start + _MOST_TRIED
    return itertools.chain(first, range(start, end), reversed(last))


def fold_in(path: Path) -> None:
    """Put into a file what SQLite still keeps beside it, as far as that can be done."""
    with (
        contextlib.suppress(sqlite3.DatabaseError),
        contextlib.closing(_open(path, "mode=rw")) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _open(path: Path, mode: str) -> Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?{mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        # What is deleted is written over, however this SQLite was built.
        connection.execute("PRAGMA secure_delete = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _copy(source: Connection, target: Connection) -> None:
    """Copy all pages at one moment. Raises what SQLite does, also when others do not let it."""
    deadline = time.monotonic() + _BUSY_SECONDS

    def stop_late(status: int, _remaining: int, _total: int) -> None:
        # Else Python would try for ever to get at a file that another process holds.
        if status in _HELD and time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")

    source.backup(target, progress=stop_late)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says into errors that name the fix."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise UsageError(
            "A name or a text has parts of characters, which cannot be kept."
        ) from error
    except sqlite3.OperationalError as error:
        raise StoreError(advice(path, str(error))) from error
    except sqlite3.ProgrammingError:
        raise  # a mistake of ours, not of the file
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in _DAMAGE:
            raise StoreError(advice(path, str(error))) from error
        raise LibraryDamaged(damaged(path, str(error))) from error
