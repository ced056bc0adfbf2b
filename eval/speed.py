"""How fast and how large Footnote is on this machine, as a table.

Knows nothing of answer quality. Everything is measured in one run, through the public
names of `rag` and the commands a user types; a figure that depends on the machine stands
beside one of the same run that it can be compared with.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag import Answer, Assistant, Progress, ProgressCallback, Settings, build_embedder

QUESTIONS = (
    "Where did the U.S. and Russian delegations meet after the talks in February?",
    "Which news agency reported the new proposals?",
    "How many diplomatic meetings took place between March and July 2025?",
    "Who obtained the document with the Russian proposal?",
    "What has been the cornerstone of European and American security?",
    "What did the Treasury allow in June 2025?",
    "Where did Tom Shannon meet his Russian counterpart?",
    "Why is seeking rare earth minerals from Russia seen as naive?",
    "What share of global audiences sees the relations as a high priority?",
    "What could closer ties between Russia and China lead to?",
)
_REPEATS = 5
# Passages of the adding test: enough that start-up is no part of the figure.
_DOCUMENTS, _PARAGRAPHS = 60, 12


@dataclass(frozen=True)
class Row:
    """One line of the table; `bar` is what the figure has to stay under, or to reach."""

    what: str
    figure: str
    bar: str


@dataclass(frozen=True)
class Place:
    """Where things are: a temporary folder, the seeds, the joined models."""

    folder: Path
    seeds: Path
    models: Path

    @property
    def home(self) -> Path:
        """Return the home that holds the seeds."""
        return self.folder / "home"

    def settings(self, **changes: Any) -> Settings:
        """Return settings for that home, quoting only unless told otherwise."""
        return Settings(**{"home": self.home, "models": self.models, "llm": "none", **changes})


def measure(seeds: Path, models: Path, progress: ProgressCallback | None = None) -> list[Row]:
    """Measure everything that needs no network; about three minutes on two cores."""
    steps: tuple[tuple[str, Callable[[Place], Iterable[Row]]], ...] = (
        ("commands", _measure_commands),
        ("adding", _measure_adding),
        ("quoting", _measure_quoting),
        ("answering", _measure_answering),
        ("the page", _measure_page),
    )
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="footnote-speed-") as folder:
        place = Place(Path(folder), seeds.resolve(), models)
        with Assistant(place.settings()) as assistant:
            assistant.add(seeds)
        for number, (task, step) in enumerate(steps):
            if progress:
                progress(Progress(f"Measuring {task}", number, len(steps), "steps"))
            rows.extend(step(place))
    return rows


def table(rows: Iterable[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = [f"| {row.what} | {row.figure} | {row.bar} |" for row in rows]
    return "\n".join(["| what | measured | bar |", "| --- | --- | --- |", *lines])


def _measure_commands(place: Place) -> Iterator[Row]:
    code = "import time; t = time.perf_counter(); import rag; print(time.perf_counter() - t)"
    imports = [float(_run([sys.executable, "-c", code]).stdout) for _ in range(_REPEATS)]
    bare = _seconds([sys.executable, "-c", "pass"])
    yield Row("`import rag`", f"{statistics.median(imports):.2f} s", "0.5 s")
    search = [sys.executable, "-m", "ui.cli", "--home", str(place.home), "search", QUESTIONS[0]]
    yield Row(
        "`footnote search` on the seeds, fresh process",
        f"{_seconds(search):.2f} s (bare interpreter {bare:.2f} s)",
        "2.5 s",
    )


def _measure_adding(place: Place) -> Iterator[Row]:
    folder = place.folder / "texts"
    write_texts(place.seeds, folder)
    settings = place.settings(home=place.folder / "adding")
    with Assistant(settings) as assistant:
        assistant.warm()
        started = time.perf_counter()
        assistant.add(folder)
        adding = time.perf_counter() - started
        texts = [
            passage.text
            for document in assistant.documents()
            for passage in assistant.passages_of(document.id)
        ]
    embedder = build_embedder(settings)
    embedder.embed(texts[:16])
    started = time.perf_counter()
    embedder.embed(texts)
    bare = time.perf_counter() - started
    yield Row(
        f"adding {len(texts)} passages, beside the bare embedder",
        f"{len(texts) / adding:.1f} against {len(texts) / bare:.1f} passages/s: "
        f"{bare / adding:.0%}",
        "85 %",
    )


def write_texts(seeds: Path, folder: Path) -> None:
    """Write documents made of the seeds' paragraphs in random order, always the same ones."""
    paragraphs = [
        line
        for path in sorted(seeds.glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if len(line) > 200
    ]
    chance = random.Random(0)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(_DOCUMENTS):
        text = "\n\n".join(chance.choices(paragraphs, k=_PARAGRAPHS))
        (folder / f"{number:03d}.txt").write_text(text, encoding="utf-8")


def _measure_quoting(place: Place) -> Iterator[Row]:
    with Assistant(place.settings()) as assistant:
        assistant.warm()
        answers = [assistant.ask(question) for question in QUESTIONS]
    yield Row("a question, `FOOTNOTE_LLM=none`", _median_total(answers), "0.3 s")


def _measure_answering(place: Place) -> Iterator[Row]:
    with Assistant(place.settings(llm="embedded")) as assistant:
        started = time.perf_counter()
        assistant.warm()
        loaded = time.perf_counter() - started
        shown, answers = [], []
        for question in QUESTIONS:
            started = time.perf_counter()
            for event in assistant.stream(question):
                if event.hits:
                    shown.append(time.perf_counter() - started)
                if event.answer:
                    answers.append(event.answer)
    yield Row("loading the language model, prompt prefix included", f"{loaded:.1f} s", "12 s")
    yield Row("a question on the seeds, embedded model warm", _median_total(answers), "6 s")
    yield Row("... its cited passages shown after", f"{statistics.median(shown):.2f} s", "0.5 s")
    stages = ("retrieval", "evidence", "reading", "prompt", "generation", "verification")
    medians = (
        f"{stage} {statistics.median(a.timings.get(stage, 0.0) for a in answers):.2f} s"
        for stage in stages
    )
    yield Row("... median seconds by stage", ", ".join(medians), "")


def _measure_page(place: Place) -> Iterator[Row]:
    # Playwright is a tool of development: all else is measured without it.
    from eval.page import measure_feel, measure_page

    figures = measure_page(place.home, place.models, QUESTIONS[:5])
    feel = measure_feel(place.home, place.models, QUESTIONS[:5])
    loads, words, answer = figures.loads, figures.first_words, figures.answer
    yield Row("warm start of `footnote chat` to a page that loads", f"{loads:.1f} s", "10 s")
    yield Row("... from there to the first words of the first answer", f"{words:.1f} s", "12 s")
    yield Row("... from Enter to the whole answer, median", f"{answer:.1f} s", "6 s")
    yield Row("memory of all processes, model loaded", f"{figures.memory:.0f} MB", "2500 MB")
    yield Row("page in a new tab to a box that can be typed in", f"{feel.usable:.2f} s", "1.5 s")
    yield Row("click on `[n]` to the marked quote in sight", f"{feel.quote:.2f} s", "0.3 s")
    yield Row("what the page adds to a token of the model", f"{1000 * feel.token:.0f} ms", "30 ms")
    both = f"{feel.early:.2f} s, {feel.late:.2f} s"
    yield Row("from Enter to an answer in quotes, first and 200th question", both, "the same")


def measure_newcomer(repository: Path) -> list[Row]:
    """Measure `make chat` in a fresh clone; downloads everything anew."""
    # Playwright again.
    from eval.fresh_clone import measure_fresh_clone

    wait = measure_fresh_clone(repository, QUESTIONS[0])
    figure = f"page after {wait.page:.0f} s, answer after {wait.answer:.0f} s"
    return [Row("fresh clone: `make chat` to a page that answers", figure, "360 s")]


def _median_total(answers: Iterable[Answer]) -> str:
    totals = sorted(answer.timings["total"] for answer in answers)
    high = totals[min(len(totals) - 1, int(len(totals) * 0.95))]
    return f"{statistics.median(totals):.2f} s (p95 {high:.2f} s)"


def _seconds(command: list[str]) -> float:
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        _run(command)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "FOOTNOTE_LLM": "none"},
    )
