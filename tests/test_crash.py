"""kill -9 of the process that adds, at any moment: nothing committed is lost or doubled.

FOOTNOTE_TEST_KILLS says how often (60 without it; `make torture` takes 300): two fifths of them
while Chroma writes one of its files, a fifth at random, the rest at named points. What a kill
of the process cannot show is a loss of power: written pages survive here.
"""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from rag.library import Library
from tests.conftest import KILLS
from tests.crashing import BUILDING, POINTS
from tests.homes import open_home, start_module, unfindable, write_files
from tests.settled import NEW, OLD, settled_home

SLICE = 0.0001  # seconds


def kinds() -> list[str]:
    """Return what is done in each round."""
    named = itertools.cycle(POINTS)
    others = {0: "in a write of files", 1: "in a write of files", 2: "at random"}
    return [others.get(n % 5) or next(named) for n in range(KILLS)]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a home, closed, and the files of its old documents."""
    return settled_home(tmp_path_factory.mktemp("settled"))


@pytest.mark.parametrize(("number", "kind"), list(enumerate(kinds())))
def test_nothing_committed_is_lost_or_doubled(
    settled: Path, tmp_path: Path, number: int, kind: str
) -> None:
    """What was added is there, what was being added is wholly old or wholly new."""
    home = shutil.copytree(settled / "home", tmp_path / "home")
    # Where the old ones were: their new versions.
    files = write_files(settled / "files", **NEW)
    if kind in BUILDING:
        shutil.rmtree(home / "chroma")
    draw = random.Random(number)
    child = start_module("tests.crashing", home, files, kind, draw.randrange(1, 17))
    with child:
        assert child.stdout is not None
        first = child.stdout.readline()
        if kind == "at random":
            time.sleep(draw.random() * 1.5)  # the moment is what is tried
            child.kill()
        elif kind == "in a write of files":
            print("torn" if killed_in_a_write(child, home) else "not torn")  # told by -rP
        said, complaint = child.communicate(timeout=100)
    assert child.returncode in (0, -signal.SIGKILL), complaint
    assert first == "ready\n" or kind in BUILDING, complaint
    check(home, committed=said.split())
    with open_home(home) as assistant:
        report = assistant.add(files)
        assert report.count("failed") == report.count("rejected") == 0
    check(home, committed=list(NEW))
    with open_home(home) as assistant:
        answer = assistant.ask(NEW["f3"].split(".")[0])
        assert answer.answered
        assert Path(answer.citations[0].document.uri).stem == "f3"


def check(home: Path, *, committed: list[str]) -> None:
    """Every passage is found by its words and by its vector, once, and every text is whole."""
    library = Library(home)
    documents = library.documents()
    stems = [Path(d.uri).stem for d in documents]
    assert len(stems) == len(set(stems))
    assert set(OLD) <= set(stems)
    assert set(committed) <= set(stems)
    for document in documents:
        stem = Path(document.uri).stem
        if stem not in NEW:
            continue
        text = library.text_of(document.id).strip()
        assert text == NEW[stem] if stem in committed else text in (OLD.get(stem), NEW[stem])
        for passage in library.passages_of(document.id):
            words = [w.strip(".").lower() for w in passage.text.split()]
            found = [i for i, _ in library.search_words(words, limit=200)]
            assert found.count(passage.id) == 1
    library.close()
    assert unfindable(home, every=3) == []


def killed_in_a_write(child: subprocess.Popen[str], home: Path) -> bool:
    """Kill a process while its index writes its files: some of them are new, some are not.

    It runs in slices of a tenth of a millisecond, between which the files are looked at.
    """
    files = [p for p in (home / "chroma").rglob("*") if p.suffix in (".bin", ".pickle")]
    before = [file.stat().st_mtime_ns for file in files]
    while child.poll() is None:
        child.send_signal(signal.SIGCONT)
        resumed = time.perf_counter()
        while time.perf_counter() - resumed < SLICE:
            pass
        child.send_signal(signal.SIGSTOP)
        now = [file.stat().st_mtime_ns for file in files]
        changed = sum(a != b for a, b in zip(before, now, strict=True))
        if 0 < changed < len(files):
            child.kill()
            child.wait()
            return True
        before = now
    return False
