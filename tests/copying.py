"""Backs a home up, restores one or brings one forward, until it is killed at a named point.

`python -m tests.copying backup|restore|upgrade HOME FILE POINT` is run by tests. The points
are put around the program's own functions here, so that the program itself has none.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import rag
from rag import Settings, copies, database, tables
from tests.crashing import die

# Where, before ("") or after it or half-way, and at which call.
Point = tuple[ModuleType, str, str, int]
BACKUP: dict[str, Point] = {
    "before the copy": (database, "_copy", "", 1),
    "half of the copy": (database, "_copy", "half", 1),
    "after the copy": (database, "_copy", "after", 1),
    "before it has its name": (database, "finish", "", 1),
    "after it has its name": (database, "finish", "after", 1),
    "before it is noted": (copies, "note_backup", "", 1),
}
# With --replace, the first copy is that of the library that is there.
RESTORE: dict[str, Point] = {
    "before what is there is kept": (copies, "_keep", "", 1),
    "half of what is there is kept": (database, "_copy", "half", 1),
    "after what is there was kept": (copies, "_keep", "after", 1),
    "half of the backup is read": (database, "_copy", "half", 2),
    "before it is put in place": (copies, "overwrite", "", 1),
    "half of it is in place": (database, "_copy", "half", 3),
    "after it was put in place": (copies, "overwrite", "after", 1),
}


UPGRADE: dict[str, Point] = {
    "half of what is there is kept": (database, "_copy", "half", 1),
    "after what is there was kept": (database, "finish", "after", 1),
}
WITHIN = "within the transaction"


class DyingSteps(tuple[str, ...]):
    """The steps of the tables; the process ends when they are made and not yet committed."""

    def __getitem__(self, part: Any) -> Any:
        yield from super().__getitem__(part)
        die()


def set_point(module: ModuleType, name: str, when: str, nth: int) -> None:
    """Kill this process at the nth call of a function of a module."""
    original = getattr(module, name)
    calls = itertools.count(1)

    def wrapped(*values: Any, **named: Any) -> Any:
        if next(calls) != nth:
            return original(*values, **named)
        if when == "half":
            half_of(*values)
        elif when == "after":
            original(*values, **named)
        return die()

    setattr(module, name, wrapped)


def half_of(source: Any, target: Any) -> None:
    """Copy page by page until half of them are written."""

    def stop(_status: int, remaining: int, total: int) -> None:
        if remaining <= total // 2:
            die()

    source.backup(target, pages=1, progress=stop)


def main(action: str, home: str, file: str, point: str) -> None:
    points = {"backup": BACKUP, "restore": RESTORE, "upgrade": UPGRADE}[action]
    if point == WITHIN:
        vars(database)["STEPS"] = DyingSteps(tables.STEPS)
    elif point in points:
        set_point(*points[point])
    settings = Settings(home=Path(home))
    print("ready", flush=True)
    if action == "backup":
        rag.backup(settings, file)
    elif action == "upgrade":
        database.Database(settings.home, read_only=False).close()
    else:
        rag.restore(settings, file, replace=True)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
