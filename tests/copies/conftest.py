"""A home to be copied, and a backup of it, for all tests of copies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rag import Settings, backup
from tests.copied import make_home


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a home of 20 documents, closed."""
    return make_home(tmp_path_factory.mktemp("copies"))


@pytest.fixture
def home(place: Path, tmp_path: Path) -> Path:
    """Return a copy of that home."""
    return shutil.copytree(place / "home", tmp_path / "home")


@pytest.fixture(scope="module")
def saved(place: Path) -> Path:
    """Return a backup of that home."""
    return backup(Settings(home=place / "home"), place / "saved.sqlite").path
