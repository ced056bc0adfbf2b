"""The library: what is written is read back exactly, one version of a document at a time."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag import Document, LibraryDamaged, StoreError, UnknownDocument, UsageError
from rag.beside import FILE_NAME
from rag.chunking import split_passages
from rag.library import Library, NewDocument, passage_id
from rag.schema import Heading, LoadedText
from rag.words import content_words
from tests.fakes import WordEmbedder
from tests.homes import BRIDGE, HARBOUR, ORCHARD

EMBEDDER = WordEmbedder()


def new_document(
    uri: str,
    text: str,
    *,
    version: str = "1",
    folder: str | None = None,
    pages: tuple[int, ...] = (),
    headings: tuple[Heading, ...] = (),
    longest: int = 120,
) -> NewDocument:
    loaded = LoadedText(text, Path(uri).stem, "text/plain", pages, headings)
    chunks = split_passages(loaded, max_characters=longest)
    vectors = EMBEDDER.embed([text[c.start : c.end] for c in chunks])
    document = Document(
        f"{Path(uri).stem}-{version}", uri, loaded.title, loaded.mime, "0" * 64,
        len(text), len(chunks), "2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    return NewDocument(document, loaded, folder, chunks, vectors)


def write(library: Library, new: NewDocument) -> list[str]:
    return library.write(new, fingerprint=EMBEDDER.fingerprint)


@pytest.fixture
def library(tmp_path: Path):
    library = Library(tmp_path)
    yield library
    library.close()


def ids_with(library: Library, word: str) -> set[str]:
    return {i.rpartition("-")[0] for i, _ in library.search_words([word], limit=100)}


def test_document_is_read_back(library: Library) -> None:
    """A document, its text, its passages and its vectors come back as they were written."""
    new = new_document("/n/bridge.txt", BRIDGE, folder="/n")
    assert write(library, new) == []
    assert library.documents() == [new.document]
    assert library.document(new.document.id) == new.document
    assert library.document_at("/n/bridge.txt") == new.document
    assert library.text_of(new.document.id) == BRIDGE
    ids, vectors = library.vectors()
    assert ids == [passage_id(new.document.id, n) for n in range(len(new.chunks))]
    assert np.array_equal(vectors, new.vectors)
    for passage, chunk in zip(library.passages_of(new.document.id), new.chunks, strict=True):
        assert (passage.start, passage.end) == (chunk.start, chunk.end)
        assert passage.text == BRIDGE[chunk.start : chunk.end]
    assert library.embedding == EMBEDDER.fingerprint


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), min_size=1))
def test_any_text_comes_back(text: str) -> None:
    """Whatever characters a text has, its passages and sentences are stretches of it."""
    with tempfile.TemporaryDirectory() as home:
        library = Library(Path(home))
        new = new_document("/n/a.txt", text)
        if new.chunks:
            write(library, new)
            entries = library.entries(library.vectors()[0])
            assert library.text_of(new.document.id) == text
            for entry in entries.values():
                place = entry.passage.start, entry.passage.end
                assert text[place[0] : place[1]] == entry.passage.text
                assert all(place[0] <= s < e <= place[1] for s, e in entry.sentences)
            for word in content_words(text):
                library.search_words([word], limit=5)
        library.close()


@settings(max_examples=60, deadline=None)
@given(question=st.text(max_size=80))
def test_any_question_can_be_searched_for(question: str) -> None:
    """No question, whatever signs it has, is taken for an instruction to the word index."""
    library = shared()
    found = library.search_words(content_words(question), limit=10)
    assert all(score >= 0 for _, score in found)
    library.passages_with(content_words(question))


_SHARED: list[Library] = []


def shared() -> Library:
    if not _SHARED:
        library = Library(Path(tempfile.mkdtemp()))
        write(library, new_document("/n/bridge.txt", BRIDGE))
        _SHARED.append(library)
    return _SHARED[0]


def test_question_of_ten_thousand_words(library: Library) -> None:
    """A very long question finds what its words stand in."""
    write(library, new_document("/n/bridge.txt", BRIDGE))
    words = [f"word{n}" for n in range(10_000)] + ["engineer"]
    assert ids_with(library, "engineer")
    assert library.search_words(words, limit=5)
    assert library.passages_with([*words, "engin"])["engin"] == 1


def test_new_version_takes_the_place_of_the_old(library: Library) -> None:
    """After an update, nothing of the old version is found, by words, ids or vectors."""
    old = new_document("/n/a.txt", BRIDGE)
    write(library, old)
    new = new_document("/n/a.txt", HARBOUR, version="2")
    gone = write(library, new)
    assert gone == [passage_id(old.document.id, n) for n in range(len(old.chunks))]
    assert library.documents() == [new.document]
    assert ids_with(library, "bridge") == set()
    assert ids_with(library, "lighthouse") == {new.document.id}
    assert library.entries(gone) == {}
    assert len(library.vectors()[0]) == library.count() == len(new.chunks)
    with pytest.raises(UnknownDocument):
        library.text_of(old.document.id)


def test_going_back_to_an_old_version(library: Library) -> None:
    """A document whose file was changed back has its old id again."""
    for text, version in ((BRIDGE, "1"), (HARBOUR, "2"), (BRIDGE, "1")):
        write(library, new_document("/n/a.txt", text, version=version))
    assert [d.id for d in library.documents()] == ["a-1"]
    assert ids_with(library, "engineer") == {"a-1"}


def test_removed_document_leaves_nothing(library: Library) -> None:
    """After a removal, the others are found as before and nothing of it is left."""
    for name, text in (("bridge", BRIDGE), ("harbour", HARBOUR)):
        write(library, new_document(f"/n/{name}.txt", text))
    library.remove("bridge-1")
    assert ids_with(library, "bridge") == set()
    assert ids_with(library, "lighthouse") == {"harbour-1"}
    assert {i.rpartition("-")[0] for i in library.vectors()[0]} == {"harbour-1"}
    assert library.passages_with(["engin"]) == {"engin": 0}


def test_write_that_fails_changes_nothing(library: Library) -> None:
    """When a document cannot be written whole, the old version stays, whole."""
    write(library, new_document("/n/a.txt", BRIDGE))
    revision = library.revision
    broken = new_document("/n/a.txt", HARBOUR, version="2")
    short = NewDocument(broken.document, broken.loaded, None, broken.chunks, broken.vectors[:1])
    with pytest.raises(ValueError, match="zip"):
        write(library, short)
    assert [d.id for d in library.documents()] == ["a-1"]
    assert ids_with(library, "engineer") == {"a-1"}
    assert library.revision == revision


def test_every_change_makes_a_new_revision(library: Library) -> None:
    """Writing and removing grow the revision and say that the index is behind."""
    seen = [library.revision]
    write(library, new_document("/n/a.txt", BRIDGE))
    seen.append(library.revision)
    library.set_facts({"index_up_to_date": "1"})
    assert library.index_up_to_date
    library.remove("a-1")
    seen.append(library.revision)
    assert seen == sorted(set(seen))
    assert not library.index_up_to_date


def test_fact_of_an_old_revision_is_not_recorded(library: Library) -> None:
    """What was true of an earlier revision is not written down about a later one."""
    write(library, new_document("/n/a.txt", BRIDGE))
    library.set_facts({"colour": "green"}, at=library.revision - 1)
    assert library.fact("colour") is None
    library.set_facts({"colour": "green"}, at=library.revision)
    assert library.fact("colour") == "green"


def test_words_are_found_in_any_form(library: Library) -> None:
    """Words match by their stem, in headings too, and a filter keeps to its documents."""
    heading = (Heading(0, "Lanterns"),)
    write(library, new_document("/n/a.txt", "Keepers lit them nightly.", headings=heading))
    write(library, new_document("/n/b.txt", "A keeper slept."))
    assert ids_with(library, "keeper") == {"a-1", "b-1"}
    assert ids_with(library, "lantern") == {"a-1"}
    only = library.search_words(["keeper"], limit=9, documents=["b-1"])
    assert [i.rpartition("-")[0] for i, _ in only] == ["b-1"]
    assert library.search_words(["keeper"], limit=9, documents=[]) == []


def test_filter_of_very_many_documents(library: Library) -> None:
    """A filter may name more documents than a statement of SQLite takes values."""
    write(library, new_document("/n/a.txt", BRIDGE))
    many = [*(f"other-{n}" for n in range(40_000)), "a-1"]
    assert library.search_words(["engineer"], limit=5, documents=many)
    assert library.count(many) == library.count()


def test_pages_count_from_one(library: Library) -> None:
    """The page of a character is found; a text without pages has none."""
    write(library, new_document("/n/a.txt", BRIDGE + HARBOUR, pages=(0, len(BRIDGE))))
    write(library, new_document("/n/b.txt", ORCHARD))
    assert library.page_of("a-1", 0) == 1
    assert library.page_of("a-1", len(BRIDGE)) == 2
    assert library.page_of("b-1", 0) is None


def test_documents_below_a_folder(library: Library) -> None:
    """Documents below a folder are those found in it, not those named like it or added alone."""
    for uri, folder in (
        ("/n/a.txt", "/n"),
        ("/n/deep/b.txt", "/n/deep"),
        ("/n2/c.txt", "/n2"),
        ("/n/d.txt", None),
    ):
        write(library, new_document(uri, BRIDGE, folder=folder))
    assert [d.uri for d in library.documents_below("/n")] == ["/n/a.txt", "/n/deep/b.txt"]
    assert [d.uri for d in library.documents_below("/")] == [
        "/n/a.txt", "/n/deep/b.txt", "/n2/c.txt",
    ]  # fmt: skip


def test_new_vectors_come_all_at_once(library: Library) -> None:
    """Vectors are replaced for all passages or for none; texts and ids stay."""
    new = new_document("/n/a.txt", BRIDGE)
    write(library, new)
    ids, before = library.vectors()

    def broken():
        yield ids[:1], before[:1] * 2
        raise RuntimeError

    with pytest.raises(RuntimeError):
        library.write_vectors(broken(), fingerprint="other")
    assert np.array_equal(library.vectors()[1], before)
    assert library.embedding == EMBEDDER.fingerprint
    library.write_vectors([(ids, before * 2)], fingerprint="other")
    assert np.array_equal(library.vectors()[1], before * 2)
    assert library.embedding == "other"
    assert library.text_of("a-1") == BRIDGE


@pytest.mark.parametrize("broken", ["1x", "", "-1"])
def test_a_number_that_is_none_is_damage(tmp_path: Path, broken: str) -> None:
    """Reading and writing raise what names the repair, and nothing is written."""
    library = Library(tmp_path)
    write(library, new_document("/b.txt", BRIDGE))
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE facts SET value = ? WHERE name = 'revision'", (broken,))
    with pytest.raises(LibraryDamaged, match="--repair"):
        write(library, new_document("/h.txt", HARBOUR))
    with pytest.raises(LibraryDamaged, match="the fact revision"):
        _ = library.revision
    assert [d.uri for d in library.documents()] == ["/b.txt"]
    library.close()


def test_half_characters_are_refused_with_a_reason(library: Library) -> None:
    """Lone surrogates, as they come from broken JSON, are no text that can be kept or asked for."""
    for half in ("\ud800", "a\udcff"):
        with pytest.raises(UsageError, match="parts of characters"):
            library.text_of(half)
        with pytest.raises(UsageError, match="parts of characters"):
            write(library, new_document(f"/{half}.txt", BRIDGE))
    assert library.documents() == []


def test_unknown_document_names_the_command(library: Library) -> None:
    """An id the library does not hold is an error that says how to see the ids."""
    for ask in (library.document, library.text_of, library.passages_of, library.remove):
        with pytest.raises(UnknownDocument, match="footnote docs"):
            ask("nobody")


def test_two_libraries_have_two_identities(library: Library, tmp_path: Path) -> None:
    """A library keeps its identity, and another has another."""
    other = Library(tmp_path / "other")
    assert library.identity == library.identity
    assert library.identity != other.identity
    other.close()


def test_reader_cannot_write(library: Library, tmp_path: Path) -> None:
    """A library opened for reading refuses every write."""
    new = new_document("/n/a.txt", BRIDGE)
    write(library, new)
    reader = Library(tmp_path, read_only=True)
    with pytest.raises(StoreError):
        reader.remove("a-1")
    with pytest.raises(StoreError):
        write(reader, new_document("/n/b.txt", HARBOUR))
    assert [d.id for d in reader.documents()] == ["a-1"]
    reader.close()
