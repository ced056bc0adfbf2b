"""What `footnote eval` does: run a data set, compare two runs, hold one against a baseline.

Knows nothing of the command line's own arguments beyond their values, nor of metrics.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tqdm import tqdm

from eval.adapters import guess_format, load_dataset
from eval.cases import BadCases, Dataset
from eval.compare import GATE_LEVEL, compare, comparison_table
from eval.outcomes import Outcome, RunFolder
from eval.report import HTML, JSON, Report, read_report, table, write_report
from eval.runner import IDENTITY, Open, Options, Run, ask_all, prepared
from eval.scoring import JUDGED, Scores, score
from rag import (
    Assistant,
    ConfigError,
    Observation,
    Progress,
    ProgressCallback,
    Settings,
    build_chat_model,
    build_embedder,
    calibrate,
    model_sha256,
)

if TYPE_CHECKING:
    from eval.judge import Judge

RESULTS = Path(".footnote") / "eval"
_PRIVATE = {"home", "models", "llm_key", "embedding_key", "openai_api_key"}
_ADDRESSES = ("llm_url", "embedding_url", "chroma_url")


@dataclass(frozen=True)
class Request:
    """One `footnote eval`: which data, how much of it, and where the results go."""

    path: Path
    form: str | None
    documents: tuple[Path, ...]
    withhold: float
    options: Options
    out: Path | None = None
    fail_below: Path | None = None
    open_report: bool = False
    judge: str | None = None
    judge_url: str | None = None

    @property
    def judge_name(self) -> str | None:
        """Return what tells one judge from another: the model, and where it is served."""
        at = f" at {_place_of(self.judge_url)}" if self.judge_url else ""
        return None if self.judge is None else self.judge + at


def evaluate(request: Request, settings: Settings, *, open_assistant: Open = Assistant) -> int:
    """Run a data set and report; return 1 if cases failed or a baseline is missed, else 0.

    `open_assistant` makes what is asked.

    Raises:
        BadCases: the data, the folder of results or the baseline cannot be used.
    """
    baseline = read_report(request.fail_below) if request.fail_below else None
    form = request.form or guess_format(request.path)
    with (
        _judging(request, settings) as judge,
        tempfile.TemporaryDirectory(prefix="footnote-data-") as place,
        Bars() as bars,
    ):
        dataset = load_dataset(
            form,
            request.path,
            Path(place),
            documents=request.documents,
            withhold=request.withhold,
            seed=request.options.seed,
        )
        with prepared(
            dataset,
            request.options,
            settings,
            bars,
            open_assistant=open_assistant,
            source=request.path,
        ) as run:
            if run.assistant.model_host is not None:
                print(f"Text is sent to {run.assistant.model_host}.", file=sys.stderr)
            folder = RunFolder(request.out or _new_folder(dataset.name))
            manifest = _manifest(request, form, dataset, run, settings)
            if folder.begin(manifest, IDENTITY):
                print(f"Going on with the run in {folder.path}.", file=sys.stderr)
            try:
                outcomes = ask_all(run, folder, request.options, bars)
            except KeyboardInterrupt:
                bars.close()
                print(f"\nGo on later: the same command, with --out {folder.path}", file=sys.stderr)
                raise
            folder.write_manifest(manifest | {"finished": _now(), "seconds": run.seconds})
        scores = score(outcomes)
        if judge is not None:
            _add_verdicts(judge, outcomes, scores, bars)
    report = write_report(folder, outcomes, scores)
    _tell(report, folder, run)
    if request.open_report:
        webbrowser.open((folder.path / HTML).resolve().as_uri())
    failed = sum(outcome.error is not None for outcome in outcomes)
    return max(int(failed > 0), _gate(baseline, report) if baseline else 0)


def show_comparison(before: Path, after: Path) -> int:
    """Print what changed from one run to another; raises BadCases."""
    print(comparison_table(compare(read_report(before), read_report(after))))
    return 0


def calibrate_from(runs: Sequence[Path], settings: Settings, path: Path | None) -> int:
    """Fit the confidence to the answers of earlier runs and write it; raises BadCases."""
    seen: list[Observation] = []
    names: list[str] = []
    for run in runs:
        folder = RunFolder(run)
        known = folder.manifest()
        outcomes = [o for o in folder.outcomes() if o.answer is not None]
        seen += [Observation(o.answer.signals, o.case.answerable) for o in outcomes if o.answer]
        names.append(f"{len(outcomes)} questions of {known['dataset']} ({known['model']})")
    fitted_on = f"{'; '.join(names)}; {datetime.now(UTC):%Y-%m-%d}"
    report = calibrate(settings.home, seen, fitted_on=fitted_on, path=path)
    print(
        f"{report.questions} questions, {report.answerable} with an answer in the documents. "
        f"Brier score {report.brier_before:.3f} before, {report.brier_after:.3f} after, on "
        f"questions that it was not fitted to. Written to {report.path}."
    )
    return 0


def report_again(path: Path) -> int:
    """Score the outcomes of an earlier run again and write its report anew; raises BadCases."""
    folder = RunFolder(path)
    folder.manifest()
    outcomes = folder.outcomes()
    if not outcomes:
        raise BadCases(f"{path} holds no outcomes yet. Go on with the run, or name another.")
    scores = score(outcomes)
    if (path / JSON).exists():
        # A judge's verdicts are no part of the outcomes.
        for case_id, case in read_report(path).cases.items():
            judged = {name: case.scores.get(name) for name in JUDGED}
            scores.get(case_id, {}).update(judged)
    print(table(write_report(folder, outcomes, scores).summary))
    print(f"Report: {path / HTML}")
    return 0


def _gate(baseline: Report, report: Report) -> int:
    comparison = compare(baseline, report, level=GATE_LEVEL)
    regressions = comparison.regressions
    for change in regressions:
        low, high = change.difference.low, change.difference.high
        print(
            f"REGRESSION: {change.metric.label} {change.before:.3f} -> "
            f"{change.before + change.difference.mean:.3f} ({GATE_LEVEL:.0%} interval of the "
            f"difference {low:+.3f} to {high:+.3f})"
        )
    if comparison.missing:
        labels = ", ".join(metric.label for metric in comparison.missing)
        print(f"Not compared, for this run has none of it: {labels}", file=sys.stderr)
    if not regressions:
        print(f"No significant regression against the baseline ({comparison.n} cases).")
    return int(bool(regressions))


def _tell(report: Report, folder: RunFolder, run: Run) -> None:
    for reason in run.rejected:
        print(f"Not added: {reason}", file=sys.stderr)
    print(table(report.summary))
    clusters = len({case.cluster for case in report.cases.values()})
    print(f"{report.summary.n} cases, drawn from {clusters} documents or groups of questions")
    spent = run.seconds
    if spent.get("calls"):
        share = 1 - spent["calls"] / spent["asking"]
        print(f"adding {spent['adding']:.1f} s, asking {spent['asking']:.1f} s")
        print(f"share of the harness itself: {share:.1%}")
    print(f"Report: {folder.path / HTML}")


@contextmanager
def _judging(request: Request, settings: Settings) -> Iterator[Judge | None]:
    """Yield the judge, whose model is started when it is first asked, or None."""
    if request.judge is None or request.judge_name is None:
        yield None
        return
    # LlamaIndex takes two seconds to load, which a run without a judge need not wait.
    from eval.judge import Judge

    update: dict[str, Any] = {"llm": request.judge, "llm_url": request.judge_url}
    if request.judge_url != settings.llm_url:
        # The key of the server that answers is for that server alone.
        update["llm_key"] = None
    model = build_chat_model(settings.model_copy(update=update))
    if model is None:
        raise ConfigError("A judge has to be a language model. Name one with --judge.")
    if model.host is not None:
        print(f"Answers and passages are sent to {model.host} to be judged.", file=sys.stderr)
    with closing(model):
        yield Judge(model, request.judge_name, settings.home / "verdicts")


def _add_verdicts(
    judge: Judge,
    outcomes: Sequence[Outcome],
    scores: Mapping[str, Scores],
    progress: ProgressCallback,
) -> None:
    problems = 0
    for number, outcome in enumerate(outcomes):
        progress(Progress("Judging", number, len(outcomes), "answers"))
        verdicts = judge.verdicts(outcome)
        problems += len(verdicts.problems)
        scores[outcome.case.id].update(
            faithfulness=verdicts.faithfulness,
            relevancy=verdicts.relevancy,
            correctness=verdicts.correctness,
        )
    progress(Progress("Judging", len(outcomes), len(outcomes), "answers"))
    if problems:
        print(f"{problems} verdicts are missing: the judge gave none.", file=sys.stderr)


# The manifest -------------------------------------------------------------------------


def _manifest(
    request: Request, form: str, dataset: Dataset, run: Run, settings: Settings
) -> dict[str, Any]:
    own = run.assistant.settings
    retrieval_only = request.options.retrieval_only
    documents = [
        {"name": run.shelf.name(d.id), "sha256": d.sha256} for d in run.assistant.documents()
    ]
    return {
        "dataset": dataset.name,
        "started": _now(),
        "commit": commit_of(Path(__file__).parent),
        "footnote": _version(),
        "model": None if retrieval_only else run.assistant.model_name,
        "model_sha256": None if retrieval_only else model_sha256(own),
        "embedding": _fingerprint(own),
        "judge": request.judge_name and _without_folder(request.judge_name),
        "options": asdict(request.options) | {"format": form, "withhold": request.withhold},
        "settings": _plain(settings),
        "cases": _digest(case.model_dump_json() for case in run.cases),
        "documents": documents,
        "machine": _machine(),
        "rejected": list(run.rejected),
    }


def _fingerprint(settings: Settings) -> str:
    with closing(build_embedder(settings)) as embedder:
        return embedder.fingerprint


def _plain(settings: Settings) -> dict[str, Any]:
    """Return the settings without those that name places of this machine, or keys."""
    plain = settings.model_dump(mode="json", exclude=_PRIVATE)
    places = {name: _place_of(plain[name]) for name in _ADDRESSES if plain[name]}
    return plain | places | {"llm": _without_folder(settings.llm)}


def _place_of(url: str) -> str:
    """Return scheme, host and port of an address: the rest may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _without_folder(model: str) -> str:
    """Return a model as it is set, a file of this machine by its name alone."""
    is_file = model.lower().endswith(".gguf") and not model.lower().startswith("hf:")
    return Path(model).name if is_file else model


def _digest(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode())
    return digest.hexdigest()


def _machine() -> Mapping[str, Any]:
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def commit_of(folder: Path) -> str | None:
    """Return the commit checked out there, marked if there are changes; None without git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+changes", "--exclude=*"],  # noqa: S607
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()


def _version() -> str:
    try:
        return version("footnote")
    except PackageNotFoundError:
        return "(not installed)"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _new_folder(name: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    return RESULTS / f"{name}-{stamp[:-3]}"


class Bars:
    """Shows progress on stderr: a bar with rate and time left for each task."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._task = ""

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, progress: Progress) -> None:
        """Show how far the work is."""
        if self._bar is None or progress.task != self._task:
            self.close()
            self._task = progress.task
            # Piped, a line now and then, or as often as tqdm's own variable says.
            piped = float(os.environ.get("TQDM_MININTERVAL") or 10)
            often = 0.1 if sys.stderr.isatty() else piped
            self._bar = tqdm(
                desc=progress.task,
                total=progress.total,
                unit=f" {progress.unit}",
                mininterval=often,
                initial=progress.done if progress.task == "Asking" else 0,
            )
        self._bar.update(progress.done - self._bar.n)

    def close(self) -> None:
        """End the bar that is shown."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
