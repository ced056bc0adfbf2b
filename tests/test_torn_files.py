"""Files of the index that are old, new, half or garbled: it is built anew, and answers the same.

With FOOTNOTE_TEST_KILLS=300, as `make torture` sets it, every combination is tried; a part of them
otherwise.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import KILLS
from tests.homes import open_home, unfindable, write_files
from tests.settled import NEW, segment_files, settled_home

STATES = ("old", "new", "half")
FILES = ("data_level0.bin", "header.bin", "index_metadata.pickle", "length.bin", "link_lists.bin")
ALL = list(itertools.product(STATES, repeat=len(FILES)))
COMBINATIONS = ALL if KILLS >= 300 else random.Random(0).sample(ALL, 16)
MUTANTS = range(50 if KILLS >= 300 else 10)
QUESTIONS = [NEW[f"f{n}"].split(".")[0] for n in (0, 7, 15)]


@dataclass(frozen=True)
class Homes:
    """A home after changes, the index's files before and after them, and what is found."""

    home: Path
    old: dict[str, bytes]
    new: dict[str, bytes]
    found: list[list[str]]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Change a settled home, and keep the files of its index of before and after."""
    place = settled_home(tmp_path_factory.mktemp("torn"))
    old = {file.name: file.read_bytes() for file in segment_files(place / "home")}
    with open_home(place / "home") as assistant:
        assistant.search("warm")
        assistant._searching.open_index(assistant._searching.embedder().fingerprint).wait()
        assistant.add(write_files(place / "files", **NEW))
    new = {file.name: file.read_bytes() for file in segment_files(place / "home")}
    assert tuple(sorted(old)) == tuple(sorted(new)) == FILES
    assert all(old[name] != new[name] for name in FILES if name != "header.bin")
    return Homes(place / "home", old, new, found_in(place / "home"))


def found_in(home: Path) -> list[list[str]]:
    """Return the ids of the five best passages of each question, by the index."""
    with open_home(home) as assistant:
        assistant.search("warm")
        assistant._searching.open_index(assistant._searching.embedder().fingerprint).wait()
        return [[hit.passage.id for hit in assistant.search(q, k=5)] for q in QUESTIONS]


@pytest.mark.parametrize("states", COMBINATIONS, ids="-".join)
def test_files_of_different_times_cost_nothing(
    homes: Homes, tmp_path: Path, states: Sequence[str]
) -> None:
    """As a kill may leave them: this process lives, every passage is found, in the same order."""
    home = shutil.copytree(homes.home, tmp_path / "home")
    for file, state in zip(segment_files(home), states, strict=True):
        data = homes.old[file.name] if state == "old" else homes.new[file.name]
        file.write_bytes(data[: len(data) // 2] if state == "half" else data)
    assert unfindable(home, every=4) == []
    assert found_in(home) == homes.found


@pytest.mark.parametrize("seed", MUTANTS)
def test_garbled_bytes_cost_nothing(homes: Homes, tmp_path: Path, seed: int) -> None:
    """In any file of the index, Chroma's own database among them."""
    home = shutil.copytree(homes.home, tmp_path / "home")
    draw = random.Random(seed)
    files = sorted(f for f in (home / "chroma").rglob("*") if f.is_file())
    garble(draw.choice(files), draw)
    assert unfindable(home, every=4) == []
    assert found_in(home) == homes.found


def garble(file: Path, draw: random.Random) -> None:
    """Flip bytes, fill with zeros, cut off, lengthen or remove a file."""
    data = bytearray(file.read_bytes())
    kind = draw.randrange(6)
    if kind == 0:
        for _ in range(1 + len(data) // 200):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == 1:
        start = draw.randrange(len(data))
        data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    elif kind == 2:
        del data[draw.randrange(len(data)) :]
    elif kind == 3:
        data += draw.randbytes(10_000)
    elif kind == 4:
        # A length or a count that is far too large.
        data[: min(64, len(data))] = b"\xff" * min(64, len(data))
    else:
        file.unlink()
        return
    file.write_bytes(data)
