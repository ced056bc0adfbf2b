"""What killed processes left unfinished is deleted, and nothing that only looks like it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rag import Settings, backup, restore
from rag.beside import FILE_NAME
from tests.copied import names


def ended() -> int:
    """Return the number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_only_its_own_unfinished_files_are_deleted(home: Path, tmp_path: Path) -> None:
    """Names that go on in another way are other people's."""
    folder, pid = tmp_path / "out", ended()
    own = {f"b.{pid}.part", f"b.{pid}.part-journal"}
    others = {
        f"b-holiday-video.{pid}.part",
        f"b-holiday-video.{pid}.part-journal",
        f"b.sqlite.{pid}.part",
        f"b.{pid}.part.zip",
        f"b.{os.getpid()}.partial",
        f"a.b.{pid}.part",
    }
    folder.mkdir()
    for name in own | others:
        (folder / name).write_bytes(b"mine")
    backup(Settings(home=home), folder / "b")
    assert set(names(folder)) == {"b", *others}


def test_restore_clears_unfinished_copies_of_all_kinds(home: Path, saved: Path) -> None:
    """Of the library, of its dated copies and of the note; and leaves what only looks like it."""
    pid, dated = ended(), "2026-01-02T030405Z"
    own = [
        f"{FILE_NAME}.{pid}.part",
        f"{FILE_NAME}.{pid}.part-journal",
        f"{FILE_NAME}.{pid}.part.{pid}.part",
        f"{FILE_NAME}.{pid}.part.{pid}.part-journal",
        f"{FILE_NAME}.before-restore-{dated}.{pid}.part",
        f"{FILE_NAME}.before-restore-{dated}-2.{pid}.part",
        f"{FILE_NAME}.v1-{dated}.{pid}.part",
        f"{FILE_NAME}.damaged-{dated}-wal.{pid}.part",
        f"{FILE_NAME}.backup.json.{pid}.part",
    ]
    others = {f"{FILE_NAME}.bak.{pid}.part", f"{FILE_NAME}-of-mine.{pid}.part"}
    for name in (*own, *others):
        (home / name).write_bytes(b"half")
    restore(Settings(home=home), saved, replace=True)
    assert {name for name in names(home) if ".part" in name} == others
