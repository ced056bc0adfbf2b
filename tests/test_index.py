"""The vector index equals the library, whatever happened to its files or its process."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from rag.adding import Adder, Limits
from rag.errors import IndexUnavailable
from rag.index import VectorIndex
from rag.library import Library, document_of
from tests.fakes import WordEmbedder
from tests.homes import (
    BRIDGE,
    HARBOUR,
    index_of,
    open_home,
    run_python,
    three_files,
    unfindable,
    words_of,
    write_files,
)
from tests.test_library import new_document

FINGERPRINT = "fake-words-64"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home of three documents, with its index, closed."""
    with open_home(tmp_path / "home") as assistant:
        assistant.add(three_files(tmp_path / "files"))
    return tmp_path / "home"


def folders(home: Path) -> list[str]:
    return sorted(p.name for p in (home / "chroma").iterdir())


def opened(home: Path) -> tuple[Library, VectorIndex]:
    library = Library(home)
    index = index_of(library)
    index.open()
    return library, index


def write(library: Library, index: VectorIndex, uri: str, text: str, version: str = "1") -> None:
    new = new_document(uri, text, version=version)
    gone = library.write(new, fingerprint=FINGERPRINT)
    index.delete(gone)
    ids = [f"{new.document.id}-{n:05d}" for n in range(len(new.chunks))]
    index.write(ids, new.vectors)


def test_every_passage_is_found_by_its_own_vector(home: Path) -> None:
    """After an add, in the same process and in the next, each passage is found, and no other."""
    assert folders(home) == ["g1"]
    assert unfindable(home) == []
    assert unfindable(home) == []
    assert folders(home) == ["g1"]


def test_deleted_folder_is_built_again(home: Path) -> None:
    """The index may be deleted at any time: it comes back, without embedding anything."""
    shutil.rmtree(home / "chroma")
    embedder = WordEmbedder()
    with open_home(home, embedder=embedder) as assistant:
        assistant.add(home.parent / "files")
        assert embedder.embedded == []
    assert unfindable(home) == []


def test_folder_that_was_being_written_is_not_trusted(home: Path) -> None:
    """An index that was not settled is built anew, even if it opens."""
    library, index = opened(home)
    write(library, index, "/n/bridge.txt", BRIDGE)
    index.close()  # as a process that ends before it settles
    library.close()
    assert unfindable(home) == []
    assert folders(home) == ["g2"]


def test_document_missed_while_closed_is_not_lost(tmp_path: Path) -> None:
    """What the library got while the index was not open is in the index when it opens."""
    library = Library(tmp_path)
    closed = index_of(library)
    write(library, closed, "/n/bridge.txt", BRIDGE)
    closed.settle()
    assert not library.index_up_to_date
    closed.close()
    library.close()
    assert unfindable(tmp_path) == []


def test_document_written_while_building_is_not_lost(tmp_path: Path) -> None:
    """Adding goes on while the index is built in the background; both end up equal."""
    library = Library(tmp_path)
    for n in range(4):
        new = new_document(f"/n/{n}.txt", words_of(1_200, seed=n))
        library.write(new, fingerprint=FINGERPRINT)
    index = index_of(library)
    index.open_soon()
    for n in range(2, 8):
        write(library, index, f"/n/{n}.txt", words_of(1_200, seed=n + 50), version="2")
    index.settle()
    assert library.index_up_to_date
    index.close()
    library.close()
    assert unfindable(tmp_path) == []
    assert folders(tmp_path) == ["g1"]


def test_updated_and_removed_passages_are_not_found(home: Path) -> None:
    """After an update and a removal, old vectors are found neither now nor after a restart."""
    library, index = opened(home)
    old = {d.uri: d.id for d in library.documents()}
    old_ids = library.vectors()[0]
    uri = next(iter(old))
    write(library, index, uri, HARBOUR, version="2")
    other = next(u for u in old if u != uri)
    index.delete(library.remove(old[other]))
    index.settle()
    ids, vectors = library.vectors()
    found = index.search(vectors[0], limit=1000)
    assert sorted(i for i, _ in found or []) == sorted(ids)
    assert set(old_ids) - set(ids)
    index.close()
    library.close()
    assert unfindable(home) == []
    assert folders(home) == ["g1"]


def test_search_while_not_ready_equals_chroma(home: Path) -> None:
    """A small library is searched alike by Chroma and by the library in its place."""
    questions = ["Who designed the bridge?", "When did the harbour freeze?", "wasps and pears"]
    with open_home(home) as assistant, open_home(home, read_only=True) as reader:
        assistant.search("warm")
        assert assistant._searching.index is not None
        assistant._searching.index.wait()
        assert assistant._searching.index.ready
        for question in questions:
            ours = [(h.passage.id, round(h.score, 4)) for h in assistant.search(question)]
            theirs = [(h.passage.id, round(h.score, 4)) for h in reader.search(question)]
            assert ours == theirs


def test_filter_of_documents(home: Path) -> None:
    """A filter keeps to its documents, be they none, one, unknown or very many."""
    library, index = opened(home)
    first, second = library.documents()[:2]
    vector = library.vectors()[1][0]

    def found(wanted: list[str]) -> set[str]:
        hits = index.search(vector, limit=100, documents=wanted)
        assert hits is not None
        return {i.rpartition("-")[0] for i, _ in hits}

    assert found([first.id]) == {first.id}
    assert found([first.id, second.id]) == {first.id, second.id}
    assert found([]) == set()
    assert found(["nobody"]) == set()
    many = [*(str(n) for n in range(50_000)), first.id]
    assert index.search(vector, limit=5, documents=many) is None
    assert index.ready
    index.close()
    library.close()


def test_passages_that_say_the_same_are_all_found(tmp_path: Path) -> None:
    """More than a graph links to each other: all of them, of all documents or of one."""
    library, index = opened(tmp_path)
    same = "\n\n".join(["Every page of this manual has these very words at its foot."] * 300)
    for name in "abc":
        write(library, index, f"/n/{name}.txt", same, version=name)
    write(library, index, "/n/bridge.txt", BRIDGE)
    index.settle()

    def assert_all_are_found() -> None:
        ids, vectors = library.vectors()
        for vector in (vectors[0], vectors[-1]):
            for documents in (None, *([document.id] for document in library.documents())):
                found = index.search(vector, limit=2000, documents=documents)
                if found is None:  # the library is searched in its place
                    continue
                wanted = [i for i in ids if not documents or document_of(i) in documents]
                assert sorted(i for i, _ in found) == sorted(wanted)
                scores = [score for _, score in found]
                assert scores == sorted(scores, reverse=True)

    assert_all_are_found()
    index.delete(library.remove(library.documents()[0].id))
    assert_all_are_found()
    index.settle()
    assert_all_are_found()
    index.close()
    library.close()
    library, index = opened(tmp_path)
    assert_all_are_found()
    index.close()
    library.close()


def test_empty_library_has_an_empty_index(tmp_path: Path) -> None:
    """An index of nothing finds nothing, and opens again."""
    for _ in range(2):
        library, index = opened(tmp_path)
        assert index.search(np.ones(64, dtype=np.float32), limit=5) == []
        index.settle()
        index.close()
        library.close()


def test_home_is_opened_and_closed_again_and_again(home: Path) -> None:
    """Chroma keeps systems by path: a home can still be opened anew in one process."""
    for turn in range(3):
        with open_home(home) as assistant:
            assistant.add(write_files(home.parent / "files", bridge=f"{BRIDGE} Turn {turn}."))
            assert assistant._searching.index is not None
            assert assistant._searching.index.ready
            assert "Turn" in assistant.search(f"Turn {turn}")[0].passage.text
        if turn == 1:
            shutil.rmtree(home / "chroma")
    assert unfindable(home) == []


def test_close_while_opening(home: Path) -> None:
    """Closing at any moment of the opening ends soon and leaves a home that opens."""
    for delay in (0.0, 0.05, 0.3, 0.8):
        library = Library(home)
        index = index_of(library)
        index.open_soon()
        time.sleep(delay)  # the moment is what is tried: before, in and after the opening
        index.close()
        assert not index.ready
        index.open_soon()
        index.open()
        assert not index.ready
        index.close()
        library.close()
    assert unfindable(home) == []


def test_failure_of_chroma_is_healed(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """When Chroma fails under a search, the library answers, and the index is built anew."""
    library, index = opened(home)
    vector = library.vectors()[1][0]
    assert index._collection is not None
    index._collection.close()
    assert index.search(vector, limit=3) is None
    assert "built anew" in caplog.text
    assert library.fact("index_up_to_date") == "0"
    index.open()
    assert index.search(vector, limit=3)
    assert library.fact("index_up_to_date") == "1"
    index.close()
    library.close()


def test_failure_of_chroma_under_an_add_loses_nothing(home: Path) -> None:
    """When Chroma fails under a write, the library has the document, and later the index."""
    library, index = opened(home)
    assert index._collection is not None
    index._collection.close()
    write(library, index, "/n/new.txt", BRIDGE)
    write(library, index, "/n/newer.txt", HARBOUR)
    index.settle()
    assert not library.index_up_to_date
    index.close()
    library.close()
    assert unfindable(home) == []


def test_folder_that_cannot_be_made(home: Path) -> None:
    """Where Chroma's folder cannot be, opening says so; searching and adding go on."""
    shutil.rmtree(home / "chroma")
    (home / "chroma").write_text("a file in its place")
    library = Library(home)
    index = index_of(library)
    with pytest.raises(IndexUnavailable, match="footnote doctor"):
        index.open()
    index.close()
    library.close()
    with open_home(home) as assistant:
        assistant.add(write_files(home.parent / "files", more="A heron stood on the weir."))
        assert "heron" in assistant.search("heron")[0].passage.text


def test_threads_search_while_one_writes(home: Path) -> None:
    """Searches in threads neither fail nor miss what was settled, while documents change."""
    library, index = opened(home)
    ids, vectors = library.vectors()
    failed: list[object] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            found = index.search(vectors[0], limit=3)
            if not found or ids[0] not in [i for i, _ in found]:
                failed.append(found)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(15):
        write(library, index, "/n/x.txt", words_of(300, seed=n), version=str(n))
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    index.close()
    library.close()


def test_reading_does_not_load_chroma(home: Path) -> None:
    """Neither a search nor an answer of a reader loads Chroma, NLTK's models or a parser."""
    result = run_python(
        """
        import sys
        from pathlib import Path
        from tests.homes import open_home
        with open_home(Path(sys.argv[1]), read_only=True) as assistant:
            assistant.search("bridge")
        print([m for m in ("chromadb", "gradio", "llama_index", "openai") if m in sys.modules])
        """,
        home,
    )
    assert result.stdout == "[]\n", result.stderr


def test_adder_without_an_assistant(tmp_path: Path) -> None:
    """The parts work by themselves: library, index, embedder, adder."""
    library = Library(tmp_path / "home")
    index = index_of(library)
    index.open()
    adder = Adder(library, index, WordEmbedder(), Limits(700, 1_000_000, 30))
    assert adder.add([three_files(tmp_path / "files")]).count("added") == 3
    index.close()
    library.close()
    assert unfindable(tmp_path / "home") == []
