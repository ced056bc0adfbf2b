"""Asks a package index which vulnerabilities it knows of the locked packages.

Knows nothing of which index: it is the one the user names, or has told pip.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx

from tests.supply_chain.lock import Locked
from tests.supply_chain.table import Table

_SECONDS = 30


class NoAnswer(Exception):
    """The index has no such data; the message says what to do."""


@dataclass(frozen=True)
class Reported:
    """A vulnerability as the index reports it."""

    package: Locked
    names: frozenset[str]
    summary: str


def configured_index() -> str:
    """Return the address that pip is told to use; raises NoAnswer if it is told none."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    # The environment is listed first, and wins.
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        if name.endswith(".index-url"):
            return value.strip("'\"")
    raise NoAnswer("pip is told of no index. Name one: --index ADDRESS")


def reported(packages: Sequence[Locked], index: str) -> Iterator[Reported]:
    """Yield what the index knows of each package; raises NoAnswer if it tells nothing."""
    root = index.rstrip("/").removesuffix("/simple")
    with httpx.Client(timeout=_SECONDS) as client:
        for package in packages:
            yield from _of(package, client, f"{root}/pypi/{package.name}/{package.version}/json")


def unknown(found: Sequence[Reported], table: Table) -> Iterator[str]:
    """Yield what is reported and not in the table."""
    for one in found:
        known = {n for a in table.advisories if a.package == one.package.name for n in a.names}
        if not one.names & known:
            yield (
                f"{one.package.name} {one.package.version}: the index reports "
                f"{', '.join(sorted(one.names))} ({one.summary}). Record it under "
                "[[advisories.known]]."
            )


def _of(package: Locked, client: httpx.Client, address: str) -> Iterator[Reported]:
    try:
        reply = client.get(address)
        entries = reply.raise_for_status().json()["vulnerabilities"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        host = httpx.URL(address).host
        raise NoAnswer(
            f"{host} tells no vulnerabilities of {package.name} ({type(error).__name__}). Name an "
            "index that does: --index ADDRESS"
        ) from error
    for entry in entries:
        if not entry.get("withdrawn"):
            names = frozenset((str(entry["id"]), *map(str, entry.get("aliases") or ())))
            words = str(entry.get("summary") or entry.get("details") or "no summary")
            yield Reported(package, names, words.splitlines()[0])
