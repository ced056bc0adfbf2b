"""The tables of a library file, version by version. Knows nothing of how they are used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

# What each version added to the one before; a file is brought forward step by step.
STEPS = (
    """
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uri TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL, mime TEXT NOT NULL, sha256 TEXT NOT NULL,
    n_characters INTEGER NOT NULL, n_passages INTEGER NOT NULL, added_at TEXT NOT NULL,
    folder TEXT, pages TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    document INTEGER NOT NULL REFERENCES documents(number) ON DELETE CASCADE,
    position INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    page INTEGER, heading TEXT, sentences TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX passages_of_document ON passages(document);
CREATE TABLE vectors (
    passage INTEGER PRIMARY KEY REFERENCES passages(number) ON DELETE CASCADE,
    vector BLOB NOT NULL
);
CREATE VIRTUAL TABLE words USING fts5(
    heading, text, content='passages', content_rowid='number',
    tokenize='porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row');
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
""",
    """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL
);
CREATE TABLE exchanges (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    position INTEGER NOT NULL, asked_at TEXT NOT NULL,
    question TEXT NOT NULL, text TEXT NOT NULL, answer TEXT NOT NULL,
    UNIQUE (conversation, position)
);
CREATE TABLE feedback (
    exchange TEXT NOT NULL REFERENCES exchanges(id) ON DELETE CASCADE,
    citation INTEGER NOT NULL, helpful INTEGER NOT NULL, reason TEXT NOT NULL,
    given_at TEXT NOT NULL, PRIMARY KEY (exchange, citation)
);
""",
    """
ALTER TABLE documents ADD COLUMN dropped TEXT NOT NULL DEFAULT '{}';
ALTER TABLE conversations ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
UPDATE conversations SET turn = (
    SELECT count(*) FROM conversations other WHERE other.changed_at < conversations.changed_at
    OR (other.changed_at = conversations.changed_at AND other.rowid <= conversations.rowid)
);
""",
)
SCHEMA_VERSION = len(STEPS)

# What a file of version 1 has, and any later one: by these a library is known.
FIRST_TABLES = frozenset({"documents", "passages", "vectors", "facts"})

# How many documents and passages a file has.
COUNTS = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM passages)"

# A file that may only be read is not brought forward. Its reader is shown it as if it were:
# for each step, the tables that the step changed, with what it would have put there.
AS_NOW: dict[int, tuple[str, ...]] = {
    3: (
        "CREATE TEMP VIEW documents AS SELECT *, '{}' AS dropped FROM main.documents",
        "CREATE TEMP VIEW conversations AS SELECT rowid, *, 0 AS turn FROM main.conversations",
    ),
}


# Facts that are read as numbers, and how they are written.
_NUMBERS = frozenset({"revision", "index_generation"})
_NUMBER = re.compile(r"[0-9]{1,18}")


def is_fact(name: object, value: object) -> bool:
    """Tell whether a row of the facts is one that can be used: a number is one, and no prose."""
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    return name not in _NUMBERS or _NUMBER.fullmatch(value) is not None


def shape(execute: Callable[[str], Iterable[Any]]) -> frozenset[tuple[str, str, str]]:
    """Return the tables, indexes, triggers and views of a file: kind, name and definition."""
    every = "SELECT type, name, sql FROM main.sqlite_master WHERE sql IS NOT NULL"
    return frozenset(
        # How FTS5 keeps words is its own affair, and another SQLite may have written them.
        (kind, name, "" if name.startswith("words_") else " ".join(sql.split()))
        for kind, name, sql in execute(every)
        # What ANALYZE leaves does not change what is read.
        if not (kind == "table" and name.startswith("sqlite_stat"))
    )


def unsound(fact: str) -> str:
    """Return the words for a fact that cannot be used."""
    return f"the fact {fact} has no sound value"


def problems_in(execute: Callable[[str], Iterable[Any]]) -> list[str]:
    """Return what a thorough look at a file finds; nothing for a sound one."""
    found = [str(row[0]) for row in execute("PRAGMA integrity_check(3)")]
    found += [f"a row of {row[0]} belongs to none" for row in execute("PRAGMA foreign_key_check")]
    facts = execute("SELECT name, value FROM facts")
    found += [unsound(name) for name, value in facts if not is_fact(name, value)]
    return [problem for problem in found if problem != "ok"]
