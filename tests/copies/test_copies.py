"""Backup and restore: whole or not at all, whoever writes meanwhile, whenever it is killed."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from rag import (
    LibraryDamaged,
    LibraryLocked,
    SchemaMismatch,
    Settings,
    StoreError,
    UsageError,
    backup,
    restore,
)
from rag.beside import FILE_NAME, newest_backup
from rag.tables import SCHEMA_VERSION
from tests.conftest import ROOT
from tests.copied import DOCUMENTS, documents, names
from tests.homes import (
    ORCHARD,
    open_home,
    unfindable,
    words_of,
    write_files,
)
from tests.test_schema import ANSWER
from ui.cli import main

QUESTION = "Who designed the Anders Bridge?"


def questions() -> list[str]:
    return [QUESTION, *(words_of(60, seed=n).split(".")[0] for n in (3, 9, 15))]


def found(home: Path) -> list[tuple[list[str], str]]:
    """Return, for each question, the ids of the five best passages and the answer."""
    with open_home(home) as assistant:
        return [
            ([hit.passage.id for hit in assistant.search(q, k=5)], assistant.ask(q).text)
            for q in questions()
        ]


def test_restored_library_answers_the_same(place: Path, saved: Path, tmp_path: Path) -> None:
    """In a new home, by the index that is built by itself: documents, answers, conversations."""
    done = restore(Settings(home=tmp_path / "new"), saved)
    assert (done.documents, done.kept) == (20, None)
    assert found(tmp_path / "new") == found(place / "home")
    assert unfindable(tmp_path / "new") == []
    with open_home(tmp_path / "new") as assistant:
        (kept,) = assistant.conversations.find()
        assert assistant.conversations.exchanges(kept.id)[0].answer == ANSWER


def test_backup_is_one_file_for_its_owner(saved: Path, home: Path, tmp_path: Path) -> None:
    """Into a folder it goes under a dated name; nobody else may read it; nothing is beside it."""
    folder = tmp_path / "backups"
    folder.mkdir()
    done = backup(Settings(home=home), folder)
    assert names(folder) == [done.path.name]
    assert done.path.name.startswith("footnote-20")
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o600
    assert newest_backup(home) == done.path
    assert done.documents == 20
    done.path.chmod(0o400)
    folder.chmod(0o500)
    try:
        restore(Settings(home=tmp_path / "new"), done.path)
    finally:
        folder.chmod(0o700)
    assert names(folder) == [done.path.name]


def test_backup_takes_a_home_s_own_calibration_along(home: Path, tmp_path: Path) -> None:
    """Confidence is the same in the restored home."""
    own = (ROOT / "rag" / "calibration.json").read_text(encoding="utf-8")
    (home / "calibration.json").write_text(own + "\n", encoding="utf-8")
    done = backup(Settings(home=home), tmp_path / "b.sqlite")
    restore(Settings(home=tmp_path / "new"), done.path)
    assert (tmp_path / "new" / "calibration.json").read_text(encoding="utf-8") == own + "\n"


def test_backup_while_adding_goes_on(home: Path, tmp_path: Path) -> None:
    """Each backup is the library at one moment: whole documents, what was added before is in it."""
    added: list[str] = []
    stop = threading.Event()
    backups: list[tuple[int, int, Path]] = []
    with open_home(home) as assistant:
        assistant.search("warm")

        def add() -> None:
            for n in range(1000):
                if stop.is_set():
                    return
                folder = write_files(tmp_path / f"more{n}", **{f"m{n}": words_of(200, seed=5 + n)})
                assistant.add(folder)
                added.append(f"m{n}")

        adding = threading.Thread(target=add)
        adding.start()
        try:
            for n in range(6):
                target = tmp_path / f"b{n}.sqlite"
                before = len(added)
                backup(Settings(home=home), target)
                # The one under way may be in it already.
                backups.append((before, len(added) + 1, target))
        finally:
            stop.set()
            adding.join()
    for n, (before, after, target) in enumerate(backups):
        new = tmp_path / f"new{n}"
        restore(Settings(home=new), target)
        more = documents(new) - DOCUMENTS
        assert before <= len(more) <= after
        assert more == {f"m{k}" for k in range(len(more))}
    assert unfindable(tmp_path / "new5") == []


def test_home_with_documents_is_kept_unless_told(saved: Path, tmp_path: Path) -> None:
    """Refused with what is there; with `replace` the earlier library is beside the new one."""
    home = tmp_path / "home"
    with open_home(home) as assistant:
        assistant.add(write_files(tmp_path / "own", pears=ORCHARD))
        before = found(home)
    with pytest.raises(UsageError, match=r"holds 1 documents.*--replace"):
        restore(Settings(home=home), saved)
    assert documents(home) == {"pears"}
    done = restore(Settings(home=home), saved, replace=True)
    assert documents(home) == DOCUMENTS
    assert unfindable(home, every=5) == []
    assert done.kept is not None
    assert done.kept.parent == home
    assert newest_backup(home) == done.kept
    restore(Settings(home=tmp_path / "again"), done.kept)
    assert found(tmp_path / "again") == before


def test_empty_home_is_no_hindrance(saved: Path, tmp_path: Path) -> None:
    """A home that was opened but has nothing in it is taken."""
    open_home(tmp_path / "home").close()
    assert restore(Settings(home=tmp_path / "home"), saved).kept is None
    assert documents(tmp_path / "home") == DOCUMENTS


def test_owned_home_is_not_restored_over(home: Path, saved: Path) -> None:
    """Who owns the home is told, and nothing is changed; a backup of it is made all the same."""
    with open_home(home) as assistant:
        assistant.add([])
        with pytest.raises(LibraryLocked):
            restore(Settings(home=home), saved, replace=True)
        backup(Settings(home=home), saved.with_name("while-owned.sqlite"))
        assert len(assistant.documents()) == 20


def test_open_reader_sees_the_old_library_and_then_the_new(saved: Path, tmp_path: Path) -> None:
    """A reader that is open while its home is restored never sees half, and then finds anew."""
    home = tmp_path / "home"
    with open_home(home) as assistant:
        assistant.add(write_files(tmp_path / "own", pears=ORCHARD))
    with open_home(home, read_only=True) as reader:
        assert "Pear trees" in reader.search("pear trees")[0].passage.text
        restore(Settings(home=home), saved, replace=True)
        assert len(reader.documents()) == 20
        assert "Clara Holt" in reader.search(QUESTION)[0].passage.text


def cut_off(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = random.Random(1).randbytes(4096)
    file.write_bytes(data)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def garbage(file: Path) -> None:
    file.write_bytes(random.Random(2).randbytes(50_000))


def foreign(file: Path) -> None:
    file.unlink()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


def newer(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("harm", [cut_off, flipped, emptied, garbage, foreign, newer])
def test_unsound_backup_is_refused_before_anything_is_touched(
    home: Path, saved: Path, tmp_path: Path, harm, replace: bool
) -> None:
    """Damaged, foreign or of a later version: told, and the home is as it was."""
    bad = Path(shutil.copy(saved, tmp_path / "bad.sqlite"))
    harm(bad)
    target = home if replace else tmp_path / "new"
    before = {p.name: p.read_bytes() for p in home.iterdir() if p.is_file()}
    with pytest.raises(StoreError) as raised:
        restore(Settings(home=target), bad, replace=replace)
    assert isinstance(raised.value, SchemaMismatch) == (harm is newer)
    assert str(bad) in str(raised.value)
    assert {p.name: p.read_bytes() for p in home.iterdir() if p.is_file()} == before
    assert not (tmp_path / "new").exists()


def test_missing_file_is_wrong_use(tmp_path: Path) -> None:
    """A name that is none, of a backup or of a place for one, is told as such."""
    with pytest.raises(UsageError, match=r"none\.sqlite cannot be read"):
        restore(Settings(home=tmp_path / "home"), tmp_path / "none.sqlite")
    with pytest.raises(StoreError, match="There is no library"):
        backup(Settings(home=tmp_path / "home"), tmp_path / "b.sqlite")
    assert not (tmp_path / "home").exists()


def test_backup_spares_other_files(home: Path, saved: Path, tmp_path: Path) -> None:
    """A backup takes the place of an earlier one, but of no other file, and not of the library."""
    settings = Settings(home=home)
    mine = tmp_path / "thesis.docx"
    mine.write_bytes(b"my only copy")
    for path, why in (
        (mine, "no backup"),
        (home / FILE_NAME, "the library itself"),
        (tmp_path / "nowhere" / "b.sqlite", "There is no folder"),
    ):
        with pytest.raises(UsageError, match=why):
            backup(settings, path)
    assert mine.read_bytes() == b"my only copy"
    shutil.copy(saved, tmp_path / "b.sqlite")
    assert backup(settings, tmp_path / "b.sqlite").documents == 20


def test_damaged_library_gives_no_backup(home: Path, saved: Path, tmp_path: Path) -> None:
    """What is damaged is not taken for a backup, and an earlier one stays."""
    target = Path(shutil.copy(saved, tmp_path / "b.sqlite"))
    before = target.read_bytes()
    flipped(home / FILE_NAME)
    with pytest.raises(LibraryDamaged, match="doctor --repair"):
        backup(Settings(home=home), target)
    assert target.read_bytes() == before
    assert names(tmp_path) == ["b.sqlite", "home"]


@pytest.mark.parametrize("harm", [flipped, garbage, cut_off])
def test_damaged_library_can_be_replaced(home: Path, saved: Path, harm) -> None:
    """A backup takes its place, only when told, and the damaged file is kept."""
    harm(home / FILE_NAME)
    before = (home / FILE_NAME).read_bytes()
    with pytest.raises(UsageError, match="a damaged library"):
        restore(Settings(home=home), saved)
    done = restore(Settings(home=home), saved, replace=True)
    assert done.kept is not None
    assert done.kept.read_bytes() == before
    assert unfindable(home, every=5) == []
    with open_home(home) as assistant:
        assert len(assistant.documents()) == 20


def test_commands_tell_what_they_did(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit codes 0, 1 and 2; what was written, what was kept, and why not, without a traceback."""
    file, new = tmp_path / "b.sqlite", tmp_path / "new"
    assert main(["--home", str(home), "backup", str(file)]) == 0
    assert f"saved {file} (20 documents, " in " ".join(capsys.readouterr().out.split())
    assert main(["--home", str(new), "restore", str(file)]) == 0
    assert "restored" in capsys.readouterr().out
    assert main(["--home", str(new), "restore", str(file)]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["--home", str(new), "restore", str(file), "--replace"]) == 0
    assert "kept" in capsys.readouterr().out
    garbage(file)
    assert main(["--home", str(tmp_path / "third"), "restore", str(file)]) == 1
    assert "no backup" in capsys.readouterr().err
    assert main(["--home", str(tmp_path / "third"), "backup", str(file)]) == 1
    assert "There is no library" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()
