"""Which known advisories concern the locked versions, and how each is met.

Knows nothing of how advisories are found: those of `table.toml` were looked up by people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.supply_chain.lock import Locked
from tests.supply_chain.table import Advisory, Table


@dataclass(frozen=True)
class Finding:
    """An advisory and the locked version of its package."""

    advisory: Advisory
    package: Locked

    @property
    def is_affected(self) -> bool:
        """Tell whether the locked version has the fault."""
        return self.advisory.affects(self.package.version)

    @property
    def is_met(self) -> bool:
        """Tell whether the version is free of it, or a reason is recorded."""
        return not self.is_affected or bool(self.advisory.met)

    @property
    def how(self) -> str:
        """Return how it is met, in words."""
        advisory, version = self.advisory, self.package.version
        if self.is_affected:
            return f"by our use: {advisory.met}" if advisory.met else "NOT MET"
        return f"by version: {version} is not in {advisory.affected}"


def findings(packages: Sequence[Locked], table: Table) -> tuple[list[Finding], list[str]]:
    """Return each advisory with each locked version of its package, and what is not met."""
    found = [
        Finding(advisory, package)
        for advisory in table.advisories
        for package in packages
        if package.name == advisory.package
    ]
    return found, list(_problems(found, packages, table))


def _problems(found: Sequence[Finding], packages: Sequence[Locked], table: Table) -> Iterator[str]:
    for one in found:
        if not one.is_met:
            fix = one.advisory.fixed
            way = f"Lock {fix} or later" if fix else "There is no fix: do without the package"
            yield (
                f"{one.package.name} {one.package.version}: {one.advisory.id} "
                f"({one.advisory.what}). {way}, or say in `met` why it harms nobody."
            )
    names = {package.name for package in packages}
    for advisory in table.advisories:
        if advisory.package not in names:
            yield f"{advisory.id} is of {advisory.package}, which is not locked. Take it out."
