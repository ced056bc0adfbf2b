"""Reads text, tables and JSON of others, and says in which line what is wrong.

Knows nothing of any published form; what a record has to hold, a pydantic model tells.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from eval.cases import BadCases, reason

_Record = TypeVar("_Record", bound=BaseModel)

# The largest that every platform takes; the default of 131,072 is less than a long quote.
_MAX_CELL = 2**31 - 1


class Tabs(csv.excel_tab):
    """Tabs between cells; a quote is a character like any other."""

    quoting = csv.QUOTE_NONE


def read_text(path: Path) -> str:
    r"""Return the text of a UTF-8 file, its lines ended by \n; raises BadCases."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadCases(f"{path} cannot be read: {reason(error)}. Name a UTF-8 file.") from error


def read_rows(
    path: Path, columns: Sequence[str], *, dialect: type[csv.Dialect] = csv.excel
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield (number, row) of a table with a header; the header is row 1.

    Args:
        path: the file.
        columns: what the header must name, in any order.
        dialect: what parts the cells.

    Raises:
        BadCases: the file cannot be read, lacks a column, or a row is too short.
    """
    csv.field_size_limit(_MAX_CELL)
    number = 1
    try:
        # newline="": the csv module itself tells line ends from those inside quotes.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, dialect=dialect, strict=True, restkey="")
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise BadCases(
                    f"{path}, row 1: there is no column {', '.join(missing)}. Give a header "
                    f"with {', '.join(columns)}."
                )
            for number, row in enumerate(reader, start=2):
                if any(row[name] is None for name in columns):
                    raise BadCases(
                        f"{path}, row {number}: cells are missing. Give a row {', '.join(columns)}."
                    )
                yield number, row
    except csv.Error as error:
        raise BadCases(f"{path}, after row {number}: {error}. Mend the row.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadCases(f"{path} cannot be read: {reason(error)}. Name a UTF-8 file.") from error


def parse(
    model: type[_Record], data: str | Mapping[str, str], place: str, *, form: str = ""
) -> _Record:
    """Return a record from JSON or from the cells of a row.

    Args:
        model: what the record has to be.
        data: JSON text, or cells by column.
        place: file and line, for the message.
        form: a sentence that shows the right form, for the message.

    Raises:
        BadCases: it is no such record.
    """
    try:
        if isinstance(data, str):
            return model.model_validate_json(data)
        return model.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
        where = where.removeprefix(".")
        message = f"{place}: {where + ': ' if where else ''}{first['msg']}. {form}"
        raise BadCases(message.rstrip()) from error


def name_of(path: Path) -> str:
    """Return the name of a data set: that of its file without the ending, or of its folder."""
    # Not resolve(), which follows links to names the user never gave; "." has no name itself.
    whole = Path(os.path.abspath(path))
    return whole.name if path.is_dir() else whole.stem
