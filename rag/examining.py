"""Looks a home over: its library, words, vectors, index, owner; changes nothing.

Knows nothing of models, nor of how what is found is mended or shown.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from rag.advising import damaged
from rag.beside import FILE_NAME, leftovers, runs
from rag.database import Database
from rag.errors import LibraryDamaged, StoreError
from rag.ownership import OWNER_NAME, owner_of
from rag.schema import Check
from rag.settings import Settings
from rag.tables import SCHEMA_VERSION

REPAIR = "Run `footnote doctor --repair`."
_SAMPLE = 64
_BATCH = 5_000
# Vectors have the length 1; one much shorter or longer is none.
_SHORTEST, _LONGEST = 0.5, 1.5
_FIRST_WORDS = re.compile(r"[^\W_]+(?:\W+[^\W_]+){0,3}")


def is_there(settings: Settings) -> bool:
    """Tell whether a home has a library. Raises StoreError if another thing is in its place."""
    path = settings.home / FILE_NAME
    if os.path.lexists(path) and not path.is_file():
        raise StoreError(f"{path} is no file. Move it away, or choose another --home.")
    return path.is_file()


def facts_of(settings: Settings) -> dict[str, str]:
    """Return what a library knows of itself. Raises StoreError."""
    database = Database(settings.home, read_only=True)
    try:
        return {str(name): str(value) for name, value in database.rows("SELECT * FROM facts")}
    finally:
        database.close()


def library(settings: Settings) -> Check:
    """Check every page of the file, and every passage against its document.

    Raises:
        LibraryDamaged: it is damaged.
        StoreError: it is no library, or cannot be read.
    """
    if not is_there(settings):
        return Check("library", True, "none yet; `footnote add PATH` makes it")
    database = Database(settings.home, read_only=True)
    try:
        problems = database.problems() or _untrue_passages(database)
        if problems:
            raise LibraryDamaged(damaged(database.path, problems[0]))
        documents = database.rows("SELECT count(*) FROM documents")[0][0]
        passages = database.rows("SELECT count(*) FROM passages")[0][0]
    finally:
        database.close()
    detail = f"{documents} documents, {passages} passages, version {SCHEMA_VERSION}, intact"
    return Check("library", True, detail)


def words(settings: Settings) -> Check:
    """Check that the word index knows every passage, and a sample of them by their words."""
    if not is_there(settings):
        return Check("words", True, "nothing to index yet")
    database = Database(settings.home, read_only=True)
    try:
        count = _unknown_to_words(database)
    except LibraryDamaged as error:
        return Check("words", False, f"the word index cannot be read ({error.__cause__})", REPAIR)
    finally:
        database.close()
    if count:
        return Check("words", False, f"{count} passages are not found by their words", REPAIR)
    return Check("words", True, "every passage is in the word index")


def vectors(settings: Settings) -> Check:
    """Check that every passage has a vector, and one that can be compared with others."""
    if not is_there(settings):
        return Check("vectors", True, "none yet")
    count = len(without_vectors(settings.home))
    if count:
        return Check("vectors", False, f"{count} passages have no sound vector", REPAIR)
    return Check("vectors", True, "every passage has one")


def without_vectors(home: Path) -> list[str]:
    """Return the ids of the passages without a sound vector. Raises StoreError."""
    # Heavy: nothing else here needs it.
    import numpy as np

    database = Database(home, read_only=True)
    try:
        lengths: Counter[int] = Counter(
            dict(database.rows("SELECT length(vector), count(*) FROM vectors GROUP BY 1"))
        )
        usual = max(lengths, key=lambda length: (lengths[length], length), default=0)
        found: list[str] = []
        last = -1
        while rows := database.rows(
            "SELECT p.number, p.id, v.vector FROM passages p LEFT JOIN vectors v "
            "ON v.passage = p.number WHERE p.number > ? ORDER BY p.number LIMIT ?",
            (last, _BATCH),
        ):
            last = rows[-1][0]
            for _, identity, vector in rows:
                if vector is None or len(vector) != usual or usual % 4:
                    found.append(identity)
                    continue
                size = np.linalg.norm(np.frombuffer(vector, dtype=np.float32))
                if not _SHORTEST < size < _LONGEST:  # also when it is no number
                    found.append(identity)
        return found
    finally:
        database.close()


def index(settings: Settings) -> Check:
    """Check that a copy of the index opens and finds what the library holds."""
    home = settings.home
    if not (home / "chroma").is_dir():
        return Check("index", True, "none; it is built from the library when it is needed")
    facts = facts_of(settings) if is_there(settings) else {}
    if facts.get("index_up_to_date") != "1":
        return Check("index", True, "built anew when it is needed")
    pid = _owner_pid(home)
    if pid not in (None, os.getpid()) and runs(int(str(pid))):
        return Check("index", True, f"in use by {owner_of(home)}")
    if _copy_is_sound(home, facts):
        return Check("index", True, "up to date")
    return Check("index", False, "damaged; searching goes on without it, more slowly", REPAIR)


def lock(settings: Settings) -> Check:
    """Check who owns the home."""
    pid = _owner_pid(settings.home)
    if pid is None:
        return Check("lock", True, "free")
    if runs(pid):
        return Check("lock", True, f"held by {owner_of(settings.home)}; reading works meanwhile")
    detail = f"free, but process {pid} ended without giving it up and left {OWNER_NAME}"
    return Check("lock", False, detail, f"{REPAIR} The next `footnote add` does it, too.")


def unfinished(settings: Settings) -> Check:
    """Check for files that a process was writing when it ended."""
    left = [path.name for path in leftovers(settings.home, FILE_NAME)]
    if left:
        return Check("unfinished files", False, f"left over: {', '.join(left)}", REPAIR)
    return Check("unfinished files", True, "none")


def _untrue_passages(database: Database) -> list[str]:
    for number, identity, text in _each_document(database):
        for start, end, passage in database.rows(
            'SELECT start, "end", text FROM passages WHERE document = ?', (number,)
        ):
            if text[start:end] != passage:
                return [f"the text of {identity} is not that of its passages"]
    return []


def _each_document(database: Database) -> list[tuple[int, str, str]]:
    return database.rows("SELECT number, id, text FROM documents")


def _unknown_to_words(database: Database) -> int:
    (missing,), (extra,) = database.rows(
        "SELECT count(*) FROM passages WHERE number NOT IN (SELECT id FROM words_docsize) "
        "UNION ALL "
        "SELECT count(*) FROM words_docsize WHERE id NOT IN (SELECT number FROM passages)"
    )
    if missing or extra:
        return int(missing + extra)
    sample = database.rows(
        "SELECT number, text FROM passages ORDER BY (number * 2654435761) % 4294967296 LIMIT ?",
        (_SAMPLE,),
    )
    unknown = 0
    for number, text in sample:
        first = _FIRST_WORDS.search(text)
        if first is None:
            continue
        phrase = first[0].replace('"', " ")
        found = database.rows(
            "SELECT 1 FROM words WHERE words MATCH ? AND rowid = ?", (f'"{phrase}"', number)
        )
        unknown += not found
    return unknown


def _copy_is_sound(home: Path, facts: dict[str, str]) -> bool:
    # Heavy: NumPy.
    from rag.index import VectorIndex
    from rag.library import Library

    opened = Library(home, read_only=True)
    try:
        with tempfile.TemporaryDirectory(prefix="footnote-") as place:
            # To open it would write to it, and a damaged one is left as it is.
            name = f"g{facts.get('index_generation', '0')}"
            copy = Path(place, name)
            try:
                shutil.copytree(home / "chroma" / name, copy)
            except OSError:
                return False
            return VectorIndex(opened, Path(place), facts.get("embedding", "")).is_sound()
    finally:
        opened.close()


def _owner_pid(home: Path) -> int | None:
    """Return the number of the process that says it owns the home, None if none does."""
    try:
        return int(json.loads((home / OWNER_NAME).read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
