"""Hand-made outcomes of one document, for tests of what is made of outcomes."""

from __future__ import annotations

from eval.cases import Case, Evidence
from eval.locating import Located, Place
from eval.metrics.spans import Span
from eval.outcomes import Cited, FoundPassage, Outcome
from rag import Answer, Citation, Document, Hit, Passage, Sentence, Usage

TEXT = "The talks began late. The delegations met in Geneva on Tuesday. Nothing was signed."
QUOTE = "The delegations met in Geneva on Tuesday."
OTHER = "Nothing was signed."
NAME = "talks.txt"
DOCUMENT = Document("d1", f"/x/{NAME}", "", "text/plain", "0" * 64, len(TEXT), 1, "2025-01-01")


def case_of(number: str = "1", *, answerable: bool = True, **changes) -> Case:
    """Return a case whose answer is Geneva, or an unanswerable one."""
    fields = {
        "id": f"case-{number}",
        "question": f"Where did they meet? ({number})",
        "answerable": answerable,
    }
    if answerable:
        fields |= {
            "answers": ("Geneva",),
            "evidence": (Evidence.model_validate({"document": NAME, "quote": QUOTE}),),
        }
    return Case(**{**fields, **changes})


def located_of(case: Case) -> Located:
    return Located(((Place(span_of(QUOTE), "quote", None, 1),),) if case.answerable else ())


def span_of(quote: str) -> Span:
    start = TEXT.find(quote)
    return Span(NAME, start, start + len(quote))


def answered(case: Case, *, cites: str = QUOTE, says: str = "", confidence: float = 0.8) -> Outcome:
    """Return an outcome with an answer of one sentence and one quote; its text is `says`."""
    span = span_of(cites)
    citation = Citation(1, DOCUMENT, "p1", span.start, span.end, 4, cites)
    said = says or cites
    answer = Answer(
        case.question,
        case.question,
        f"{said} [1]",
        True,
        confidence,
        (Sentence(said, (citation,), "supported"),),
        (citation,),
        (Hit(Passage("p1", DOCUMENT, 0, 0, len(TEXT), 4, None, TEXT), 0.9, 0.5, 2.0),),
        "a model",
        {"retrieval": 0.1, "total": 2.5},
        Usage(100, 20),
    )
    return Outcome(
        case,
        NAME,
        located_of(case),
        1,
        (FoundPassage("p1", Span(NAME, 0, len(TEXT)), 4, 0.9, TEXT),),
        (),
        answer,
        (Cited(span, 4, True),),
        {"ask": 2.6},
    )


def refused(case: Case, *, confidence: float = 0.2) -> Outcome:
    answer = Answer(case.question, "", "Not in it.", False, confidence, (), (), (), "a model")
    return Outcome(case, NAME, located_of(case), 1, answer=answer)


def failed(case: Case) -> Outcome:
    return Outcome(case, NAME, located_of(case), error="ModelUnavailable: it is gone")


def retrieved(case: Case, *, rank: int | None) -> Outcome:
    """Return an outcome of retrieval alone; the passage at `rank` of 8 holds the evidence."""
    passages = tuple(
        FoundPassage(
            f"p{place}",
            span_of(QUOTE) if place == rank else Span("b.txt", place, place + 9),
            None,
            1 / place,
            (QUOTE if place == rank else f"Passage {place}.") if place <= 5 else "",
        )
        for place in range(1, 9)
    )
    return Outcome(case, NAME, located_of(case), 20, passages, seconds={"search": 0.25})
