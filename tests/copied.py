"""A home of twenty documents to be copied, and what is in its copies."""

from __future__ import annotations

from pathlib import Path

from tests.homes import open_home, three_files, words_of, write_files
from tests.test_schema import ANSWER

MANY = {f"f{n}": words_of(400, seed=n) for n in range(17)}
DOCUMENTS = frozenset({"bridge", "harbour", "orchard", *MANY})


def make_home(place: Path) -> Path:
    """Make a home in `place`/home, with its index and a conversation; return the place."""
    with open_home(place / "home") as assistant:
        assistant.add(three_files(place / "files"))
        assistant.add(write_files(place / "others", **MANY))
        kept = assistant.conversations.start("Cities")
        assistant.conversations.append(kept.id, ANSWER)
    return place


def documents(home: Path) -> set[str]:
    """Return the names of a home's documents."""
    with open_home(home, read_only=True) as assistant:
        return {Path(document.uri).stem for document in assistant.documents()}


def names(folder: Path) -> list[str]:
    """Return the names of what is in a folder."""
    return sorted(path.name for path in folder.iterdir())
