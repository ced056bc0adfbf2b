"""Where a backup may be written: not where a home or a person has something.

Knows nothing of what is in a backup.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from rag.beside import COMPANIONS, FILE_NAME, is_own
from rag.database import Database
from rag.errors import SchemaMismatch, StoreError, UsageError

# Where the first bytes of a database tell how it is written to, and what they are for WAL:
# a library has it from the first time it is opened for writing, and no backup has it.
_WRITING = slice(18, 20)
_WAL = b"\2\2"


def target_of(home: Path, path: str | Path) -> Path:
    """Return the file that a backup of a home is to be: in a folder, one with a dated name.

    Raises:
        UsageError: there is no such folder, or that file would be a home's own.
    """
    target = _named(Path(os.path.abspath(os.path.expanduser(path))))
    if _are_same(target, home / FILE_NAME):
        raise UsageError(f"{target} is the library itself. Name another file.")
    for name in _spellings(target):
        if name.name.casefold() == FILE_NAME:
            raise UsageError(
                f"{target} has the name of a home's library. Name another file, as library.backup."
            )
        for folder in name.parents:
            own = is_own(name.relative_to(folder).parts[0])
            if own and (folder / FILE_NAME).is_file():
                raise UsageError(
                    f"{target} is among what the home {folder} keeps for itself. Name another file."
                )
    return target


def refuse_taken(target: Path) -> None:
    """Raise UsageError for a file that is there, unless it is a backup that nobody has open."""
    for name in _spellings(target):
        for beside in (name.with_name(name.name + companion) for companion in COMPANIONS):
            if os.path.lexists(beside):
                # SQLite would take it for the new file's.
                raise UsageError(
                    f"Beside {target} is {beside}, of a database that is in use or was when its "
                    "program ended. Name another file."
                )
    if not os.path.lexists(target):
        return
    try:
        if not _is_database_at_rest(target):
            raise UsageError(f"{target} is there and is no backup. Name another file.")
        Database(target.parent, read_only=True, name=target.name).close()
    except SchemaMismatch:
        pass  # of a later version, but a backup
    except (OSError, StoreError) as error:
        raise UsageError(f"{target} is there and is no backup. Name another file.") from error


def _named(path: Path) -> Path:
    if path.is_dir():
        return path / f"footnote-{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.sqlite"
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}. Make it, or name another.")
    return path


def _are_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them is not there


def _spellings(target: Path) -> set[Path]:
    """Return a name without links on the way to it, and what it leads to if it is one."""
    return {Path(os.path.realpath(target.parent), target.name), Path(os.path.realpath(target))}


def _is_database_at_rest(target: Path) -> bool:
    # To open a pipe would be to wait for who writes into it.
    if not target.is_file():
        return False
    with target.open("rb") as file:
        return file.read(_WRITING.stop)[_WRITING] != _WAL
