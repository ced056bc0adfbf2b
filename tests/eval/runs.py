"""Runs over three small documents with an embedder that counts words, for tests of running.

Knows nothing of what must hold of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eval.cases import Case, Dataset
from eval.outcomes import RunFolder
from eval.runner import Options, Run, prepared
from rag import Answer, Assistant, Progress, Settings
from tests.fakes import WordEmbedder
from tests.homes import three_files

QUOTE = "Clara Holt, an engineer, designed the Anders Bridge."
CASES = tuple(
    Case.model_validate(case)
    for case in (
        {
            "id": "who",
            "question": "Who designed the Anders Bridge?",
            "answers": ["Clara Holt"],
            "evidence": [{"document": "bridge.txt", "quote": QUOTE}],
        },
        {
            "id": "when",
            "question": "When were the pear trees in the Lower Orchard grafted?",
            "answers": ["1874"],
            "evidence": [{"document": "orchard.txt", "quote": "grafted in 1874"}],
        },
        {
            "id": "hidden",
            "question": "Who designed the Anders Bridge?",
            "answerable": False,
            "without": ["bridge.txt"],
        },
        {
            "id": "and",
            "question": "Who designed it?",
            "history": [{"question": "When did the Anders Bridge open?", "answer": "In 1931."}],
            "evidence": [{"document": "bridge.txt", "quote": QUOTE}],
        },
    )
)


def nothing(_progress: Progress) -> None:
    pass


def open_with_words(settings: Settings) -> Assistant:
    return Assistant(settings, embedder=WordEmbedder())


def settings_of(tmp_path: Path, **changes: Any) -> Settings:
    return Settings(**{"home": tmp_path / "home", "llm": "none", "strictness": 0.0, **changes})


def dataset_of(tmp_path: Path, *cases: Case) -> Dataset:
    files = tmp_path / "files"
    return Dataset("mine", cases or CASES, (files if files.exists() else three_files(files),))


@contextmanager
def running(
    tmp_path: Path, *cases: Case, options: Options | None = None, **how: Any
) -> Iterator[Run]:
    """Yield a prepared run of these cases on the three files."""
    settings = how.pop("settings", None) or settings_of(tmp_path)
    how = {"open_assistant": open_with_words, **how}
    with prepared(
        dataset_of(tmp_path, *cases), options or Options(), settings, nothing, **how
    ) as run:
        yield run


def folder_of(tmp_path: Path, name: str = "run") -> RunFolder:
    folder = RunFolder(tmp_path / name)
    folder.begin({}, ())
    return folder


class Failing(Assistant):
    """Fails on questions that have a word, as often as it is told to."""

    def __init__(self, settings: Settings, word: str, error: BaseException) -> None:
        super().__init__(settings, embedder=WordEmbedder())
        self.word, self.error = word, error
        self.asked: list[str] = []

    def ask(self, question: str, *arguments: Any, **more: Any) -> Answer:
        self.asked.append(question)
        if self.word and self.word in question:
            raise self.error
        return super().ask(question, *arguments, **more)
