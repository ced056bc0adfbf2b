"""Cases, outcomes and reports made by hand, in a few words.

Knows nothing of how they are scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.cases import Case, Evidence
from eval.locating import Kind, Located, Place
from eval.metrics.spans import Span
from eval.outcomes import Cited, FoundPassage, Outcome
from eval.report import Report, ScoredCase
from eval.scoring import Scores, Summary, score
from rag import Answer, Citation, Document, Sentence, Usage
from rag.schema import Verdict

A = "a.txt"


def quote(start: int, end: int, document: str = A, *, page: int | None = None) -> Place:
    """Return a place with a quote, graded 1."""
    return place(start, end, document, page=page)


def whole(document: str, relevance: int = 1) -> Place:
    """Return a whole document as a place."""
    return place(0, 1000, document, kind="document", relevance=relevance)


def place(
    start: int,
    end: int,
    document: str = A,
    *,
    kind: Kind = "quote",
    page: int | None = None,
    relevance: int = 1,
) -> Place:
    """Return a place that an answer may rest on."""
    return Place(Span(document, start, end), kind, page, relevance)


def passage(start: int, end: int, document: str = A, *, page: int | None = None) -> FoundPassage:
    """Return a passage whose id tells where it stands."""
    return FoundPassage(f"{document} {start}", Span(document, start, end), page, 0.5, "")


def answer(
    text: str = "It is gold. [1]",
    *,
    answered: bool = True,
    confidence: float = 0.9,
    quotes: Sequence[str] = (),
    verdicts: Sequence[Verdict] = (),
    timings: Mapping[str, float] | None = None,
    usage: Usage | None = None,
) -> Answer:
    """Return an answer that quotes these words of one document."""
    document = Document("d1", "/a.txt", "", "text/plain", "0" * 64, 1000, 1, "2025-01-01")
    citations = tuple(
        Citation(number, document, "d1-0", 0, len(words), None, words)
        for number, words in enumerate(quotes, start=1)
    )
    sentences = tuple(Sentence("It is gold.", (), verdict) for verdict in verdicts)
    return Answer(
        question="What is it?",
        searched_for="What is it?",
        text=text,
        answered=answered,
        confidence=confidence,
        sentences=sentences,
        citations=citations,
        hits=(),
        model="writer",
        timings=timings or {},
        usage=usage or Usage(),
    )


def refusal(confidence: float = 0.1) -> Answer:
    """Return a refusal, whose text would be right if it counted."""
    return answer("I do not know whether it is gold.", answered=False, confidence=confidence)


def outcome(
    name: str = "c1",
    *needs: Sequence[Place],
    golds: Sequence[str | Sequence[str]] = (),
    answerable: bool = True,
    tags: Sequence[str] = (),
    cluster: str | None = None,
    passages: Sequence[FoundPassage] = (),
    sentences: Sequence[tuple[int, int]] = (),
    cited: Sequence[tuple[int, int]] = (),
    inexact: Sequence[tuple[int, int]] = (),
    depth: int = 20,
    **fields: Any,
) -> Outcome:
    """Return what became of a case that needs these places; each need is a list of them.

    `sentences`, and the exact and inexact citations, are (start, end) in the document A.
    """
    case = Case(
        id=name,
        question=f"What is {name}?",
        answers=tuple(golds),  # type: ignore[arg-type]
        evidence=(Evidence(document=A),) if answerable else (),
        answerable=answerable,
        tags=tuple(tags),
    )
    citations = [Cited(Span(A, *ends), None, True) for ends in cited]
    citations += [Cited(Span(A, *ends), None, False) for ends in inexact]
    return Outcome(
        case,
        cluster or name,
        Located(tuple(tuple(need) for need in needs)),
        depth=depth,
        passages=tuple(passages),
        sentences=tuple(Span(A, *ends) for ends in sentences),
        citations=tuple(citations),
        **fields,
    )


def scores_of(made: Outcome) -> Scores:
    """Return the metrics of one case that apply to it."""
    (scores,) = score([made]).values()
    return {name: value for name, value in scores.items() if value is not None}


def report(
    metric: str,
    values: Sequence[float | None],
    clusters: Sequence[str] | None = None,
    *,
    judge: str | None = None,
) -> Report:
    """Return the report of a run of which one metric is known; cases are named 0, 1, ..."""
    names = [str(number) for number in range(len(values))]
    cases = {
        name: ScoredCase(f"What is {name}?", cluster, {metric: value})
        for name, cluster, value in zip(names, clusters or names, values, strict=True)
    }
    return Report(1, {"judge": judge}, Summary(len(cases), len(cases), {}, {}, {}, {}), cases)
