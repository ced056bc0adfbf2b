"""Backup and restore without room, or killed at any moment: the old or the new, whole.

FOOTNOTE_TEST_KILLS=300 tries more moments and more points at which there is no room.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from rag import Settings, backup, doctor, restore
from tests.conftest import KILLS
from tests.copied import DOCUMENTS, documents, names
from tests.copying import BACKUP, RESTORE
from tests.homes import ORCHARD, open_home, run_python, start_module, unfindable, write_files


def times(points: Mapping[str, object]) -> list[tuple[int, str]]:
    """Return the rounds: every point, then at random."""
    count = len(points) + (2 if KILLS < 300 else 40)
    return list(enumerate([*points, *["at random"] * (count - len(points))]))


def run_until_killed(action: str, home: Path, file: Path, number: int, point: str) -> None:
    child = start_module("tests.copying", action, home, file, point)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        if point == "at random":
            time.sleep(random.Random(number).random() * 0.3)  # the moment is what is tried
            child.kill()
        said, complaint = child.communicate(timeout=100)
    assert child.returncode in (0, -signal.SIGKILL), complaint
    assert point == "at random" or said == ""


@pytest.mark.parametrize(("number", "point"), times(BACKUP))
def test_backup_killed_at_any_moment(
    home: Path, place: Path, tmp_path: Path, number: int, point: str
) -> None:
    """Under its name stands the earlier backup or the new one, whole; then one can be made."""
    with open_home(tmp_path / "other") as assistant:
        assistant.add(write_files(tmp_path / "own", pears=ORCHARD))
    folder = tmp_path / "backups"
    folder.mkdir()
    target = backup(Settings(home=tmp_path / "other"), folder / "b.sqlite").path
    run_until_killed("backup", home, target, number, point)
    restore(Settings(home=tmp_path / "new"), target)
    assert documents(tmp_path / "new") in ({"pears"}, DOCUMENTS)
    backup(Settings(home=home), target)
    assert names(folder) == ["b.sqlite"]
    restore(Settings(home=tmp_path / "last"), target)
    assert documents(tmp_path / "last") == DOCUMENTS


@pytest.mark.parametrize(("number", "point"), times(RESTORE))
def test_restore_killed_at_any_moment(saved: Path, tmp_path: Path, number: int, point: str) -> None:
    """The home has the old library or the new one, whole; what is left over goes with repair."""
    home = tmp_path / "home"
    with open_home(home) as assistant:
        assistant.add(write_files(tmp_path / "own", pears=ORCHARD))
    run_until_killed("restore", home, saved, number, point)
    assert documents(home) in ({"pears"}, DOCUMENTS)
    assert unfindable(home, every=5) == []
    restore(Settings(home=home), saved, replace=True)
    assert documents(home) == DOCUMENTS
    assert not list(home.glob("*.part*"))
    assert unfindable(home, every=5) == []
    checks = {check.name: check for check in doctor(Settings(home=home, llm="none"))}
    assert checks["library"].ok
    assert checks["unfinished files"].ok


FULL = """
import resource, sys
from pathlib import Path
import rag
action, home, file, limit = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    if action == "backup":
        rag.backup(rag.Settings(home=Path(home)), file)
    else:
        rag.restore(rag.Settings(home=Path(home)), file, replace=True)
    print("done")
except rag.StoreError as error:
    print("told", error)
"""


@pytest.mark.parametrize("share", [0.01, 0.6, 0.99] if KILLS < 300 else [n / 50 for n in range(50)])
@pytest.mark.parametrize("action", ["backup", "restore"])
def test_without_room_nothing_is_changed(
    home: Path, saved: Path, tmp_path: Path, action: str, share: float
) -> None:
    """When the file may not grow so far, it is told, and all is as it was."""
    target = tmp_path / "backups" / "b.sqlite"
    target.parent.mkdir()
    with open_home(tmp_path / "other") as assistant:
        assistant.add(write_files(tmp_path / "own", pears=ORCHARD))
    settings = Settings(home=tmp_path / "other")
    backup(settings, target)
    before = target.read_bytes()
    limit = int(share * saved.stat().st_size)
    if action == "backup":
        result = run_python(FULL, "backup", home, target, limit)
    else:
        result = run_python(FULL, "restore", settings.home, saved, limit)
    assert result.stdout.startswith("told"), result.stdout + result.stderr
    assert "space" in result.stdout
    assert target.read_bytes() == before
    assert names(target.parent) == ["b.sqlite"]
    assert documents(settings.home) == {"pears"}
    assert not list(settings.home.glob("*.part*"))
    assert unfindable(settings.home) == []
    restore(settings, saved, replace=True)
    assert documents(settings.home) == DOCUMENTS
