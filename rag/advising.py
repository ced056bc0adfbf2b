"""Words for a library file that cannot be used: what is wrong, and what to do about it."""

from __future__ import annotations

from pathlib import Path

from rag.beside import newest_backup


def damaged(path: Path, problem: str) -> str:
    """Return the words for a damaged library, with what to do."""
    backup = newest_backup(path.parent)
    restore = (
        "no backup of it is known"
        if backup is None
        else f"the newest backup is {backup} (`footnote restore {backup} --replace`)"
    )
    return (
        f"The library {path} is damaged ({problem}). Nothing more is written to it. Run "
        f"`footnote --home {path.parent} doctor --repair`, which saves what can be read and "
        f"deletes nothing; {restore}."
    )


def advice(path: Path, problem: str) -> str:
    """Return the words for a library that cannot be used, with what to do."""
    problem_now = problem.lower()
    if "full" in problem_now or "no space" in problem_now:
        fix = "The disk is full: free some space and try again; what was added is kept."
    elif "i/o error" in problem_now:
        fix = "Check that the disk has free space and no fault; what was added is kept."
    elif any(word in problem_now for word in ("readonly", "read-only", "denied", "permitted")):
        fix = f"Give yourself write access to {path.parent}, or choose another --home."
    elif "no such table" in problem_now:
        fix = "An earlier Footnote wrote it: open it once for writing, as `footnote add` does."
    elif "locked" in problem_now:
        fix = "Another program is writing to it: wait until it is done and try again."
    else:
        fix = f"Check that {path.parent} is a folder you may read and write."
    return f"The library {path} cannot be used ({problem}). {fix}"
