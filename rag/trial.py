"""Has a throw-away process open an index first: Chroma can die by signal on damaged files.

Knows nothing of what the process does (`rag.chroma`) but that it ends with 0 for a sound index.
"""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import IndexUnavailable

_SECONDS = 60

_log = logging.getLogger(__name__)


class Trial:
    """Tries one index at a time; another thread may give up waiting."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def succeeds(self, arguments: Sequence[str], sample: NDArray[np.float32]) -> bool:
        """Tell whether the process, with the vectors of a sample to look for, ends well.

        Raises:
            IndexUnavailable: no process can be started.
        """
        data = io.BytesIO()
        np.save(data, sample)
        with _started(arguments) as process:
            self._process = process
            try:
                _, said = process.communicate(data.getvalue(), timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                said = b"it took too long"
                process.kill()
            finally:
                self._process = None
        if process.returncode != 0:
            _log.info("The index is not opened (%s): %s", process.returncode, said.decode()[-500:])
        return process.returncode == 0

    def give_up(self) -> None:
        """End what is being tried."""
        process = self._process
        if process is not None:
            process.kill()


def _started(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parent.parent)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([root, *filter(os.path.isabs, sys.path)]),
    }
    try:
        # -P keeps the working folder off the way to its modules.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "rag.chroma", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
        )
    except OSError as error:
        raise IndexUnavailable(
            f"No process can be started to try the vector index ({error.strerror}). Search goes "
            "on without it; end what else runs, or allow more files and processes."
        ) from error
