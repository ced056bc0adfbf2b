"""Backups of a library, and a library made of one: whole, checked, or not at all.

Knows nothing of what is asked of a library. A backup is one file, a copy of the library at
one moment, whoever writes to it meanwhile.
"""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rag.beside import (
    BEFORE_RESTORE,
    COMPANIONS,
    DAMAGED,
    FILE_NAME,
    dated,
    discard,
    finish,
    leftovers,
    note_backup,
    part_of,
)
from rag.database import Database, fold_in, overwrite
from rag.errors import LibraryDamaged, SchemaMismatch, StoreError, UsageError
from rag.ownership import Ownership
from rag.settings import Settings
from rag.tables import COUNTS, is_fact
from rag.targets import refuse_taken, target_of

_CALIBRATION = "calibration"
_CALIBRATION_FILE = "calibration.json"
_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True)
class Copied:
    """What `backup` or `restore` wrote: the file, what is in it, and the library it replaced."""

    path: Path
    documents: int
    passages: int
    kept: Path | None = None
    """Where the library is that was in the home before, if there was one."""


def backup(settings: Settings, path: str | Path) -> Copied:
    """Write a copy of the library to a file, or under a dated name into a folder.

    The library may be in use, and be written to, meanwhile. The file is checked before it
    gets its name. An earlier backup of this name is replaced; a library never is.

    Raises:
        UsageError: the path is no place for a backup, or another file is there.
        LibraryDamaged: the library is damaged, and so would its copy be.
        StoreError: there is no library, it is not as Footnote makes it, or the file cannot be
            written.
    """
    home = settings.home
    target = target_of(home, path)
    database = Database(home, read_only=True)
    try:
        refuse_taken(target)
        _refuse_foreign(database)
        for left in leftovers(target.parent, target.name):
            discard(left)
        counts = database.copy_to(target, _calibration_in(home))
    finally:
        database.close()
    note_backup(home, target)
    return Copied(target, *counts)


def restore(settings: Settings, path: str | Path, *, replace: bool = False) -> Copied:
    """Put a backup in the place of the library; the vector index is then built by itself.

    A home that holds documents or conversations is refused, unless `replace` is given: then
    the library that was there is kept beside it, under a dated name. Until the last moment,
    and if anything fails, the home is as it was.

    Raises:
        UsageError: there is no such file, it is none, or the home is not empty.
        LibraryLocked: another process, or an Assistant of this one, owns the home.
        SchemaMismatch: the backup was written by a later version of Footnote.
        StoreError: the file is no sound backup, or the home cannot be written.
    """
    home, source = settings.home, Path(os.path.abspath(os.path.expanduser(path)))
    _refuse_unsound(source)
    ownership = Ownership(home)
    ownership.acquire()
    part = part_of(home / FILE_NAME)
    try:
        return _restore(home, source, part, replace=replace)
    except OSError as error:
        raise StoreError(
            f"The home {home} cannot be written ({error.strerror or error}). It is as it was."
        ) from error
    finally:
        discard(part)
        ownership.release()


def set_aside(library: Path, word: str) -> Path:
    """Copy a library's files as they are, read or not; return the copy. Raises OSError."""
    kept = dated(library, word)
    for end in (*COMPANIONS, ""):
        source = library.with_name(library.name + end)
        if source.is_file():
            copy = kept.with_name(kept.name + end)
            part = part_of(copy)
            try:
                _copy_bytes(source, part)
                finish(part, copy)
            finally:
                discard(part)
    return kept


def put_in_place(part: Path, library: Path) -> None:
    """Give a whole file the place of a damaged library, which was set aside. Raises OSError."""
    # What SQLite kept for the damaged file would be taken for the new one's.
    fold_in(library)
    for companion in COMPANIONS:
        library.with_name(library.name + companion).unlink(missing_ok=True)
    finish(part, library)


def _refuse_foreign(database: Database) -> None:
    """Raise StoreError for a library of which no backup could be restored."""
    foreign = database.foreign()
    if foreign:
        raise StoreError(
            f"The library {database.path} is not as Footnote makes it ({', '.join(foreign)}), and "
            "its backup could not be restored. Undo with SQLite what was changed, and try again."
        )


def _refuse_unsound(source: Path) -> None:
    _refuse_no_database(source)
    foreign: list[str] = []
    try:
        database = Database(source.parent, read_only=True, name=source.name)
        try:
            # First, for what is foreign may do anything while it is looked through.
            foreign = database.foreign()
            problems = [] if foreign else database.problems()
        finally:
            database.close()
    except SchemaMismatch as error:
        raise SchemaMismatch(
            f"The backup {source} was written by a later Footnote. Nothing was changed. "
            "Update Footnote and restore it then."
        ) from error
    except LibraryDamaged as error:
        problems = [str(error.__cause__)]
    if foreign:
        raise StoreError(
            f"The backup {source} is not as Footnote writes it ({', '.join(foreign)}). Nothing was "
            "changed. Take another."
        )
    if problems:
        raise StoreError(
            f"The backup {source} is damaged ({problems[0]}). Nothing was changed. Take another."
        )


def _refuse_no_database(source: Path) -> None:
    try:
        # To open a pipe would be to wait for who writes into it.
        if not stat.S_ISREG(source.stat().st_mode):
            raise UsageError(f"{source} is no file. Name the file that `footnote backup` wrote.")
        with source.open("rb") as file:
            begins = file.read(len(_MAGIC))
    except OSError as error:
        raise UsageError(
            f"The backup {source} cannot be read ({error.strerror}). Name the file that "
            "`footnote backup` wrote."
        ) from error
    if begins != _MAGIC:
        raise StoreError(
            f"{source} is no backup of a Footnote library, or a damaged one. Nothing was "
            "changed. Name a file that `footnote backup` wrote."
        )


def _restore(home: Path, source: Path, part: Path, *, replace: bool) -> Copied:
    library = home / FILE_NAME
    for left in leftovers(home, FILE_NAME):
        discard(left)
    before = _State.of(home)
    if before.holds and not replace:
        raise UsageError(
            f"The home {home} holds {before.holds}. Choose another --home, or restore with "
            "--replace, which keeps what is there beside it."
        )
    backed_up = Database(source.parent, read_only=True, name=source.name)
    try:
        known: dict[str, str] = dict(backed_up.rows("SELECT name, value FROM facts"))
        kept = _keep(home, before)
        counts = backed_up.copy_to(part, _facts_for(known, before))
    finally:
        backed_up.close()
    if before.damaged:
        put_in_place(part, library)
    else:
        overwrite(library, part)
    if _CALIBRATION in known:
        calibration = home / _CALIBRATION_FILE
        written = part_of(calibration)
        written.write_text(known[_CALIBRATION], encoding="utf-8")
        os.replace(written, calibration)
    return Copied(library, *counts, kept)


@dataclass(frozen=True)
class _State:
    """What a home has before a backup takes its place; `holds` is "" for an empty one."""

    damaged: bool = False
    holds: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(home: Path) -> _State:
        path = home / FILE_NAME
        if not path.is_file() or not path.stat().st_size:
            return _State()
        try:
            database = Database(home, read_only=True)
            try:
                if database.problems():
                    return _State(damaged=True, holds="a damaged library")
                documents, _ = database.rows(COUNTS)[0]
                rows = database.rows("SELECT name, value FROM facts")
                facts = {name: value for name, value in rows if is_fact(name, value)}
                talks = _conversations(database.rows)
            finally:
                database.close()
        except LibraryDamaged:
            return _State(damaged=True, holds="a damaged library")
        parts = [f"{documents} documents"] if documents else []
        parts += [f"{talks} conversations"] if talks else []
        return _State(holds=" and ".join(parts), facts=facts)


def _keep(home: Path, before: _State) -> Path | None:
    library = home / FILE_NAME
    if before.damaged:
        return set_aside(library, DAMAGED)
    if not before.holds:
        return None
    kept = dated(library, BEFORE_RESTORE)
    database = Database(home, read_only=True)
    try:
        database.copy_to(kept, {})
    finally:
        database.close()
    return kept


def _facts_for(known: dict[str, str], before: _State) -> dict[str, str]:
    """Return the facts that a restored library must not take over from its backup."""
    # Heavy: NumPy.
    from rag.library import INDEX_BEHIND

    revision = max(int(facts.get("revision", 0)) for facts in (known, before.facts)) + 1
    return {
        **INDEX_BEHIND,
        # Two libraries of one identity would drop each other's index on a server of Chroma.
        "identity": before.facts.get("identity") or uuid.uuid4().hex,
        # Readers that are open see by it that all has changed.
        "revision": str(revision),
    }


def _conversations(rows: Callable[[str], list[tuple[int]]]) -> int:
    there = rows("SELECT count(*) FROM main.sqlite_master WHERE name = 'conversations'")[0][0]
    return rows("SELECT count(*) FROM conversations")[0][0] if there else 0


def _calibration_in(home: Path) -> dict[str, str]:
    """Return a home's own calibration, if it has one, as a fact to go with its library."""
    try:
        return {_CALIBRATION: (home / _CALIBRATION_FILE).read_text(encoding="utf-8")}
    except (OSError, ValueError):
        return {}


def _copy_bytes(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
