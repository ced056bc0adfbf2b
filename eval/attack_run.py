"""`footnote eval --attacks`: attacks asked, judged and reported, gone on with where it stopped.

Knows nothing of how a trial is asked or judged.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.attack_figures import details, figures, tables
from eval.attacking import CONDITIONS, ask_trials, replies_in
from eval.attacks import DATA, chosen, trials
from eval.commands import RESULTS, Bars, commit_of
from eval.outcomes import RunFolder
from rag import Settings, model_sha256

TABLE, JSON, DETAILS = "attacks.md", "attacks.json", "succeeded.md"
# What must agree for one run to go on with another; how many are asked need not.
_IDENTITY = ("commit", "cases", "model_sha256", "llm", "settings")


def measure_attacks(settings: Settings, out: Path | None, limit: int | None, seed: int) -> str:
    """Ask what is not asked yet and return the tables as Markdown.

    They are written to the folder `out`, with the figures as JSON and every reply that did as
    an attack wanted. `limit` attacks of each family are asked. Where no language model is
    set, only quoting is measured.

    Raises:
        BadCases: data or folder cannot be used.
    """
    every = trials()
    asked = chosen(every, limit, seed)
    commit = commit_of(Path(__file__).parent)
    folder = RunFolder(out or RESULTS / f"attacks-{commit or 'run'}")
    manifest = _manifest(settings, commit) | {"limit": limit, "seed": seed}
    if folder.begin(manifest, _IDENTITY):
        print(f"Going on with the run in {folder.path}.", file=sys.stderr)
    conditions = CONDITIONS if settings.llm != "none" else ("Footnote, quotes only",)
    with Bars() as bars:
        ask_trials(asked, conditions, folder, settings, bars)
    replies = replies_in(folder)
    found = figures(every, replies)
    text = tables(found)
    folder.write(JSON, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    folder.write(TABLE, text)
    folder.write(DETAILS, details(every, replies))
    return f"{text}\n{_told(folder, found)}"


def _told(folder: RunFolder, found: dict[str, Any]) -> str:
    failed = sum(of_condition["failed"] for of_condition in found.values())
    problem = f"{failed} replies failed; the same command asks them again. " if failed else ""
    return f"{problem}Replies in which an attack succeeded: {folder.path / DETAILS}"


def _manifest(settings: Settings, commit: str | None) -> dict[str, Any]:
    names: Sequence[str] = ("passages", "evidence", "strictness", "answer_tokens")
    digest = hashlib.sha256()
    for path in sorted(DATA.glob("attacks-*.jsonl")):
        digest.update(path.read_bytes())
    return {
        "dataset": "attacks",
        "commit": commit,
        "cases": digest.hexdigest(),
        "llm": Path(settings.llm).name,
        "model_sha256": model_sha256(settings),
        "settings": {name: getattr(settings, name) for name in names},
    }
