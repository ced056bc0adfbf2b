"""From a question to hits and evidence, over a real library and reranker with a fake embedder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.chunking import split_passages
from rag.library import Library, NewDocument
from rag.models.cross_encoder import CrossEncoder
from rag.retrieval import Found, Retriever
from rag.schema import Document, Hit, LoadedText

from .fakes import WordEmbedder
from .homes import open_home, words_of, write_files

TEXTS = {
    "bridge": "The Harwick Bridge was opened in 1932. Ada Morley designed it in Lancaster.",
    "granite": "Granite cools slowly, deep underground. Its crystals have time to grow.",
    "strike": "The strike delayed 41 ships in May. The union put the number at more than 60.",
    "orchestra": "The orchestra toured Japan in 2004. Its conductor praised the halls of Osaka.",
    "tea": "Tea reached the valley by mule. It was sold by weight, never by the cup.",
}
EMBEDDER = WordEmbedder()
RERANKER = CrossEncoder(threads=1)


class CountingReranker:
    """Finds all texts equally relevant, and tells which it has read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def relevance(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a zero for each text."""
        self.read += texts
        return np.zeros(len(texts), dtype=np.float32)

    def close(self) -> None:
        """Nothing to free."""


def new_document(name: str, text: str) -> NewDocument:
    """Return a document as `add` would write it."""
    loaded = LoadedText(text, name, "text/plain")
    chunks = split_passages(loaded, max_characters=200)
    digest = hashlib.sha256(text.encode()).hexdigest()
    document = Document(
        f"doc{name}", f"/{name}.txt", name, "text/plain", digest, len(text), len(chunks), "2025"
    )
    vectors = EMBEDDER.embed([text[c.start : c.end] for c in chunks])
    return NewDocument(
        document=document, loaded=loaded, chunks=chunks, vectors=vectors, folder=None
    )


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Return a library of five short documents."""
    library = Library(tmp_path / "home")
    for name, text in TEXTS.items():
        library.write(new_document(name, text), fingerprint=EMBEDDER.fingerprint)
    yield library
    library.close()


@pytest.fixture
def retriever(library: Library) -> Retriever:
    """Return a retriever that has no vector index and so searches all vectors."""
    return Retriever(library, None, EMBEDDER, RERANKER)


def titles(hits: list[Hit]) -> list[str]:
    """Return the titles of the hits' documents, best first."""
    return [hit.passage.document.title for hit in hits]


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Who designed the Harwick Bridge?", "bridge"),
        ("Why are the crystals of granite large?", "granite"),
        ("How many ships did the strike delay?", "strike"),
        ("Where did the orchestra tour?", "orchestra"),
        ("How was tea sold in the valley?", "tea"),
    ],
)
def test_the_right_passage_comes_first(retriever: Retriever, question: str, title: str):
    """And scores fall from the best on."""
    hits = retriever.search(question, k=5)
    assert titles(hits)[0] == title
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_scores_have_the_ranges_they_promise(retriever: Retriever):
    """Fused 0 to 1, a cosine, and BM25 above zero or None."""
    for hit in retriever.search("Who designed the Harwick Bridge?", k=5):
        assert 0.0 <= hit.score <= 1.0
        assert hit.dense is None or -1.001 <= hit.dense <= 1.001
        assert hit.lexical is None or hit.lexical > 0


def test_a_passage_without_a_word_of_the_question_has_no_lexical_score(retriever: Retriever):
    """None, for it is not zero but absent."""
    hits = retriever.search("granite crystals", k=5)
    lexical = {hit.passage.document.title: hit.lexical for hit in hits}
    assert lexical["granite"] is not None
    assert lexical["orchestra"] is None


def test_no_more_than_k_hits(retriever: Retriever):
    """And no passage twice."""
    hits = retriever.search("the bridge and the strike", k=2)
    assert len({hit.passage.id for hit in hits}) == len(hits) == 2


def test_a_search_is_limited_to_the_named_documents(retriever: Retriever):
    """By meaning and by words."""
    hits = retriever.search("Who designed the Harwick Bridge?", k=5, documents=["doctea"])
    assert titles(hits) == ["tea"]
    assert retriever.search("Who designed the Harwick Bridge?", k=5, documents=[]) == []


def test_the_order_is_always_the_same(retriever: Retriever, library: Library):
    """Equal scores are told apart by something that does not change."""
    library.write(new_document("twin", TEXTS["tea"]), fingerprint=EMBEDDER.fingerprint)
    first = retriever.search("tea", k=5)
    assert all(retriever.search("tea", k=5) == first for _ in range(3))


def test_a_new_document_is_found_at_once(retriever: Retriever, library: Library):
    """And a removed one is not found any more."""
    retriever.search("lighthouse", k=5)
    library.write(
        new_document("light", "The lighthouse keeper plays chess."),
        fingerprint=EMBEDDER.fingerprint,
    )
    assert titles(retriever.search("lighthouse keeper", k=1)) == ["light"]
    library.remove("doclight")
    assert "light" not in titles(retriever.search("lighthouse keeper", k=5))


def test_an_empty_library_has_no_hits(tmp_path: Path):
    """And no signals, which is not the same as weak ones."""
    library = Library(tmp_path / "empty")
    retriever = Retriever(library, None, EMBEDDER, RERANKER)
    assert retriever.search("anything", k=5) == []
    found = retriever.begun("anything").find(5, 5)
    assert (found.hits, found.evidence, found.signals) == ((), (), None)
    library.close()


@pytest.mark.parametrize("question", ["?", "is it", '"', "AND OR NOT", "a* NEAR(b)", "x" * 3000])
def test_any_question_can_be_searched(retriever: Retriever, question: str):
    """No word or sign of a question means anything to the database."""
    assert len(retriever.begun(question).find(3, 2).hits) == 3


def test_evidence_is_ranked_sentences_of_the_hits(retriever: Retriever):
    """The sentence with the answer first, each with exact offsets."""
    found = retriever.begun("Who designed it in Lancaster?").find(3, 4)
    assert found.evidence[0].text == "Ada Morley designed it in Lancaster."
    assert len(found.evidence) == 4
    hits = {hit.passage.id for hit in found.hits}
    for item in found.evidence:
        assert item.passage.id in hits
        start = item.start - item.passage.start
        assert item.passage.text[start : start + len(item.text)] == item.text
    assert [e.score for e in found.evidence] == sorted(
        (e.score for e in found.evidence), reverse=True
    )


def test_find_and_search_agree(retriever: Retriever):
    """The same passages in the same order."""
    question = "How many ships did the strike delay?"
    assert list(retriever.begun(question).find(3, 3).hits) == retriever.search(question, k=3)


def test_documents_can_be_set_aside(retriever: Retriever):
    """What is found then is of the others, as if they alone had been read."""
    search = retriever.begun("Who designed the Harwick Bridge, which was opened in 1932?")
    assert search.find(3, 3).hits[0].passage.document.id == "docbridge"
    beside = search.find(3, 3, without={"docbridge"})
    assert "docbridge" not in {hit.passage.document.id for hit in beside.hits}
    assert "docbridge" not in {e.passage.document.id for e in beside.evidence}
    assert len(beside.hits) == 3
    everything = {f"doc{name}" for name in TEXTS}
    assert search.find(3, 3, without=everything) == Found((), (), None)


def test_what_is_read_once_is_not_read_again(library: Library):
    """Beside documents that are set aside, only what was not read before is."""
    reranker = CountingReranker()
    search = Retriever(library, None, EMBEDDER, reranker).begun("When did tea reach the valley?")
    search.find(5, 10)
    beside = search.find(5, 10, without={"doctea"})
    assert {e.text for e in beside.evidence} <= set(reranker.read)
    assert len(set(reranker.read)) == len(reranker.read)


def test_signals_tell_an_answer_from_none(retriever: Retriever):
    """Each share is a share, and a question on what is there has the higher ones."""
    there = retriever.begun("Who designed the Harwick Bridge?").find(3, 3).signals
    absent = retriever.begun("Who painted zebras in Zanzibar?").find(3, 3).signals
    assert there is not None
    assert absent is not None
    assert there.relevance > absent.relevance
    assert there.unrelated < absent.unrelated
    assert 0.0 <= absent.evidence_coverage < there.evidence_coverage <= 1.0


class StaleIndex:
    """A vector index that still knows a passage which the library does not hold."""

    def search(
        self, vector: object, *, limit: int, documents: object = None
    ) -> list[tuple[str, float]]:
        return [("docgone-0", 0.99), ("docbridge-0", 0.5)]


def test_a_stale_entry_of_the_index_is_dropped(library: Library):
    """The library decides what there is."""
    retriever = Retriever(library, StaleIndex(), EMBEDDER, RERANKER)  # type: ignore[arg-type]
    assert "gone" not in titles(retriever.search("harwick", k=5))
    assert titles(retriever.search("harwick", k=5))[0] == "bridge"


class AbsentIndex:
    """A vector index that is not ready."""

    def search(self, vector: object, *, limit: int, documents: object = None) -> None:
        return None


def test_without_a_ready_index_all_vectors_are_searched(library: Library, retriever: Retriever):
    """With the same result as without any."""
    other = Retriever(library, AbsentIndex(), EMBEDDER, RERANKER)  # type: ignore[arg-type]
    question = "Where did the orchestra tour?"
    assert other.search(question, k=5) == retriever.search(question, k=5)


@pytest.mark.parametrize("topic", ["Benefits of the canal\n\n", "What benefits has the canal? "])
def test_a_topic_is_no_evidence_where_a_sentence_is(
    library: Library, retriever: Retriever, topic: str
) -> None:
    """A heading or a question like the one asked ranks below the sentence that tells more."""
    text = f"{topic}The canal has benefits: trade grew and floods became rare."
    library.write(new_document("canal", text), fingerprint=EMBEDDER.fingerprint)
    found = retriever.begun("Which benefits did the canal bring to trade?").find(3, 3)
    assert found.evidence[0].text.startswith("The canal has benefits")


@pytest.mark.parametrize(("year", "missing"), [("1932", 0.0), ("1999", 1.0)])
def test_a_year_that_no_passage_names_is_told(
    retriever: Retriever, year: str, missing: float
) -> None:
    """A question about another year than the evidence is about is no match."""
    found = retriever.begun(f"Who opened the Harwick Bridge in {year}?").find(3, 3)
    assert found.signals is not None
    assert found.signals.year_missing == missing


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("Did Ada Morley design the bridge?", 0.0),
        ("Did Ada Morly design the Harwik Bridge?", 0.0),
        ("Did Winston Churchill open the Harwick Bridge?", 1.0),
        ("How Many Oranges Does The Harwick Bridge Carry?", 0.0),
        ("how many oranges does it carry?", 0.0),
    ],
)
def test_a_name_that_no_passage_has_is_told(
    retriever: Retriever, question: str, missing: float
) -> None:
    """Not for a slip of spelling, nor where capital letters say nothing."""
    found = retriever.begun(question).find(3, 3)
    assert found.signals is not None
    assert found.signals.name_missing == missing


def test_as_many_are_found_as_are_asked_for(tmp_path: Path) -> None:
    """Also more than are looked at for an answer."""
    files = write_files(tmp_path / "files", **{f"f{n}": words_of(30, seed=n) for n in range(160)})
    with open_home(tmp_path / "home") as assistant:
        assistant.add(files)
        assert len(assistant.search("a question of other words", k=150)) == 150
