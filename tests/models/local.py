"""Local servers for tests: of the stub, and how to see that a process has ended."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.models.local_server import LocalServer

STUB = (sys.executable, str(Path(__file__).with_name("stub_server.py")))


@contextmanager
def stub(folder: Path, behaviour: str = "ok", seconds: float = 30) -> Iterator[LocalServer]:
    """Give a local server of the stub; its weights are a word that says what it does."""
    weights = folder / "weights.gguf"
    if not weights.exists() or weights.read_text() != behaviour:
        weights.write_text(behaviour)
    server = LocalServer(
        lambda _progress: weights,
        states=folder / "states",
        threads=1,
        start_seconds=seconds,
        command=STUB,
    )
    try:
        yield server
    finally:
        server.close()


def asked(folder: Path) -> list[tuple[str, Any]]:
    """Return what the stub was asked: the end of the path, and the body."""
    log = folder / "weights.gguf.log"
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()]


def wait_until_ended(process_id: int) -> None:
    """Return when the process has ended; fail if it does not."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":  # ended, and not yet collected by whoever inherited it
            return
        time.sleep(0.02)  # it is nobody's child here: its end cannot be waited for
    raise AssertionError(f"process {process_id} goes on")
