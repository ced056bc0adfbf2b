"""Whatever happens to the index's files or its process, no passage is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import struct
import time
from pathlib import Path

import pytest

from rag.library import Library
from tests.homes import (
    index_of,
    open_home,
    run_python,
    start_python,
    three_files,
    unfindable,
    words_of,
    write_files,
)
from tests.test_index import folders, write

FINGERPRINT = "fake-words-64"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home of three documents, with its index, closed."""
    with open_home(tmp_path / "home") as assistant:
        assistant.add(three_files(tmp_path / "files"))
    return tmp_path / "home"


def garbage_everywhere(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(random.Random(1).randbytes(path.stat().st_size or 100))


def halves(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)


def vectors_gone(folder: Path) -> None:
    for path in folder.rglob("*.bin"):
        path.unlink()


def vectors_garbled(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".bin", ".pickle"):
            path.write_bytes(random.Random(2).randbytes(path.stat().st_size))


def emptied(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)


def a_file_in_place_of_it(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


def foreign(folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(folder.parent.parent.parent / "files", folder)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home whose index has written its graph to files, closed."""
    place = tmp_path_factory.mktemp("large")
    library = Library(place / "home")
    index = index_of(library)
    index.open()
    for n in range(4):
        write(library, index, f"/n/{n}.txt", words_of(3_600, seed=n))
    index.settle()
    index.close()
    library.close()
    three_files(place / "files")
    assert list((place / "home" / "chroma").rglob("*.bin")), "the graph was not written"
    return place


@pytest.mark.parametrize(
    "harm",
    [garbage_everywhere, halves, vectors_gone, vectors_garbled, emptied, a_file_in_place_of_it,
     foreign],
)  # fmt: skip
def test_damaged_folder_is_built_again(large: Path, tmp_path: Path, harm) -> None:
    """Whatever was done to the folder, this process lives and every passage is found."""
    shutil.copytree(large, tmp_path, dirs_exist_ok=True)
    harm(tmp_path / "home" / "chroma" / "g1")
    assert unfindable(tmp_path / "home", every=5) == []
    assert folders(tmp_path / "home") == ["g2"]


UNFINDABLE = """
import resource, sys
from pathlib import Path
from tests.adding_hostile import peak_of
from tests.homes import unfindable
missing = unfindable(Path(sys.argv[1]), every=5)
# Not getrusage of itself: that begins with the peak of the process that started it.
print(peak_of("self") < 1_300)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1_300_000)
print(missing)
"""
MAX_ELEMENTS, ELEMENTS = 12, 20
"""Where HNSW's header has the number there is room for, and the number there are."""


@pytest.mark.parametrize("field", [MAX_ELEMENTS, ELEMENTS])
def test_a_count_that_is_far_too_large_takes_no_memory(
    large: Path, tmp_path: Path, field: int
) -> None:
    """The index is built anew, and neither this process nor its trial takes gigabytes."""
    shutil.copytree(large, tmp_path, dirs_exist_ok=True)
    (header,) = (tmp_path / "home" / "chroma").rglob("header.bin")
    data = bytearray(header.read_bytes())
    struct.pack_into("<Q", data, field, 3_000_000)
    header.write_bytes(data)
    result = run_python(UNFINDABLE, tmp_path / "home")
    assert result.stdout == "True\nTrue\n[]\n", result.stderr
    assert folders(tmp_path / "home") == ["g2"]


ADD = """
import sys
from pathlib import Path
from tests.homes import open_home
with open_home(Path(sys.argv[1])) as assistant:
    assistant.search("warm")
    assistant._searching.index.wait()
    print("ready", flush=True)
    assistant.add(sys.argv[2], progress=lambda p: print(p.done, flush=True))
print("done", flush=True)
"""


@pytest.mark.parametrize("kill", range(6))
def test_killed_while_adding(tmp_path: Path, kill: int) -> None:
    """After a kill at any moment, what was committed is found by vector and by words, once."""
    draw = random.Random(kill)
    old = {f"f{n}": words_of(240, seed=n) for n in range(8)}
    new = {f"f{n}": words_of(240, seed=n + 100) for n in range(16)}
    home, files = tmp_path / "home", write_files(tmp_path / "files", **old)
    with open_home(home) as assistant:
        assistant.add(files)
    write_files(files, **new)
    child = start_python(ADD, home, files)
    assert child.stdout is not None
    child.stdout.readline()
    for _ in range(draw.randrange(16)):
        child.stdout.readline()
    time.sleep(draw.random() * 0.05)  # not only between two documents, but within one
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()

    library = Library(home)
    texts = {d.id: library.text_of(d.id) for d in library.documents()}
    stems = [Path(d.uri).stem for d in library.documents()]
    assert len(stems) == len(set(stems))
    assert set(old) <= set(stems)
    for document in library.documents():
        stem = Path(document.uri).stem
        assert texts[document.id].strip() in (old.get(stem), new[stem])
        for passage in library.passages_of(document.id):
            words = [w.strip(".").lower() for w in passage.text.split()]
            found = [i for i, _ in library.search_words(words, limit=100)]
            assert found.count(passage.id) == 1
    library.close()
    assert unfindable(home) == []
    with open_home(home) as assistant:
        report = assistant.add(files)
        assert report.count("failed") == report.count("rejected") == 0
        assert {assistant.text_of(d.id).strip() for d in assistant.documents()} == set(new.values())
    assert unfindable(home) == []


def test_script_that_ends_at_once_ends_cleanly(home: Path) -> None:
    """A script that asks once and ends, without closing, ends well while Chroma loads."""
    result = run_python(
        """
        import sys
        from pathlib import Path
        from tests.homes import open_home
        assistant = open_home(Path(sys.argv[1]))
        print(assistant.search("bridge")[0].passage.text[:10])
        """,
        home,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert unfindable(home) == []
