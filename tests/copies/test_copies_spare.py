"""A backup goes in the place of an earlier one, and of nothing that is anybody's."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from rag import Settings, UsageError, backup, database, restore
from rag.beside import FILE_NAME, finish
from tests.conftest import ROOT
from tests.copied import DOCUMENTS, documents, names
from tests.homes import BRIDGE, ORCHARD, open_home, write_files


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Return another home with one document, closed."""
    with open_home(tmp_path / "other") as assistant:
        assistant.add(write_files(tmp_path / "own", pears=ORCHARD))
    return tmp_path / "other"


def test_library_of_another_home_is_spared(home: Path, other: Path, tmp_path: Path) -> None:
    """By its name, and by what it is when it was moved or is linked to."""
    moved = Path(shutil.copy(other / FILE_NAME, tmp_path / "moved.sqlite"))
    link = tmp_path / "link.sqlite"
    link.symlink_to(other / FILE_NAME)
    before = (other / FILE_NAME).read_bytes()
    for target in (other / FILE_NAME, moved, link):
        with pytest.raises(UsageError, match="Name another file"):
            backup(Settings(home=home), target)
        assert target.read_bytes() == before
    assert link.is_symlink()
    assert documents(other) == {"pears"}


def test_library_in_use_is_spared(home: Path, other: Path, tmp_path: Path) -> None:
    """Its owner goes on writing, and nothing of it is lost."""
    with open_home(other) as assistant:
        assistant.add(write_files(tmp_path / "own", bridge=BRIDGE))
        with pytest.raises(UsageError, match="Name another file"):
            backup(Settings(home=home), other / FILE_NAME)
        assistant.add(write_files(tmp_path / "own", more="A third one. It is about a lamp."))
    assert documents(other) == {"pears", "bridge", "more"}


def test_own_library_is_known_by_any_name(home: Path, tmp_path: Path) -> None:
    """Through a link to the home, from a home that is a link, and by a second name of the file."""
    link, second = tmp_path / "link", tmp_path / "second.sqlite"
    link.symlink_to(home)
    second.hardlink_to(home / FILE_NAME)
    before = (home / FILE_NAME).stat().st_ino
    for place, target in (
        (home, link / FILE_NAME),
        (link, home / FILE_NAME),
        (home, second),
    ):
        with pytest.raises(UsageError, match="the library itself"):
            backup(Settings(home=place), target)
    assert (home / FILE_NAME).stat().st_ino == second.stat().st_ino == before
    assert documents(home) == DOCUMENTS


@pytest.mark.parametrize("companion", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("there", [True, False])
def test_what_sqlite_keeps_is_not_given_to_a_backup(
    home: Path, saved: Path, tmp_path: Path, companion: str, there: bool
) -> None:
    """A name beside which a database's journal lies is refused, whether it is taken or not."""
    target = tmp_path / "b.sqlite"
    if there:
        shutil.copy(saved, target)
    (tmp_path / f"b.sqlite{companion}").write_bytes(b"of somebody")
    before = names(tmp_path)
    with pytest.raises(UsageError, match=re.escape(f"b.sqlite{companion}")):
        backup(Settings(home=home), target)
    assert names(tmp_path) == before
    assert not there or target.read_bytes() == saved.read_bytes()


def names_of_a_home() -> set[str]:
    """Return the names that the documentation gives to what is in a home."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("## Where state lives")[2].partition("\n\n`rag")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    found = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    # Of a file in a folder the folder; a name that begins with a point goes on from the library's.
    tops = [name.partition("/")[0] for name in found]
    whole = [FILE_NAME + top if top.endswith("-DATE") and top[0] == "." else top for top in tops]
    return {
        top.replace("vN", "v2").replace("DATE", "2026-01-02T030405Z")
        for top in whole
        if top != ".footnote"
    }


def test_names_of_a_home_are_refused(home: Path, other: Path) -> None:
    """What a home keeps for itself is in no backup's way, in its own home or in another."""
    documented = names_of_a_home()
    assert len(documented) == 13
    more = {f"{FILE_NAME}{end}" for end in ("-wal", ".backup.json", ".1234.part")}
    for place in (home, other):
        before = names(place)
        for name in (*documented, *more, "Calibration.JSON"):
            with pytest.raises(UsageError, match="Name another file"):
                backup(Settings(home=home), place / name)
        assert names(place) == before
    (home / "uploads").mkdir()
    for target in (home / "uploads", home / "uploads" / "b.sqlite"):
        with pytest.raises(UsageError, match="keeps for itself"):
            backup(Settings(home=home), target)
    assert names(home / "uploads") == []


def test_other_names_in_a_home_are_free(home: Path, tmp_path: Path) -> None:
    """A backup may lie in the home under a name of one's own, and be replaced."""
    for name in ("mine.backup", "models.sqlite", f"{FILE_NAME}.bak"):
        for _ in range(2):
            backup(Settings(home=home), home / name)
        restore(Settings(home=tmp_path / name), home / name)
        assert documents(tmp_path / name) == DOCUMENTS


def test_what_is_told_is_what_is_in_the_file(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documents of the backup are counted in it, before it has its name."""

    def add_and_finish(part: Path, path: Path) -> None:
        with open_home(home) as assistant:
            assistant.add(write_files(tmp_path / "more", pears="One more. It is about pears."))
        finish(part, path)

    monkeypatch.setattr(database, "finish", add_and_finish)
    done = backup(Settings(home=home), tmp_path / "b.sqlite")
    monkeypatch.undo()
    assert documents(home) > DOCUMENTS
    restored = restore(Settings(home=tmp_path / "new"), done.path)
    assert (done.documents, done.passages) == (restored.documents, restored.passages)
    assert len(documents(tmp_path / "new")) == done.documents == 20


def test_links_to_nothing_and_pipes_are_spared(home: Path, tmp_path: Path) -> None:
    """What stands under the name and is no backup stays, whatever it is."""
    link, pipe = tmp_path / "link.sqlite", tmp_path / "pipe.sqlite"
    link.symlink_to(tmp_path / "disk" / "b.sqlite")
    os.mkfifo(pipe)
    for target in (link, pipe):
        with pytest.raises(UsageError, match="no backup"):
            backup(Settings(home=home), target)
    assert link.is_symlink()
    assert pipe.is_fifo()
