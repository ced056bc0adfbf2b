"""Keeps what the local server computed for the fixed beginnings of its prompts.

Knows nothing of what these say. Reading a beginning of 400 tokens takes seconds, restoring
what that left takes milliseconds: so it is kept on disk for the next start, and put back
when another prompt has taken its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rag.errors import ModelUnavailable
from rag.models.local_server import CONTEXT_TOKENS, NO_ANSWER, NO_MODEL, Address, LocalServer
from rag.schema import Message, ProgressCallback

KEPT_STATES = 4
EVALUATION_SECONDS = 300
RECALL_SECONDS = 60
"""What a question waits for a model that is being made ready, which may take minutes."""
STATE_SECONDS = 30
STALE_SECONDS = 3600

_log = logging.getLogger(__name__)


class PrefixCache:
    """The states of the slot of one server."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._prefixes: list[tuple[Message, ...]] = []
        self._in_slot: tuple[Address, tuple[Message, ...]] | None = None

    def warm(self, messages: Sequence[Message], progress: ProgressCallback | None = None) -> None:
        """Make prompts that begin with these messages fast, now and at the next start.

        Raises:
            ModelError: the server cannot be started or does not answer.
        """
        prefix = tuple(messages)
        with self._lock:
            address = self._server.start(progress)
            restored = self._restore(address, prefix)
            address = self._server.start(progress)  # a bad state may have ended it
            reused = self._evaluate(prefix)
            if not (restored and reused):
                self._save(address, prefix)
            self._in_slot = address, prefix
            if prefix not in self._prefixes:
                self._prefixes.append(prefix)

    def recall(self, messages: Sequence[Message]) -> None:
        """Put back the state of the longest warmed beginning of these messages.

        Raises:
            ModelError: the server cannot be started, or is still being made ready.
        """
        with self._held(RECALL_SECONDS):
            address = self._server.start()
            begins = [p for p in self._prefixes if tuple(messages[: len(p)]) == p]
            if not begins:
                self._in_slot = None
                return
            prefix = max(begins, key=len)
            if self._in_slot != (address, prefix):
                self._restore(address, prefix)
                self._in_slot = address, prefix

    @contextlib.contextmanager
    def _held(self, seconds: float) -> Iterator[None]:
        if not self._lock.acquire(timeout=seconds):
            raise ModelUnavailable(
                "The local language model is still being made ready. Ask again in a minute. "
                f"{NO_MODEL}"
            )
        try:
            yield
        finally:
            self._lock.release()

    def _evaluate(self, prefix: tuple[Message, ...]) -> bool:
        """Have the server read the messages; say whether it had most of them already."""
        # Templates want the user to speak last, and a reply must not be taken for one to go on.
        last = () if prefix and prefix[-1].role == "user" else (Message("user", "."),)
        answer = self._server.chat((*prefix, *last), seconds=EVALUATION_SECONDS, max_tokens=1)
        timings = answer.get("timings", {})
        reused, read = timings.get("cache_n", 0), timings.get("prompt_n", 0)
        return bool(reused > read)

    def _restore(self, address: Address, prefix: tuple[Message, ...]) -> bool:
        path = self._path(address, prefix)
        # The server dies of a damaged file, so it is given none.
        if not _is_whole(path):
            return False
        try:
            status, _ = self._server.post(
                "/slots/0?action=restore", {"filename": path.name}, seconds=STATE_SECONDS
            )
        except NO_ANSWER:
            _forget(path)
            self._server.died()  # if so, it takes a moment until that is known
            return False
        if status == 200:
            with contextlib.suppress(OSError):
                os.utime(path)
        return status == 200

    def _save(self, address: Address, prefix: tuple[Message, ...]) -> None:
        path = self._path(address, prefix)
        written = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            status, _ = self._server.post(
                "/slots/0?action=save", {"filename": written.name}, seconds=STATE_SECONDS
            )
            if status == 200:
                _digest_of(path).write_text(_digest(written), encoding="ascii")
                os.replace(written, path)
        except NO_ANSWER as exc:
            # Only speed is lost, and only at the next start.
            _log.info("the state of a prompt was not kept: %s", exc)
        finally:
            with contextlib.suppress(OSError):
                written.unlink(missing_ok=True)
        _remove_old(self._server.states)

    def _path(self, address: Address, prefix: tuple[Message, ...]) -> Path:
        status = address.weights.stat()
        identity = [
            [address.weights.name, status.st_size, status.st_mtime_ns],
            [version("xllamacpp"), CONTEXT_TOKENS],
            [asdict(message) for message in prefix],
        ]
        name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        return self._server.states / f"prefix-{name}.state"


def _digest_of(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(path: Path) -> bool:
    try:
        return _digest_of(path).read_text(encoding="ascii") == _digest(path)
    except (OSError, ValueError):
        return False


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        _digest_of(path).unlink(missing_ok=True)


def _remove_old(folder: Path) -> None:
    with contextlib.suppress(OSError):
        states = sorted(folder.glob("prefix-*.state"), key=lambda path: -path.stat().st_mtime)
        for path in states[KEPT_STATES:]:
            _forget(path)
        for path in folder.glob("prefix-*.tmp"):  # of processes that were killed
            if path.stat().st_mtime < time.time() - STALE_SECONDS:
                path.unlink()
