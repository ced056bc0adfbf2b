"""Data in the form of BEIR: a corpus, queries, and judgements of relevance.

Knows nothing of other forms. The form: Thakur et al., "BEIR: A Heterogenous Benchmark for
Zero-shot Evaluation of Information Retrieval Models" (2021); its data sets hold
corpus.jsonl, queries.jsonl and qrels/<split>.tsv.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from eval.adapters.reading import Tabs, name_of, parse, read_rows
from eval.adapters.writing import Names, write_document
from eval.cases import BadCases, Case, Dataset, Evidence, Text, numbered_lines

CORPUS = "corpus.jsonl"
_QUERIES = "queries.jsonl"
_JUDGEMENTS = ("qrels/test.tsv", "qrels/dev.tsv", "qrels/train.tsv", "qrels.tsv")
_COLUMNS = ("query-id", "corpus-id", "score")
# A folder of hundreds of thousands of files is slow on some file systems.
_FILES_A_FOLDER = 1000


class _Line(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: Text = Field(alias="_id")


class _Document(_Line):
    title: str | None = None
    text: str


class _Query(_Line):
    text: Text


class _Judgement(BaseModel):
    query: Text = Field(alias="query-id")
    document: Text = Field(alias="corpus-id")
    score: int


_Record = TypeVar("_Record", bound=_Line)


def load(path: Path, folder: Path) -> Dataset:
    """Write every document of the corpus as a file; return the queries that have judgements.

    A file is the title, if there is one, a blank line, and the text. A document without
    either becomes no file and is no evidence. The judgements are those of the test split,
    or else of dev, or of train. Any relevant document is enough for an answer; its score
    is the grade for nDCG, and zero or less means not relevant.

    Raises:
        BadCases: a file is missing or not in this form, or names what the others lack.
    """
    documents = _write(path / CORPUS, folder)
    queries = {query.id: query.text for query in _records(path / _QUERIES, _Query)}
    cases = [
        Case(id=query, question=queries[query], evidence=evidence)
        for query, evidence in _evidence(path, queries, documents).items()
        if evidence
    ]
    return Dataset(name_of(path), tuple(cases), (folder,))


def _write(corpus: Path, folder: Path) -> dict[str, str | None]:
    """Write the documents; return the file of each by id, None where there is no text."""
    names = Names()
    files: dict[str, str | None] = {}
    for number, document in enumerate(_records(corpus, _Document)):
        title = " ".join((document.title or "").split())
        text = "\n\n".join(part for part in (title, document.text) if part.strip())
        name = f"{number // _FILES_A_FOLDER:04d}/{names.give(document.id)}"
        files[document.id] = write_document(folder, name, text) if text else None
    return files


def _evidence(
    path: Path, queries: Mapping[str, str], documents: Mapping[str, str | None]
) -> dict[str, tuple[Evidence, ...]]:
    """Return the relevant documents of each query, in the order of the queries."""
    table = next((path / name for name in _JUDGEMENTS if (path / name).is_file()), None)
    if table is None:
        raise BadCases(f"{path} has no judgements. Give it one of {', '.join(_JUDGEMENTS)}.")
    grades: dict[str, dict[str, int]] = {query: {} for query in queries}
    for number, row in read_rows(table, _COLUMNS, dialect=Tabs):
        place = f"{table}, row {number}"
        judgement = parse(_Judgement, row, place, form="A score is a whole number.")
        if judgement.query not in queries:
            raise BadCases(_unknown(place, _QUERIES, judgement.query))
        if judgement.document not in documents:
            raise BadCases(_unknown(place, CORPUS, judgement.document))
        file = documents[judgement.document]
        if file and judgement.score > 0:
            grades[judgement.query][file] = judgement.score
    return {
        query: tuple(
            Evidence(document=file, group="relevant", relevance=score)
            for file, score in graded.items()
        )
        for query, graded in grades.items()
    }


def _unknown(place: str, file: str, identity: str) -> str:
    return f"{place}: {file} has no {identity!r}. Add it, or take the row out."


def _records(path: Path, model: type[_Record]) -> Iterator[_Record]:
    """Yield the records of a JSONL file; raises BadCases, also for an id given twice."""
    fields = ", ".join(field.alias or name for name, field in model.model_fields.items())
    lines: dict[str, int] = {}
    for number, line in numbered_lines(path):
        record = parse(model, line, f"{path}, line {number}", form=f"A line holds {fields}.")
        if record.id in lines:
            raise BadCases(
                f"{path}, line {number}: the id {record.id!r} stands in line "
                f"{lines[record.id]} already. Take one of them out."
            )
        lines[record.id] = number
        yield record
