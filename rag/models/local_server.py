"""Starts the local language model in a child process, watches over it, and ends it.

Knows nothing of what is asked of it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from rag.errors import ModelError, ModelRejected, ModelUnavailable
from rag.models.openmp import loader_environment
from rag.models.watchdog import Watchdog
from rag.schema import Message, Progress, ProgressCallback

# As a file, not with -m: neither our package nor the working folder is then on its path.
COMMAND = (sys.executable, "-P", str(Path(__file__).with_name("server_process.py")))
CONTEXT_TOKENS = 4096
SLOTS = 1
"""One: a second would halve the speed of both answers, and the context of each."""
START_SECONDS = 60
HEALTH_SECONDS = 10
END_SECONDS = 3
KILL_SECONDS = 10
LOG_BYTES = 8192
NO_ANSWER = (OSError, HTTPException, ValueError)
"""What a request raises that a server does not answer."""
NO_MODEL = "Until then FOOTNOTE_LLM=none answers with quotes."


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """Where a started server is, the key it asks for, and the file it runs."""

    url: str
    key: str = field(repr=False)
    weights: Path


class LocalServer:
    """A server of one GGUF file: started at the first use, and anew when it has died."""

    def __init__(
        self,
        find_weights: Callable[[ProgressCallback | None], Path],
        *,
        states: Path,
        threads: int,
        start_seconds: float = START_SECONDS,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Serve the file of `find_weights`; `states` is a folder for what prompts leave."""
        self._find_weights = find_weights
        self.states, self._threads = states, threads
        self._start_seconds, self._command = start_seconds, tuple(command)
        self._lock = threading.Lock()
        self._retired = threading.Event()
        self._child: _Child | None = None
        self._address: Address | None = None
        self._watchdog = Watchdog(self._end_if_hung)

    @property
    def process_id(self) -> int | None:
        """Return the id of the child process, None before the first start."""
        child = self._child
        return None if child is None or child.process is None else child.process.pid

    def start(self, progress: ProgressCallback | None = None) -> Address:
        """Return the address of the running server, starting it first if it does not run.

        Raises:
            ModelRejected: the weights cannot be run.
            ModelUnavailable: it did not start in time, or there is no room for it.
        """
        with self._lock:
            if self._retired.is_set():
                raise ModelUnavailable("The language model was changed. Ask again.")
            if self._address is not None and self._child is not None and self._child.runs():
                return self._address
            self._end()
            weights = self._find_weights(progress)
            _tell(progress, 0.0)
            self._address = self._launch(weights)
            _tell(progress, 1.0)
            return self._address

    def died(self, within: float = 1.0) -> bool:
        """Say whether the server has ended, or ends within some seconds.

        A connection breaks a moment before its process is gone.
        """
        child = self._child
        return child is None or not child.runs(within)

    @contextmanager
    def awaited(self) -> Iterator[Callable[[], None]]:
        """End the server if it hangs while the block waits for it; call what is given at each word.

        Whoever waits then finds the connection broken, and that the server has died.
        """
        with self._watchdog.waiting():
            yield self._watchdog.heard

    def gave_up(self, since: float) -> bool:
        """Say whether the server has died, and end one that told nobody anything since then.

        It may answer that it lives, and yet be locked up where the words are made.
        """
        if self.died():
            return True
        if self._watchdog.was_silent_since(since):
            self._kill(self._child)
        return False

    def _end_if_hung(self) -> None:
        child, address = self._child, self._address
        if address is None:
            return
        connection = HTTPConnection(urlsplit(address.url).netloc, timeout=HEALTH_SECONDS)
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
        except (OSError, HTTPException):
            _log.warning("the local language model hangs; it is ended, to be started anew")
            self._kill(child)
        finally:
            connection.close()

    def _kill(self, child: _Child | None) -> None:
        if child is not None and child.process is not None:
            child.process.kill()

    def post(self, path: str, body: object, *, seconds: float) -> tuple[int, dict[str, Any]]:
        """Return status and JSON answer of a request to the running server.

        Raises:
            OSError, HTTPException, ValueError: it gave no answer.
        """
        address = self._address
        if address is None:
            raise ConnectionRefusedError("the server does not run")
        connection = HTTPConnection(urlsplit(address.url).netloc, timeout=seconds)
        headers = {"Authorization": f"Bearer {address.key}", "Content-Type": "application/json"}
        try:
            with self.awaited() as heard:
                connection.request("POST", path, json.dumps(body), headers)
                response = connection.getresponse()
                answer = json.loads(response.read())
                heard()
            return response.status, answer if isinstance(answer, dict) else {}
        finally:
            connection.close()

    def chat(
        self, messages: Sequence[Message], *, seconds: float, **options: Any
    ) -> dict[str, Any]:
        """Return the JSON answer to a chat request to the running server, not streamed.

        Raises:
            ModelUnavailable: it gave no answer.
            ModelRejected: it refused the request.
        """
        body = {
            "messages": [asdict(message) for message in messages],
            "temperature": 0,
            "cache_prompt": True,
            "id_slot": 0,
            **options,
        }
        try:
            status, answer = self.post("/v1/chat/completions", body, seconds=seconds)
        except NO_ANSWER as exc:
            self.died()  # if so, the next start shall know
            raise ModelUnavailable(
                f"The local language model gave no answer. Try again. {NO_MODEL}"
            ) from exc
        if status != 200:
            error = answer.get("error")
            said = error.get("message") if isinstance(error, dict) else None
            raise ModelRejected(
                f"The local language model refused its prompt: {said or f'status {status}'}. "
                f"Choose another model. {NO_MODEL}"
            )
        return answer

    def close(self) -> None:
        """End the server; a later `start` starts it anew."""
        with self._lock:
            self._end()

    def retire(self) -> None:
        """End the server for good: who still has it cannot start it anew."""
        self._retired.set()
        self.close()

    def _end(self) -> None:
        child, self._child, self._address = self._child, None, None
        if child is not None:
            child.end()

    def _launch(self, weights: Path) -> Address:
        key = secrets.token_urlsafe(32)
        try:
            self.states.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise ModelUnavailable(
                f"The folder {self.states} cannot be made: {exc.strerror}. Make its parent "
                "writable, or set FOOTNOTE_MODELS to another folder."
            ) from exc
        parameters = {
            "model": str(weights),
            "key": key,
            "context": CONTEXT_TOKENS,
            "slots": SLOTS,
            "threads": self._threads,
            "states": str(self.states),
        }
        child = self._child = _Child(
            self._command,
            json.dumps(parameters).encode() + b"\n",
            loader_environment(self.states.parent / "lib"),
        )
        answer = child.first_line(self._start_seconds)
        try:
            return Address(str(json.loads(answer or b"")["url"]), key, weights)
        except (ValueError, TypeError, LookupError) as exc:
            self._end()
            raise _start_error(child, weights, in_time=answer is not None) from exc


class _Child:
    """A process that ends with ours."""

    def __init__(
        self, command: Sequence[str], first_input: bytes, environment: Mapping[str, str]
    ) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.refusal: OSError | None = None
        self.last_words = ""
        self._command, self._input = command, first_input
        self._environment = environment
        self._answer = b""
        self._answered, self._ended = threading.Event(), threading.Event()
        # The kernel kills the child when the *thread* that made it ends, so it gets one of
        # its own that lives as long as it does.
        threading.Thread(target=self._live, name="footnote-model", daemon=True).start()

    def _live(self) -> None:
        try:
            # A file, because nobody reads along; without a name, because nobody cleans up.
            with tempfile.TemporaryFile() as log:
                self._run(log)
        except OSError as exc:
            self.refusal = exc
        finally:
            self._ended.set()
            self._answered.set()

    def _run(self, log: IO[bytes]) -> None:
        with subprocess.Popen(
            [*self._command, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is for us: we end it when we are done
        ) as process:
            self.process = process
            self._talk(process)
            process.wait()
            self.last_words = _tail(log.fileno())

    def _talk(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            return  # never: both were asked for
        try:
            process.stdin.write(self._input)
            process.stdin.flush()
        except BrokenPipeError:
            return  # it ended at once; its exit status says why
        self._answer = process.stdout.readline()
        if self._answer:
            self._answered.set()

    def first_line(self, seconds: float) -> bytes | None:
        """Return the first line of the child, b"" if it ended before, None after `seconds`."""
        return self._answer if self._answered.wait(seconds) else None

    def runs(self, within: float = 0.0) -> bool:
        """Say whether the process has not ended, and does not within some seconds."""
        return not self._ended.wait(within)

    def end(self) -> None:
        """Ask the process to end, then make it."""
        process = self.process
        if process is None or process.stdin is None:
            return
        try:
            process.stdin.close()
        except OSError:
            pass  # it ended with input unread
        if not self._ended.wait(END_SECONDS):
            process.kill()
            self._ended.wait(KILL_SECONDS)


def _tell(progress: ProgressCallback | None, done: float) -> None:
    if progress is not None:
        progress(Progress("starting the language model", done, 1.0, "model"))


def _tail(log: int) -> str:
    """Return the line of a log that says best why it ended."""
    size = os.fstat(log).st_size
    text = os.pread(log, LOG_BYTES, max(0, size - LOG_BYTES)).decode(errors="replace")
    lines = [re.sub(r"^[\d.]+ [A-Z] ", "", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    telling = [line for line in lines if "error loading model:" in line or "alloc" in line]
    return (telling or lines or [""])[-1][:300]


def _start_error(child: _Child, weights: Path, *, in_time: bool) -> ModelError:
    if child.refusal is not None:
        return ModelUnavailable(
            f"The language model could not be started: {child.refusal.strerror}. Close other "
            f"programs and try again. {NO_MODEL}"
        )
    if not in_time:
        return ModelUnavailable(
            "The language model did not start in time. Close other programs and try again, or "
            f"choose a smaller model. {NO_MODEL}"
        )
    status = child.process.returncode if child.process is not None else None
    if status == -signal.SIGKILL or "alloc" in child.last_words:
        return ModelUnavailable(
            f"The language model {weights.name} was ended while it was loaded, most likely "
            f"because memory ran out. Close other programs, or choose a smaller model. {NO_MODEL}"
        )
    if "cannot open shared object" in child.last_words:
        return ModelRejected(
            f"The language model needs a library of the system: {child.last_words}. Install it, "
            f"on Debian or Ubuntu with `sudo apt-get install libgomp1`, and try again. {NO_MODEL}"
        )
    return ModelRejected(
        f"The language model {weights} cannot be run: {child.last_words or f'status {status}'}. "
        f"Remove that file, so that it is made or downloaded anew, or choose another model. "
        f"{NO_MODEL}"
    )
