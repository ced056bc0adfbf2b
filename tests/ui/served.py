"""The chat page in a process of its own, as `footnote chat` starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import MODELS, ROOT

PATIENCE = 120
_PROGRAM = "import sys; from ui.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Served:
    """A running page."""

    url: str
    home: Path
    process: subprocess.Popen[str]
    said: str
    """What it printed until the page was there."""


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-c", _PROGRAM, "--home", str(home), "chat", "--no-browser", *arguments]


def surroundings(llm: str, **settings: str) -> dict[str, str]:
    """Return the environment of a process: no settings of the user, the shared models."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTNOTE_", "OPENAI_"))}
    models = os.environ.get("FOOTNOTE_MODELS", str(MODELS))
    ours = {f"FOOTNOTE_{name.upper()}": value for name, value in settings.items()}
    return kept | {"FOOTNOTE_LLM": llm, "FOOTNOTE_MODELS": models, "PYTHONPATH": str(ROOT)} | ours


@contextmanager
def serve(
    *arguments: str, home: Path | None = None, llm: str = "none", **settings: str
) -> Iterator[Served]:
    """Start the page with these settings; end it, if it has not ended, when the block is left."""
    with tempfile.TemporaryDirectory() as folder:
        home = home or Path(folder) / "home"
        log = Path(folder) / "log"
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                command(home, *arguments),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                cwd=folder,
                env=surroundings(llm, **settings),
            )
        try:
            yield _started(process, home, log)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def _started(process: subprocess.Popen[str], home: Path, log: Path) -> Served:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"Footnote is at (http://\S+)", line):
            return Served(found[1], home, process, said)
    raise AssertionError(f"the page did not start: {said}{log.read_text(encoding='utf-8')}")
