"""The OpenMP runtime is found on machines with and without one of their own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag.models.openmp import NAME, carried_copy, loader_environment

linux = pytest.mark.skipif(sys.platform != "linux", reason="the wheel is linked so on Linux only")


@linux
def test_the_systems_own_is_left_alone(tmp_path: Path) -> None:
    """Where the loader finds the library, nothing is linked and nothing changed."""
    environment = loader_environment(tmp_path / "lib", name="libc.so.6")
    assert environment == dict(os.environ)
    assert not (tmp_path / "lib").exists()


@linux
def test_a_missing_one_is_linked_where_a_child_finds_it(tmp_path: Path) -> None:
    """A child process loads, by the name that was missing, the copy that a wheel carries."""
    missing = "libfootnote-missing-gomp.so.1"
    with pytest.raises(OSError, match="libfootnote"):
        ctypes.CDLL(missing)
    for _ in range(2):  # the second time the link is there already
        environment = loader_environment(tmp_path / "lib", name=missing)
    code = f"import ctypes; ctypes.CDLL({missing!r}).omp_get_max_threads()"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@linux
def test_the_carried_copy_is_an_openmp_runtime() -> None:
    """The wheel carries a library that has OpenMP's functions."""
    copy = carried_copy()
    assert copy is not None
    assert NAME.partition(".")[0] in copy.name
    assert ctypes.CDLL(str(copy)).omp_get_max_threads() >= 1
