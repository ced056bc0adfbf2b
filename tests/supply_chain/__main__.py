"""`python -m tests.supply_chain`: lists what is locked; 1 if something is not accounted for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.supply_chain.advisories import Finding, findings
from tests.supply_chain.bill import bill
from tests.supply_chain.licences import Licence, licences
from tests.supply_chain.lock import read_lock
from tests.supply_chain.online import NoAnswer, configured_index, reported, unknown
from tests.supply_chain.table import TABLE, Table, read_table
from tests.supply_chain.weights import Weights, embedded_models

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the audit; return the exit code."""
    chosen = _parser().parse_args(arguments)
    table, lock = read_table(chosen.table), read_lock(chosen.lock)
    found, wrong = licences(lock.packages, table)
    concerning, unmet = findings(lock.packages, table)
    models = embedded_models()
    problems = [*lock.problems, *wrong, *unmet]
    if chosen.online:
        try:
            index = chosen.index or configured_index()
            problems += unknown(list(reported(lock.packages, index)), table)
        except NoAnswer as error:
            problems.append(str(error))
    _show(found, concerning, models, table)
    if chosen.sbom:
        text = bill(ROOT / "pyproject.toml", found, models, concerning)
        chosen.sbom.write_text(text, encoding="utf-8")
        print(f"The bill of materials is in {chosen.sbom}.")
    for problem in problems:
        print(f"! {problem}", file=sys.stderr)
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.supply_chain", description=__doc__)
    parser.add_argument("--sbom", type=Path, metavar="FILE", help="write a CycloneDX 1.6 bill")
    parser.add_argument("--online", action="store_true", help="ask the package index, too")
    parser.add_argument("--index", metavar="ADDRESS", help="the index to ask (default: pip's)")
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements.lock", metavar="FILE")
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE")
    return parser


def _show(
    found: Sequence[Licence],
    concerning: Sequence[Finding],
    models: Sequence[Weights],
    table: Table,
) -> None:
    print(f"{len(found)} packages, and their licences\n")
    for one in found:
        name, licence = f"{one.package.name} {one.package.version}", one.expression or "UNKNOWN"
        reason = table.accepted.get(one.package.name, "")
        print(" | ".join(filter(None, (f"{name:42}", licence, one.note, reason))))
    print(f"\n{len(models)} models\n")
    for model in models:
        print(f"{model.name:42} | {model.licence} | {model.carried_by}")
        for file, digest in model.files:
            print(f"    {digest}  {file}")
    print(f"\n{len(concerning)} advisories, gone through on {table.checked}, and how each is met\n")
    for finding in concerning:
        print(f"{finding.advisory.id:24} | {finding.package.name:18} | {finding.how}")
    print()


if __name__ == "__main__":
    sys.exit(main())
