"""What can happen to a home in use: no room, gone, moved, taken, killed, a clock put back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rag import Assistant, EmbeddingMismatch, StoreError
from rag.ownership import LOCK_NAME
from tests.conftest import KILLS
from tests.fakes import WordEmbedder
from tests.homes import (
    BRIDGE,
    HARBOUR,
    ORCHARD,
    open_home,
    start_python,
    three_files,
    unfindable,
    words_of,
    write_files,
)
from tests.test_schema import ANSWER

QUESTION = "Who designed the Anders Bridge?"
SIZE = 12_000_000  # bytes, of the small file system
STEPS = 3 if KILLS < 300 else 50


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory):
    """Return a folder on a file system of its own that is soon full."""
    place = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None and (
        subprocess.run(mount, capture_output=True, check=False).returncode == 0
    )  # fmt: skip
    if not mounted:
        pytest.skip("a small file system can only be mounted by root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("step", range(STEPS))
def test_full_disk_at_any_point_costs_nothing(small: Path, tmp_path: Path, step: int) -> None:
    """Adding ends in words, reading goes on, what was added stays; with room, it goes on."""
    home, ballast = small / "home", small / "ballast"
    shutil.rmtree(home, ignore_errors=True)
    first = three_files(tmp_path / "first")
    more = write_files(tmp_path / "more", **{f"f{n}": words_of(800, seed=n) for n in range(16)})
    with open_home(home) as assistant:
        assistant.add(first)
        # Room for between nothing and all that adding takes, but a little.
        room = 4096 * (1 + step * 160 // STEPS)
        with contextlib.suppress(OSError):
            ballast.write_bytes(bytes(max(0, shutil.disk_usage(small).free - room)))
        kept: set[str] = set()
        with pytest.raises(StoreError, match="space"):
            assistant.add(more)
        kept = {document.uri for document in assistant.documents()}
        assert kept >= {str(path) for path in first.iterdir()}
        assert assistant.ask(QUESTION).citations
        ballast.unlink()
        report = assistant.add(more)
        assert report.count("added") + report.count("unchanged") == 16
        assert kept <= {document.uri for document in assistant.documents()}
        assert len(assistant.documents()) == 19
    assert unfindable(home) == []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home of three documents, closed."""
    with open_home(tmp_path / "home") as assistant:
        assistant.add(three_files(tmp_path / "files"))
    return tmp_path / "home"


def refused(assistant: Assistant, files: Path, *, words: str) -> None:
    """Check that every use ends in a message with these words."""
    for use in (
        lambda: assistant.search(QUESTION),
        lambda: assistant.ask(QUESTION),
        lambda: assistant.add(files),
        assistant.reembed,
        lambda: assistant.conversations.start("a talk"),
        assistant.documents,
    ):
        with pytest.raises(StoreError, match=words):
            use()


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("read_only", [True, False])
def test_home_removed_while_open(home: Path, used: bool, read_only: bool) -> None:
    """Every use is told that it is gone, and no empty one is made in its place."""
    with open_home(home, read_only=read_only) as assistant:
        if used:
            assistant.ask(QUESTION)
        shutil.rmtree(home)
        refused(assistant, home.parent / "files", words="is gone|read_only")
        assert not home.exists()
    assert not home.exists()


def test_home_moved_while_open(home: Path) -> None:
    """While it is elsewhere every use is told; back in its place, all goes on."""
    with open_home(home) as assistant:
        assistant.ask(QUESTION)
        home.rename(home.parent / "elsewhere")
        refused(assistant, home.parent / "files", words="is gone")
        (home.parent / "elsewhere").rename(home)
        assert "Clara Holt" in assistant.search(QUESTION)[0].passage.text
        assert assistant.add(home.parent / "files").count("unchanged") == 3
    assert unfindable(home) == []


def test_home_replaced_while_open(home: Path, tmp_path: Path) -> None:
    """Another library in its place is not written to, nor taken for the first."""
    with open_home(tmp_path / "other") as other:
        other.add(write_files(tmp_path / "own", pears=ORCHARD))
    with open_home(home) as assistant:
        assistant.ask(QUESTION)
        home.rename(tmp_path / "elsewhere")
        (tmp_path / "other").rename(home)
        refused(assistant, tmp_path / "files", words="Another library")
    with open_home(home) as assistant:
        (document,) = assistant.documents()
        assert Path(document.uri).name == "pears.txt"
        assert "Pear trees" in assistant.search("pear trees")[0].passage.text


TRY = """
import json, os, sys, time
from pathlib import Path
from rag import LibraryLocked
from tests.homes import open_home
home, files, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
link = home.parent / "link"
link.symlink_to(home)
os.chdir(home)
spellings = [home, Path("."), Path("..") / home.name, link, home / ".." / "link",
             link / ".." / home.name, Path("../link/."), home.parent / "." / home.name]
tried = []
for n in range(count):
    with open_home(spellings[n % len(spellings)]) as assistant:
        started = time.monotonic()
        try:
            assistant.add(files)
            said = "added"
        except LibraryLocked as error:
            said = str(error)
        tried.append([time.monotonic() - started, said])
print(json.dumps(tried))
"""


def test_second_process_is_refused_by_any_spelling(home: Path, tmp_path: Path) -> None:
    """20 attempts by link, relative path and `..`: each told at once who the owner is."""
    more = write_files(tmp_path / "more", other=HARBOUR + "More.")
    with open_home(home) as assistant:
        assistant.add([])
        child = start_python(TRY, home, more, 20)
        said, complaint = child.communicate(timeout=100)
        assert len(assistant.documents()) == 3
    tried = json.loads(said or f'["{complaint}"]')
    assert len(tried) == 20
    for seconds, message in tried:
        assert f"process {os.getpid()}" in message
        assert seconds <= 2


def test_second_spelling_in_one_process_is_refused(home: Path, tmp_path: Path) -> None:
    """A link to a home that this process has open is no other home."""
    (tmp_path / "link").symlink_to(home)
    with open_home(home) as assistant:
        assistant.add([])
        with (
            open_home(tmp_path / "link") as second,
            pytest.raises(StoreError, match="another Assistant of this process"),
        ):
            second.add(tmp_path / "files")


def test_two_ingests_of_one_assistant_wait_for_each_other(tmp_path: Path) -> None:
    """Both are done, and each document is there once, also one that both add."""
    both = three_files(tmp_path / "both")
    folders = [
        write_files(tmp_path / name, **{f"{name}{n}": words_of(200, seed=n) for n in range(8)})
        for name in ("left", "right")
    ]
    with open_home(tmp_path / "home") as assistant:
        reports = []
        adding = [
            threading.Thread(target=lambda f=folder: reports.append(assistant.add([f, both])))
            for folder in folders
        ]
        for thread in adding:
            thread.start()
        for thread in adding:
            thread.join()
        assert sorted(report.count("added") for report in reports) == [8, 11]
        assert len(assistant.documents()) == 19
    assert unfindable(tmp_path / "home") == []


REEMBED = """
import sys
from pathlib import Path
from tests.fakes import WordEmbedder
from tests.homes import open_home

class Slow(WordEmbedder):
    def embed(self, texts):
        print(len(self.embedded), flush=True)
        sys.stdin.readline()
        return super().embed(texts)

with open_home(Path(sys.argv[1]), embedder=Slow("other")) as assistant:
    assistant.reembed()
print("done", flush=True)
"""


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_killed_while_embedding_anew(home: Path, batches: int) -> None:
    """The vectors are all the old model's, as the library says, and never some of each."""
    child = start_python(REEMBED, home)
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        for _ in range(batches):
            child.stdout.readline()
            child.stdin.write("\n")
            child.stdin.flush()
        child.stdout.readline()
        child.kill()
    with (
        open_home(home, embedder=WordEmbedder("other")) as assistant,
        pytest.raises(EmbeddingMismatch, match="footnote reembed"),
    ):
        assistant.search(QUESTION)
    with open_home(home) as assistant:
        assert "Clara Holt" in assistant.search(QUESTION)[0].passage.text
    assert unfindable(home) == []
    with open_home(home, embedder=WordEmbedder("other")) as assistant:
        assert assistant.reembed() == 3
        assert "Clara Holt" in assistant.search(QUESTION)[0].passage.text


class BackwardClock(datetime):
    """Each look at it is an hour before the one before."""

    looks = 0

    @classmethod
    def now(cls, tz=None):
        cls.looks += 1
        return datetime(2030, 1, 1, tzinfo=UTC) - timedelta(hours=cls.looks)


def test_clock_put_back(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is last comes first, changes are seen, and adding does not go by the time."""
    monkeypatch.setattr("rag.conversations.datetime", BackwardClock)
    monkeypatch.setattr("rag.adding.datetime", BackwardClock)
    with open_home(home) as assistant:
        talks = assistant.conversations
        first, second = talks.start("first"), talks.start("second")
        assert [c.title for c in talks.find()] == ["second", "first"]
        exchanges = [talks.append(first.id, ANSWER) for _ in range(3)]
        assert [c.title for c in talks.find()] == ["first", "second"]
        assert [e.id for e in talks.exchanges(first.id)] == [e.id for e in exchanges]
        talks.rename(second.id, "renamed")
        assert [c.title for c in talks.find()] == ["renamed", "first"]
        for exchange in exchanges:
            talks.rate(exchange.id, helpful=True)
        talks.rate(exchanges[0].id, helpful=False)
        assert [f.exchange.id for f in talks.feedback()] == [
            exchanges[1].id, exchanges[2].id, exchanges[0].id,
        ]  # fmt: skip
        files = write_files(tmp_path / "files", bridge=BRIDGE + "It was painted in 1990.")
        os.utime(files / "bridge.txt", (0, 0))
        assert assistant.add(files).count("updated") == 1
        assert "1990" in assistant.search("When was it painted?")[0].passage.text
    assert unfindable(home) == []


def test_lock_file_is_no_obstacle(home: Path) -> None:
    """A lock file that was left behind, or holds anything, keeps nobody out."""
    (home / LOCK_NAME).write_bytes(b"\0garbage")
    with open_home(home) as assistant:
        assert assistant.add(home.parent / "files").count("unchanged") == 3
