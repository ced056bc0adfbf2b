"""Files that are sound, and not as Footnote writes them, become nobody's library."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Settings, StoreError, UsageError, backup, repair, restore
from rag.beside import FILE_NAME
from rag.schema import Check
from tests.copied import DOCUMENTS, documents, names
from tests.fakes import WordEmbedder
from tests.homes import ORCHARD, open_home, write_files


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


TRIGGER = "CREATE TRIGGER odd AFTER INSERT ON facts BEGIN DELETE FROM documents; END"
FOREIGN = {
    "trigger odd": TRIGGER,
    "view odd": "CREATE VIEW odd AS SELECT 1",
    "table odd": "CREATE TABLE odd (name TEXT)",
    "index odd": "CREATE INDEX odd ON facts(value)",
    "index passages_of_document": "DROP INDEX passages_of_document",
    "table feedback": "ALTER TABLE feedback ADD COLUMN odd TEXT",
}
NONSENSE = {
    "fact revision": "INSERT OR REPLACE INTO facts VALUES ('revision', 'abc')",
    "fact index_generation": "INSERT OR REPLACE INTO facts VALUES ('index_generation', '../..')",
    "fact calibration": "INSERT OR REPLACE INTO facts VALUES ('calibration', x'ff')",
}


@pytest.mark.parametrize("what", [*FOREIGN, *NONSENSE])
def test_odd_file_is_refused_before_anything_is_touched(
    saved: Path, tmp_path: Path, what: str
) -> None:
    """What is foreign in it is named, and there is no home of it."""
    odd = Path(shutil.copy(saved, tmp_path / "odd.sqlite"))
    with opened(odd) as connection:
        connection.execute({**FOREIGN, **NONSENSE}[what])
    with pytest.raises(StoreError, match=rf"odd\.sqlite is (not as|damaged).*{what}"):
        restore(Settings(home=tmp_path / "new"), odd)
    assert names(tmp_path) == ["odd.sqlite"]


def test_analysed_file_is_a_backup_like_any_other(saved: Path, tmp_path: Path) -> None:
    """What SQLite itself notes of a file's tables is nothing foreign."""
    file = Path(shutil.copy(saved, tmp_path / "b.sqlite"))
    with opened(file) as connection:
        connection.execute("ANALYZE")
    restore(Settings(home=tmp_path / "new"), file)
    assert documents(tmp_path / "new") == DOCUMENTS


def test_library_whose_backup_could_not_be_restored_gives_none(home: Path, tmp_path: Path) -> None:
    """It is told on the day of the backup, with what is in the way; without that there is one."""
    with opened(home / FILE_NAME) as connection:
        connection.execute(TRIGGER)
    with pytest.raises(StoreError, match=r"trigger odd.*could not be restored"):
        backup(Settings(home=home), tmp_path / "b.sqlite")
    assert names(tmp_path) == ["home"]
    with opened(home / FILE_NAME) as connection:
        connection.execute("DROP TRIGGER odd")
    assert backup(Settings(home=home), tmp_path / "b.sqlite").documents == 20


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """What is no file is told as such, and not read from."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Kept open and with something in it, for who does read from it would wait for ever.
    held = os.open(pipe, os.O_RDWR)
    try:
        os.write(held, b"no database, but long enough")
        with pytest.raises(UsageError, match="is no file"):
            restore(Settings(home=tmp_path / "new"), pipe)
    finally:
        os.close(held)
    assert names(tmp_path) == ["pipe"]


@pytest.fixture
def numberless(tmp_path: Path) -> Path:
    """Return a home whose library says nonsense where a number should be."""
    with open_home(tmp_path / "home") as assistant:
        assistant.add(write_files(tmp_path / "own", pears=ORCHARD))
    with opened(tmp_path / "home" / FILE_NAME) as connection:
        connection.execute(NONSENSE["fact revision"])
    return tmp_path / "home"


def test_nonsense_in_a_home_is_no_hindrance(numberless: Path, saved: Path) -> None:
    """A backup takes the place of a library that has it."""
    restore(Settings(home=numberless), saved, replace=True)
    assert documents(numberless) == DOCUMENTS


def test_damaged_library_with_nonsense_in_it_is_mended(numberless: Path) -> None:
    """What can be read is saved without it."""
    with opened(numberless / FILE_NAME) as connection:
        connection.execute("UPDATE passages SET text = upper(text)")
    done: dict[str, Check] = {
        check.name: check
        for check in repair(Settings(home=numberless, llm="none"), embedder=WordEmbedder())
    }
    assert done["library"].ok
    assert documents(numberless) == {"pears"}
