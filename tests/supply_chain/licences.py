"""Under which licence each locked package is, and whether that will do.

Knows nothing of where the packages come from: it reads their installed metadata, and what
`table.toml` records where those do not say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from fnmatch import fnmatchcase
from importlib import metadata
from typing import Any, Protocol

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

from tests.supply_chain.lock import Locked
from tests.supply_chain.table import Read, Table

_CLASSIFIER = re.compile(r"License :: (?:OSI Approved :: )?(.+)")
_TOKEN = re.compile(r"\(|\)|[^\s()]+")


class _Fields(Protocol):
    """What is read of a package's metadata."""

    def get(self, name: str, /) -> Any: ...
    def get_all(self, name: str, /) -> list[Any] | None: ...


@dataclass(frozen=True)
class Licence:
    """The licence of a package as an SPDX expression, None if unknown; `note` says more."""

    package: Locked
    expression: str | None
    note: str = ""


Installed = Callable[[str], tuple[str, _Fields] | None]
"""Gives version and metadata of an installed package by name, None if it is not installed."""


def installed(name: str) -> tuple[str, Message] | None:
    """Return version and metadata of a package in this environment."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    return found.version, found.metadata  # type: ignore[return-value] # a Message underneath


def licences(
    packages: Sequence[Locked], table: Table, of: Installed = installed
) -> tuple[list[Licence], list[str]]:
    """Return the licence of each package, and what is wrong with any of them."""
    found = [_licence(package, table, of(package.name)) for package in packages]
    problems = [p for one in found for p in _problems(one, table)]
    problems += _not_as_locked(packages, of)
    problems += _out_of_date(packages, found, table)
    return found, problems


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Tell whether an SPDX expression can be met with allowed licences alone.

    Of alternatives (OR) one is enough; what is joined (AND) is needed, all of it. A licence
    WITH an exception counts as the licence.
    """
    tokens = _TOKEN.findall(expression)

    def alternatives() -> bool:
        met = joined()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met = joined() or met  # in this order: what stands there has to be read
        return met

    def joined() -> bool:
        met = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop(0)
        if token != "(":
            if tokens and tokens[0] == "WITH":
                del tokens[:2]
            return token in allowed
        met = alternatives()
        tokens.pop(0)
        return met

    return alternatives()


def _licence(package: Locked, table: Table, here: tuple[str, _Fields] | None) -> Licence:
    if here is not None and (declared := _declared(here[1], table.spellings)):
        same = here[0] == package.version
        return Licence(package, declared, "" if same else f"as version {here[0]} says")
    read = _read(package.name, table.read)
    return Licence(package, read.licence, read.where) if read else Licence(package, None)


def _declared(fields: _Fields, spellings: Mapping[str, str]) -> str | None:
    """Return what metadata say, None if nothing or nothing clear."""
    kinds = [_CLASSIFIER.fullmatch(line) for line in fields.get_all("Classifier") or ()]
    classified = [kind[1] for kind in kinds if kind]
    stated = [fields.get("License-Expression"), fields.get("License")]
    # Of two classifiers it is not known whether both are meant, or either.
    for words in [*stated, *(classified if len(classified) == 1 else ())]:
        if words and (found := _spdx(words.strip(), spellings)):
            return found
    return None


def _spdx(words: str, spellings: Mapping[str, str]) -> str | None:
    # A whole licence text in that field is known by its first line.
    first = words.splitlines()[0].strip() if words else ""
    try:
        return str(canonicalize_license_expression(spellings.get(first, first)))
    except InvalidLicenseExpression:
        return None


def _read(name: str, known: Mapping[str, Read]) -> Read | None:
    return next((read for pattern, read in known.items() if fnmatchcase(name, pattern)), None)


def _problems(licence: Licence, table: Table) -> Iterator[str]:
    package = licence.package
    if licence.expression is None:
        yield (
            f"{package.name} {package.version}: its licence is unknown. Read it, and record it "
            "under [licences.read]."
        )
    elif not is_allowed(licence.expression, table.allowed) and package.name not in table.accepted:
        yield (
            f"{package.name} {package.version}: {licence.expression} is not allowed. Do without "
            "the package, or say under [licences.accepted] why it will do."
        )


def _not_as_locked(packages: Sequence[Locked], of: Installed) -> Iterator[str]:
    for package in packages:
        here = of(package.name) if package.is_for_here else None
        if package.is_for_here and here is None:
            yield f"{package.name} {package.version} is locked, not installed. Run `make setup`."
        elif here is not None and here[0] != package.version:
            yield (
                f"{package.name}: {package.version} is locked, {here[0]} installed. Run "
                "`make setup`."
            )


def _out_of_date(
    packages: Sequence[Locked], found: Sequence[Licence], table: Table
) -> Iterator[str]:
    names = {canonicalize_name(package.name) for package in packages}
    for pattern in table.read:
        if not any(fnmatchcase(name, pattern) for name in names):
            yield f"[licences.read] has {pattern}, which is not locked. Take it out."
    for name in table.accepted:
        mine = [one for one in found if one.package.name == name]
        if all(one.expression and is_allowed(one.expression, table.allowed) for one in mine):
            yield f"[licences.accepted] has {name}, which needs no reason. Take it out."
    for name in names & set(table.absent):
        yield f"{name} must not be installed: {table.absent[name]} Find out who brings it in."
