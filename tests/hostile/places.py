"""What a folder may hold beside files: links, pipes, sockets, odd names, endings that lie."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.documents import make_docx, make_pdf
from tests.hostile.case import ADDED, REFUSED, SECRET, SENTENCE, Case, made

SAID = f"{SENTENCE}\n"


def cases(room: Path) -> Iterator[Case]:
    """Yield what is put into a folder. `room` is that folder; beside it lies secret.txt."""
    yield from _links(room)
    yield from _no_files()
    yield from _names()
    yield from _endings()


def _links(room: Path) -> Iterator[Case]:
    def link(name: str, target: str | Path) -> Case:
        return Case(name, REFUSED, lambda path: path.symlink_to(target))

    yield link("link-out.txt", room.parent / "secret.txt")
    yield link("link-up.txt", "../secret.txt")
    yield link("link-round.txt", "link-round.txt")
    yield link("link-nowhere.txt", "not-there.txt")
    yield link("link-folder-out", room.parent / "outside")
    yield link("link-device.txt", "/dev/zero")
    yield link("link-process.txt", "/proc/self/environ")
    yield link("link-one.txt", "link-two.txt")
    yield link("link-two.txt", "link-one.txt")
    yield Case("folder-and-way-back", ADDED, _way_back)


def _way_back(path: Path) -> None:
    path.mkdir()
    (path / "note.txt").write_text(SAID)
    (path / "back").symlink_to(path)
    (path / "home").symlink_to(path.parent)


def _no_files() -> Iterator[Case]:
    yield Case("pipe.txt", REFUSED, os.mkfifo)
    yield Case("pipe.pdf", REFUSED, os.mkfifo)
    yield Case("socket.txt", REFUSED, _socket)
    yield Case("folder.pdf", ADDED, _folder)
    yield Case("folder-deep", REFUSED, _deep_folder)
    # Who may read everything, such as root, reads these too.
    closed = ADDED if os.geteuid() == 0 else REFUSED
    yield Case("closed.txt", closed, lambda path: _closed(path, 0))
    yield Case("closed-folder", closed, lambda path: _folder(path, 0))
    yield Case("sparse.txt", REFUSED, lambda path: _sparse(path, 40_000_000))
    yield Case("sparse-terabyte.txt", REFUSED, lambda path: _sparse(path, 10**12))
    # Something else writes to it all the time while the folder is added.
    yield made("changes.txt", REFUSED, lambda: SAID.encode() * 300_000)


def _socket(path: Path) -> None:
    # The path of a socket may have no more than some hundred bytes.
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.fchdir(before)
        os.close(before)


def _closed(path: Path, mode: int) -> None:
    path.write_text(SAID)
    path.chmod(mode)


def _folder(path: Path, mode: int = 0o700) -> None:
    path.mkdir()
    (path / "note.txt").write_text(SAID)
    path.chmod(mode)


def _deep_folder(path: Path) -> None:
    """Make folders in folders, deeper than a path may be long: step by step, from inside."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)
        for name in (path.name, *["deep" * 10] * 120):
            Path(name).mkdir()
            os.chdir(name)
        Path("note.txt").write_text(SAID)
    finally:
        os.fchdir(before)
        os.close(before)


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def _names() -> Iterator[Case]:
    names = (
        "name\nwith lines.txt",
        "name-\u202etxt.exe.txt",
        "name-\x1b[31mred\x07.txt",
        "name \u2028 \u00a0.txt",
        "-rf --help.txt",
        "name-<img src=x onerror=alert(1)>.txt",
        "name-';DROP TABLE documents;--.txt",
        "name-%s%n{0}$HOME`id`.txt",
        "n" * 251 + ".txt",
        "name-e\u0301 and \u00e9.txt",
    )
    for name in names:
        yield made(name, ADDED, SAID.encode, says=SENTENCE)
    if sys.platform == "linux":  # others take only names that are UTF-8
        yield Case(b"name-\xff\xfe-caf\xe9.txt", ADDED, lambda path: path.write_text(SAID))


def _endings() -> Iterator[Case]:
    def lie(name: str, fate: str, make: Callable[[], bytes]) -> Case:
        return made(name, fate, make)

    yield lie("pdf-as.txt", REFUSED, lambda: make_pdf([[SENTENCE]]))
    yield lie("text-as.pdf", REFUSED, SAID.encode)
    yield lie("docx-as.html", REFUSED, make_docx)
    yield lie("html-as.docx", REFUSED, f"<p>{SAID}".encode)
    yield lie("picture-as.md", REFUSED, lambda: b"\x89PNG\r\n\x1a\n" + bytes(900))
    yield lie("program-as.txt", REFUSED, lambda: b"\x7fELF" + bytes(range(256)) * 9)
    yield lie("program.exe", REFUSED, lambda: b"MZ\x90\0" + bytes(900))
    yield lie("no-ending", REFUSED, SAID.encode)
    yield lie("archive.tar.gz", REFUSED, lambda: b"\x1f\x8b" + bytes(900))
    yield lie("UPPER.TXT", ADDED, SAID.encode)
    yield lie("two-kinds.pdf", REFUSED, lambda: make_docx() + make_pdf([[SENTENCE]]))
    yield lie("secret-word.txt", ADDED, SECRET[::-1].encode)
