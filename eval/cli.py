"""The command `footnote eval`.

Knows nothing of how anything is measured.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from rag import ConfigError, Progress, Settings


@dataclass(frozen=True)
class Evaluate:
    """The entry point of the command, as the command line expects it."""

    help: str = "measure how fast Footnote is on this machine"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command."""
        parser.add_argument("--speed", action="store_true", help="print the table of speeds")
        parser.add_argument(
            "--fresh",
            action="store_true",
            help="measure `make chat` in a fresh clone of this repository, too",
        )
        parser.add_argument(
            "--documents",
            type=Path,
            default=Path("seeds"),
            help="folder with the five seed documents (default: seeds)",
        )

    def run(self, arguments: argparse.Namespace, settings: Settings) -> int:
        """Measure and print; return the exit code."""
        if not arguments.speed:
            raise ConfigError("Say what to measure: footnote eval --speed.")
        if not arguments.documents.is_dir():
            raise ConfigError(
                f"There is no folder {arguments.documents}. Run this in the repository, or give "
                "the seeds with --documents."
            )
        # Measuring loads everything there is to load.
        from eval.speed import measure, measure_newcomer, table

        rows = measure(arguments.documents, settings.models_folder, _tell)
        if arguments.fresh:
            rows.extend(measure_newcomer(Path.cwd()))
        print(table(rows))
        return 0


def _tell(progress: Progress) -> None:
    print(f"{progress.task} ({progress.done:g} of {progress.total:g})", file=sys.stderr)


evaluate = Evaluate()
