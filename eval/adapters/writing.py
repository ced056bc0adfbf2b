"""Writes texts as files whose names are safe and distinct on every file system.

Knows nothing of where the texts come from.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

_LONGEST = 80
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


class Names:
    """Turns labels into names for files and folders, and gives none of them twice.

    A name is made of ASCII letters, digits and hyphens, at most 80 characters; one that is
    taken, be it in other case, gets a number. The same labels in the same order always
    get the same names.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._repeats: Counter[str] = Counter()

    def give(self, label: str) -> str:
        """Return the name for a label."""
        slug = _UNSAFE.sub("-", label)[:_LONGEST].strip("-") or "unnamed"
        name = slug
        while name.lower() in self._taken:
            self._repeats[slug.lower()] += 1
            name = f"{slug}-{self._repeats[slug.lower()] + 1}"
        self._taken.add(name.lower())
        return name


def write_document(folder: Path, name: str, text: str) -> str:
    """Write a text as `name`.txt, just as it is; return its path below the folder."""
    path = folder / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    # As bytes: a text file may get other line ends, and offsets would move.
    path.write_bytes(text.encode())
    return path.relative_to(folder).as_posix()
