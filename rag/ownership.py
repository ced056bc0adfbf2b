"""One process owns a home at a time: the one that writes to it.

Knows nothing of what is written. The lock is the operating system's, so it goes with its
process, however that ends; the file beside it only says who the owner is.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from pathlib import Path

from filelock import FileLock, Timeout

from rag.errors import LibraryLocked, StoreError

LOCK_NAME, OWNER_NAME = "lock", "owner.json"


class Ownership:
    """The right to write to a home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = FileLock(home / LOCK_NAME, thread_local=False)
        self._guard = threading.Lock()

    def acquire(self) -> None:
        """Take the home. Raises LibraryLocked, naming the owner, if another process has it."""
        if self.try_acquire():
            return
        if _owner(self._home).get("pid") == str(os.getpid()):
            raise LibraryLocked(
                f"The library in {self._home} is in use by another Assistant of this process. "
                "Use that one, or close it first. Searching and asking work meanwhile."
            )
        raise LibraryLocked(
            f"The library in {self._home} is in use by {owner_of(self._home)}. "
            "Wait until it is done or stop it, or choose another --home. "
            "Searching and asking work meanwhile."
        )

    def try_acquire(self) -> bool:
        """Take the home if no other process has it; tell whether it is ours now."""
        with self._guard:
            if self._lock.is_locked:
                return True
            try:
                self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock.acquire(timeout=0)
            except Timeout:
                return False
            except OSError as error:
                raise StoreError(
                    f"The home {self._home} cannot be written ({error.strerror}). "
                    "Give yourself write access to it, or choose another --home."
                ) from error
            self.describe({})
            return True

    def describe(self, facts: dict[str, str]) -> None:
        """Say who the owner is, and how to reach it, for those who find the home taken."""
        owner = {"pid": str(os.getpid()), "command": " ".join(sys.argv[:3]), **facts}
        with contextlib.suppress(OSError):  # the lock holds without it
            (self._home / OWNER_NAME).write_text(json.dumps(owner), encoding="utf-8")

    def release(self) -> None:
        """Give up the home."""
        with self._guard:
            if self._lock.is_locked:
                with contextlib.suppress(OSError):
                    (self._home / OWNER_NAME).unlink()
                self._lock.release()


def owner_of(home: Path) -> str:
    """Return who owns a home, in words for a message."""
    owner = _owner(home)
    if not {"pid", "command"} <= owner.keys():
        return "another process"
    words = f"process {owner['pid']} ({owner['command']})"
    return f"{words}, at {owner['url']}" if "url" in owner else words


def _owner(home: Path) -> dict[str, str]:
    try:
        owner = json.loads((home / OWNER_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}
