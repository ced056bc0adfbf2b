"""What a run keeps of each case, and the folder it keeps it in.

Knows nothing of how cases are asked or scored. A row holds all that scoring and reporting
need, so both can be done again without the documents.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from eval.cases import BadCases, Case, reason
from eval.locating import Located
from eval.metrics.spans import Span
from rag import Answer

MANIFEST, OUTCOMES, IGNORE = "manifest.json", "outcomes.jsonl", ".footnoteignore"


@dataclass(frozen=True)
class FoundPassage:
    """A passage of a ranking; `text` is left out beyond the first few."""

    id: str
    span: Span
    page: int | None
    score: float
    text: str


@dataclass(frozen=True)
class Cited:
    """A citation of an answer: where it points, and whether its quote stands there exactly."""

    span: Span
    page: int | None
    exact: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one case.

    `answer` is None when only retrieval was run, or when the case failed: then `error` says
    how. `depth` is how many passages were asked for. `citations` go with
    `answer.citations`, in order. `cluster` names the document (or group) that the case is
    drawn from. `seconds` are of the calls made, by name.
    """

    case: Case
    cluster: str
    located: Located
    depth: int = 0
    passages: tuple[FoundPassage, ...] = ()
    sentences: tuple[Span, ...] = ()
    answer: Answer | None = None
    citations: tuple[Cited, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None


_OUTCOME = TypeAdapter(Outcome)


class RunFolder:
    """The results of one run, in a folder: a manifest, and one line an outcome.

    Raises (every method):
        BadCases: the folder holds something else, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, manifest: Mapping[str, Any], identity: Iterable[str]) -> bool:
        """Make the folder, or go on with the run in it; tell whether it was there.

        Only a run whose manifest has the same values under the names in `identity` is gone
        on with. Nothing is overwritten.
        """
        if not self._is_taken():
            with self._usable():
                self.path.mkdir(parents=True, exist_ok=True)
            # The results may lie among the documents of the next run, but are none of them.
            self.write(IGNORE, "*\n")
            self.write_manifest(manifest)
            return False
        earlier = self.manifest()
        differing = [name for name in identity if earlier.get(name) != manifest.get(name)]
        if differing:
            raise BadCases(
                f"{self.path} holds the results of another run (different: "
                f"{', '.join(differing)}). Name another folder with --out."
            )
        return True

    def manifest(self) -> dict[str, Any]:
        """Return what the run was."""
        path = self.path / MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise BadCases(
                f"{path} cannot be read: {reason(error)}. {self.path} is no folder of results, "
                "or half of one: remove it, or name another."
            ) from error
        if not isinstance(manifest, dict):
            raise BadCases(f"{path} is no manifest. Name another folder.")
        return manifest

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Put a manifest in place of the one there is."""
        self.write(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the run, wholly or not at all; return its path."""
        path = self.path / name
        beside = path.with_name(f".{name}.new")
        with self._usable():
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, path)
        return path

    def append(self, outcome: Outcome) -> None:
        """Add an outcome; it stays whatever happens to the process afterwards."""
        self.append_line(OUTCOMES, _OUTCOME.dump_json(outcome, exclude_defaults=False))

    def append_line(self, name: str, line: bytes) -> None:
        """Add a line to a file of the run."""
        with self._usable(), (self.path / name).open("ab") as file:
            file.write(line + b"\n")

    def lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        """Yield (number, line) of a file of the run; a line that was cut off is left out."""
        # What stands behind the last line end was cut off, maybe within a character.
        for number, line in enumerate(self._read(name).split(b"\n")[:-1], start=1):
            if line.strip():
                yield number, line

    def outcomes(self) -> tuple[Outcome, ...]:
        """Return the outcomes, the last of each case; a line that was cut off is left out."""
        path = self.path / OUTCOMES
        found: dict[str, Outcome] = {}
        for number, line in self.lines(OUTCOMES):
            try:
                outcome = _OUTCOME.validate_json(line)
            except ValidationError as error:
                raise BadCases(
                    f"{path}, line {number} is no outcome ({error.errors()[0]['msg']}). Remove "
                    "the line to ask that case again, or name another folder."
                ) from error
            found.pop(outcome.case.id, None)
            found[outcome.case.id] = outcome
        return tuple(found.values())

    def mend(self, name: str = OUTCOMES) -> None:
        """Take off a last line that was cut short, so that more can be added."""
        data = self._read(name)
        if data and not data.endswith(b"\n"):
            with self._usable():
                (self.path / name).write_bytes(data[: data.rfind(b"\n") + 1])

    def _is_taken(self) -> bool:
        with self._usable():
            try:
                return any(self.path.iterdir())
            except FileNotFoundError:
                return False

    def _read(self, name: str) -> bytes:
        with self._usable():
            try:
                return (self.path / name).read_bytes()
            except FileNotFoundError:
                return b""

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BadCases(
                f"{self.path} cannot hold results: {reason(error)}. Name another folder with --out."
            ) from error
