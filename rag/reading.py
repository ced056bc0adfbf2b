"""Reads the bytes of a file safely, and names files so that names can be shown.

Knows nothing of what the bytes mean. Only regular files are read, never more of them than
allowed, and a file that changes meanwhile is noticed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from rag.cleaning import clean_line
from rag.errors import FailedFile, RejectedFile

CHUNK_BYTES = 1 << 20
# A backslash that would be taken for the beginning of a byte that is no text.
_ESCAPE = re.compile(rb"\\(?=x[0-9a-f]{2})")


def show(name: str) -> str:
    """Return a file name fit to be shown and stored: without control or broken characters."""
    return clean_line(uri_of(name))


def uri_of(path: Path | str) -> str:
    """Return the path as text that any store can hold, another for each path."""
    name = os.fspath(path)
    try:
        return _ESCAPE.sub(rb"\\x5c", os.fsencode(name)).decode("utf-8", errors="backslashreplace")
    except UnicodeEncodeError:  # no name that a file could have
        return name.encode("utf-8", errors="backslashreplace").decode("utf-8")


def hash_file(path: Path, *, limit_bytes: int) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        RejectedFile: the file is empty, too large, or no regular file.
        FailedFile: it could not be read now, and may be at another try.
    """
    digest = hashlib.sha256()
    for chunk in read_chunks(path, limit_bytes=limit_bytes):
        digest.update(chunk)
    return digest.hexdigest()


def read_chunks(path: Path, *, limit_bytes: int, allow_empty: bool = False) -> Iterator[bytes]:
    """Yield a regular file's bytes; after the last of them, make sure it stood still.

    Raises:
        RejectedFile: the file is empty, too large, or no regular file.
        FailedFile: it could not be read now, and may be at another try.
    """
    try:
        # The user's own links are followed here, and none that appears after this.
        real = os.path.realpath(path, strict=True)
        # Opening a pipe would block without O_NONBLOCK.
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            before = os.fstat(handle)
            _check(path, before, limit_bytes)
            if before.st_size == 0 and not allow_empty:
                raise RejectedFile(f"{show(path.name)} is empty. Leave it out, or put text in it.")
            size = 0
            # One that grows faster than it is read has no end: a byte too many is enough.
            while size <= before.st_size and (chunk := os.read(handle, CHUNK_BYTES)):
                size += len(chunk)
                yield chunk
            after = os.fstat(handle)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise FailedFile(_explain(path, error)) from error
    if (size, after.st_size, after.st_mtime_ns) != (
        before.st_size,
        before.st_size,
        before.st_mtime_ns,
    ):
        raise FailedFile(f"{show(path.name)} changed while it was being read. Add it again.")


def _check(path: Path, status: os.stat_result, limit_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RejectedFile(
            f"{show(path.name)} is no regular file but a folder, pipe or device. Name a file."
        )
    if status.st_size > limit_bytes:
        raise RejectedFile(
            f"{show(path.name)} has {status.st_size / 1e6:,.1f} MB; the limit is "
            f"{limit_bytes / 1e6:,.1f} MB. Split it, or raise FOOTNOTE_FILE_MEGABYTES."
        )


def _explain(path: Path, error: OSError | ValueError) -> str:
    name = show(path.name)
    if isinstance(error, FileNotFoundError):
        return f"{name} is no longer there. Put it back, or name another file."
    if isinstance(error, PermissionError):
        return f"{name} may not be read by this user. Give read permission and add it again."
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{name} cannot be read ({reason}). Check the disk and the name, and add it again."
