"""Our own case files: one case a line, beside documents that are files already.

Knows nothing of published forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval.adapters.reading import name_of
from eval.cases import BadCases, Dataset, read_cases


def load(path: Path, documents: Sequence[Path]) -> Dataset:
    """Return the cases of a file; their documents are those given, or else its folder.

    Raises:
        BadCases: a case is wrong, or there are no documents.
    """
    cases = read_cases(path)
    if not documents and not _has_others(path):
        raise BadCases(
            f"No documents were named, and the folder of {path} holds no other file. Name the "
            "documents, or put them beside the case file."
        )
    return Dataset(name_of(path), cases, tuple(documents) or (path.parent,))


def _has_others(path: Path) -> bool:
    """Tell whether there is a file below the folder that is neither this one nor hidden."""
    return any(
        other.is_file() and not other.name.startswith(".") and not other.samefile(path)
        for other in path.parent.rglob("*")
    )
