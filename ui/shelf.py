"""Documents of the library, and files on their way into it, one at a time in the background.

Knows nothing of Gradio or of HTML. A server has one shelf: what one page adds, all see.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from rag import AddReport, Document, FootnoteError, Progress, ProgressCallback, UnknownDocument

log = logging.getLogger(__name__)

UPLOADS, INCOMING = "uploads", "incoming"
"""Folders of the home for files that came through the page, and that are on their way."""
UNEXPECTED = "Something went wrong inside Footnote. The program's log has the details."
_POLL_SECONDS = 0.2
# Finished arrivals that are still told: the last of a large upload, and then some.
_TOLD = 200
_LONGEST_NAME = 120

State = Literal[
    "waiting", "adding", "stopping", "added", "updated", "unchanged", "rejected", "stopped"
]


class Stock(Protocol):
    """The part of an assistant that documents come and go by."""

    def add(self, paths: str | Path, *, progress: ProgressCallback | None = None) -> AddReport:
        """Add a file or a folder."""

    def remove(self, document_id: str) -> Document:
        """Remove a document."""

    def documents(self) -> list[Document]:
        """Return all documents."""


@dataclass(frozen=True)
class Arrival:
    """A file or folder on its way; `share` is how much of it is done, 0 to 1."""

    number: int
    path: Path
    state: State = "waiting"
    share: float = 0.0
    seconds: float = 0.0
    reason: str | None = None
    size: int = 0
    """Bytes; 0 for a folder, and for a file that is not there."""

    @property
    def rate(self) -> float | None:
        """Return the bytes read and embedded in a second, None while nobody can know."""
        known = self.size and self.share and self.seconds
        return self.size * self.share / self.seconds if known else None

    @property
    def finished(self) -> bool:
        """Say whether nothing more will come of it."""
        return self.state not in ("waiting", "adding", "stopping")

    @property
    def left(self) -> float | None:
        """Return the seconds it will take still, None while nobody can know."""
        return self.seconds * (1 - self.share) / self.share if 0.05 < self.share < 1 else None


@dataclass(frozen=True)
class Holdings:
    """What the shelf holds at a moment: documents, and arrivals, the latest first."""

    documents: tuple[Document, ...]
    arrivals: tuple[Arrival, ...]
    gone: frozenset[str] = frozenset()
    """Ids of documents whose files are no longer where they were."""

    @property
    def busy(self) -> bool:
        """Say whether something is on its way."""
        return any(not arrival.finished for arrival in self.arrivals)


class _Stopped(Exception):
    """Ends the adding of a file that nobody waits for any more."""


class Shelf:
    """Adds, removes and lists documents; `uploads` is where files from the page are kept."""

    def __init__(self, stock: Stock, uploads: Path) -> None:
        self._stock = stock
        self._uploads = uploads
        self.incoming = uploads.with_name(INCOMING)
        # What an upload left behind that a killed program never finished.
        shutil.rmtree(self.incoming, ignore_errors=True)
        self._guard = threading.RLock()
        self._waiting: deque[int] = deque()
        self._arrivals: dict[int, Arrival] = {}
        self._changes = 0
        self._closed = False
        self._worker: threading.Thread | None = None

    def receive(self, files: Sequence[Path]) -> None:
        """Keep uploaded files in the home and put them in line.

        A file of a name that was uploaded before takes its place: a new version.
        """
        self._uploads.mkdir(parents=True, exist_ok=True)
        kept = []
        for file in files:
            target = self._uploads / safe_name(file.name)
            shutil.move(file, target)
            kept.append(target)
        self.bring(kept)

    def bring(self, paths: Sequence[Path]) -> None:
        """Put files and folders of this machine in line."""
        with self._guard:
            for path in paths:
                number = len(self._arrivals) + 1
                self._arrivals[number] = Arrival(number, path, size=_size(path))
                self._waiting.append(number)
            self._changed()
            if self._worker is None and not self._closed:
                # A daemon: a parser that hangs cannot keep the program alive.
                self._worker = threading.Thread(target=self._work, name="shelf", daemon=True)
                self._worker.start()

    def refuse(self, names: Sequence[str], megabytes: int) -> None:
        """Tell of files that were not uploaded, for they are larger than so many megabytes."""
        with self._guard:
            for name in names:
                shown = safe_name(name)
                reason = (
                    f"{shown} has more than {megabytes} MB, the most that is read. Split it, or "
                    "raise FOOTNOTE_FILE_MEGABYTES."
                )
                number = len(self._arrivals) + 1
                self._arrivals[number] = Arrival(number, Path(shown), "rejected", reason=reason)
            self._changed()

    def stop(self, number: int | None = None) -> None:
        """Stop an arrival, or all that are not finished; what is added stays."""
        with self._guard:
            for arrival in list(self._arrivals.values()):
                if number in (None, arrival.number) and not arrival.finished:
                    is_waiting = arrival.state == "waiting"
                    if is_waiting:
                        self._waiting.remove(arrival.number)
                    state: State = "stopped" if is_waiting else "stopping"
                    self._arrivals[arrival.number] = replace(arrival, state=state)
            self._changed()

    def remove(self, document_id: str) -> None:
        """Remove a document, and its file if it came through the page.

        Raises:
            StoreError: the library cannot be written.
        """
        try:
            document = self._stock.remove(document_id)
        except UnknownDocument:
            return  # removed in another tab: it is gone, as was wanted
        finally:
            with self._guard:
                self._changed()
        path = Path(document.uri)
        if path.parent == self._uploads:
            path.unlink(missing_ok=True)

    def again(self, document_id: str) -> None:
        """Read the file of a document once more, if the document is still there."""
        found = [d for d in self._stock.documents() if d.id == document_id]
        self.bring([Path(document.uri) for document in found])

    def act(self, data: Mapping[str, str], left_out: frozenset[str]) -> frozenset[str]:
        """Do what a button of the library asks for; return what the chat leaves out then."""
        action, identity = data.get("action"), data.get("id", "")
        if action == "use":
            return left_out ^ {identity}
        if action == "remove":
            self.remove(identity)
            return left_out - {identity}
        if action == "again":
            self.again(identity)
        elif action == "stop" and identity.isdecimal():
            self.stop(int(identity))
        elif action == "stop-all":
            self.stop()
        return left_out

    def holdings(self) -> Holdings:
        """Return what there is at this moment."""
        with self._guard:
            arrivals = tuple(reversed(list(self._arrivals.values())[-_TOLD:]))
        documents = tuple(self._stock.documents())
        # Path.exists raises where a folder may not be looked into.
        gone = frozenset(d.id for d in documents if not os.path.exists(d.uri))  # noqa: PTH110
        return Holdings(documents, arrivals, gone)

    def watch(self) -> Iterator[Holdings]:
        """Yield the holdings, and again whenever they change, until nothing is on its way."""
        seen = -1
        while not self._closed:
            with self._guard:
                changes = self._changes
            if changes != seen:
                seen = changes
                holdings = self.holdings()
                yield holdings
                if not holdings.busy:
                    return
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Stop everything and wait for what is being written."""
        with self._guard:
            self._closed = True
            worker = self._worker
        self.stop()
        if worker is not None:
            worker.join(_POLL_SECONDS * 50)
        shutil.rmtree(self.incoming, ignore_errors=True)

    def _work(self) -> None:
        while True:
            with self._guard:
                if self._closed or not self._waiting:
                    self._worker = None
                    return
                number = self._waiting.popleft()
                self._put(replace(self._arrivals[number], state="adding"))
            self._add(number)

    def _add(self, number: int) -> None:
        started = time.monotonic()

        def tell(progress: Progress) -> None:
            with self._guard:
                if self._arrivals[number].state == "stopping":
                    raise _Stopped
                share = progress.done / progress.total if progress.total else 0.0
                seconds = time.monotonic() - started
                self._put(replace(self._arrivals[number], share=share, seconds=seconds))

        arrival = self._arrivals[number]
        try:
            state, reason = _outcome(self._stock.add(arrival.path, progress=tell))
        except _Stopped:
            state, reason = "stopped", None
        except FootnoteError as error:
            state, reason = "rejected", str(error)
        except Exception:
            log.exception("Adding %s failed.", arrival.path)
            state, reason = "rejected", UNEXPECTED
        with self._guard:
            seconds = time.monotonic() - started
            share = 0.0 if state == "stopped" else 1.0
            done = replace(arrival, state=state, share=share, seconds=seconds, reason=reason)
            self._put(done)

    def _put(self, arrival: Arrival) -> None:
        self._arrivals[arrival.number] = arrival
        self._changed()

    def _changed(self) -> None:
        self._changes += 1


def _outcome(report: AddReport) -> tuple[State, str | None]:
    """Return what became of a file or folder in a word, and what was not added of it."""
    if not report.documents:
        return "rejected", "No file was found there. Check the path."
    left_out = [r for r in report.documents if r.status in ("rejected", "failed")]
    reasons = [r.reason or "" for r in left_out]
    if len(left_out) == len(report.documents):
        return "rejected", " ".join(reasons[:3])
    note = None
    if left_out:
        note = f"{len(left_out)} of {len(report.documents)} files left out: {reasons[0]}"
    states: tuple[State, ...] = ("added", "updated", "unchanged")
    return next(s for s in states if any(r.status == s for r in report.documents)), note


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0  # adding it will say what is wrong


def safe_name(name: str) -> str:
    """Return a name for an uploaded file: its own, without what could lead elsewhere."""
    plain = re.sub(r"[\x00-\x1f\x7f/\\:*?\"<>|]", "_", Path(name).name).strip(" .")
    stem, dot, ending = plain.rpartition(".")
    if not dot:
        return plain[:_LONGEST_NAME] or "document"
    return f"{stem[:_LONGEST_NAME] or 'document'}.{ending[:16]}"
