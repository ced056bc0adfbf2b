"""Reads a lock file: packages, versions, hashes. Knows nothing of licences or advisories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from packaging.markers import Marker
from packaging.version import Version

_PACKAGE = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\]+?))? \\")
_HASH = re.compile(r" {4}--hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?")
_COMMENT = re.compile(r"\s*#.*")


@dataclass(frozen=True)
class Locked:
    """A package in one version; `hashes` are the SHA-256 of the files it may be installed from."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Return its package URL, which names it without naming an index."""
        return f"pkg:pypi/{self.name}@{self.version}"

    @cached_property
    def order(self) -> tuple[str, Version]:
        """Return what it is sorted by."""
        return self.name, Version(self.version)

    @property
    def is_for_here(self) -> bool:
        """Tell whether it is installed on this machine with this Python."""
        return self.marker is None or Marker(self.marker).evaluate()


@dataclass(frozen=True)
class Lock:
    """What a lock file says, and what is wrong with it."""

    packages: tuple[Locked, ...]
    problems: tuple[str, ...]


def read_lock(path: Path) -> Lock:
    """Return the packages of a lock file, by name and version."""
    packages: list[Locked] = []
    problems: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        place = f"{path.name}, line {number}"
        if "://" in line or "index-url" in line or "find-links" in line:
            problems.append(f"{place}: it names an address. Lock again with `make lock`.")
        elif found := _PACKAGE.fullmatch(line):
            packages.append(Locked(found["name"], found["version"], found["marker"], ()))
        elif (found := _HASH.fullmatch(line)) and packages:
            last = packages[-1]
            hashes = (*last.hashes, found["digest"])
            packages[-1] = Locked(last.name, last.version, last.marker, hashes)
        elif line and not _COMMENT.fullmatch(line):
            problems.append(f"{place}: {line.strip()!r} is neither NAME==VERSION nor a hash.")
    problems += _without_hashes(packages)
    return Lock(tuple(sorted(packages, key=lambda package: package.order)), tuple(problems))


def _without_hashes(packages: list[Locked]) -> Iterator[str]:
    for package in packages:
        if not package.hashes:
            yield f"{package.name} {package.version} has no hash. Lock again with `make lock`."
