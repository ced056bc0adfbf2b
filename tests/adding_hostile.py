"""Adds a folder in a process of its own, and writes down what came of each file and what it took.

    python -m tests.adding_hostile ROOM HOME REPORT

Two things are looked at from inside: how long each file took to read, and the peak memory of the
process that read it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import zlib
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]

from rag import Assistant, Progress, Settings
from rag.adding import Adder
from tests.fakes import WordEmbedder

# Often enough to see the peak of a process that grows fast and is then ended.
LOOK_SECONDS = 0.02


class QuickEmbedder(WordEmbedder):
    """Embeds by words, too, but a thousand times as many, and keeps none."""

    def embed(self, texts):
        rows = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            words = [zlib.crc32(w.strip(".,").encode()) % 64 for w in text.lower().split()]
            row += np.bincount(words, minlength=64)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


class Watch:
    """Sees what reading each file takes."""

    def __init__(self, room: Path) -> None:
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, float] = defaultdict(float)
        self.silences: list[float] = []
        self._told = time.monotonic()
        self._file = ""
        self._over = threading.Event()
        self._changing = room / "changes.txt"
        self._threads = [threading.Thread(target=t) for t in (self._look, self._change)]

    def __enter__(self):
        parse = Adder._parse

        def timed(adder, item, loader):
            self._file = os.fsencode(item.uri).decode("utf-8", "backslashreplace")
            for child in self._parsers():
                # Starts the count of the peak anew.
                with suppress(OSError):
                    Path(f"/proc/{child}/clear_refs").write_text("5")
            started = time.monotonic()
            try:
                return parse(adder, item, loader)
            finally:
                self.seconds[self._file] = time.monotonic() - started

        Adder._parse = timed  # type: ignore[method-assign]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def told(self, progress: Progress) -> None:
        """Take down how long nothing was told."""
        now = time.monotonic()
        self.silences.append(now - self._told)
        self._told = now

    def _parsers(self):
        with suppress(psutil.Error):
            for child in psutil.Process().children():
                with suppress(psutil.Error):
                    if "rag.parsing" in child.cmdline():
                        yield child.pid

    def _look(self):
        while not self._over.wait(LOOK_SECONDS):
            file = self._file
            for child in self._parsers():
                self.peaks[file] = max(self.peaks[file], peak_of(child))

    def _change(self):
        """Touch one file again and again, with a new time each time."""
        count = 0
        while self._changing.exists() and not self._over.wait(0.001):
            count += 1
            os.utime(self._changing, ns=(count, count))


def peak_of(process: int | str) -> float:
    """Return the most memory that a process held, in megabytes."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def main() -> None:
    """Add, and write the report."""
    room, home, report = map(Path, sys.argv[1:])
    settings = Settings(home=home, llm="none")
    started = time.monotonic()
    with Assistant(settings, embedder=QuickEmbedder()) as assistant, Watch(room) as watch:
        before = peak_of("self")
        result = assistant.add(room, progress=watch.told)
    report.write_text(
        json.dumps(
            {
                "files": [(r.uri, r.status, r.reason) for r in result.documents],
                "seconds": watch.seconds,
                "peaks": watch.peaks,
                "silence": max(watch.silences),
                "memory": [before, peak_of("self")],
                "total": time.monotonic() - started,
            }
        )
    )


if __name__ == "__main__":
    main()
