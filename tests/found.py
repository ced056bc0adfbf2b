"""Hand-made documents, passages and evidence for tests of what comes after retrieval."""

from __future__ import annotations

from rag.retrieval import Found
from rag.schema import Document, Evidence, Hit, Passage
from rag.sentences import split_sentences
from rag.signals import Signals

SURE = Signals(
    relevance=9.0,
    unrelated=0.0,
    evidence_coverage=1.0,
    kind_missing=0.0,
    year_missing=0.0,
    name_missing=0.0,
)
UNSURE = Signals(
    relevance=-11.0,
    unrelated=11.0,
    evidence_coverage=0.0,
    kind_missing=1.0,
    year_missing=1.0,
    name_missing=1.0,
)


def passage_of(
    text: str, *, number: int = 1, title: str = "", heading: str | None = None
) -> Passage:
    """Return a passage that is a whole document."""
    document = Document(
        f"d{number}", f"/d{number}.txt", title, "text/plain", "0" * 64, len(text), 1, "2025-01-01"
    )
    return Passage(f"d{number}-0", document, 0, 0, len(text), None, heading, text)


def evidence_of(*texts: str, title: str = "", heading: str | None = None) -> list[Evidence]:
    """Return every sentence of the texts, each text its own document."""
    found: list[Evidence] = []
    for number, text in enumerate(texts, 1):
        passage = passage_of(text, number=number, title=title, heading=heading)
        found += [
            Evidence(passage, start, end, text[start:end], 10.0 - number)
            for start, end in split_sentences(text)
        ]
    return found


def found_of(*texts: str, signals: Signals | None = SURE) -> Found:
    """Return what retrieval would give if these texts were all it found, best first."""
    evidence = evidence_of(*texts)
    passages = {e.passage.id: e.passage for e in evidence}.values()
    hits = tuple(Hit(passage, 0.9, 0.8, 2.0) for passage in passages)
    return Found(hits, tuple(evidence), signals)
