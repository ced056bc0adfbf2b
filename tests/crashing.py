"""Adds files to a home one after the other until it is killed at a named point.

`python -m tests.crashing HOME FOLDER POINT NTH` is run by tests/test_crash.py. Each file that
was added is told on a line of its own. The points are put around the program's own methods
here, so that the program itself has none. At "none" it goes on to the end.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.chroma import ChromaCollection
from rag.index import VectorIndex
from rag.library import Library
from tests.fakes import WordEmbedder
from tests.homes import open_home

POINTS: dict[str, tuple[type, str, bool]] = {
    "before a document is embedded": (WordEmbedder, "embed", False),
    "before a document is written": (Library, "write", False),
    "within the transaction": (Library, "_insert", True),
    "after the transaction": (Library, "write", True),
    "before vectors of old passages go": (ChromaCollection, "delete", False),
    "after vectors of old passages went": (ChromaCollection, "delete", True),
    "before vectors are put into the index": (VectorIndex, "write", False),
    "half of the vectors are in the index": (ChromaCollection, "upsert", False),
    "after vectors were put into the index": (ChromaCollection, "upsert", True),
    "before the index is told to be whole": (VectorIndex, "settle", False),
    "after the index was told to be whole": (VectorIndex, "settle", True),
    "after the index was built anew": (VectorIndex, "_build", True),
    "before earlier indexes are swept": (VectorIndex, "_sweep", False),
}
HALF = "half of the vectors are in the index"
BUILDING = ("after the index was built anew", "before earlier indexes are swept")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def set_point(name: str, nth: int) -> None:
    """Kill this process at the nth call that passes this point."""
    owner, method, is_after = POINTS[name]
    original = getattr(owner, method)
    calls = itertools.count(1)

    def wrapped(*values: Any, **named: Any) -> Any:
        is_due = next(calls) == nth
        if is_due and name == HALF:
            half_of(original, *values)
        if is_due and not is_after:
            die()
        result = original(*values, **named)
        if is_due:
            die()
        return result

    setattr(owner, method, wrapped)


def half_of(
    upsert: Any,
    collection: ChromaCollection,
    ids: Sequence[str],
    vectors: NDArray[np.float32],
    documents: Sequence[str],
) -> None:
    half = max(1, len(ids) // 2)
    upsert(collection, ids[:half], vectors[:half], documents[:half])


def main(home: str, folder: str, point: str, nth: str) -> None:
    if point in BUILDING:
        set_point(point, 1)
    with open_home(Path(home)) as assistant:
        assistant.search("warm")
        assistant._searching.open_index(assistant._searching.embedder().fingerprint).wait()
        assistant.search("warm")  # now from the index, whose files are read with it
        if point in POINTS and point not in BUILDING:
            set_point(point, int(nth))
        print("ready", flush=True)
        for file in sorted(Path(folder).iterdir()):
            assistant.add(file)
            print(file.stem, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
