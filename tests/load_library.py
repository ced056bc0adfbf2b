"""One that adds among many that search: a writer and readers on one home, watching each other.

`python -m tests.load_library` measures at full size and prints what came of it;
tests/test_load.py runs a small size.
"""

from __future__ import annotations

import math
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag import Assistant, Settings
from tests.conftest import MODELS


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that this share of all does not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True)
class LibraryFigures:
    """What came of one that adds while others search."""

    passages: int
    searches: int
    errors: list[str]
    unfound: int
    """Documents that a search did not find within a second of their being added."""
    halves: int
    """Documents that were seen with other text or passages than they have."""
    p95: float
    p95_alone: float

    def __str__(self) -> str:
        return (
            f"{self.passages} passages added, {self.searches} searches, {len(self.errors)} errors, "
            f"{self.unfound} not found within 1 s, {self.halves} half documents; search p95 "
            f"{self.p95:.3f} s, alone {self.p95_alone:.3f} s {self.errors[:3]}"
        )


class Library:
    """One writer and many readers on one home, watching each other."""

    def __init__(self, assistant: Assistant, folder: Path) -> None:
        self._assistant, self._folder = assistant, folder
        self._folder.mkdir(parents=True)
        self._added: list[tuple[str, float]] = []
        self._texts: dict[str, str] = {}
        self._done = threading.Event()
        self._errors: list[str] = []
        self._seconds: list[float] = []
        self._unfound = self._halves = self._passages = 0

    def run(self, *, passages: int, readers: int, seconds: float) -> LibraryFigures:
        """Add at least so many passages and search for at least so many seconds."""
        threads = [
            threading.Thread(target=self._guarded, args=(self._read, number))
            for number in range(readers)
        ]
        writer = threading.Thread(target=self._guarded, args=(self._write, passages))
        end = time.monotonic() + seconds
        for thread in (*threads, writer):
            thread.start()
        writer.join()
        # Readers go on to the end, so that what was added last is looked for, too.
        self._done.wait(max(1.0, end - time.monotonic()))
        self._done.set()
        for thread in threads:
            thread.join()
        beside = self._seconds.copy()
        # Of the same library: one of less is searched faster.
        alone = [self._timed_search(f"lonely question {n}") for n in range(30)]
        return LibraryFigures(
            self._passages,
            len(beside),
            self._errors,
            self._unfound,
            self._halves,
            percentile(beside, 0.95),
            percentile(alone, 0.95),
        )

    def _guarded(self, work: Callable[[int], None], number: int) -> None:
        try:
            work(number)
        except Exception as error:  # noqa: BLE001 - each is a figure of the report
            self._errors.append(f"{type(error).__name__}: {error}")

    def _write(self, passages: int) -> None:
        number = 0
        while self._passages < passages:
            path = self._folder / f"document{number}.txt"
            text = _text(number)
            path.write_text(text, encoding="utf-8")
            report = self._assistant.add([path])
            document = report.documents[0].document
            assert document is not None, report.documents[0].reason
            self._passages += document.n_passages
            self._texts[document.id] = text
            self._added.append((document.id, time.monotonic()))
            number += 1

    def _read(self, reader: int) -> None:
        chance = random.Random(reader)
        while not self._done.is_set():
            # A person reads, too; sixteen that never do would measure only each other.
            self._done.wait(chance.uniform(0.2, 1.0))
            if not self._added:
                continue
            # Half of the time what was added just now, which is what could be missing.
            place = len(self._added) - 1 if chance.random() < 0.5 else None
            identity, since = self._added[
                chance.randrange(len(self._added)) if place is None else place
            ]
            self._look_for(identity, since)

    def _look_for(self, identity: str, since: float) -> None:
        text = self._texts[identity]
        marker = text.split()[1]
        found = self._timed_search(f"What does the report {marker} say?", identity)
        while not found and time.monotonic() - since < 1.0:
            found = self._timed_search(f"What does the report {marker} say?", identity)
        if not found:
            self._unfound += 1
        stored = self._assistant.text_of(identity)
        passages = self._assistant.passages_of(identity)
        whole = " ".join(stored[passage.start : passage.end] for passage in passages)
        cut = any(passage.text != stored[passage.start : passage.end] for passage in passages)
        if cut or stored != text or whole.split() != text.split():
            self._halves += 1

    def _timed_search(self, question: str, identity: str | None = None) -> float:
        """Return the seconds of a search, 0 if it did not find this document."""
        started = time.monotonic()
        # As many as may come: whether it is there is asked, not how it ranks. Of 252 reports that
        # differ in a word, one is sixth or later for its own question, also when nobody writes.
        hits = self._assistant.search(question, k=50)
        seconds = time.monotonic() - started
        self._seconds.append(seconds)
        if identity is not None and all(h.passage.document.id != identity for h in hits):
            return 0.0
        return seconds


def _text(number: int) -> str:
    chance = random.Random(number)
    words = [f"{chance.choice('bdfglmnprstv')}{chance.choice('aeiou')}" * 2 for _ in range(400)]
    lines = [f"Report r{number:05d}x{chance.randrange(10**6):06d} begins here."]
    lines += [" ".join(chance.choices(words, k=12)).capitalize() + "." for _ in range(300)]
    return "\n".join(lines)


def main() -> None:
    """Measure at full size."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", models=MODELS, llm="none")
        with Assistant(settings) as assistant:
            library = Library(assistant, Path(folder) / "files")
            print(library.run(passages=5000, readers=16, seconds=300))


if __name__ == "__main__":
    main()
