"""Data of FinanceBench: questions on the reports of companies, which are PDF files.

Knows nothing of other forms. The form: Islam et al., "FinanceBench: A New Benchmark for
Financial Question Answering" (2023); data/financebench_open_source.jsonl and pdfs/ of the
published repository.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from eval.adapters.reading import name_of, parse
from eval.cases import BadCases, Case, Dataset, Evidence, Text, numbered_lines

_FORM = "A line holds financebench_id, question, answer and evidence as FinanceBench has them."
_PDFS = "pdfs"
_NAMED_MISSING = 5


class _Page(BaseModel):
    doc_name: Text
    # Counts from 0, though the publishers do not say so: of the 189 pages of
    # financebench_open_source.jsonl several are number 0, with the text of the cover; and the
    # texts it gives for 59 of 3M_2018_10K and 1 of ULTABEAUTY_2023Q4_EARNINGS stand on the
    # sixtieth and the second page of these PDFs.
    evidence_page_num: Annotated[int, Field(ge=0)]

    @property
    def file(self) -> str:
        return f"{self.doc_name}.pdf"


class _Record(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    financebench_id: Text
    question: Text
    answer: Text
    evidence: Annotated[tuple[_Page, ...], Field(min_length=1)]
    question_type: Text | None = None
    company: Text | None = None


def load(path: Path, documents: Sequence[Path]) -> Dataset:
    """Return the questions, and those of the PDF files that they rest on.

    The files are looked for among the documents given or, if there are none, in the folder
    pdfs beside the file or beside its folder. The pages of a question are all needed.

    Raises:
        BadCases: the file is not in this form, or a PDF file is missing.
    """
    records = [
        parse(_Record, line, f"{path}, line {number}", form=_FORM)
        for number, line in numbered_lines(path)
    ]
    used = sorted({page.file for record in records for page in record.evidence})
    searched = tuple(documents) or tuple(
        folder / _PDFS for folder in Path(os.path.abspath(path)).parents[:2]
    )
    files = _find(searched)
    _check(used, files, searched, path)
    return Dataset(name_of(path), tuple(map(_case, records)), tuple(files[name] for name in used))


def _case(record: _Record) -> Case:
    pages = dict.fromkeys((page.file, page.evidence_page_num + 1) for page in record.evidence)
    return Case(
        id=record.financebench_id,
        question=record.question,
        answers=((record.answer,),),
        evidence=tuple(Evidence(document=file, page=page) for file, page in pages),
        tags=tuple(_tags(record)),
    )


def _tags(record: _Record) -> Iterator[str]:
    if record.question_type:
        yield record.question_type
    if record.company:
        yield f"company:{record.company}"


def _find(places: Sequence[Path]) -> dict[str, Path]:
    """Return the PDF files at these paths and below them, by name; the first of a name."""
    files: dict[str, Path] = {}
    for place in places:
        for file in sorted(place.rglob("*.pdf")) if place.is_dir() else [place]:
            files.setdefault(file.name, file)
    return files


def _check(
    used: Sequence[str], files: Mapping[str, Path], searched: Sequence[Path], path: Path
) -> None:
    missing = [name for name in used if name not in files]
    if missing:
        named = ", ".join(missing[:_NAMED_MISSING]) + (
            ", ..." if len(missing) > _NAMED_MISSING else ""
        )
        raise BadCases(
            f"{path}: {len(missing)} of {len(used)} PDF files are missing: {named} (looked for in "
            f"{', '.join(map(str, searched))}). Put them there, or name their folder."
        )
