"""Asks the cases of a data set, one after the other, and keeps what comes of each.

Knows nothing of scores. The library of a run is made in a temporary folder; a case that
fails is a row of the results, not the end of the run.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eval.cases import BadCases, Case, Dataset, Split, line_of
from eval.locating import Located, Shelf
from eval.outcomes import Cited, FoundPassage, Outcome, RunFolder
from rag import Answer, Assistant, FootnoteError, Hit, Progress, ProgressCallback, Settings

DEPTH = 20
"""Passages that a retrieval-only run ranks."""
_SENTENCES = 10
_WITH_TEXT = 5
# Under these names two manifests must agree for one run to go on with the other.
IDENTITY = (
    "commit", "cases", "documents", "options", "settings", "model", "embedding", "footnote",
)  # fmt: skip

Open = Callable[[Settings], Assistant]


@dataclass(frozen=True)
class Options:
    """Which cases are asked, and how far.

    `split` and `limit` take part of the cases; `seed` draws the `limit` ones.
    """

    split: Split | None = None
    retrieval_only: bool = False
    limit: int | None = None
    seed: int = 0


@dataclass
class Run:
    """A data set in a library of its own, ready to be asked."""

    assistant: Assistant
    shelf: Shelf
    cases: tuple[Case, ...]
    located: Mapping[str, Located]
    rejected: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)


def chosen(cases: Sequence[Case], options: Options) -> tuple[Case, ...]:
    """Return the cases of the split, or as many of them as the limit allows, in order."""
    found = [c for c in cases if options.split in (None, c.split)]
    if options.limit is not None and options.limit < len(found):
        # Drawn from the ids in order, so that the same ones come whatever the file's order.
        ids = sorted(c.id for c in found)
        drawn = set(random.Random(options.seed).sample(ids, options.limit))
        found = [c for c in found if c.id in drawn]
    if not found:
        raise BadCases("No case is left to ask. Take another split, or a higher limit.")
    return tuple(found)


@contextmanager
def prepared(
    dataset: Dataset,
    options: Options,
    settings: Settings,
    progress: ProgressCallback,
    *,
    open_assistant: Open = Assistant,
    source: Path | None = None,
) -> Iterator[Run]:
    """Add the documents to a temporary library and find the evidence of the cases in it.

    Raises:
        BadCases: the evidence of a case is not in the documents; none of them is read.
    """
    cases = chosen(dataset.cases, options)
    with tempfile.TemporaryDirectory(prefix="footnote-eval-") as folder:
        update: dict[str, Any] = {"home": Path(folder), "models": settings.models_folder}
        # On a server the vectors would outlive the folder.
        update["chroma_url"] = None
        if options.retrieval_only:
            update["llm"] = "none"
        with open_assistant(settings.model_copy(update=update)) as assistant:
            started = time.perf_counter()
            report = assistant.add(dataset.documents, progress=progress)
            seconds = {"adding": time.perf_counter() - started}
            rejected = tuple(
                f"{Path(r.uri).name}: {r.reason}"
                for r in report.documents
                # The case file may lie among the documents.
                if r.reason and not (source and r.uri == os.path.abspath(source))
            )
            shelf = Shelf(assistant, dataset.documents)
            located = {case.id: _locate(shelf, case, source) for case in cases}
            yield Run(assistant, shelf, cases, located, rejected, seconds)


def ask_all(
    run: Run, folder: RunFolder, options: Options, progress: ProgressCallback
) -> tuple[Outcome, ...]:
    """Ask the cases that the folder has no outcome of yet; return the outcomes of all.

    A case that failed earlier is asked again.
    """
    folder.mend()
    done = {o.case.id for o in folder.outcomes() if o.error is None}
    left = [case for case in run.cases if case.id not in done]
    if left and not options.retrieval_only:
        started = time.perf_counter()
        run.assistant.warm(progress)
        run.seconds["loading"] = time.perf_counter() - started
    calls = 0.0
    started = time.perf_counter()
    for number, case in enumerate(left):
        progress(Progress("Asking", len(done) + number, len(run.cases), "questions"))
        outcome = ask(run, case, retrieval_only=options.retrieval_only)
        calls += sum(outcome.seconds.values())
        folder.append(outcome)
    progress(Progress("Asking", len(run.cases), len(run.cases), "questions"))
    run.seconds |= {"asking": time.perf_counter() - started, "calls": calls}
    found = {outcome.case.id: outcome for outcome in folder.outcomes()}
    return tuple(found[case.id] for case in run.cases)


def ask(run: Run, case: Case, *, retrieval_only: bool) -> Outcome:
    """Ask one case; what goes wrong is told in the outcome's `error`."""
    outcome = Outcome(case, _cluster(case, run.located[case.id]), run.located[case.id])
    seconds: dict[str, float] = {}
    try:
        documents = run.shelf.ids_without(case.without) if case.without else None
        if retrieval_only:
            return _retrieved(run, outcome, documents, seconds)
        with _timed(seconds, "ask"):
            answer = run.assistant.ask(case.question, case.history, documents)
        return replace(_answered(run, outcome, answer), seconds=seconds)
    except FootnoteError as error:
        return replace(outcome, error=f"{type(error).__name__}: {error}", seconds=seconds)


def _retrieved(
    run: Run, outcome: Outcome, documents: Sequence[str] | None, seconds: dict[str, float]
) -> Outcome:
    case, assistant = outcome.case, run.assistant
    with _timed(seconds, "search"):
        hits = assistant.search(case.question, DEPTH, history=case.history, documents=documents)
    with _timed(seconds, "evidence"):
        sentences = assistant.evidence(
            case.question, _SENTENCES, history=case.history, documents=documents
        )
    spans = tuple(run.shelf.span(s.passage.document.id, s.start, s.end) for s in sentences)
    found = _passages(run.shelf, hits)
    return replace(outcome, depth=DEPTH, passages=found, sentences=spans, seconds=seconds)


def _answered(run: Run, outcome: Outcome, answer: Answer) -> Outcome:
    cited = tuple(
        Cited(
            run.shelf.span(c.document.id, c.start, c.end),
            c.page,
            run.shelf.is_exact(c.document.id, c.start, c.end, c.quote),
        )
        for c in answer.citations
    )
    passages = _passages(run.shelf, answer.hits)
    depth = run.assistant.settings.passages
    return replace(outcome, depth=depth, passages=passages, answer=answer, citations=cited)


def _passages(shelf: Shelf, hits: Iterable[Hit]) -> tuple[FoundPassage, ...]:
    return tuple(
        FoundPassage(
            hit.passage.id,
            shelf.span(hit.passage.document.id, hit.passage.start, hit.passage.end),
            hit.passage.page,
            hit.score,
            hit.passage.text if rank < _WITH_TEXT else "",
        )
        for rank, hit in enumerate(hits)
    )


def _locate(shelf: Shelf, case: Case, source: Path | None) -> Located:
    try:
        shelf.ids_without(case.without)
        return shelf.locate(case)
    except BadCases as error:
        line = line_of(source, case.id) if source else None
        place = f"{source}, " if source else ""
        place += f"line {line} (case {case.id})" if line else f"case {case.id}"
        raise BadCases(f"{place}: {error}.") from error


def _cluster(case: Case, located: Located) -> str:
    """Return what the case is drawn from: the first document it is about, or itself."""
    places = located.places
    return places[0].span.document if places else next(iter(case.without), case.id)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = time.perf_counter() - started
