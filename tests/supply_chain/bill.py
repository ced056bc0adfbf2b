"""The bill of materials, in the form CycloneDX 1.6. Knows nothing of whether it is in order."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.supply_chain.advisories import Finding
from tests.supply_chain.licences import Licence
from tests.supply_chain.weights import Weights

_Part = dict[str, Any]


def bill(
    project: Path,
    packages: Sequence[Licence],
    models: Sequence[Weights],
    findings: Sequence[Finding],
) -> str:
    """Return the bill as JSON; the same parts give the same text.

    `project` is the project's `pyproject.toml`.
    """
    about = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    parts = [*map(_package, packages), *map(_model, models)]
    whole = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": about["name"],
                "name": about["name"],
                "version": about["version"],
                "description": about["description"],
                "licenses": [{"expression": about["license"]}],
            }
        },
        "components": sorted(parts, key=lambda part: str(part["bom-ref"])),
        "vulnerabilities": sorted(
            (_vulnerability(one) for one in findings if one.is_affected),
            key=lambda part: str(part["bom-ref"]),
        ),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _package(licence: Licence) -> _Part:
    package = licence.package
    part: _Part = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        # One for each file that may be installed: of every platform, and the source.
        "hashes": [_sha256(digest) for digest in sorted(package.hashes)],
    }
    if licence.expression is not None:
        part["licenses"] = [{"expression": licence.expression}]
    if package.marker is not None:
        part["properties"] = [{"name": "footnote:only-where", "value": package.marker}]
    return part


def _model(model: Weights) -> _Part:
    reference = f"model:{model.name}"
    return {
        "type": "machine-learning-model",
        "bom-ref": reference,
        "publisher": model.publisher,
        "name": model.name,
        "licenses": [{"expression": model.licence}],
        "components": [
            {
                "type": "file",
                "bom-ref": f"{reference}/{file}",
                "name": file,
                "hashes": [_sha256(digest)],
            }
            for file, digest in sorted(model.files)
        ],
        "properties": [{"name": "footnote:carried-by", "value": model.carried_by}],
    }


def _sha256(digest: str) -> _Part:
    return {"alg": "SHA-256", "content": digest}


def _vulnerability(finding: Finding) -> _Part:
    advisory = finding.advisory
    analysis: _Part = {"state": "in_triage"}
    if advisory.met:
        analysis = {
            "state": "not_affected",
            "justification": "code_not_reachable",
            "detail": advisory.met,
        }
    return {
        "bom-ref": f"{advisory.id} of {finding.package.purl}",
        "id": advisory.id,
        "references": [
            {"id": alias, "source": {"name": alias.split("-")[0]}} for alias in advisory.aliases
        ],
        "description": advisory.what,
        "affects": [{"ref": finding.package.purl}],
        "analysis": analysis,
    }
