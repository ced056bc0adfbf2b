"""Finds the OpenMP runtime that llama.cpp is linked with, on a machine that has none.

Knows nothing of models. The wheel of xllamacpp needs `libgomp.so.1`, which comes with
compilers and is missing on a bare machine. The wheel of pykdtree carries a copy of it under
another name; a link gives it back its own where the loader of a child process looks.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import sys
from pathlib import Path

NAME = "libgomp.so.1"


def loader_environment(folder: Path, *, name: str = NAME) -> dict[str, str]:
    """Return the environment of a child process in which the OpenMP runtime is found.

    A link to it is made in `folder`, if the system has none of its own; where there is no
    copy either, the child will say what is missing.
    """
    environment = dict(os.environ)
    copy = None if sys.platform != "linux" or _is_on_the_system(name) else carried_copy()
    if copy is not None:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (folder / name).symlink_to(copy)
        paths = [str(folder), environment.get("LD_LIBRARY_PATH", "")]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, paths))
    return environment


def carried_copy() -> Path | None:
    """Return the copy that an installed wheel carries, None where there is none."""
    spec = importlib.util.find_spec("pykdtree")
    if spec is None or spec.origin is None:
        return None
    libraries = Path(spec.origin).parent.parent / "pykdtree.libs"
    return next(iter(sorted(libraries.glob("libgomp*.so*"))), None)


def _is_on_the_system(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
