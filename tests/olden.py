"""Library files as earlier versions wrote them, made from the steps that led to this one."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from rag.beside import FILE_NAME
from rag.tables import STEPS

TABLES = ("documents", "passages", "vectors", "facts", "conversations", "exchanges", "feedback")


def make_older(home: Path, version: int) -> Path:
    """Write a home's closed library anew as that version did; return its file."""
    path = home / FILE_NAME
    now = path.rename(home.parent / "now.sqlite")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("PRAGMA journal_mode = WAL")
        for step in STEPS[:version]:
            old.executescript(step)
        old.execute("ATTACH ? AS now", (str(now),))
        for table in TABLES:
            columns = [row[1] for row in old.execute(f"PRAGMA main.table_info({table})")]
            if columns:
                names = ", ".join(f'"{column}"' for column in columns)
                old.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM now.{table}")
        old.execute("INSERT INTO words (words) VALUES ('rebuild')")
        old.execute("DETACH now")
        old.execute(f"PRAGMA user_version = {version}")
    now.unlink()
    return path
