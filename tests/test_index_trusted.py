"""The vector index is used as far as it holds what the library does, and finds all of it."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import rag.index
import rag.trial
from rag import Assistant
from rag.errors import IndexUnavailable, StoreError
from rag.library import Library, NewDocument
from rag.ownership import Ownership
from tests.homes import (
    BRIDGE,
    HARBOUR,
    index_of,
    open_home,
    three_files,
    unfindable,
    words_of,
    write_files,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home of three documents, with its index, closed."""
    with open_home(tmp_path / "home") as assistant:
        assistant.add(three_files(tmp_path / "files"))
    return tmp_path / "home"


def test_passages_among_many_that_say_the_same_are_found(tmp_path: Path) -> None:
    """Manuals whose pages were left blank on purpose hide nothing that was added after them."""
    chance = random.Random(1)
    for n, thing in enumerate(("printer", "boiler", "tractor", "piano", "kettle", "drone")):
        page = f"This page of the {thing} manual was left blank on purpose by its makers. " * 6
        with open_home(tmp_path / "home") as assistant:
            assistant.add(write_files(tmp_path / f"{n}", manual="\n\n".join([page] * 300)))
            notes = {f"note{m}": words_of(120, seed=chance.randrange(10**6)) for m in range(10)}
            assistant.add(write_files(tmp_path / f"{n}", **notes))
    library = Library(tmp_path / "home")
    index = index_of(library)
    index.open()
    ids, vectors = library.vectors()
    notes_only = [n for n, i in enumerate(ids) if i.endswith("-00000")]
    for n in notes_only:
        found = index.search(vectors[n], limit=50)
        best = np.sort(vectors @ vectors[n])[::-1][:50]
        assert found is None or np.allclose([score for _, score in found], best, atol=1e-4)
    index.close()
    library.close()


def test_older_files_are_not_trusted_though_their_count_is_right(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put back from a copy while nothing was open, they hold what is no longer there."""
    # Among thousands, the few that are looked for before tell nothing of one that changed.
    monkeypatch.setattr(rag.index, "_TRIED", 0)
    shutil.copytree(home / "chroma", tmp_path / "older")
    with open_home(home) as assistant:
        assistant.add(write_files(tmp_path / "files", bridge=HARBOUR.replace("froze", "thawed")))
    shutil.rmtree(home / "chroma")
    shutil.copytree(tmp_path / "older", home / "chroma")
    assert unfindable(home) == []


def test_other_vectors_are_not_trusted_though_their_ids_are_right(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was garbled where no graph is stored opens without a word."""
    monkeypatch.setattr(rag.index, "_TRIED", 0)
    library = Library(home)
    index = index_of(library)
    index.open()
    ids, vectors = library.vectors()
    index.write(ids[1:2], vectors[:1])
    index.close()
    library.close()
    assert unfindable(home) == []


def test_what_is_taken_out_of_the_library_alone_is_noticed(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An index that holds more than the library is never called up to date."""
    library = Library(home)
    index = index_of(library)
    index.open()
    library.remove(library.documents()[0].id)
    index.settle()
    assert "built anew" in caplog.text
    assert not library.index_up_to_date
    index.close()
    library.close()
    assert unfindable(home) == []


def test_what_was_written_is_found_though_the_next_could_not_be(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New versions of documents take the place of the old ones in the index, too."""
    write = Library.write

    def full(self: Library, new: NewDocument, *, fingerprint: str) -> list[str]:
        if "orchard" in new.document.uri:
            raise StoreError("The disk is full.")
        return write(self, new, fingerprint=fingerprint)

    with open_home(home) as assistant:
        assistant.search("warm")
        index = assistant._searching.index
        assert index is not None
        index.wait()
        monkeypatch.setattr(Library, "write", full)
        with pytest.raises(StoreError, match="full"):
            assistant.add(
                write_files(
                    tmp_path / "files", bridge=f"New. {BRIDGE}", harbour="Ice.", orchard="Plums."
                )
            )
        ids, vectors = assistant._library.vectors()
        for passage, vector in zip(ids, vectors, strict=True):
            assert passage in dict(index.search(vector, limit=3) or [])
    monkeypatch.undo()
    assert unfindable(home) == []


def test_no_process_to_try_it_with(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none can be started, search goes on in the library, and says why."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(subprocess, "Popen", refused)
    library = Library(home)
    index = index_of(library)
    with pytest.raises(IndexUnavailable, match="Too many open files"):
        index.open()
    assert index.search(library.vectors()[1][0], limit=3) is None
    index.close()
    library.close()


def test_a_search_that_a_close_overtakes_does_not_take_the_home_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opens the home next gets it."""
    assistant: Assistant = open_home(home)
    refuse_other = Library.refuse_other

    def overtaken(self: Library, fingerprint: str) -> None:
        refuse_other(self, fingerprint)
        assistant.close()

    monkeypatch.setattr(Library, "refuse_other", overtaken)
    with pytest.raises(StoreError, match="closed"):
        assistant.search("Who designed the bridge?")
    monkeypatch.undo()
    ownership = Ownership(home)
    assert ownership.try_acquire()
    ownership.release()
