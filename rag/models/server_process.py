"""The child process that runs the local language model behind an OpenAI-compatible server.

Knows nothing of Footnote: it imports none of it, so that it starts fast, and is run as a file.
It reads one line of JSON with the parameters from its standard input, prints one line with the
address, and ends when its standard input ends, which is when its parent closes it or dies.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
BATCH_TOKENS = 128
"""Measured on two cores: as fast as 512, with less memory."""

HTTP_THREADS = 64
LOG_SECONDS = 1.0


def main() -> NoReturn:
    """Serve until the standard input ends."""
    answer = _own_stdout()
    end_with_parent(int(sys.argv[1]))
    _offer_to_be_killed_first()
    parameters = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    try:
        server = _start(parameters)
    except (RuntimeError, ImportError) as exc:
        # What was wrong is logged by a native thread, which nothing here can wait for.
        time.sleep(LOG_SECONDS)
        os.write(sys.stderr.fileno(), f"{exc}\n".encode())
        os._exit(1)  # an orderly end waits for the thread that reads, and aborts
    os.write(answer, json.dumps({"url": server.listening_address}).encode() + b"\n")
    os.close(answer)
    threading.Event().wait()
    raise AssertionError("unreachable")


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process when `parent`, a process id, has ended.

    The end of the standard input says the same, but another child of the parent may hold the
    other end of that pipe open, and native code may keep this interpreter from reading it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was asked
            os._exit(1)


def _own_stdout() -> int:
    """Return a private copy of the standard output; native code may print on the other."""
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answer


def _offer_to_be_killed_first() -> None:
    # When memory runs out, the kernel should take the model and leave the page and its library.
    try:
        Path("/proc/self/oom_score_adj").write_text("800")
    except OSError:
        pass  # not Linux, or not allowed: the kernel then chooses by size, which is us as well


def _exit_at_end_of_input() -> NoReturn:
    while sys.stdin.buffer.read(4096):
        pass
    # The native threads do not end by themselves, and there is nothing to save.
    os._exit(0)


def _start(parameters: dict[str, Any]) -> Any:
    # Threads that wait by spinning keep the cores from those they wait for: with another busy
    # process on two cores, sleeping was three to five times as fast. Read at the import below.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    # Takes half a second, in which the parent may end: so only after the watch over it.
    import xllamacpp

    wanted = xllamacpp.CommonParams()
    wanted.model.path = parameters["model"]
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = 0
    # Whoever waits in line keeps a thread busy; one has to be left to say that all is well.
    wanted.n_threads_http = HTTP_THREADS
    wanted.api_keys = [parameters["key"]]
    wanted.n_ctx = parameters["context"]
    wanted.n_parallel = parameters["slots"]
    wanted.slot_save_path = parameters["states"] + os.sep
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = parameters["threads"]
    wanted.n_batch = wanted.n_ubatch = BATCH_TOKENS
    # Without a mapped file the weights are in memory once, not twice (0.6 GB less).
    wanted.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    # An answer copies much of its prompt: what followed the last two words there is tried, six
    # at a time, and taken as far as the model agrees. The text stays the same, 0.6 of the time.
    wanted.speculative.types = [
        xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE
    ]
    wanted.speculative.ngram_simple.size_n, wanted.speculative.ngram_simple.size_m = 2, 6
    # The parent keeps the states that are worth keeping.
    wanted.cache_ram_mib = 0
    wanted.n_ctx_checkpoints = 0
    wanted.endpoint_slots = True
    wanted.ui = False
    wanted.warmup = False  # the first prompt does it
    wanted.offline = True
    wanted.verbosity = 2  # warnings: what is asked stays out of the log
    return xllamacpp.Server(wanted)


if __name__ == "__main__":
    main()
