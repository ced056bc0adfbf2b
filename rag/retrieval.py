"""From a question to ranked hits, and on to ranked evidence sentences.

Knows nothing of language models. Passages are found by meaning (Chroma, or all vectors of
the library until it is ready) and by words (FTS5); both scores are normalised against
what passages of this library get by chance, then added; the sentences of the best are read
together with the question, which decides the order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.expecting import kind_expected
from rag.library import Entry, Library, document_of
from rag.ranking import Scale, bm25, inverse_frequencies, logistic, scale_of
from rag.reranking import (
    UNREAD,
    Candidate,
    Query,
    SentenceReader,
    evidence_among,
    reranked,
)
from rag.schema import Embedder, Evidence, Hit, Reranker
from rag.signals import Signals, signals_of
from rag.words import content_words, terms

if TYPE_CHECKING:
    from rag.index import VectorIndex

# Passages taken from each of the two searches before they are fused.
CANDIDATES = 50
# Weight of the words' normalised score beside that of the meaning.
LEXICAL_WEIGHT = 0.5
# Passages drawn to learn what score one gets by chance.
_SAMPLE = 512
# What cosine similarities and BM25 scores look like in a library nobody has seen yet.
_DENSE_PRIOR, _LEXICAL_PRIOR, _PRIOR_WEIGHT = Scale(0.10, 0.12), Scale(1.0, 1.5), 10
# The final score at which `Hit.score` is one half, and how fast it rises there.
_MIDDLE, _STEEPNESS = 4.0, 0.35


@dataclass(frozen=True)
class Found:
    """The hits for a question, best first, their best sentences, and the signals.

    `signals` is None when nothing was found. `seconds` went to finding candidates
    ("retrieval") and to reading their sentences ("evidence").
    """

    hits: tuple[Hit, ...]
    evidence: tuple[Evidence, ...]
    signals: Signals | None
    seconds: Mapping[str, float] = field(default_factory=dict)


class Retriever:
    """Searches one library."""

    def __init__(
        self,
        library: Library,
        index: VectorIndex | None,
        embedder: Embedder,
        reranker: Reranker,
    ) -> None:
        self._library = library
        self._index = index
        self._embedder = embedder
        self._vectors = _VectorCache(library)
        self._reader = SentenceReader(embedder, reranker)

    def search(self, question: str, *, k: int, documents: Sequence[str] | None = None) -> list[Hit]:
        """Return the best `k` passages for a question, best first."""
        search = self.begun(question, documents, most=max(CANDIDATES, k))
        ranked = reranked(search.fused, self._reader.read(search.query, search.fused))
        return [_hit(candidate) for candidate in ranked[:k]]

    def begun(
        self, question: str, documents: Sequence[str] | None = None, *, most: int = CANDIDATES
    ) -> Search:
        """Return a search among all `documents`, whose candidates are found but not yet read.

        By meaning and by words, `most` of each are found.
        """
        started = time.monotonic()
        query = self._query(question, documents)
        return Search(query, self._fused(query, most), self._reader, time.monotonic() - started)

    def _query(self, question: str, documents: Sequence[str] | None) -> Query:
        found = set(terms(question))
        counts = self._library.passages_with(found)
        return Query(
            question=question,
            kind=kind_expected(question),
            vector=self._embedder.embed([question])[0],
            weights=inverse_frequencies(counts, self._library.count()),
            words=tuple(content_words(question)),
            documents=None if documents is None else tuple(documents),
        )

    def _fused(self, query: Query, most: int) -> list[Candidate]:
        by_words = self._library.search_words(query.words, limit=most, documents=query.documents)
        by_meaning = self._by_meaning(query, most)
        ids = dict.fromkeys([i for i, _ in by_meaning] + [i for i, _ in by_words])
        entries = self._library.entries(ids)
        cosines = self._cosines(query, dict(by_meaning), entries)
        # A document may have been replaced between the two looks at the library.
        entries = {i: entry for i, entry in entries.items() if i in cosines}
        dense_scale = scale_of(
            (self._vectors.sample() @ query.vector).tolist() if entries else [],
            prior=_DENSE_PRIOR,
            weight=_PRIOR_WEIGHT,
        )
        return _fuse(query, entries, cosines, dense_scale, self._library.count())

    def _by_meaning(self, query: Query, most: int) -> list[tuple[str, float]]:
        found = None
        if self._index is not None:
            found = self._index.search(query.vector, limit=most, documents=query.documents)
        if found is None:
            return self._vectors.search(query.vector, most, query.documents)
        return found

    def _cosines(
        self, query: Query, known: Mapping[str, float], entries: Mapping[str, Entry]
    ) -> dict[str, float]:
        missing = [i for i in entries if i not in known]
        vectors = self._library.vectors_of(missing)
        computed = {i: float(vector @ query.vector) for i, vector in vectors.items()}
        return {**known, **computed}


class Search:
    """A search whose candidates are found; what it reads of them, it reads once."""

    def __init__(
        self, query: Query, fused: Sequence[Candidate], reader: SentenceReader, seconds: float
    ) -> None:
        self.query, self.fused = query, fused
        self._reader, self._seconds = reader, seconds
        self._read: dict[str, float] = {}

    def find(self, k: int, sentences: int, *, without: Collection[str] = ()) -> Found:
        """Return the best `k` passages and the best sentences inside them.

        Found is what is found among all documents, less what is in those of `without`.
        """
        started = time.monotonic()
        fused = [c for c in self.fused if c.entry.passage.document.id not in without]
        read = self._reader.read(self.query, fused, known=self._read)
        ranked = reranked(fused, read)
        best = ranked[:k]
        if not best:
            return Found((), (), None)
        self._read |= {s.evidence.text: s.relevance for s in read if s.relevance != UNREAD}
        scored = evidence_among(self.query, best, read)
        signals = signals_of(self.query, ranked, scored)
        evidence = tuple(item.evidence for item in scored[:sentences])
        seconds = {"retrieval": self._seconds, "evidence": time.monotonic() - started}
        return Found(tuple(map(_hit, best)), evidence, signals, seconds)


class _VectorCache:
    """The library's vectors in memory, loaded when first needed and after each change."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._all: tuple[int, list[str], NDArray[np.float32]] | None = None
        self._sample: tuple[int, NDArray[np.float32]] | None = None

    def search(
        self, vector: NDArray[np.float32], limit: int, documents: Sequence[str] | None
    ) -> list[tuple[str, float]]:
        ids, matrix = self._load()
        if not ids:
            return []
        scores = matrix @ vector
        if documents is not None:
            allowed = set(documents)
            outside = [n for n, i in enumerate(ids) if document_of(i) not in allowed]
            scores[outside] = -np.inf
        best = np.argsort(-scores, kind="stable")[:limit]
        return [(ids[n], float(scores[n])) for n in best if np.isfinite(scores[n])]

    def sample(self) -> NDArray[np.float32]:
        """Return up to 512 vectors spread over the library."""
        revision = self._library.revision
        with self._lock:
            if self._sample is None or self._sample[0] != revision:
                self._sample = revision, self._library.sample_vectors(_SAMPLE)
            return self._sample[1]

    def _load(self) -> tuple[list[str], NDArray[np.float32]]:
        revision = self._library.revision
        with self._lock:
            if self._all is None or self._all[0] != revision:
                self._all = revision, *self._library.vectors()
            return self._all[1], self._all[2]


def _fuse(
    query: Query,
    entries: Mapping[str, Entry],
    cosines: Mapping[str, float],
    dense_scale: Scale,
    total: int,
) -> list[Candidate]:
    found = {i: terms(entry.passage.text) for i, entry in entries.items()}
    mean_length = sum(map(len, found.values())) / len(found) if found else 0.0
    lexical = {i: bm25(query.weights, t, mean_length) for i, t in found.items()}
    # Passages that are no candidates have next to none of the words: they count as zero.
    chance = list(lexical.values()) + [0.0] * min(_SAMPLE, max(0, total - len(lexical)))
    lexical_scale = scale_of(chance, prior=_LEXICAL_PRIOR, weight=_PRIOR_WEIGHT)
    ranked = [
        Candidate(
            entry,
            cosines[i],
            lexical[i],
            dense_scale.z(cosines[i]) + LEXICAL_WEIGHT * lexical_scale.z(lexical[i]),
            found[i],
        )
        for i, entry in entries.items()
    ]
    return sorted(ranked, key=lambda c: (-c.fused, c.entry.passage.id))


def _hit(candidate: Candidate) -> Hit:
    score = logistic(_STEEPNESS * (candidate.score - _MIDDLE))
    lexical = candidate.lexical if candidate.lexical > 0 else None
    return Hit(candidate.entry.passage, score, candidate.dense, lexical)
