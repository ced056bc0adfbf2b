"""Turns a file into text with the places of its pages and headings, or a page into a picture.

Knows nothing of formats: a child process with little power parses, so that no file can
take this one down. Exactly those bytes are parsed that were hashed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from rag.errors import FailedFile, RejectedFile
from rag.finding import SUFFIXES, Source, find_sources, mime_of, unsupported
from rag.reading import CHUNK_BYTES, hash_file, read_chunks, show
from rag.schema import Heading, LoadedText

__all__ = ["SUFFIXES", "Loader", "Source", "find_sources", "hash_file"]

MAX_REPLY_BYTES = 200_000_000


class Loader:
    """Loads files one at a time in a child process, which starts with the first of them."""

    def __init__(self, *, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._parser: _Parser | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def load(self, path: Path) -> tuple[str, LoadedText]:
        """Return the SHA-256 of the file's bytes and its text.

        Raises:
            RejectedFile: the file cannot be turned into text as it stands.
            FailedFile: it could not be read now, and may be at another try.
        """
        mime = mime_of(path)
        if mime is None:
            raise RejectedFile(unsupported(path))
        data = b"".join(read_chunks(path, limit_bytes=self._max_bytes))
        reply = self._parse(path, data, {"mime": mime})
        return hashlib.sha256(data).hexdigest(), LoadedText(
            text=reply["text"],
            title=reply["title"],
            mime=mime,
            pages=tuple(reply["pages"]),
            headings=tuple(Heading(start, text) for start, text in reply["headings"]),
            dropped=reply["dropped"],
        )

    def draw(
        self,
        path: Path,
        page: int,
        marks: Sequence[tuple[str, int]],
        *,
        sha256: str,
        crop: bool,
    ) -> bytes:
        """Return a page of a PDF, from 1, as PNG with the words of `marks` marked.

        With each mark comes how many letters and digits of the page stand before it. With
        `crop`, only the part of the page around them.

        Raises:
            RejectedFile: the file has other bytes than those with this hash, or no such page.
            FailedFile: it could not be read now, and may be at another try.
        """
        data = b"".join(read_chunks(path, limit_bytes=self._max_bytes))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise RejectedFile(f"{show(path.name)} has changed since it was added. Add it again.")
        reply = self._parse(path, data, {"page": page, "marks": marks, "crop": crop})
        return base64.b64decode(reply["image"])

    def close(self) -> None:
        """End the child process; a later load starts another."""
        parser = self._parser
        if parser is not None:
            # At once, whatever it is doing: who waits for its answer is told.
            parser.kill()
        with self._lock:
            self._stop()

    def _parse(self, path: Path, data: bytes, request: dict[str, Any]) -> dict[str, Any]:
        header = {
            **request,
            "stem": show(path.stem),
            "size": len(data),
            "seconds": self._seconds,
        }
        if not self._lock.acquire(timeout=self._seconds):
            raise FailedFile(f"{show(path.name)} has to wait for another file. Try again.")
        try:
            reply = self._ask(path, header, data)
        finally:
            self._lock.release()
        if "rejected" in reply:
            raise RejectedFile(f"{show(path.name)} {reply['rejected']}")
        return reply

    def _ask(self, path: Path, header: dict[str, Any], data: bytes) -> dict[str, Any]:
        parser = self._start()
        try:
            return parser.ask(header, data, seconds=self._seconds)
        except TimeoutError as error:
            raise FailedFile(
                f"{show(path.name)} took more than {self._seconds:g} s to read. Raise "
                "FOOTNOTE_PARSE_SECONDS, or split the file, and add it again."
            ) from error
        except (OSError, ValueError) as error:
            raise FailedFile(
                f"The parser stopped while it read {show(path.name)} ({parser.obituary()}): the "
                "file may be damaged or take too much memory. Add it again; if that fails too, "
                "save a copy in another format."
            ) from error
        finally:
            if not parser.usable:
                self._stop()

    def _start(self) -> _Parser:
        # One that ended between two files did not fail on this one.
        if self._parser is not None and self._parser.ended:
            self._stop()
        if self._parser is None:
            try:
                self._parser = _Parser()
            except OSError as error:
                raise FailedFile(
                    f"The parser could not be started ({error.strerror}). Close other programs "
                    "and add the file again."
                ) from error
        return self._parser

    def _stop(self) -> None:
        if self._parser is not None:
            self._parser.kill()
            self._parser = None


class _Parser:
    """The child process; unusable from a failed question on."""

    def __init__(self) -> None:
        root = str(Path(__file__).resolve().parent.parent)
        # Its environment is empty but for the way to its modules: no key gets near a file.
        # -P keeps the working folder off that way, -B because it may write no file.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", "rag.parsing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
            env={"PYTHONPATH": os.pathsep.join([root, *filter(os.path.isabs, sys.path)])},
        )
        self._requests = cast("IO[bytes]", self._process.stdin)
        self._replies = cast("IO[bytes]", self._process.stdout)
        os.set_blocking(self._requests.fileno(), False)
        os.set_blocking(self._replies.fileno(), False)
        self.usable = True

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def ask(self, header: dict[str, Any], data: bytes, *, seconds: float) -> dict[str, Any]:
        """Send a file and return the reply.

        Raises:
            TimeoutError: no whole reply in time.
            OSError, ValueError: the process ended, or what it said was no reply.
        """
        self.usable = False
        deadline = time.monotonic() + seconds
        self._send(json.dumps(header).encode() + b"\n" + data, deadline)
        reply = self._receive(deadline)
        self.usable = True
        return reply

    def obituary(self) -> str:
        """Say how the process ended."""
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=1)
            if code < 0:
                return f"signal {-code}, {signal.strsignal(-code)}"
            return f"exit code {code}"
        return "it wrote no valid reply"

    def kill(self) -> None:
        """End the process, and whatever it may have started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._requests, self._replies):
            with suppress(OSError):
                stream.close()

    def _send(self, message: bytes, deadline: float) -> None:
        rest = memoryview(message)
        with _waiting(self._requests, selectors.EVENT_WRITE) as wait:
            while rest:
                wait(deadline)
                rest = rest[os.write(self._requests.fileno(), rest[:CHUNK_BYTES]) :]

    def _receive(self, deadline: float) -> dict[str, Any]:
        received = bytearray()
        size: int | None = None
        with _waiting(self._replies, selectors.EVENT_READ) as wait:
            while size is None or len(received) < size:
                wait(deadline)
                piece = os.read(self._replies.fileno(), CHUNK_BYTES)
                if not piece:
                    raise ConnectionError("the parser closed its output")
                received += piece
                if size is None and b"\n" in received:
                    line, _, received = received.partition(b"\n")
                    size = int(line)
                if len(received) > MAX_REPLY_BYTES:
                    raise ValueError("the reply is too long")
        reply: dict[str, Any] = json.loads(received)
        return reply


@contextmanager
def _waiting(stream: IO[bytes], event: int) -> Iterator[Any]:
    """Give a function that waits until the stream is ready or the deadline has passed."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, event)

        def wait(deadline: float) -> None:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError("the parser took too long")

        yield wait
