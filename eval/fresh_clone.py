"""How long a newcomer waits: from a fresh clone, by `make chat`, to a page that answers.

Knows nothing of what is installed here: the clone makes its own virtual environment, with
an empty cache of packages.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from eval.page import address_in, ask, browser, wait_for_answer


@dataclass(frozen=True)
class Wait:
    """Seconds from typing `make chat` to the page, and to its first whole answer."""

    page: float
    answer: float


def measure_fresh_clone(repository: Path, question: str) -> Wait:
    """Clone the repository into a temporary folder, run `make chat` there, and ask."""
    with tempfile.TemporaryDirectory(prefix="footnote-clone-") as folder:
        clone = Path(folder) / "footnote"
        subprocess.run(["git", "clone", "--quiet", repository, clone], check=True)  # noqa: S607  # theirs
        hidden = ("FOOTNOTE_", "VIRTUAL_ENV", "PIP_CACHE")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        environment["PIP_NO_CACHE_DIR"] = "1"
        started = time.perf_counter()
        with subprocess.Popen(
            ["make", "chat", "CHAT=--no-browser"],  # noqa: S607  # theirs
            cwd=clone,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                address = address_in(process)
                page_after = time.perf_counter() - started
                with browser() as page:
                    page.goto(address)
                    ask(page, question)
                    wait_for_answer(page, question)
                return Wait(page_after, time.perf_counter() - started)
            finally:
                os.killpg(process.pid, signal.SIGTERM)
