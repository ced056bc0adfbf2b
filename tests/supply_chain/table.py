"""Reads `table.toml`, what people have looked up. Knows nothing of what is locked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from packaging.specifiers import SpecifierSet

TABLE = Path(__file__).with_name("table.toml")


@dataclass(frozen=True)
class Read:
    """A licence that somebody read, and where."""

    licence: str
    where: str


@dataclass(frozen=True)
class Advisory:
    """A known fault of a package; `met` says why it harms nobody here, where it is in it."""

    id: str
    package: str
    affected: str
    what: str
    aliases: tuple[str, ...] = ()
    fixed: str | None = None
    met: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Return all it is known by."""
        return frozenset((self.id, *self.aliases))

    @cached_property
    def _versions(self) -> SpecifierSet:
        return SpecifierSet(self.affected)

    def affects(self, version: str) -> bool:
        """Tell whether a version has the fault."""
        return self._versions.contains(version, prereleases=True)


@dataclass(frozen=True)
class Table:
    """Licences, packages that must stay away, and advisories."""

    allowed: frozenset[str]
    spellings: Mapping[str, str]
    read: Mapping[str, Read]
    """By package; a name may end in `*`."""
    accepted: Mapping[str, str]
    """Why a licence outside of `allowed` will do, by package."""
    absent: Mapping[str, str]
    """Why a package must not be installed."""
    advisories: tuple[Advisory, ...]
    checked: date
    """When advisories were last gone through."""


def read_table(path: Path = TABLE) -> Table:
    """Return the table of a file."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    licences, advisories = data["licences"], data["advisories"]
    known = [{**a, "aliases": tuple(a.get("aliases", ()))} for a in advisories["known"]]
    return Table(
        allowed=frozenset(licences["allowed"]),
        spellings=licences["spellings"],
        read={name: Read(**read) for name, read in licences["read"].items()},
        accepted=licences["accepted"],
        absent=data["absent"],
        advisories=tuple(Advisory(**advisory) for advisory in known),
        checked=advisories["checked"],
    )
