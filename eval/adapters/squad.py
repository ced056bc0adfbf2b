"""Data in the form of SQuAD 1.1, SQuAD 2.0 and XQuAD: a JSON file of articles.

Knows nothing of other forms. The form: Rajpurkar et al., "SQuAD: 100,000+ Questions for
Machine Comprehension of Text" (2016), and of its questions without an answer, "Know What
You Don't Know" (2018).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from eval.adapters.reading import name_of, parse, read_text
from eval.adapters.writing import Names, write_document
from eval.cases import BadCases, Case, Dataset, Evidence, Text

_FORM = (
    'The form of SQuAD is {"data": [{"title": "", "paragraphs": [{"context": "", "qas": '
    '[{"id": "", "question": "", "answers": [{"text": "", "answer_start": 0}]}]}]}]}.'
)


class _Answer(BaseModel):
    text: Text
    answer_start: int


class _Question(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: Text
    question: Text
    answers: tuple[_Answer, ...] = ()
    is_impossible: bool = False


class _Paragraph(BaseModel):
    context: Text
    qas: tuple[_Question, ...]


class _Article(BaseModel):
    title: str = ""
    paragraphs: tuple[_Paragraph, ...]


class _Articles(BaseModel):
    data: Annotated[tuple[_Article, ...], Field(min_length=1)]


def load(path: Path, folder: Path) -> Dataset:
    """Write every paragraph as `<title>/<NN>.txt`, the context alone; return the cases.

    Evidence is the answer's own words where the annotators marked them; where they marked
    several places, any of them.

    Raises:
        BadCases: the file is not in this form, or does not hold an answer it marks.
    """
    articles = parse(_Articles, read_text(path), str(path), form=_FORM).data
    names = Names()
    cases = [
        case
        for article in articles
        for case in _cases(article, names.give(article.title), path, folder)
    ]
    return Dataset(name_of(path), tuple(cases), (folder,))


def _cases(article: _Article, name: str, path: Path, folder: Path) -> Iterator[Case]:
    for number, paragraph in enumerate(article.paragraphs, start=1):
        document = write_document(folder, f"{name}/{number:02d}", paragraph.context)
        for question in paragraph.qas:
            place = f"{path}, article {article.title!r}, question {question.id!r}"
            answers = () if question.is_impossible else question.answers
            if not (answers or question.is_impossible):
                raise BadCases(
                    f'{place}: it has no answers. Give one, or set "is_impossible": true.'
                )
            yield Case(
                id=question.id,
                question=question.question,
                answers=tuple((text,) for text in dict.fromkeys(a.text for a in answers)),
                evidence=_evidence(answers, paragraph.context, document, place),
                answerable=bool(answers),
                tags=(f"article:{name}",),
            )


def _evidence(
    answers: tuple[_Answer, ...], context: str, document: str, place: str
) -> tuple[Evidence, ...]:
    """Return the distinct places that the answers mark; several are alternatives."""
    spans = dict.fromkeys((_start(answer, context, place), answer.text) for answer in answers)
    group = "answer" if len(spans) > 1 else None
    return tuple(
        Evidence(document=document, quote=text, start=start, group=group) for start, text in spans
    )


def _start(answer: _Answer, context: str, place: str) -> int:
    """Return where an answer stands: at its mark or, if that is wrong, nearest to it."""
    starts = (found.start() for found in re.finditer(re.escape(answer.text), context))
    if answer.answer_start >= 0 and context.startswith(answer.text, answer.answer_start):
        return answer.answer_start
    nearest = min(starts, key=lambda start: abs(start - answer.answer_start), default=None)
    if nearest is None:
        raise BadCases(
            f"{place}: the paragraph does not hold the answer {answer.text!r}. Correct the "
            "answer or take the question out."
        )
    return nearest
