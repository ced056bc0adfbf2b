"""What tells, before any language model is asked, whether the documents hold an answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from rag.expecting import years
from rag.ranking import coverage
from rag.reranking import Candidate, Query, ScoredSentence
from rag.schema import Evidence
from rag.words import content_words, names, terms, words

# How like two spellings of a name must be, 0 to 1 (difflib's ratio): ARPNET is ARPANET.
_LIKE = 0.8
# Best sentences that are looked at, and among which one must have the kind of thing that is
# asked for. How many are returned as evidence is another matter.
_DEPTH, _KIND_DEPTH = 5, 2


@dataclass(frozen=True)
class Signals:
    """Numbers by which the confidence is judged."""

    relevance: float
    """Log-odds of the best sentence, read with the question."""
    unrelated: float
    """How far these lie below zero, 0 where they do not: near misses are relevant, too."""
    evidence_coverage: float
    """Share of the weight of the question's words that the evidence has, 0 to 1."""
    kind_missing: float
    """1 when the question asks for a number, name, ... and no evidence has one, else 0."""
    year_missing: float
    """1 when the question names a year that no passage with evidence names, else 0."""
    name_missing: float
    """1 when the question names somebody or something that no passage near it names, else 0."""


def signals_of(
    query: Query, ranked: Sequence[Candidate], scored: Sequence[ScoredSentence]
) -> Signals:
    """Return the signals of candidates and sentences, both best first and not empty."""
    best = scored[:_DEPTH]
    evidence_terms = [term for item in best for term in item.terms]
    years_around = _years_around(item.evidence for item in best)
    relevance = max(item.relevance for item in scored)
    return Signals(
        relevance=relevance,
        unrelated=max(0.0, -relevance),
        evidence_coverage=coverage(query.weights, evidence_terms),
        kind_missing=float(not any(item.fits for item in scored[:_KIND_DEPTH])),
        year_missing=float(not years(query.question) <= years_around),
        name_missing=float(_has_unknown_name(query.question, ranked)),
    )


def _has_unknown_name(question: str, ranked: Sequence[Candidate]) -> bool:
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


def _years_around(evidence: Iterable[Evidence]) -> set[str]:
    passages = {e.passage.id: e.passage for e in evidence}.values()
    return {
        year
        for p in passages
        for text in (p.text, p.heading or "", p.document.title)
        for year in years(text)
    }
