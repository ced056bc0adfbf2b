"""Data of Chroma's chunking evaluation: questions with the exact passages that answer them.

Knows nothing of other forms. The form: Smith and Troynikov, "Evaluating Chunking
Strategies for Retrieval" (2024); questions_df.csv, and the corpora as Markdown beside it or
in the folder corpora, as in the published repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, Json

from eval.adapters.reading import name_of, parse, read_rows, read_text
from eval.cases import BadCases, Case, Dataset, Evidence, Text

QUESTIONS = "questions_df.csv"
_CORPORA = "corpora"
_COLUMNS = ("question", "references", "corpus_id")
_FORM = 'References are JSON: [{"content": "", "start_index": 0, "end_index": 0}].'


class _Reference(BaseModel):
    content: Text
    start_index: Annotated[int, Field(ge=0)]
    end_index: int


class _Question(BaseModel):
    question: Text
    references: Annotated[Json[tuple[_Reference, ...]], Field(min_length=1)]
    corpus_id: Text


def load(path: Path) -> Dataset:
    """Return the questions, numbered in order; the documents are the corpora themselves.

    The passages of a question are all needed. There are no answers to compare with.

    Raises:
        BadCases: a file is missing or not in this form, or a passage is not where it should be.
    """
    corpora = {file.stem: file for file in (path / _CORPORA).glob("*.md")}
    corpora.update((file.stem, file) for file in path.glob("*.md"))
    texts: dict[str, str] = {}
    cases = []
    for number, (place, question) in enumerate(_questions(path), start=1):
        corpus = question.corpus_id
        if corpus not in corpora:
            raise BadCases(
                f"{place}: there is no {corpus}.md in {path} or its folder {_CORPORA}. "
                "Put it there."
            )
        if corpus not in texts:
            texts[corpus] = read_text(corpora[corpus])
        evidence = tuple(
            _evidence(reference, texts[corpus], corpora[corpus].name, place)
            for reference in question.references
        )
        cases.append(
            Case(
                id=f"chunking-{number:03d}",
                question=question.question,
                evidence=evidence,
                tags=(f"corpus:{corpus}",),
            )
        )
    return Dataset(name_of(path), tuple(cases), tuple(corpora[name] for name in sorted(texts)))


def _questions(path: Path) -> Iterator[tuple[str, _Question]]:
    table = path / QUESTIONS
    for number, row in read_rows(table, _COLUMNS):
        place = f"{table}, row {number}"
        yield place, parse(_Question, row, place, form=_FORM)


def _evidence(reference: _Reference, text: str, document: str, place: str) -> Evidence:
    if text[reference.start_index : reference.end_index] != reference.content:
        raise BadCases(
            f"{place}: characters {reference.start_index} to {reference.end_index} of {document} "
            f"are not {reference.content[:60]!r}. Take questions and corpora of one release."
        )
    # Spaces at the ends of lines go when a document is added, and would not be found again.
    lead = len(reference.content) - len(reference.content.lstrip())
    return Evidence(
        document=document,
        quote=reference.content.strip(),
        start=reference.start_index + lead,
    )
