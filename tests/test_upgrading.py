"""A library of an earlier version is brought forward, and a copy of it as it was is kept."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from rag import SchemaMismatch, Settings, StoreError, restore
from rag.beside import FILE_NAME
from rag.database import Database
from rag.tables import SCHEMA_VERSION
from tests.copying import UPGRADE, WITHIN
from tests.homes import open_home, run_python, start_module, three_files
from tests.olden import make_older
from tests.test_schema import ANSWER

QUESTION = "Who designed the Anders Bridge?"
EARLIER = range(1, SCHEMA_VERSION)


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a home of this version, closed, with a conversation in it."""
    place = tmp_path_factory.mktemp("current")
    with open_home(place / "home") as assistant:
        assistant.add(three_files(place / "files"))
        for title in ("first", "second"):
            kept = assistant.conversations.start(title)
            assistant.conversations.append(kept.id, ANSWER)
    return place


def older(current: Path, place: Path, version: int) -> Path:
    home = shutil.copytree(current / "home", place / "home")
    make_older(home, version)
    return home


def found(home: Path, *, read_only: bool = False) -> tuple[list[str], str]:
    with open_home(home, read_only=read_only) as assistant:
        hits = [hit.passage.id for hit in assistant.search(QUESTION, k=5)]
        return hits, assistant.ask(QUESTION).text


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(version)


def copies(home: Path) -> list[Path]:
    return sorted(home.glob(f"{FILE_NAME}.v*Z"))


@pytest.mark.parametrize("version", EARLIER)
def test_earlier_version_is_brought_forward(
    current: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, version: int
) -> None:
    """Documents, answers and conversations are the same; the copy is the file as it was."""
    home = older(current, tmp_path, version)
    assert found(home) == found(current / "home")
    assert version_of(home / FILE_NAME) == SCHEMA_VERSION
    (copy,) = copies(home)
    assert version_of(copy) == version
    assert str(copy) in caplog.text
    assert f"from version {version} to {SCHEMA_VERSION}" in caplog.text
    with open_home(home) as assistant:
        titles = [c.title for c in assistant.conversations.find()]
        assert titles == (["second", "first"] if version > 1 else [])
        started = assistant.conversations.start("third")
        assert assistant.conversations.find()[0].id == started.id
        assert [document.dropped for document in assistant.documents()] == [{}, {}, {}]
    assert copies(home) == [copy]


@pytest.mark.parametrize("version", EARLIER)
def test_earlier_version_can_be_read_as_it_is(current: Path, tmp_path: Path, version: int) -> None:
    """Who only reads changes nothing, and finds the same."""
    home = older(current, tmp_path, version)
    before = (home / FILE_NAME).read_bytes()
    assert found(home, read_only=True) == found(current / "home")
    assert (home / FILE_NAME).read_bytes() == before
    assert copies(home) == []


def test_tables_of_later_versions_are_asked_for_in_words(current: Path, tmp_path: Path) -> None:
    """A reader of the first version is told how to get what that version had not."""
    home = older(current, tmp_path, 1)
    with (
        open_home(home, read_only=True) as assistant,
        pytest.raises(StoreError, match="open it once for writing"),
    ):
        assistant.conversations.find()


def test_conversations_of_an_earlier_version_can_be_read(current: Path, tmp_path: Path) -> None:
    """In the order that they were changed in."""
    home = older(current, tmp_path, 2)
    with open_home(home, read_only=True) as assistant:
        assert [c.title for c in assistant.conversations.find()] == ["second", "first"]


@pytest.mark.parametrize("version", EARLIER)
def test_copy_can_be_restored(current: Path, tmp_path: Path, version: int) -> None:
    """The copy that an upgrade keeps is a backup like any other."""
    home = older(current, tmp_path, version)
    expected = found(home)
    restore(Settings(home=tmp_path / "new"), copies(home)[0])
    assert found(tmp_path / "new") == expected


def test_without_room_for_a_copy_nothing_is_changed(current: Path, tmp_path: Path) -> None:
    """When the copy cannot be written, the library stays as it was, and the reason is told."""
    home = older(current, tmp_path, 1)
    before = (home / FILE_NAME).read_bytes()
    result = run_python(
        """
        import resource, sys
        from pathlib import Path
        from rag import StoreError
        from rag.database import Database
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            Database(Path(sys.argv[1]), read_only=False)
        except StoreError as error:
            print(error)
        """,
        home,
    )
    assert "space" in result.stdout, result.stderr
    assert (home / FILE_NAME).read_bytes() == before
    assert version_of(home / FILE_NAME) == 1
    assert [p.name for p in home.glob(FILE_NAME + ".*")] == []


@pytest.mark.parametrize("version", EARLIER)
@pytest.mark.parametrize("point", [*UPGRADE, WITHIN])
def test_killed_while_brought_forward(
    current: Path, tmp_path: Path, version: int, point: str
) -> None:
    """The file is the earlier one, whole, and the next opening brings it forward."""
    home = older(current, tmp_path, version)
    with start_module("tests.copying", "upgrade", home, "-", point) as child:
        said, complaint = child.communicate(timeout=100)
    assert (said, child.returncode) == ("ready\n", -signal.SIGKILL), complaint
    with open_home(home, read_only=True) as assistant:
        assert len(assistant.documents()) == 3
    assert version_of(home / FILE_NAME) == version
    assert found(home) == found(current / "home")
    assert version_of(home / FILE_NAME) == SCHEMA_VERSION
    assert {version_of(copy) for copy in copies(home)} == {version}


@pytest.mark.parametrize("read_only", [True, False])
def test_later_version_is_refused_with_instructions(tmp_path: Path, read_only: bool) -> None:
    """A library of a later Footnote is refused, and left as it is."""
    Database(tmp_path, read_only=False).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(SchemaMismatch, match="Use the Footnote that wrote it"):
        Database(tmp_path, read_only=read_only)
    assert (tmp_path / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize("read_only", [True, False])
def test_database_of_another_program_is_refused(tmp_path: Path, read_only: bool) -> None:
    """A file with other tables in the library's place is not written to."""
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Database(tmp_path, read_only=read_only)
    assert (tmp_path / FILE_NAME).read_bytes() == before
