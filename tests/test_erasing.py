"""What was removed or changed can no longer be read in the files of a home, whatever reads them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rag import Assistant
from tests.homes import open_home, write_files

SECRET = "quincunx"
BEFORE = "The password of the {secret} cellar is under the third stone. " * 40
AFTER = "The cellar was filled with sand, and nobody goes there any more. " * 40
OTHER = "A letter from the mill, on flour and on the weather of that year. " * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a secret in one of its files."""
    return write_files(tmp_path / "files", secret=BEFORE.format(secret=SECRET), other=OTHER)


def traces(home: Path) -> list[str]:
    """Return the files of a home in which the secret word can be read, by a search for bytes."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return [path.name for path in files if SECRET.encode() in path.read_bytes().lower()]


def remove(assistant: Assistant, folder: Path) -> None:
    secret = next(d for d in assistant.documents() if d.uri.endswith("secret.txt"))
    assistant.remove(secret.id)


def change(assistant: Assistant, folder: Path) -> None:
    write_files(folder, secret=AFTER)
    assert assistant.add(folder).count("updated") == 1


def delete_file(assistant: Assistant, folder: Path) -> None:
    (folder / "secret.txt").unlink()
    assert len(assistant.add(folder).removed) == 1


@pytest.mark.parametrize("way", [remove, change, delete_file])
def test_what_went_is_in_no_file_any_more(tmp_path: Path, folder: Path, way) -> None:
    """At once, while the home is open, and afterwards: neither text, nor words, nor journal."""
    home = tmp_path / "home"
    with open_home(home) as assistant:
        assistant.add(folder)
        assert traces(home)
        way(assistant, folder)
        assert traces(home) == []
        assert assistant.search("letter from the mill")
    assert traces(home) == []


def test_who_reads_for_long_puts_it_off_and_holds_nobody_up(tmp_path: Path, folder: Path) -> None:
    """A backup under way reads the library as it was; what is removed next takes all with it."""
    home = tmp_path / "home"
    with open_home(home) as assistant:
        assistant.add(folder)
        with closing(sqlite3.connect(home / "library.sqlite", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM documents").fetchone() == (2,)
            remove(assistant, folder)
            assert len(assistant.documents()) == 1
            assert traces(home)
        assistant.remove(assistant.documents()[0].id)
        assert traces(home) == []


def test_a_conversation_keeps_its_quotes_until_it_is_deleted(tmp_path: Path, folder: Path) -> None:
    """Removing a document does not change what was said about it; deleting that does."""
    home = tmp_path / "home"
    with open_home(home) as assistant:
        assistant.add(folder)
        answer = assistant.ask(f"Where is the password of the {SECRET} cellar?")
        talk = assistant.conversations.start("The cellar")
        assistant.conversations.append(talk.id, answer)
        remove(assistant, folder)
        assert traces(home)
        assistant.conversations.delete(talk.id)
        assert traces(home) == []


def test_what_stays_is_found_as_before(tmp_path: Path, folder: Path) -> None:
    """By its words and by its vector."""
    with open_home(tmp_path / "home") as assistant:
        assistant.add(folder)
        before = [hit.passage.id for hit in assistant.search("flour weather mill", k=3)]
        remove(assistant, folder)
        after = assistant.search("flour weather mill", k=3)
        assert [hit.passage.id for hit in after] == before
        assert (after[0].lexical or 0) > 0
