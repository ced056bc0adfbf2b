"""A home whose index has written its files, and writes them again every few changes."""

from __future__ import annotations

from pathlib import Path

import rag.chroma
from tests.homes import open_home, words_of, write_files

OLD = {f"f{n}": words_of(360, seed=n) for n in range(10)}
NEW = {f"f{n}": words_of(360, seed=n + 100) for n in range(16)}
# So many changes apart does the index write its files here; 1,000 by default.
SYNC = 20


def settled_home(place: Path) -> Path:
    """Make a home in `place`/home with the old documents of `place`/files among others."""
    create = rag.chroma._create
    often = {"sync_threshold": SYNC, "batch_size": SYNC}
    rag.chroma._create = lambda client, name, graph: create(client, name, {**graph, **often})
    try:
        with open_home(place / "home") as assistant:
            assistant.add(write_files(place / "files", **OLD))
            many = {f"other{n}": words_of(1_200, seed=n + 1000) for n in range(24)}
            assistant.add(write_files(place / "others", **many))
            index = assistant._searching.index
            assert index is not None
            index.wait()
            index.rebuild()
    finally:
        rag.chroma._create = create
    assert segment_files(place / "home")
    return place


def segment_files(home: Path) -> list[Path]:
    """Return the files of the index's graph, by name."""
    files = (home / "chroma").rglob("*")
    return sorted(f for f in files if f.suffix in (".bin", ".pickle"))
