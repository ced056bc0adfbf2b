"""Reads published data sets, each in the form it is published in, as cases and documents.

Knows nothing of how the questions are asked or scored, and nothing of any one form: each
has a module of its own. Data is read from where the user keeps it; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from eval.adapters import beir, chunking, financebench, jsonl, squad
from eval.adapters.reading import parse
from eval.adapters.withholding import withhold_documents
from eval.cases import BadCases, Dataset, numbered_lines, reason

FORMATS = ("jsonl", "squad", "beir", "chunking", "financebench")
"""Our own case files, and the published forms that are read."""


def load_dataset(
    form: str,
    path: Path,
    folder: Path,
    *,
    documents: Sequence[Path] = (),
    withhold: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """Return the cases at a path and the documents they are asked of.

    Args:
        form: one of FORMATS.
        path: the file or folder as published.
        folder: an empty folder; documents that are no files yet are written into it.
        documents: files and folders, for the forms that do not bring their own.
        withhold: the share, 0 to 1, of the questions whose documents are to be hidden.
        seed: which questions these are.

    Raises:
        BadCases: there is something wrong with the arguments or the data.
    """
    if not 0.0 <= withhold <= 1.0:
        raise BadCases(f"The share to withhold is {withhold:g}. Give one from 0 to 1.")
    for needed in (path, *documents):
        _expect(needed)
    try:
        data = _load(form, path, folder, documents)
    except OSError as error:
        raise BadCases(
            f"{path} cannot be turned into cases: {reason(error)}. Make sure that it may be "
            f"read, and that {folder} may be written to and has room."
        ) from error
    _check(data, path)
    return Dataset(data.name, withhold_documents(data.cases, withhold, seed), data.documents)


def guess_format(path: Path) -> str:
    """Return the format that a file or folder seems to have; raises BadCases if none."""
    _expect(path)
    if path.is_dir():
        if (path / beir.CORPUS).is_file():
            return "beir"
        if (path / chunking.QUESTIONS).is_file():
            return "chunking"
    elif path.suffix.lower() == ".json":
        return "squad"
    elif path.suffix.lower() == ".jsonl":
        return "financebench" if _is_financebench(path) else "jsonl"
    raise BadCases(
        f"{path} is in none of the forms known here: a .jsonl file of cases or of FinanceBench, "
        f"a .json file in the form of SQuAD, a folder with {beir.CORPUS} (BEIR) or with "
        f"{chunking.QUESTIONS} (chunking evaluation). If it is one of {', '.join(FORMATS)}, "
        "name the format."
    )


def _load(form: str, path: Path, folder: Path, documents: Sequence[Path]) -> Dataset:
    if form == "jsonl":
        return jsonl.load(path, documents)
    if form == "financebench":
        return financebench.load(path, documents)
    if form not in FORMATS:
        raise BadCases(f"There is no format {form!r}. Name one of {', '.join(FORMATS)}.")
    if documents:
        raise BadCases(
            f"Data in the format {form} brings its own documents. Name no others with it."
        )
    if form == "chunking":
        return chunking.load(path)
    return squad.load(path, folder) if form == "squad" else beir.load(path, folder)


def _expect(path: Path) -> None:
    try:
        found = path.exists()
    except OSError:  # a name too long, or a folder that may not be entered
        found = False
    if not found:
        raise BadCases(f"There is no file or folder {path}. Check the spelling.")


def _check(data: Dataset, path: Path) -> None:
    """Raise BadCases unless there are cases, each with an id of its own."""
    if not data.cases:
        raise BadCases(f"{path} holds no questions. Give a file or folder with some.")
    seen: set[str] = set()
    for case in data.cases:
        if case.id in seen:
            raise BadCases(
                f"{path}: the id {case.id!r} stands more than once. Give every question an "
                "id of its own."
            )
        seen.add(case.id)


class _Line(BaseModel):
    financebench_id: object = None


def _is_financebench(path: Path) -> bool:
    first = next((line for _, line in numbered_lines(path)), "{}")
    try:
        return parse(_Line, first, str(path)).financebench_id is not None
    except BadCases:
        # Whoever reads the cases says what is wrong with the line, and where it stands.
        return False
