"""From a question to ranked hits, and on to ranked evidence sentences.

Knows nothing of language models. Passages are found by meaning (Chroma, or all vectors of
the library until it is ready) and by words (FTS5); both scores are normalised against
what passages of this library get by chance, then added.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.expecting import Kind, has_kind, kind_expected
from rag.library import Entry, Library, document_of
from rag.ranking import Scale, bm25, coverage, inverse_frequencies, logistic, scale_of
from rag.schema import Embedder, Evidence, Hit
from rag.words import content_words, names, terms, words

if TYPE_CHECKING:
    from rag.index import VectorIndex

# Passages taken from each of the two searches before they are fused.
CANDIDATES = 50
# Weight of the words' normalised score beside that of the meaning.
LEXICAL_WEIGHT = 0.5
# What a sentence loses that lacks the kind of thing the question asks for.
KIND_PENALTY = 0.7
# What a heading or a question loses: it names a topic and says nothing of it.
TOPIC_PENALTY = 2.5
_HEADING_LENGTH = 80
# Passages drawn to learn what score one gets by chance.
_SAMPLE = 512
# Passages whose sentences' vectors are kept: some 15 MB.
_KEPT_PASSAGES = 1000
_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d(?=\b|s\b)")
# How like two spellings of a name must be, 0 to 1 (difflib's ratio): ARPNET is ARPANET.
_LIKE = 0.8
# Best sentences among which one must have the kind of thing that is asked for.
_KIND_DEPTH = 2
# What cosine similarities and BM25 scores look like in a library nobody has seen yet.
_DENSE_PRIOR, _LEXICAL_PRIOR, _PRIOR_WEIGHT = Scale(0.10, 0.12), Scale(1.0, 1.5), 10
# The fused score at which `Hit.score` is one half, and how fast it rises there.
_MIDDLE, _STEEPNESS = 4.0, 0.7


@dataclass(frozen=True)
class Signals:
    """What tells whether the documents hold an answer.

    Cosines lie in -1..1, coverages (shares of the question's weight) in 0..1; passage and
    sentence scores count deviations from what passages of this library get by chance.
    """

    best_passage: float
    best_sentence: float
    margin: float
    passage_cosine: float
    sentence_cosine: float
    passage_coverage: float
    sentence_coverage: float
    evidence_coverage: float
    kind_missing: float
    """1 when the question asks for a number, name, ... and no evidence has one, else 0."""
    year_missing: float
    """1 when the question names a year that no passage with evidence names, else 0."""
    name_missing: float
    """1 when the question names somebody or something that no passage near it names, else 0."""


@dataclass(frozen=True)
class Found:
    """The hits for a question, best first, their best sentences, and the signals.

    `signals` is None when nothing was found.
    """

    hits: tuple[Hit, ...]
    evidence: tuple[Evidence, ...]
    signals: Signals | None


@dataclass(frozen=True)
class _Candidate:
    entry: Entry
    dense: float
    lexical: float
    fused: float
    terms: tuple[str, ...]


@dataclass(frozen=True)
class _Query:
    question: str
    kind: Kind | None
    vector: NDArray[np.float32]
    weights: Mapping[str, float]
    words: tuple[str, ...]
    documents: tuple[str, ...] | None


class Retriever:
    """Searches one library."""

    def __init__(self, library: Library, index: VectorIndex | None, embedder: Embedder) -> None:
        self._library = library
        self._index = index
        self._embedder = embedder
        self._vectors = _VectorCache(library)
        self._sentence_vectors = _SentenceVectors(embedder)

    def search(self, question: str, *, k: int, documents: Sequence[str] | None = None) -> list[Hit]:
        """Return the best `k` passages for a question, best first."""
        query = self._query(question, documents)
        return [_hit(candidate) for candidate in self._rank(query)[:k]]

    def find(
        self, question: str, *, k: int, sentences: int, documents: Sequence[str] | None = None
    ) -> Found:
        """Return the best `k` passages and the best sentences inside them."""
        query = self._query(question, documents)
        ranked = self._rank(query)
        best = ranked[:k]
        if not best:
            return Found((), (), None)
        scored = self._sentences(query, best)
        evidence = tuple(item.evidence for item in scored[:sentences])
        return Found(tuple(map(_hit, best)), evidence, _signals(query, ranked, scored, evidence))

    def _query(self, question: str, documents: Sequence[str] | None) -> _Query:
        found = set(terms(question))
        counts = self._library.passages_with(found)
        return _Query(
            question=question,
            kind=kind_expected(question),
            vector=self._embedder.embed([question])[0],
            weights=inverse_frequencies(counts, self._library.count()),
            words=tuple(content_words(question)),
            documents=None if documents is None else tuple(documents),
        )

    def _rank(self, query: _Query) -> list[_Candidate]:
        by_words = self._library.search_words(
            query.words, limit=CANDIDATES, documents=query.documents
        )
        by_meaning = self._by_meaning(query)
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
        return _fused(query, entries, cosines, dense_scale, self._library.count())

    def _by_meaning(self, query: _Query) -> list[tuple[str, float]]:
        found = None
        if self._index is not None:
            found = self._index.search(query.vector, limit=CANDIDATES, documents=query.documents)
        if found is None:
            return self._vectors.search(query.vector, CANDIDATES, query.documents)
        return found

    def _cosines(
        self, query: _Query, known: Mapping[str, float], entries: Mapping[str, Entry]
    ) -> dict[str, float]:
        missing = [i for i in entries if i not in known]
        vectors = self._library.vectors_of(missing)
        computed = {i: float(vector @ query.vector) for i, vector in vectors.items()}
        return {**known, **computed}

    def _sentences(self, query: _Query, best: Sequence[_Candidate]) -> list[_ScoredSentence]:
        spans = [(c, *place) for c in best for place in c.entry.sentences]
        texts = [text for c in best for text in _texts(c.entry)]
        vectors = [self._sentence_vectors.of(c.entry) for c in best]
        cosines = np.concatenate(vectors) @ query.vector
        found = [tuple(terms(text)) for text in texts]
        mean_length = sum(map(len, found)) / len(found)
        lexical = [bm25(query.weights, t, mean_length) for t in found]
        dense_scale, lexical_scale = _pool(cosines.tolist()), _pool(lexical)
        scored = []
        for (candidate, start, end), text, cosine, matched, found_terms in zip(
            spans, texts, cosines.tolist(), lexical, found, strict=True
        ):
            score = candidate.fused + dense_scale.z(cosine) + lexical_scale.z(matched)
            fits = query.kind is None or has_kind(text, query.kind, question=query.question)
            score -= 0.0 if fits else KIND_PENALTY
            score -= TOPIC_PENALTY if _is_topic(text) else 0.0
            evidence = Evidence(candidate.entry.passage, start, end, text, score)
            scored.append(_ScoredSentence(evidence, cosine, found_terms, fits))
        return sorted(scored, key=lambda s: -s.evidence.score)


@dataclass(frozen=True)
class _ScoredSentence:
    evidence: Evidence
    cosine: float
    terms: tuple[str, ...]
    fits: bool


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


class _SentenceVectors:
    """The vectors of the sentences of the passages that were found last."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def of(self, entry: Entry) -> NDArray[np.float32]:
        """Return one row for each sentence of a passage."""
        identity = entry.passage.id
        with self._lock:
            if identity in self._kept:
                self._kept.move_to_end(identity)
                return self._kept[identity]
        # A passage by itself: vectors of a quantised model depend on what else is in the
        # batch, and must not depend on what was asked before.
        rows = self._embedder.embed(_texts(entry))
        with self._lock:
            self._kept[identity] = rows
            while len(self._kept) > _KEPT_PASSAGES:
                self._kept.popitem(last=False)
        return rows


def _texts(entry: Entry) -> list[str]:
    passage = entry.passage
    return [passage.text[s - passage.start : e - passage.start] for s, e in entry.sentences]


def _fused(
    query: _Query,
    entries: Mapping[str, Entry],
    cosines: Mapping[str, float],
    dense_scale: Scale,
    total: int,
) -> list[_Candidate]:
    found = {i: tuple(terms(entry.passage.text)) for i, entry in entries.items()}
    mean_length = sum(map(len, found.values())) / len(found) if found else 0.0
    lexical = {i: bm25(query.weights, t, mean_length) for i, t in found.items()}
    # Passages that are no candidates have next to none of the words: they count as zero.
    chance = list(lexical.values()) + [0.0] * min(_SAMPLE, max(0, total - len(lexical)))
    lexical_scale = scale_of(chance, prior=_LEXICAL_PRIOR, weight=_PRIOR_WEIGHT)
    ranked = [
        _Candidate(
            entry,
            cosines[i],
            lexical[i],
            dense_scale.z(cosines[i]) + LEXICAL_WEIGHT * lexical_scale.z(lexical[i]),
            found[i],
        )
        for i, entry in entries.items()
    ]
    return sorted(ranked, key=lambda c: (-c.fused, c.entry.passage.id))


def _is_topic(text: str) -> bool:
    return text.endswith("?") or (len(text) < _HEADING_LENGTH and text[-1].isalnum())


def _pool(scores: Sequence[float]) -> Scale:
    return scale_of(scores, prior=Scale(sum(scores) / len(scores), 0.1), weight=2)


def _hit(candidate: _Candidate) -> Hit:
    score = logistic(_STEEPNESS * (candidate.fused - _MIDDLE))
    lexical = candidate.lexical if candidate.lexical > 0 else None
    return Hit(candidate.entry.passage, score, candidate.dense, lexical)


def _signals(
    query: _Query,
    ranked: Sequence[_Candidate],
    scored: Sequence[_ScoredSentence],
    evidence: Sequence[Evidence],
) -> Signals:
    first = ranked[0]
    evidence_terms = [t for item in scored[: len(evidence)] for t in item.terms]
    return Signals(
        best_passage=first.fused,
        best_sentence=scored[0].evidence.score,
        margin=first.fused - ranked[1].fused if len(ranked) > 1 else 0.0,
        passage_cosine=first.dense,
        sentence_cosine=max(item.cosine for item in scored),
        passage_coverage=coverage(query.weights, first.terms),
        sentence_coverage=max(coverage(query.weights, item.terms) for item in scored),
        evidence_coverage=coverage(query.weights, evidence_terms),
        kind_missing=float(not any(item.fits for item in scored[:_KIND_DEPTH])),
        year_missing=float(not _years(query.question) <= _years_around(evidence)),
        name_missing=float(_has_unknown_name(query.question, ranked)),
    )


def _has_unknown_name(question: str, ranked: Sequence[_Candidate]) -> bool:
    """Tell whether a name in the question stands in no candidate, nor one spelt much like it.

    All passages with a word of the question are candidates, as far as there are not too many.
    """
    if not any(word[0].islower() and content_words(word) for word in words(question)):
        return False  # Where Every Word Has a Capital, None Tells a Name
    known = {term for candidate in ranked for term in candidate.terms}
    for passage in (candidate.entry.passage for candidate in ranked):
        known.update(terms(f"{passage.heading or ''} {passage.document.title}"))
    unknown = {term for name in names(question) for term in terms(name)} - known
    return any(not get_close_matches(term, known, n=1, cutoff=_LIKE) for term in unknown)


def _years(text: str) -> set[str]:
    return set(_YEAR.findall(text))


def _years_around(evidence: Sequence[Evidence]) -> set[str]:
    passages = {e.passage.id: e.passage for e in evidence}.values()
    return {
        year
        for p in passages
        for text in (p.text, p.heading or "", p.document.title)
        for year in _years(text)
    }
