"""Cases: questions with what a right answer holds and rests on, one JSON object a line.

Knows nothing of how they are asked or scored. docs/evaluation.md shows the form.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from rag import Turn, UsageError

Split = Literal["dev", "test"]
SPLITS: tuple[Split, ...] = ("dev", "test")

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class BadCases(UsageError):
    """Cases or results that cannot be used; the message names file, line and fix."""


def _parts(answer: Any) -> Any:
    return (answer,) if isinstance(answer, str) else answer


def _one_or_more(answer: tuple[str, ...]) -> str | list[str]:
    return answer[0] if len(answer) == 1 else list(answer)


Alternative = Annotated[
    tuple[Text, ...],
    BeforeValidator(_parts),
    Field(min_length=1),
    PlainSerializer(_one_or_more),
]


class Evidence(BaseModel):
    """A place that an answer may rest on: a quote, a page, or a whole document.

    `document` is the end of the document's uri: its file name, with folders before it where
    names repeat. `start` (characters into the document's text) tells apart a quote that
    stands there more than once; `page` counts from 1. Places of the same `group` are
    alternatives, any of which is enough; a place without a group is needed by itself.
    `relevance` is the grade for nDCG.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: Text
    quote: Text | None = None
    start: Annotated[int, Field(ge=0)] | None = None
    page: Annotated[int, Field(ge=1)] | None = None
    group: str | None = None
    relevance: Annotated[int, Field(ge=1)] = 1


class Case(BaseModel):
    """One question.

    `answers` are alternatives, any of which is right; an alternative is one text or several
    that must all be there. An unanswerable case has neither answers nor evidence. `without`
    names documents that are hidden from this question.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    question: Text
    answers: tuple[Alternative, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    answerable: bool = True
    history: tuple[Turn, ...] = ()
    tags: tuple[Text, ...] = ()
    without: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Case:
        if self.answerable and not (self.answers or self.evidence):
            raise ValueError(
                'an answerable case needs "answers" or "evidence"; '
                'set "answerable": false if the documents do not answer it'
            )
        if not self.answerable and (self.answers or self.evidence):
            raise ValueError('a case with "answerable": false takes no "answers" or "evidence"')
        return self

    @property
    def split(self) -> Split:
        """Return the half this case belongs to: fixed by its id, whatever else is there."""
        return SPLITS[hashlib.sha256(self.id.encode()).digest()[0] % 2]

    @property
    def needs(self) -> tuple[tuple[Evidence, ...], ...]:
        """Return the evidence by need: each need is met by any one of its places."""
        needs: dict[int | str, list[Evidence]] = {}
        for number, place in enumerate(self.evidence):
            needs.setdefault(number if place.group is None else place.group, []).append(place)
        return tuple(tuple(places) for places in needs.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the case as a line of a case file holds it."""
        return self.model_dump(mode="json", exclude_defaults=True)


@dataclass(frozen=True)
class Dataset:
    """Cases, and the files and folders with the documents they are asked of."""

    name: str
    cases: tuple[Case, ...]
    documents: tuple[Path, ...]


def read_cases(path: Path) -> tuple[Case, ...]:
    """Return the cases of a file, in order.

    Raises:
        BadCases: the file cannot be read, holds no case, or a line of it is not one.
    """
    lines: dict[str, int] = {}
    cases = []
    for number, line in numbered_lines(path):
        case = parse_case(line, f"{path}, line {number}")
        if case.id in lines:
            raise BadCases(
                f"{path}, line {number}: the id {case.id!r} stands in line {lines[case.id]} "
                "already. Give every case an id of its own."
            )
        lines[case.id] = number
        cases.append(case)
    if not cases:
        raise BadCases(f"{path} holds no cases. Write one JSON object a line.")
    return tuple(cases)


def line_of(path: Path, case_id: str) -> int | None:
    """Return the line of a case file that holds this case, None where none does."""
    if path.is_file() and path.suffix.lower() == ".jsonl":
        for number, line in numbered_lines(path):
            # A FinanceBench file is no case file, and has other ids.
            with suppress(BadCases):
                if parse_case(line, "").id == case_id:
                    return number
    return None


def parse_case(line: str, place: str) -> Case:
    """Return the case that a line of JSON holds; raises BadCases that names `place`."""
    try:
        return Case.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            problem = f"there is no such field; {_fields_around(first['loc'])}"
        raise BadCases(f"{place}: {where + ': ' if where else ''}{problem}.") from error


def _fields_around(where: Sequence[int | str]) -> str:
    """Say which fields there are at the level of a field that is unknown."""
    level = where[0] if len(where) > 1 else None
    if level == "evidence":
        return f"evidence has {', '.join(Evidence.model_fields)}"
    if level == "history":
        return f"a turn has {', '.join(field.name for field in fields(Turn))}"
    return f"a case has {', '.join(Case.model_fields)}"


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (number, line) of a text file, without blank lines; raises BadCases."""
    try:
        # Only \n ends a line: JSON strings may hold U+2028 and its like.
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise BadCases(f"{path} cannot be read: {reason(error)}. Name a UTF-8 file.") from error


def reason(error: OSError | UnicodeDecodeError | json.JSONDecodeError) -> str:
    """Return what was wrong with a file, in a few words."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
