"""Evaluations started from the page: `footnote eval` as a process of its own, one at a time.

Knows nothing of HTML, nor of how anything is measured: it reads what the command writes.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from rag import Settings, UsageError

EVALUATIONS = "eval"
"""Folder of the home that results lie in."""
_PAGE, _REPORT = "report.html", "report.json"
# -P keeps the working folder, which may be one of downloads, off the way to modules.
_COMMAND = (
    sys.executable,
    "-P",
    "-c",
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from ui.cli import main; sys.exit(main())",
)
_BAR = re.compile(r"^(?P<task>[^:]+):\s+\d+%\|.*\|\s*(?P<done>[\d.]+)/(?P<total>[\d.]+) \[")
_LISTED = 30
_END_SECONDS, _COMPARE_SECONDS = 8.0, 120


@dataclass(frozen=True)
class Underway:
    """The evaluation that runs; `done` of `total` in the unit of its task."""

    name: str
    task: str = "Starting"
    done: float = 0.0
    total: float = 0.0


@dataclass(frozen=True)
class Finished:
    """An evaluation with a report: how many cases, when, and its mean figures by name."""

    name: str
    dataset: str
    model: str
    started: str
    n: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Evaluations:
    """What there is at a moment; `trouble` is how the last one failed."""

    underway: Underway | None
    finished: tuple[Finished, ...]
    trouble: str | None = None


class Evaluator:
    """Runs the command and lists its results."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._underway: Underway | None = None
        self._trouble: str | None = None
        self._stopped = False
        self._read: dict[Path, tuple[float, Finished]] = {}

    def start(
        self,
        cases: str,
        documents: str,
        *,
        settings: Settings,
        only_search: bool,
        limit: int | None,
    ) -> None:
        """Begin an evaluation; without `cases`, of the questions on the seeds.

        Raises UsageError if one is under way, or a path is not there.
        """
        for path in filter(None, (cases.strip(), documents.strip())):
            _check(path)
        name = f"{datetime.now().astimezone():%Y-%m-%d_%H%M%S}"
        arguments = ["--home", str(settings.home), "eval"]
        if cases.strip():
            arguments.append(str(Path(cases.strip()).expanduser()))
        if documents.strip():
            arguments += ["--documents", str(Path(documents.strip()).expanduser())]
        if only_search:
            arguments.append("--retrieval-only")
        if limit is not None:
            arguments += ["--limit", str(limit)]
        arguments += ["--out", str(self._folder / name)]
        with self._guard:
            if self._underway is not None:
                raise UsageError("An evaluation is under way. Wait for its end, or stop it.")
            try:
                self._process = subprocess.Popen(
                    [*_COMMAND, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env=os.environ | _environment(settings),
                    # Ctrl-C is for us: we end it, once.
                    start_new_session=True,
                )
            except OSError as error:
                raise UsageError(f"It could not be started ({error.strerror}).") from error
            self._underway, self._trouble, self._stopped = Underway(name), None, False
        threading.Thread(
            target=self._follow, args=(self._process, name), name="evaluation", daemon=True
        ).start()

    def stop(self) -> None:
        """End the evaluation that runs; what it has asked so far stays in its folder."""
        with self._guard:
            self._stopped = True
            process = self._process
        if process is not None:
            threading.Thread(target=_end, args=(process,), name="stopping", daemon=True).start()

    def close(self) -> None:
        """Stop, and wait for the end."""
        with self._guard:
            self._stopped = True
            process = self._process
        if process is not None:
            _end(process)

    def state(self) -> Evaluations:
        """Return what there is at this moment, the latest first."""
        with self._guard:
            underway, trouble = self._underway, self._trouble
        try:
            # The page of a report is the last that is written.
            pages = self._folder.glob(f"*/{_PAGE}")
            reports = [page.with_name(_REPORT) for page in pages]
        except OSError:
            reports = []
        found = [f for f in map(self._finished, reports) if f is not None]
        found.sort(key=lambda f: f.started, reverse=True)
        return Evaluations(underway, tuple(found[:_LISTED]), trouble)

    def report(self, name: str) -> Path:
        """Return the page of a report. Raises UsageError."""
        # Only what is listed: no name leads anywhere else.
        for page in self._folder.glob(f"*/{_PAGE}"):
            if page.parent.name == name:
                return page
        raise UsageError(f"There is no report {name}.")

    def compare(self, before: str, after: str) -> str:
        """Return what changed between two runs, as `footnote eval compare` tells it.

        Raises UsageError.
        """
        runs = [str(self.report(name).parent) for name in (before, after)]
        try:
            told = subprocess.run(
                [*_COMMAND, "eval", "compare", *runs],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                env=os.environ | {"PYTHONIOENCODING": "utf-8"},
                timeout=_COMPARE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UsageError("Comparing took too long. Try `footnote eval compare`.") from error
        if told.returncode:
            raise UsageError(_last_line(told.stderr.splitlines()))
        return told.stdout

    def _follow(self, process: subprocess.Popen[bytes], name: str) -> None:
        said: deque[str] = deque(maxlen=20)
        rest = ""
        with cast("IO[bytes]", process.stderr) as pipe:
            while piece := os.read(pipe.fileno(), 4096):
                *lines, rest = re.split(r"[\r\n]+", rest + piece.decode("utf-8", "replace"))
                for line in lines:
                    self._tell(name, line, said)
        code = process.wait()
        with self._guard:
            self._underway = self._process = None
            if code != 0 and not self._stopped and not self._is_there(name):
                self._trouble = _last_line([*said, rest])

    def _tell(self, name: str, line: str, said: deque[str]) -> None:
        bar = _BAR.match(line)
        if bar is None:
            said.append(line)
            return
        with self._guard:
            self._underway = Underway(name, bar["task"], float(bar["done"]), float(bar["total"]))

    def _is_there(self, name: str) -> bool:
        return (self._folder / name / _PAGE).is_file()

    def _finished(self, path: Path) -> Finished | None:
        """Return a report in few words, None for a file that is none."""
        try:
            changed = path.stat().st_mtime
            if path not in self._read or self._read[path][0] != changed:
                self._read[path] = changed, _summary(path)
            return self._read[path][1]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _check(path: str) -> None:
    try:
        is_there = Path(path).expanduser().exists()
    except (OSError, RuntimeError):
        # Too long, not to be looked into, or the home of a user there is not.
        is_there = False
    if not is_there:
        raise UsageError(f"There is nothing at {path}. Check the path.")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have a process clean up and end; one that does not is made to."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _summary(path: Path) -> Finished:
    report: dict[str, Any] = json.loads(path.read_bytes())
    manifest, summary = report["manifest"], report["summary"]
    return Finished(
        name=path.parent.name,
        dataset=str(manifest["dataset"]),
        model=str(manifest["model"] or "search alone"),
        started=str(manifest["started"]),
        n=int(summary["n"]),
        figures={name: float(m["mean"]) for name, m in summary["metrics"].items()},
    )


def _environment(settings: Settings) -> dict[str, str]:
    """Return what makes the command answer as this page does."""
    return {
        "FOOTNOTE_LLM": settings.llm,
        "FOOTNOTE_LLM_URL": settings.llm_url or "",
        "FOOTNOTE_MODELS": str(settings.models_folder),
        "FOOTNOTE_PASSAGES": str(settings.passages),
        "FOOTNOTE_STRICTNESS": str(settings.strictness),
        "TQDM_MININTERVAL": "0.5",
        "PYTHONIOENCODING": "utf-8",
    }


def _last_line(lines: Sequence[str]) -> str:
    told = [line.strip() for line in lines if line.strip()]
    return told[-1] if told else "It ended without a word. Run `footnote eval` in a terminal."
