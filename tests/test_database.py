"""The library file: whole transactions, many readers, and errors that name the fix."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rag import SchemaMismatch, StoreError
from rag.beside import FILE_NAME
from rag.database import Database
from rag.tables import SCHEMA_VERSION
from tests.homes import run_python


def facts(database: Database) -> dict[str, str]:
    return dict(database.rows("SELECT name, value FROM facts"))


def put(database: Database, name: str, value: str) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def break_off(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("UPDATE facts SET value = 'red'")
        connection.execute("SELECT * FROM nowhere")


def put_many(database: Database) -> None:
    for n in range(100):
        put(database, f"large {n}", "x" * 50_000)


@pytest.mark.parametrize("name", ["home", "with space", "odd?#%41ä", "a/b/c"])
def test_new_home_is_made(tmp_path: Path, name: str) -> None:
    """A home that is not there is made, whatever its name, and holds what was written."""
    database = Database(tmp_path / name, read_only=False)
    put(database, "colour", "green")
    database.close()
    again = Database(tmp_path / name, read_only=False)
    assert facts(again) == {"colour": "green"}
    again.close()
    assert [p.name for p in (tmp_path / name).iterdir()] == [FILE_NAME]


def test_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """When a transaction is left by an error, nothing of it is written."""
    database = Database(tmp_path, read_only=False)
    put(database, "colour", "green")
    with pytest.raises(StoreError, match="no such"):
        break_off(database)
    assert facts(database) == {"colour": "green"}
    put(database, "colour", "blue")
    assert facts(database) == {"colour": "blue"}
    database.close()


def test_readers_see_whole_transactions_while_a_writer_writes(tmp_path: Path) -> None:
    """Readers in threads never wait, fail, or see half a transaction."""
    database = Database(tmp_path, read_only=False)
    with database.transaction() as connection:
        connection.executemany("INSERT INTO facts VALUES (?, '0')", [(str(n),) for n in range(20)])
    seen: list[set[str]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(set(facts(database).values()))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for value in range(1, 30):
        with database.transaction() as connection:
            for name in range(20):
                connection.execute("UPDATE facts SET value = ? WHERE name = ?", (value, str(name)))
    stop.set()
    for reader in readers:
        reader.join()
    assert len(seen) > 3
    assert all(len(values) == 1 for values in seen)
    database.close()


def test_reading_goes_on_within_a_transaction_of_another_thread(tmp_path: Path) -> None:
    """What is not committed is not seen by others, and does not keep them waiting."""
    database = Database(tmp_path, read_only=False)
    with database.transaction() as connection:
        connection.execute("INSERT INTO facts VALUES ('colour', 'red')")
        assert facts(database) == {}
    assert facts(database) == {"colour": "red"}
    database.close()


def test_writers_of_one_process_queue(tmp_path: Path) -> None:
    """Two threads that write wait for each other: no update is lost."""
    database = Database(tmp_path, read_only=False)
    put(database, "count", "0")

    def count() -> None:
        for _ in range(50):
            with database.transaction() as connection:
                row = connection.execute("SELECT value FROM facts").fetchone()
                connection.execute("UPDATE facts SET value = ?", (str(int(row[0]) + 1),))

    writers = [threading.Thread(target=count) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert facts(database) == {"count": "200"}
    database.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_threads_that_ended_hold_no_files(tmp_path: Path) -> None:
    """However many threads have asked, few files stay open."""
    database = Database(tmp_path, read_only=False)
    for _ in range(40):
        thread = threading.Thread(target=facts, args=(database,))
        thread.start()
        thread.join()
    gc.collect()
    handles = [handle for handle in Path("/proc/self/fd").iterdir() if handle.is_symlink()]
    opened = [str(handle.readlink()) for handle in handles if os.path.lexists(handle)]
    assert sum(FILE_NAME in name for name in opened) <= 6
    database.close()


def test_nothing_can_be_asked_after_close(tmp_path: Path) -> None:
    """A closed library says so; closing it twice does no harm."""
    database = Database(tmp_path, read_only=False)
    database.close()
    database.close()
    with pytest.raises(StoreError, match="closed"):
        facts(database)


def test_read_only_leaves_no_trace(tmp_path: Path) -> None:
    """A reader changes neither the file nor what is beside it, and cannot write."""
    writer = Database(tmp_path, read_only=False)
    put(writer, "colour", "green")
    writer.close()
    before = [(p.name, p.read_bytes()) for p in sorted(tmp_path.iterdir())]
    reader = Database(tmp_path, read_only=True)
    assert facts(reader) == {"colour": "green"}
    with pytest.raises(StoreError):
        put(reader, "colour", "red")
    reader.close()
    assert [(p.name, p.read_bytes()) for p in sorted(tmp_path.iterdir())] == before


def test_reader_sees_what_another_process_writes(tmp_path: Path) -> None:
    """A reader that was opened before a write sees it afterwards."""
    writer = Database(tmp_path, read_only=False)
    reader = Database(tmp_path, read_only=True)
    put(writer, "colour", "green")
    assert facts(reader) == {"colour": "green"}
    reader.close()
    writer.close()


@pytest.mark.parametrize("content", [None, b""])
def test_read_only_without_a_library_names_the_fix(tmp_path: Path, content: bytes | None) -> None:
    """Where there is no library yet, a reader is told how to make one, and makes none."""
    home = tmp_path / "home"
    if content is not None:
        home.mkdir()
        (home / FILE_NAME).write_bytes(content)
    with pytest.raises(StoreError, match=r"footnote --home .* add PATH"):
        Database(home, read_only=True)
    assert home.exists() == (content is not None)


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    "garbage", [b"This is no database. " * 400, b"\0" * 8192, b"SQLite format"]
)
def test_garbage_is_a_store_error(tmp_path: Path, garbage: bytes, read_only: bool) -> None:
    """A library file that is none is reported with what to do, and left as it is."""
    (tmp_path / FILE_NAME).write_bytes(garbage)
    with pytest.raises(StoreError, match=r"damaged|Check that|Restore"):
        facts(Database(tmp_path, read_only=read_only))
    assert (tmp_path / FILE_NAME).read_bytes() == garbage


def test_damaged_page_is_a_store_error(tmp_path: Path) -> None:
    """A file whose middle was overwritten ends in a typed error, not in a wrong answer."""
    database = Database(tmp_path, read_only=False)
    for n in range(400):
        put(database, f"name {n:05d} " + "x" * 100, "y" * 100)
    database.close()
    data = bytearray((tmp_path / FILE_NAME).read_bytes())
    data[len(data) // 4 : 3 * len(data) // 4] = os.urandom(3 * len(data) // 4 - len(data) // 4)
    (tmp_path / FILE_NAME).write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        facts(Database(tmp_path, read_only=True))


@pytest.mark.parametrize("read_only", [True, False])
def test_other_version_is_a_schema_mismatch(tmp_path: Path, read_only: bool) -> None:
    """A library of a newer Footnote is refused with both versions, and left as it is."""
    Database(tmp_path, read_only=False).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(SchemaMismatch, match=f"version {SCHEMA_VERSION + 1}"):
        Database(tmp_path, read_only=read_only)


def test_home_that_is_a_file(tmp_path: Path) -> None:
    """A home that is a file, or lies in one, is a StoreError that names it."""
    (tmp_path / "home").write_text("I am a file")
    for home in (tmp_path / "home", tmp_path / "home" / "inside"):
        with pytest.raises(StoreError, match=str(home)):
            Database(home, read_only=False)


def test_disk_full_keeps_what_was_written(tmp_path: Path) -> None:
    """When the file cannot grow, the error says so, and the library stays whole."""
    database = Database(tmp_path, read_only=False)
    put(database, "colour", "green")
    with database._connection() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError, match="free some space"):
        put(database, "large", "x" * 1_000_000)
    assert facts(database) == {"colour": "green"}
    put(database, "colour", "blue")
    database.close()
    assert facts(Database(tmp_path, read_only=True)) == {"colour": "blue"}


def test_file_that_may_not_grow(tmp_path: Path) -> None:
    """When the system refuses to write, the process lives and nothing is lost."""
    Database(tmp_path, read_only=False).close()
    result = run_python(
        """
        import resource, sys
        from pathlib import Path
        from rag.database import Database
        from rag import StoreError
        database = Database(Path(sys.argv[1]), read_only=False)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            with database.transaction() as connection:
                connection.execute("INSERT INTO facts VALUES ('large', ?)", ("x" * 900_000,))
        except StoreError as error:
            print(error)
        print(database.rows("SELECT count(*) FROM facts"))
        """,
        tmp_path,
    )
    assert "free space" in result.stdout
    assert "[(0,)]" in result.stdout
    assert result.returncode == 0, result.stderr


def test_real_disk_full(tmp_path: Path) -> None:
    """On a file system without room, adding fails with the fix, and reading goes on."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None and (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", place],
                       capture_output=True, check=False).returncode == 0
    )  # fmt: skip
    if not mounted:
        pytest.skip("a small file system can only be mounted by root")
    try:
        database = Database(place / "home", read_only=False)
        put(database, "colour", "green")
        with pytest.raises(StoreError, match="space"):
            put_many(database)
        assert facts(database)["colour"] == "green"
        database.close()
    finally:
        subprocess.run(["umount", place], check=True)


AS_NOBODY = """
import os, sys
from pathlib import Path
from rag import StoreError
from rag.database import Database
os.setgid(65534)
os.setuid(65534)
for read_only in (True, False):
    try:
        database = Database(Path(sys.argv[1]), read_only=read_only)
        print(read_only, database.rows("SELECT value FROM facts"))
        with database.transaction() as connection:
            connection.execute("INSERT INTO facts VALUES ('a', 'b')")
    except StoreError as error:
        print(read_only, "refused", error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_home_that_may_only_be_read(tmp_path: Path) -> None:
    """Where nothing may be written, reading works and writing names the fix."""
    home = tmp_path / "home"
    database = Database(home, read_only=False)
    put(database, "colour", "green")
    database.close()
    for place in (home, *list(home.parents)[:-1]):
        if place.is_relative_to(tmp_path.parent.parent) or not place.stat().st_mode & stat.S_IXOTH:
            place.chmod(place.stat().st_mode | stat.S_IROTH | stat.S_IXOTH)
    result = run_python(AS_NOBODY, home)
    assert "True [('green',)]" in result.stdout, result.stderr
    assert "True refused" in result.stdout
    assert "False refused" in result.stdout
    assert "write access" in result.stdout
    assert [p.name for p in home.iterdir()] == [FILE_NAME]
