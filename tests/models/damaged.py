"""A file of an installed model with one byte changed, as a disk or an attacker may do."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.models import onnx_encoder
from rag.models.onnx_encoder import PackagedFile, find_file


def flip_a_byte(file: PackagedFile, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a copy with a changed bit in place of an installed file, for one test."""
    data = bytearray(find_file(file).read_bytes())
    data[len(data) // 2] ^= 1
    damaged = folder / "damaged"
    damaged.write_bytes(data)
    monkeypatch.setattr(
        onnx_encoder, "find_file", lambda asked: damaged if asked == file else find_file(asked)
    )
