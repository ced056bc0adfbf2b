"""From fused candidates to passages and sentences in their final order.

Knows nothing of how candidates are found. What is cheap to know of a sentence (its
passage's score, its cosine, its words) decides which few are read together with the
question; what that reading says decides their order.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag.expecting import Kind, has_kind
from rag.library import Entry
from rag.ranking import Scale, bm25, scale_of
from rag.schema import Embedder, Evidence, Reranker
from rag.words import terms

# Passages whose sentences may be read: the best by fused score, no further from the first
# than this (in deviations). What lies deeper seldom holds the answer.
DEEPEST, NEAR = 12, 3.0
# Sentences that are read with the question: 4 to 5 ms each.
READ = 20
# The log-odds of a sentence that was not read: that of one on something else.
UNREAD = -11.0
# Weight of the best sentence's log-odds beside its passage's fused score.
RELEVANCE_WEIGHT = 0.8
# What a sentence loses that lacks the kind of thing the question asks for.
KIND_PENALTY = 0.7
# What a heading or a question loses: it names a topic and says nothing of it.
TOPIC_PENALTY = 2.5
_HEADING_LENGTH = 80
# Passages whose sentences' vectors are kept: some 15 MB.
_KEPT_PASSAGES = 1000
# Readings that are kept: whoever searches often goes on to ask the same question.
_KEPT_READINGS = 16


@dataclass(frozen=True)
class Query:
    """A question with what its candidates are scored by."""

    question: str
    kind: Kind | None
    vector: NDArray[np.float32]
    weights: Mapping[str, float]
    words: tuple[str, ...]
    documents: tuple[str, ...] | None


@dataclass(frozen=True)
class Candidate:
    """A passage with its scores; `score` is the final one."""

    entry: Entry
    dense: float
    lexical: float
    fused: float
    terms: tuple[str, ...]
    score: float = 0.0


@dataclass(frozen=True)
class ScoredSentence:
    """A sentence of a candidate; `relevance` are log-odds, `fits` whether it has the kind."""

    evidence: Evidence
    relevance: float
    terms: tuple[str, ...]
    fits: bool


class SentenceReader:
    """Reads the sentences of the best candidates with the question."""

    def __init__(self, embedder: Embedder, reranker: Reranker) -> None:
        self._vectors = _SentenceVectors(embedder)
        self._reranker = reranker
        self._lock = threading.Lock()
        self._readings: OrderedDict[tuple[str, tuple[str, ...]], tuple[float, ...]] = OrderedDict()

    def read(self, query: Query, ranked: Sequence[Candidate]) -> list[ScoredSentence]:
        """Return the sentences of the best of the ranked candidates, none for none.

        Their order and scores are the cheap ones.
        """
        near = [c for c in ranked[:DEEPEST] if c.fused >= ranked[0].fused - NEAR]
        cheap = self._cheaply(query, near)
        read = cheap[:READ]
        relevance = self._relevance(query.question, tuple(s.evidence.text for s in read))
        known = [replace(s, relevance=r) for s, r in zip(read, relevance, strict=True)]
        return known + cheap[READ:]

    def _relevance(self, question: str, texts: tuple[str, ...]) -> tuple[float, ...]:
        with self._lock:
            known = self._readings.get((question, texts))
        if known is None:
            known = tuple(map(float, self._reranker.relevance(question, texts)))
            with self._lock:
                self._readings[question, texts] = known
                while len(self._readings) > _KEPT_READINGS:
                    self._readings.popitem(last=False)
        return known

    def _cheaply(self, query: Query, near: Sequence[Candidate]) -> list[ScoredSentence]:
        if not near:
            return []
        spans = [(c, *place) for c in near for place in c.entry.sentences]
        texts = [text for c in near for text in texts_of(c.entry)]
        # Of so few all are read, and nothing need be embedded to choose among them.
        chooses = len(texts) > READ
        cosines = self._cosines(query, near) if chooses else np.zeros(len(texts), np.float32)
        found = [tuple(terms(text)) for text in texts]
        mean_length = sum(map(len, found)) / len(found)
        lexical = [bm25(query.weights, t, mean_length) for t in found]
        dense_scale, lexical_scale = _pool(cosines.tolist()), _pool(lexical)
        scored = []
        for (candidate, start, end), text, cosine, matched, found_terms in zip(
            spans, texts, cosines.tolist(), lexical, found, strict=True
        ):
            fits, penalty = _judged(query, text)
            score = candidate.fused + dense_scale.z(cosine) + lexical_scale.z(matched) - penalty
            evidence = Evidence(candidate.entry.passage, start, end, text, score)
            scored.append(ScoredSentence(evidence, UNREAD, found_terms, fits))
        return sorted(scored, key=lambda s: -s.evidence.score)

    def _cosines(self, query: Query, near: Sequence[Candidate]) -> NDArray[np.float32]:
        rows = np.concatenate([self._vectors.of(candidate.entry) for candidate in near])
        return np.asarray(rows @ query.vector, dtype=np.float32)


def reranked(ranked: Sequence[Candidate], read: Sequence[ScoredSentence]) -> list[Candidate]:
    """Return the candidates in their final order, best first.

    The score adds to what was fused the log-odds of the best sentence.
    """
    best: dict[str, float] = {}
    for sentence in read:
        identity = sentence.evidence.passage.id
        best[identity] = max(sentence.relevance, best.get(identity, UNREAD))
    scored = [
        replace(c, score=c.fused + RELEVANCE_WEIGHT * best.get(c.entry.passage.id, UNREAD))
        for c in ranked
    ]
    return sorted(scored, key=lambda c: (-c.score, c.entry.passage.id))


def evidence_among(
    query: Query, best: Sequence[Candidate], read: Sequence[ScoredSentence]
) -> list[ScoredSentence]:
    """Return all sentences of the best candidates with their final scores, best first."""
    known = {(s.evidence.passage.id, s.evidence.start): s for s in read}
    # The cheap order settles what the reading leaves open: it is kept by the stable sort.
    order = {key: n for n, key in enumerate(known)}
    found: list[tuple[float, int, int, ScoredSentence]] = []
    for candidate in best:
        passage = candidate.entry.passage
        for (start, end), text in zip(
            candidate.entry.sentences, texts_of(candidate.entry), strict=True
        ):
            key = passage.id, start
            fits, penalty = _judged(query, text)
            relevance = known[key].relevance if key in known else UNREAD
            evidence = Evidence(passage, start, end, text, candidate.score + relevance - penalty)
            item = ScoredSentence(evidence, relevance, tuple(terms(text)), fits)
            found.append((-evidence.score, order.get(key, len(order)), len(found), item))
    return [item for *_, item in sorted(found, key=lambda f: f[:3])]


def texts_of(entry: Entry) -> list[str]:
    """Return the sentences of a passage."""
    passage = entry.passage
    return [passage.text[s - passage.start : e - passage.start] for s, e in entry.sentences]


def _judged(query: Query, text: str) -> tuple[bool, float]:
    """Return whether a sentence has the kind of thing that is asked for, and what it loses."""
    fits = query.kind is None or has_kind(text, query.kind, question=query.question)
    is_topic = text.endswith("?") or (len(text) < _HEADING_LENGTH and text[-1].isalnum())
    return fits, (0.0 if fits else KIND_PENALTY) + (TOPIC_PENALTY if is_topic else 0.0)


def _pool(scores: Sequence[float]) -> Scale:
    return scale_of(scores, prior=Scale(sum(scores) / len(scores), 0.1), weight=2)


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
        rows = self._embedder.embed(texts_of(entry))
        with self._lock:
            self._kept[identity] = rows
            while len(self._kept) > _KEPT_PASSAGES:
                self._kept.popitem(last=False)
        return rows
