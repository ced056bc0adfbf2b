"""From fused candidates to passages and sentences in their final order.

Knows nothing of how candidates are found. What is cheap to know of a sentence (its
passage's score, its cosine, its words) decides which few are read together with the
question; what that reading says decides their order.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
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
# Sentences that are read with the question: 3 to 4 ms each on 2 cores.
READ = 20
# Those of other documents that are read beside them. Of the 76 other answers that reading 20
# brings up in the attacks of `footnote eval --attacks`, this brings up all; 6 lose five.
READ_AGAIN = 10
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
    penalty: float
    terms: tuple[str, ...]
    fits: bool

    def scored(self, score: float) -> ScoredSentence:
        """Return the sentence with a score."""
        return replace(self, evidence=replace(self.evidence, score=score))


class SentenceReader:
    """Reads the sentences of the best candidates with the question."""

    def __init__(self, embedder: Embedder, reranker: Reranker) -> None:
        self._embedder, self._reranker = embedder, reranker
        self._vectors = _Kept(_KEPT_PASSAGES)
        self._readings = _Kept(_KEPT_READINGS)

    def read(
        self, query: Query, ranked: Sequence[Candidate], *, known: Mapping[str, float] | None = None
    ) -> list[ScoredSentence]:
        """Return the sentences of the best of the ranked candidates, none for none.

        Their order and scores are the cheap ones. The first of them are read with the question,
        but for those whose log-odds are `known`, by their text: from an earlier reading.
        """
        most = READ_AGAIN if known else READ
        near = [c for c in ranked[:DEEPEST] if c.fused >= ranked[0].fused - NEAR]
        cheap = self._cheaply(query, near)
        relevance = dict(known or {})
        wanted = dict.fromkeys(s.evidence.text for s in cheap[:most])
        texts = tuple(text for text in wanted if text not in relevance)
        relevance |= zip(texts, self._relevance(query.question, texts).tolist(), strict=True)
        return [replace(s, relevance=relevance.get(s.evidence.text, UNREAD)) for s in cheap]

    def _relevance(self, question: str, texts: tuple[str, ...]) -> NDArray[np.float32]:
        return self._readings.of(
            (question, texts), lambda: self._reranker.relevance(question, texts)
        )

    def _cheaply(self, query: Query, near: Sequence[Candidate]) -> list[ScoredSentence]:
        if not near:
            return []
        found = [(c, sentence) for c in near for sentence in _unread(query, c)]
        # Of so few all are read, and nothing need be embedded to choose among them.
        chooses = len(found) > READ
        cosines = self._cosines(query, near) if chooses else np.zeros(len(found), np.float32)
        mean_length = sum(len(sentence.terms) for _, sentence in found) / len(found)
        lexical = [bm25(query.weights, sentence.terms, mean_length) for _, sentence in found]
        dense_scale, lexical_scale = _pool(cosines.tolist()), _pool(lexical)
        scored = [
            sentence.scored(
                candidate.fused
                + dense_scale.z(cosine)
                + lexical_scale.z(matched)
                - sentence.penalty
            )
            for (candidate, sentence), cosine, matched in zip(
                found, cosines.tolist(), lexical, strict=True
            )
        ]
        return sorted(scored, key=lambda s: -s.evidence.score)

    def _cosines(self, query: Query, near: Sequence[Candidate]) -> NDArray[np.float32]:
        rows = np.concatenate([self._vectors_of(candidate.entry) for candidate in near])
        return np.asarray(rows @ query.vector, dtype=np.float32)

    def _vectors_of(self, entry: Entry) -> NDArray[np.float32]:
        # A passage by itself: vectors of a quantised model depend on what else is in the
        # batch, and must not depend on what was asked before.
        return self._vectors.of(entry.passage.id, lambda: self._embedder.embed(texts_of(entry)))


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
    known = {sentence.evidence.passage.id for sentence in read}
    scores = {candidate.entry.passage.id: candidate.score for candidate in best}
    found = [s for s in read if s.evidence.passage.id in scores]
    for candidate in best:
        if candidate.entry.passage.id not in known:
            found += _unread(query, candidate)
    final = [s.scored(scores[s.evidence.passage.id] + s.relevance - s.penalty) for s in found]
    # The cheap order, in which they come, settles what the reading leaves open.
    return sorted(final, key=lambda s: -s.evidence.score)


def is_topic(text: str) -> bool:
    """Tell whether a text looks like a heading or a question."""
    return text.endswith("?") or (len(text) < _HEADING_LENGTH and text[-1].isalnum())


def texts_of(entry: Entry) -> list[str]:
    """Return the sentences of a passage."""
    passage = entry.passage
    return [passage.text[s - passage.start : e - passage.start] for s, e in entry.sentences]


def _unread(query: Query, candidate: Candidate) -> list[ScoredSentence]:
    """Return the sentences of a candidate as they are before they are read, without a score."""
    entry, found = candidate.entry, []
    for (start, end), text in zip(entry.sentences, texts_of(entry), strict=True):
        fits = query.kind is None or has_kind(text, query.kind, question=query.question)
        penalty = (0.0 if fits else KIND_PENALTY) + (TOPIC_PENALTY if is_topic(text) else 0.0)
        evidence = Evidence(entry.passage, start, end, text, 0.0)
        found.append(ScoredSentence(evidence, UNREAD, penalty, terms(text), fits))
    return found


def _pool(scores: Sequence[float]) -> Scale:
    return scale_of(scores, prior=Scale(sum(scores) / len(scores), 0.1), weight=2)


class _Kept:
    """What was computed last, by what it was computed from; may be used by several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, NDArray[np.float32]] = OrderedDict()

    def of(self, key: Hashable, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return what is kept under a key, made anew if nothing is."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made
