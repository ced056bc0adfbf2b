"""Shows results and progress on a terminal, or as plain lines where there is none.

Knows nothing of commands or of how results are made. Text of documents and models is never
interpreted: control characters are taken out, and markup stays what it is, characters.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, NoReturn, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from rag import AddReport, Answer, Check, Document, Event, Hit, Progress
from ui.wording import (
    amount_of,
    answer_summary,
    as_json,
    clean,
    count_of,
    dropped_from,
    fields_of,
    file_name,
    first_lines,
    one_line,
    place_of,
    progress_line,
    report_summary,
)

_WIDEST_LINE = 100
_SECONDS_BETWEEN_LINES = 5.0
_STYLES = {"added": "green", "updated": "green", "rejected": "red", "failed": "red"}
# The unsupported sentences of an answer are told apart in words, not by colour alone.
_VERDICTS = {"partial": "only partly supported by its quotes", "unsupported": "not supported"}
_STAGES = {
    "searching": "Searching the documents",
    "loading": "Loading the language model",
    "reading": "Reading what was found",
    "writing": "Writing",
    "done": "",
}


class Terminal:
    """Two streams: results go to `out`; progress and complaints go to `err`."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = _console(out)
        self._err = _console(err)

    def progress(self) -> ProgressDisplay:
        """Return a display of progress."""
        return ProgressDisplay(self._err)

    def streaming(self) -> AnswerDisplay:
        """Return a display of an answer that is being written."""
        return AnswerDisplay(self._out)

    def complain(self, message: str) -> None:
        """Print what went wrong."""
        self._err.print(Text(f"footnote: {clean(message)}"))

    def show_line(self, line: str, *, style: str = "") -> None:
        """Print a line of our own words and names."""
        self._out.print(Text(one_line(line), style=style))

    def show_json(self, value: Any) -> None:
        """Print a value as one JSON document."""
        self._out.file.write(as_json(value))

    def show_answer(self, answer: Answer) -> None:
        """Print an answer with its quotes, or a refusal with the nearest passages."""
        if answer.answered:
            self._out.print(Text(clean(answer.text)))
            self._show_citations(answer)
        else:
            self._out.print(Text(clean(answer.text), style="bold yellow"))
            if answer.hits:
                self._out.print()
                self._out.print(Text("The nearest passages, which do not answer it:"))
                self.show_hits(answer.hits)
        self._out.print()
        if answer.notice:
            self._out.print(Text(f"Note: {one_line(answer.notice)}", style="yellow"))
        self._out.print(Text(answer_summary(answer), style="dim"))

    def _show_citations(self, answer: Answer) -> None:
        if answer.citations:
            self._out.print()
        headings = {hit.passage.id: hit.passage.heading for hit in answer.hits}
        for citation in answer.citations:
            heading = headings.get(citation.passage_id)
            self._out.print(
                Text.assemble(
                    (f"[{citation.number}] ", "bold cyan"),
                    f"{place_of(citation, heading)}: ",
                    (f'"{one_line(citation.quote)}"', "italic"),
                )
            )
        for number, sentence in enumerate(answer.sentences, start=1):
            if sentence.verdict in _VERDICTS:
                warning = f"Sentence {number} is {_VERDICTS[sentence.verdict]}."
                self._out.print(Text(warning, style="yellow"))

    def show_hits(self, hits: Sequence[Hit]) -> None:
        """Print passages, best first, with their first lines."""
        width = min(self._out.width, _WIDEST_LINE) - 4
        for rank, hit in enumerate(hits, start=1):
            passage = hit.passage
            page = "" if passage.page is None else f" (page {passage.page})"
            place = f"{file_name(passage.document)}:{passage.start}-{passage.end}{page}"
            self._out.print(Text.assemble((f"{rank:>2}  {hit.score:.2f}  ", "bold cyan"), place))
            for line in first_lines(passage.text, width):
                self._out.print(Text(f"    {line}", style="dim"))

    def show_documents(self, documents: Sequence[Document]) -> None:
        """Print the documents as a table, or, piped, as one line with tabs for each."""
        titles = ("id", "file", "title", "characters", "passages", "added")
        rows = [fields_of(document) for document in documents]
        if not self._out.is_terminal:
            for row in (titles, *rows):
                # A console would turn the tabs into spaces.
                self._out.file.write("\t".join(row) + "\n")
            return
        table = Table(box=None, pad_edge=False)
        for title in titles:
            right = title in ("characters", "passages")
            table.add_column(
                title,
                justify="right" if right else "left",
                no_wrap=title == "id",
                overflow="fold",
            )
        for row in rows:
            table.add_row(*map(Text, row))
        self._out.print(table, soft_wrap=False)

    def show_report(self, report: AddReport) -> None:
        """Print a line for each file, and a summary."""
        for result in report.documents:
            passages = result.document.n_passages if result.document else 0
            tail = f" ({count_of(passages, 'passage')})" if result.document else ""
            tail += f": {one_line(result.reason)}" if result.reason else ""
            if result.document and dropped_from(result.document):
                tail += f"; left out: {dropped_from(result.document)}"
            status = (f"{result.status:<9} ", _STYLES.get(result.status, "dim"))
            self._out.print(Text.assemble(status, one_line(result.uri), tail))
        for document in report.removed:
            self._out.print(Text(f"removed   {one_line(document.uri)}: its file has gone"))
        self._out.print(Text(report_summary(report)))

    def show_checks(self, checks: Iterable[Check]) -> None:
        """Print a line for each check, and under it what to do."""
        for check in checks:
            mark = ("✓ ", "green") if check.ok else ("✗ ", "bold red")
            self._out.print(Text.assemble(mark, f"{check.name}: {one_line(check.detail)}"))
            if check.fix:
                self._out.print(Text(f"    fix: {one_line(check.fix)}", style="yellow"))


class AnswerDisplay:
    """On a terminal, shows an answer while it is written, then clears the place for the whole.

    Where there is no terminal it shows nothing: the whole answer is printed at its end.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._text = ""

    def __enter__(self) -> AnswerDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.pause()

    def pause(self) -> None:
        """Leave the terminal to another display until the next event."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, event: Event) -> None:
        """Show the text so far, the sentence being written, or what is being waited for."""
        self._text += event.text
        if not _draws(self._console):
            return
        if self._live is None:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(self._picture(event), refresh=True)

    def _picture(self, event: Event) -> Group:
        waiting = one_line(event.draft) or ("" if self._text else f"{_STAGES[event.stage]} …")
        text = Text.assemble(clean(self._text), " " if self._text else "", (waiting, "dim"))
        lines = text.wrap(self._console, self._console.width)
        # Lines that leave the screen could not be cleared again.
        return Group(*lines[-(self._console.height - 2) :])


class ProgressDisplay:
    """A context manager that is a ProgressCallback: bars on a terminal, else a few lines.

    Lines are printed at the start and the end of each task, and one every few seconds.
    """

    def __init__(
        self,
        console: Console,
        *,
        clock: Callable[[], float] = time.monotonic,
        seconds_between_lines: float = _SECONDS_BETWEEN_LINES,
    ) -> None:
        self._console = console
        self._clock = clock
        self._pause = seconds_between_lines
        self._bars = _bars(console) if _draws(console) else None
        self._bar_of: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._printed: dict[str, float] = {}
        self._ended: set[str] = set()
        # Models are loaded by other threads, and they report as well.
        self._lock = threading.Lock()

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        """Show how far a task is."""
        with self._lock:
            if self._bars is not None:
                self._draw(self._bars, progress)
            else:
                self._tell(progress)

    def _draw(self, bars: Bars, progress: Progress) -> None:
        if not self._bar_of:
            bars.start()
        if progress.task not in self._bar_of:
            self._bar_of[progress.task] = bars.add_task(one_line(progress.task), unit=progress.unit)
        bar = self._bar_of[progress.task]
        bars.update(bar, completed=progress.done, total=progress.total)

    def _tell(self, progress: Progress) -> None:
        task, now = progress.task, self._clock()
        if task in self._ended:
            return
        ended = progress.total is not None and progress.done >= progress.total
        if task not in self._started:
            if ended:  # over before it could be waited for: no work to tell of
                return
            self._started[task] = self._printed[task] = now
            self._print(f"{task} …")
        seconds = now - self._started[task]
        if ended:
            self._ended.add(task)
            self._print(f"{task}: {amount_of(progress.done, progress.unit)} in {seconds:.1f} s")
        elif now - self._printed[task] >= self._pause:
            self._printed[task] = now
            self._print(f"{task}: {progress_line(progress, seconds)}")

    def _print(self, line: str) -> None:
        self._console.print(Text(one_line(line)))


class _Rate(ProgressColumn):
    """How much is done, and how much in a second."""

    def render(self, task: Task) -> Text:
        unit = str(task.fields["unit"])
        total = "" if task.total is None else f" of {amount_of(task.total, unit)}"
        speed = f", {amount_of(task.speed, unit)}/s" if task.speed else ""
        return Text(f"{amount_of(task.completed, unit)}{total}{speed}")


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        # Called while the error is handled: whoever called us decides, not the console.
        raise  # noqa: PLE0704


def _console(stream: TextIO) -> Console:
    return _Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _draws(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


def _bars(console: Console) -> Bars:
    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), _Rate(), TimeRemainingColumn())
    return Bars(*columns, console=console, transient=True)
