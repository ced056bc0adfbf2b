"""The commands that look after a library: backup, restore, doctor.

Knows nothing of how a library is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict

from rag import Check, Copied, backup, doctor, repair, restore
from ui.session import FAILED, Runner, Session
from ui.wording import count_of


def _backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", metavar="FILE-or-FOLDER", help="the file to write; a folder gets a dated one"
    )


def _backup(arguments: argparse.Namespace, session: Session) -> int:
    written = backup(session.settings, arguments.path)
    size = written.path.stat().st_size / 1e6
    session.terminal.show_line(f"saved  {written.path} ({_what(written)}, {size:.1f} MB, checked)")
    return 0


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what `footnote backup` wrote")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="take the place of documents that are there; they are kept beside it",
    )


def _restore(arguments: argparse.Namespace, session: Session) -> int:
    restored = restore(session.settings, arguments.file, replace=arguments.replace)
    session.terminal.show_line(f"restored  {restored.path} ({_what(restored)})")
    if restored.kept is not None:
        session.terminal.show_line(f"kept  {restored.kept} (what was there before)")
    return 0


def _what(copied: Copied) -> str:
    return f"{count_of(copied.documents, 'document')}, {count_of(copied.passages, 'passage')}"


def _doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--repair", action="store_true", help="mend what can be mended; deletes no document"
    )


def _doctor(arguments: argparse.Namespace, session: Session) -> int:
    mended: list[Check] = repair(session.settings) if arguments.repair else []
    checks = doctor(session.settings)
    if arguments.json:
        found = [asdict(check) for check in checks]
        done = [asdict(check) for check in mended]
        session.terminal.show_json({"mended": done, "checks": found} if arguments.repair else found)
    else:
        if arguments.repair:
            session.terminal.show_line("Mended:" if mended else "There is nothing to mend.")
            session.terminal.show_checks(mended)
        session.terminal.show_checks(checks)
    return 0 if all(check.ok for check in checks) else FAILED


COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Runner]] = {
    "backup": ("copy the library, in use or not, to one file", _backup_arguments, _backup),
    "restore": ("make a backup the library of a home", _restore_arguments, _restore),
    "doctor": ("check the installation and say what to do", _doctor_arguments, _doctor),
}
