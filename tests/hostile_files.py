"""Writes some 200 files made to do harm into a folder, the same ones each time.

    python -m tests.hostile_files FOLDER [--all]

Files that take long to read, or long to write, come only with --all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.documents import make_docx, make_pdf
from tests.hostile import office, pages, pdfs, places, texts
from tests.hostile.case import SECRET, Case

ROOM = "room"
# Good files before, between and after the others, with words that only they hold.
NEIGHBOURS = {
    "a-first.txt": "The aardvark census of 1911 counted nine.",
    "docx-h-good.docx": "The hedgehog ledger was bound in green.",
    "html-m-good.html": "The magpie tariff fell in spring.",
    "pdf-o-good.pdf": "The osprey licence cost two crowns.",
    "zz-last.md": "The zebra almanac ends in December.",
}


def all_cases(room: Path) -> Iterator[Case]:
    """Yield every file; `room` is the folder they go to."""
    for kind in (pdfs, office, pages, texts, places):
        yield from kind.cases(room)


def write_all(folder: Path, *, slow: bool = True) -> list[tuple[Path, Case]]:
    """Write the files into the folder's `room`, and beside it what they try to reach."""
    room = folder / ROOM
    (folder / "outside").mkdir(parents=True)
    room.mkdir()
    (folder / "secret.txt").write_text(SECRET)
    (folder / "outside" / "secret.txt").write_text(SECRET)
    _write_neighbours(room)
    written = []
    for case in all_cases(room):
        if slow or not case.slow:
            path = room / os.fsdecode(case.name)
            case.write(path)
            written.append((path, case))
    return written


def _write_neighbours(room: Path) -> None:
    for name, text in NEIGHBOURS.items():
        if name.endswith(".pdf"):
            data = make_pdf([[text]])
        elif name.endswith(".docx"):
            data = make_docx(lambda document, text=text: document.add_paragraph(text))
        else:
            data = text.encode()
        (room / name).write_bytes(data)


def main() -> None:
    """Write them, and say how many."""
    names = [argument for argument in sys.argv[1:] if argument != "--all"]
    if len(names) != 1:
        sys.exit(__doc__)
    written = write_all(Path(names[0]), slow="--all" in sys.argv)
    print(f"{len(written)} files in {Path(names[0]) / ROOM}")


if __name__ == "__main__":
    main()
