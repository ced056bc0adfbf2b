"""From a sentence of an answer to the exact quotes it rests on, and a verdict. Pure.

Knows nothing of models: a sentence is judged by what it shares with a source, so that a
wrong number or a name from nowhere can never pass as supported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.schema import Evidence, Verdict
from rag.words import fold, names, negations, numbers, terms, words

# Shares of a sentence's terms that its quotes must hold, fitted by hand on answers of the
# embedded model; the words of the question are free, for an answer may repeat them.
_SUPPORTED, _PARTIAL = 0.7, 0.4
_MARKER = re.compile(r"\[(\d{1,3})\]")
# A second quote must bring at least this share of the terms to be worth showing.
_WORTHWHILE = 0.15


@dataclass(frozen=True)
class Support:
    """What a sentence rests on: the verdict, and the evidence to quote, best first."""

    verdict: Verdict
    evidence: tuple[Evidence, ...]
    coverage: float


@dataclass(frozen=True)
class _Claim:
    terms: frozenset[str]
    free: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    denies: bool
    told: frozenset[str]


def verify(sentence: str, evidence: Sequence[Evidence], *, question: str) -> Support:
    """Judge a sentence by the evidence: one quote where that is enough, two where not."""
    claim = _claim(sentence, question)
    if not evidence or not (claim.terms or claim.numbers):
        return Support("unsupported", (), 0.0)
    ranked = sorted(evidence, key=lambda e: -_coverage(claim, [e.text]))
    best = ranked[0]
    single = _judge(claim, [best])
    if single.verdict == "supported":
        return single
    pairs = [_judge(claim, [best, other]) for other in ranked[1:12] if _is_near(best, other)]
    worthwhile = [
        pair
        for pair in pairs
        if pair.coverage >= single.coverage + _WORTHWHILE or pair.verdict == "supported"
    ]
    return max([single, *worthwhile], key=lambda s: (_RANK[s.verdict], s.coverage))


def without_markers(text: str) -> str:
    """Return a text in which no [n] can be taken for a marker of ours."""
    return _MARKER.sub(r"(\1)", text)


def markers(text: str) -> list[int]:
    """Return the numbers of the markers in a text, in order."""
    return [int(number) for number in _MARKER.findall(text)]


def with_markers(sentence: str, numbers: Iterable[int]) -> str:
    """Return a sentence followed by its markers."""
    marks = "".join(f"[{number}]" for number in numbers)
    return f"{sentence} {marks}" if marks else sentence


_RANK: dict[Verdict, int] = {"unsupported": 0, "partial": 1, "supported": 2}


def _claim(sentence: str, question: str) -> _Claim:
    said = frozenset(terms(sentence))
    asked = frozenset(terms(question))
    return _Claim(
        terms=said,
        free=said & asked,
        numbers=frozenset(numbers(sentence)),
        names=frozenset(names(sentence)),
        denies=negations(sentence) > 0,
        told=said - asked,
    )


def _coverage(claim: _Claim, texts: Sequence[str]) -> float:
    """Return the share of what the sentence tells that the texts hold, 0 to 1."""
    held = {term for text in texts for term in terms(text)}
    needed = claim.told or claim.terms
    if not needed:
        return float(claim.numbers <= _numbers(texts))
    return len(needed & held) / len(needed)


def _judge(claim: _Claim, evidence: Sequence[Evidence]) -> Support:
    texts = [e.text for e in evidence]
    share = _coverage(claim, texts)
    held = {term for text in texts for term in terms(text)}
    overlap = len(claim.terms & held) / len(claim.terms) if claim.terms else share
    sound = (
        claim.numbers <= _numbers(texts)
        and _names_hold(claim, evidence)
        and _denial_holds(claim, texts)
    )
    if share >= _SUPPORTED and overlap >= _PARTIAL and sound:
        verdict: Verdict = "supported"
    elif share >= _PARTIAL and overlap >= _PARTIAL / 2:
        verdict = "partial"
    else:
        verdict = "unsupported"
    return Support(verdict, tuple(evidence) if verdict != "unsupported" else (), share)


def _numbers(texts: Sequence[str]) -> set[str]:
    return {number for text in texts for number in numbers(text)}


def _names_hold(claim: _Claim, evidence: Sequence[Evidence]) -> bool:
    """A name must stand in the quotes, or in the question and around the quotes."""
    quoted = {part for e in evidence for part in _folded_words(e.text)}
    around = {
        part
        for e in evidence
        for text in (e.passage.text, e.passage.heading or "", e.passage.document.title)
        for part in _folded_words(text)
    }
    return all(
        name in quoted or (name in around and set(terms(name)) <= claim.free)
        for name in claim.names
    )


def _folded_words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", fold(text)))


def _denial_holds(claim: _Claim, texts: Sequence[str]) -> bool:
    """A sentence denies exactly when its quotes do, in the stretch that it repeats."""
    denied = any(negations(_stretch(claim, text)) for text in texts)
    return denied == claim.denies


def _stretch(claim: _Claim, text: str) -> str:
    """Return the words of a text from the first to the last that the sentence shares."""
    found = words(text)
    shared = [n for n, word in enumerate(found) if claim.terms & set(terms(word))]
    return " ".join(found[shared[0] : shared[-1] + 1]) if shared else ""


def _is_near(best: Evidence, other: Evidence) -> bool:
    return best.passage.id != other.passage.id or best.start != other.start
