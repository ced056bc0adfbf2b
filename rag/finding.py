"""Finds the files to add: those named, and those below the named folders.

Knows nothing of what is in a file. One path that is wrong never stops the others.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pathspec

from rag.errors import LoadError, RejectedFile
from rag.reading import read_chunks, show, uri_of
from rag.schema import DocumentResult

SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        ".txt": "text/plain",
        ".md": "text/markdown",
        ".markdown": "text/markdown",
        ".html": "text/html",
        ".htm": "text/html",
        ".pdf": "application/pdf",
        ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    }
)

IGNORE_FILE = ".footnoteignore"
IGNORE_FILE_BYTES = 1_000_000
# A rule is matched by trying, at worst as many ways as a name is long to the power of its stars.
MAX_RULES, MAX_STARS = 1_000, 3
RULES_SECONDS = 30.0

_DEAD_LINK = (errno.ENOENT, errno.ELOOP)
_Rules = tuple[tuple[Path, pathspec.GitIgnoreSpec], ...]


@dataclass(frozen=True)
class Source:
    """A file to load. `folder` is the added folder it was found under, if it was."""

    path: Path
    uri: str
    folder: Path | None


def find_sources(paths: Iterable[str | Path]) -> Iterator[Source | DocumentResult]:
    """Yield each file once, in order; what is no file to load comes with its reason.

    Folders are walked by name, without hidden entries and without what their
    `.footnoteignore` files (in the syntax of gitignore) exclude.
    """
    named = [paths] if isinstance(paths, (str, Path)) else paths
    walk = _Walk()
    for name in named:
        yield from walk.visit(str(name))


def mime_of(path: Path) -> str | None:
    """Return the type that the ending of the name stands for, None if it is not read."""
    return SUFFIXES.get(path.suffix.lower())


def unsupported(path: Path) -> str:
    """Say that files with this ending are not read."""
    ending = f"files ending in {show(path.suffix)}" if path.suffix else "files without an ending"
    return (
        f"{show(path.name)} is not read: Footnote reads no {ending}. "
        f"Save it as one of {', '.join(SUFFIXES)}."
    )


class _Walk:
    """One search; it remembers what it has come across."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[tuple[int, int]] = set()

    def visit(self, name: str) -> Iterator[Source | DocumentResult]:
        """Yield what a path given by the user stands for."""
        if not name:
            yield DocumentResult("", "failed", "An empty path was given. Name a file or a folder.")
            return
        path = Path(os.path.abspath(os.path.expanduser(name)))
        try:
            is_folder = path.is_dir()
            status = path.stat()
        except (OSError, ValueError) as error:
            yield _failed(path, error)
            return
        if is_folder:
            yield from self._walk(path)
        else:
            yield from self._file(path, status, None)

    def _walk(self, root: Path) -> Iterator[Source | DocumentResult]:
        real_root = os.path.realpath(root)
        # A list in place of recursion: folders may be nested deeper than Python calls.
        pending: list[tuple[Path, _Rules]] = [(root, ())]
        while pending:
            path, rules = pending.pop()
            try:
                status = path.stat()
                if path != root and path.is_symlink() and not _is_below(path, real_root):
                    yield _leads_out(path)
                elif not stat.S_ISDIR(status.st_mode):
                    yield from self._file(path, status, root)
                elif self._is_new_folder(status):
                    entries, rules = _list(path, rules)
                    pending.extend((entry, rules) for entry in reversed(entries))
            except (OSError, ValueError, LoadError) as error:
                yield _failed(path, error)

    def _is_new_folder(self, status: os.stat_result) -> bool:
        identity = (status.st_dev, status.st_ino)
        if identity in self._folders:
            return False
        self._folders.add(identity)
        return True

    def _file(
        self, path: Path, status: os.stat_result, folder: Path | None
    ) -> Iterator[Source | DocumentResult]:
        real = os.path.realpath(path)
        if real in self._files:
            return
        self._files.add(real)
        if not stat.S_ISREG(status.st_mode):
            reason = f"{show(path.name)} is a pipe, socket or device, not a file. Leave it out."
            yield DocumentResult(uri_of(path), "rejected", reason)
        elif folder is not None and mime_of(path) is None:
            yield DocumentResult(uri_of(path), "rejected", unsupported(path))
        else:
            yield Source(path, uri_of(path), folder)


def _list(folder: Path, rules: _Rules) -> tuple[list[Path], _Rules]:
    """Return a folder's entries that count, by name, and the rules for those below."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    if any(entry.name == IGNORE_FILE for entry in entries):
        rules = (*rules, (folder, _read_rules(folder / IGNORE_FILE)))
    deadline = time.monotonic() + RULES_SECONDS
    paths = []
    for entry in entries:
        path, is_folder = folder / entry.name, entry.is_dir(follow_symlinks=False)
        if not entry.name.startswith(".") and not _is_ignored(path, rules, is_folder):
            paths.append(path)
        if time.monotonic() > deadline:
            raise RejectedFile(f"they take more than {RULES_SECONDS:g} s. Write simpler ones.")
    return paths, rules


def _read_rules(path: Path) -> pathspec.GitIgnoreSpec:
    # When its rules cannot be read, its folder is left out: it may list what is private.
    text = b"".join(read_chunks(path, limit_bytes=IGNORE_FILE_BYTES, allow_empty=True))
    lines = text.decode("utf-8-sig").splitlines()
    if len(lines) > MAX_RULES:
        raise RejectedFile(f"{IGNORE_FILE} has more than {MAX_RULES:,} lines. Write fewer.")
    for line in lines:
        if not line.startswith("#") and len(re.findall(r"\*+", line)) > MAX_STARS:
            raise RejectedFile(
                f"{IGNORE_FILE} has a line with more than {MAX_STARS} stars, {show(line[:80])}. "
                "Write it with fewer."
            )
    return pathspec.GitIgnoreSpec.from_lines(lines)


def _is_ignored(path: Path, rules: _Rules, is_folder: bool) -> bool:
    for folder, spec in reversed(rules):
        name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
        verdict = spec.check_file(name).include
        if verdict is not None:
            return verdict
    return False


def _is_below(path: Path, real_root: str) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(real_root)


def _leads_out(path: Path) -> DocumentResult:
    # Else one link in a folder from elsewhere could add any file of the user's.
    reason = f"{show(path.name)} is a link that leads out of the folder. Add its target by name."
    return DocumentResult(uri_of(path), "rejected", reason)


def _failed(path: Path, error: OSError | ValueError | LoadError) -> DocumentResult:
    return DocumentResult(uri_of(path), "failed", _explain(path, error))


def _explain(path: Path, error: OSError | ValueError | LoadError) -> str:
    name = show(str(path))
    if isinstance(error, LoadError):
        return f"{name} is left out, for its rules cannot be read: {error}"
    if getattr(error, "errno", None) in _DEAD_LINK and path.is_symlink():
        return f"{name} is a link to nothing or to itself. Mend it or leave it out."
    if isinstance(error, FileNotFoundError):
        return (
            f"There is no file or folder {name}. Check the spelling; a relative path starts "
            f"at {show(str(Path.cwd()))}."
        )
    if isinstance(error, PermissionError):
        return f"{name} may not be read by this user. Give permission and add it again."
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{name} cannot be read ({reason}). Check the name and add it again."
