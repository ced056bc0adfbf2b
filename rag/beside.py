"""What lies beside a library file: dated copies, unfinished ones, a note; what is a home's own.

Knows nothing of what the files hold.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

FILE_NAME = "library.sqlite"
# What SQLite itself keeps beside a file that is in use, or was when its process ended.
COMPANIONS = ("-wal", "-shm", "-journal")
BEFORE_RESTORE, DAMAGED = "before-restore", "damaged"

# What a home has beside its library; `ui` and `eval` make some of it.
_OTHERS = (
    *("calibration.json", "chroma", "eval", "incoming", "lock", "models", "owner.json"),
    *("uploads", "verdicts"),
)
_NOTE = ".backup.json"
_NOTE_NAME = FILE_NAME + _NOTE
_COMPANION = f"(?:{'|'.join(COMPANIONS)})"
# A restore copies to a file that is itself unfinished, so that there are parts of parts.
_PART = rf"(?:\.\d+\.part)?\.(\d+)\.part{_COMPANION}?"
# How the names go on of what is written beside a library: a dated copy, or the note.
_ASIDE = rf"\.(?:v\d+|{BEFORE_RESTORE}|{DAMAGED})-\d{{4}}-\d\d-\d\dT\d{{6}}Z(?:-\d+)?"
_BESIDE = rf"(?:{_ASIDE}{_COMPANION}?|{re.escape(_NOTE)})"
_OWN = re.compile(
    rf"(?:{re.escape(FILE_NAME)}(?:{_COMPANION}|{_BESIDE})?|{'|'.join(map(re.escape, _OTHERS))})"
    rf"(?:{_PART})?",
    re.IGNORECASE,  # as the file systems of some machines take names
)
_BACKUP = re.compile(rf"{re.escape(FILE_NAME)}\.(?:v\d+|{BEFORE_RESTORE})-[\dTZ-]+")


def is_own(name: str) -> bool:
    """Tell whether a file or folder of this name in a home is the home's own."""
    return _OWN.fullmatch(name) is not None


def dated(path: Path, word: str) -> Path:
    """Return a name beside this file that is not taken, with a word and the time (UTC)."""
    stem = f"{path.name}.{word}-{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
    names = itertools.chain((stem,), (f"{stem}-{n}" for n in itertools.count(2)))
    return next(p for p in map(path.with_name, names) if not os.path.lexists(p))


def part_of(path: Path) -> Path:
    """Return the name under which this process writes a file until it is whole."""
    return path.with_name(f"{path.name}.{os.getpid()}.part")


def finish(part: Path, path: Path) -> None:
    """Give a whole file its name, in place of what has it. Raises OSError."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """See to it that the names in a folder outlast a loss of power. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def discard(part: Path) -> None:
    """Delete an unfinished file with what SQLite keeps beside it, as far as it is there."""
    for name in (part.name, *(part.name + companion for companion in COMPANIONS)):
        with contextlib.suppress(OSError):
            part.with_name(name).unlink()


def leftovers(folder: Path, name: str) -> Iterator[Path]:
    """Yield what ended processes left of a file of this name, its dated copies or its note."""
    part = re.compile(re.escape(name) + _BESIDE + "?" + _PART)
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            found = part.fullmatch(path.name)
            if found and not runs(int(found[1])):
                yield path


def runs(pid: int) -> bool:
    """Tell whether a process of this number runs."""
    try:
        os.kill(pid, 0)  # sends nothing
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def note_backup(home: Path, path: Path) -> None:
    """Keep in the home where the last backup was put, for the day it is needed."""
    note = home / _NOTE_NAME
    part = part_of(note)
    # A backup is one without the note; a home that may only be read has none.
    with contextlib.suppress(OSError):
        part.write_text(json.dumps({"path": str(path)}), encoding="utf-8")
        os.replace(part, note)


def newest_backup(home: Path) -> Path | None:
    """Return the newest backup that is known of and still there."""
    found = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found.append(Path(json.loads((home / _NOTE_NAME).read_text(encoding="utf-8"))["path"]))
    with contextlib.suppress(OSError):
        found += [path for path in home.iterdir() if _BACKUP.fullmatch(path.name)]
    there = [path for path in found if path.is_file()]
    return max(there, key=lambda path: path.stat().st_mtime_ns, default=None)
