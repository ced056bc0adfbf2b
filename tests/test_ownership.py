"""One owner a home: a second is refused at once and told who it is; reading goes on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from rag import LibraryLocked, StoreError
from rag.ownership import LOCK_NAME, OWNER_NAME, Ownership, owner_of
from tests.homes import open_home, start_python, three_files

HOLD = """
import sys
from rag.ownership import Ownership
from pathlib import Path
ownership = Ownership(Path(sys.argv[1]))
ownership.acquire()
ownership.describe({"url": "http://127.0.0.1:7860"})
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Return a process that owns tmp_path / "home"."""
    process = start_python(HOLD, tmp_path / "home")
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"
    yield process
    process.kill()
    process.communicate()


def test_second_process_is_refused_and_told_who_owns(holder, tmp_path: Path) -> None:
    """Another process's home is refused without waiting, naming its number and address."""
    with pytest.raises(LibraryLocked, match=rf"process {holder.pid} .*http://127.0.0.1:7860"):
        Ownership(tmp_path / "home").acquire()
    assert not Ownership(tmp_path / "home").try_acquire()


def test_second_process_can_read_but_not_write(holder, tmp_path: Path) -> None:
    """Beside the owner, documents can be searched and asked, and nothing can be changed."""
    home = tmp_path / "home"
    holder.kill()
    holder.communicate()
    with open_home(home) as assistant:
        document = assistant.add(three_files(tmp_path / "files")).documents[0].document
        assert document is not None
    other = start_python(HOLD, home)
    assert other.stdout is not None
    other.stdout.readline()
    for read_only in (False, True):
        with open_home(home, read_only=read_only) as assistant:
            assert assistant.search("Who designed the bridge?")
            assert assistant.ask("Who designed the bridge?").citations
            for write in (
                lambda a=assistant: a.add(tmp_path / "files"),
                lambda a=assistant: a.remove(document.id),
                lambda a=assistant: a.reembed(),
            ):
                with pytest.raises(StoreError) as raised:
                    write()
                assert isinstance(raised.value, LibraryLocked) != read_only
                assert read_only or str(other.pid) in str(raised.value)
            assert len(assistant.documents()) == 3
    other.kill()
    other.communicate()


def test_lock_goes_with_a_killed_process(holder, tmp_path: Path) -> None:
    """The home of a process that was killed is free, whatever it has left."""
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "home" / OWNER_NAME).exists()
    ownership = Ownership(tmp_path / "home")
    ownership.acquire()
    assert str(os.getpid()) in owner_of(tmp_path / "home")
    ownership.release()


def test_home_is_free_after_release(tmp_path: Path) -> None:
    """What was given up can be taken again, by the same or by another, any number of times."""
    first, second = Ownership(tmp_path / "home"), Ownership(tmp_path / "home")
    for owner in (first, second, first):
        owner.acquire()
        owner.acquire()
        owner.release()
        owner.release()
    assert not (tmp_path / "home" / OWNER_NAME).exists()


def test_second_assistant_of_one_process_is_refused(tmp_path: Path) -> None:
    """Two in one process exclude each other like two processes, and the message says so."""
    first, second = Ownership(tmp_path), Ownership(tmp_path)
    first.acquire()
    with pytest.raises(LibraryLocked, match="another Assistant of this process"):
        second.acquire()
    second.release()
    assert not Ownership(tmp_path).try_acquire()
    first.release()


@pytest.mark.parametrize("content", ["", "{", "[]", "7", json.dumps({"pid": "1"}), "\0" * 50])
def test_owner_file_that_says_nothing(tmp_path: Path, content: str) -> None:
    """Whatever stands in the owner's file, the message can be made."""
    (tmp_path / OWNER_NAME).write_text(content)
    assert owner_of(tmp_path) == "another process"


def test_home_that_cannot_be_written(tmp_path: Path) -> None:
    """A home that is a file is a StoreError that names the fix."""
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StoreError, match="write access"):
        Ownership(tmp_path / "home").acquire()


def test_nothing_is_written_before_it_is_taken(tmp_path: Path) -> None:
    """To make an Ownership touches nothing."""
    Ownership(tmp_path / "home")
    assert not (tmp_path / "home").exists()
    assert not (tmp_path / LOCK_NAME).exists()
