"""Each thing that can break in a home is named by the doctor and mended by it; nothing is lost."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rag import (
    Assistant,
    Check,
    LibraryDamaged,
    LibraryLocked,
    Settings,
    StoreError,
    backup,
    doctor,
    repair,
)
from rag.beside import FILE_NAME
from rag.models.minilm import FINGERPRINT
from rag.salvaging import salvage
from tests.conftest import KILLS
from tests.fakes import WordEmbedder
from tests.homes import open_home, three_files, unfindable, words_of, write_files
from tests.test_schema import ANSWER
from ui.cli import main

QUESTIONS = ("Who designed the Anders Bridge?", "How often did the harbour freeze?")


@pytest.fixture(autouse=True)
def quoting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer by quotes alone: what the model is does not matter here."""
    monkeypatch.setenv("FOOTNOTE_LLM", "none")


def embedder() -> WordEmbedder:
    """Return a quick embedder that passes for the one the settings name."""
    fake = WordEmbedder()
    fake.fingerprint = FINGERPRINT
    return fake


def open_it(home: Path) -> Assistant:
    return open_home(home, embedder=embedder())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a home, with its index and a conversation, closed."""
    place = tmp_path_factory.mktemp("repairing")
    with open_it(place / "home") as assistant:
        assistant.add(three_files(place / "files"))
        many = {f"f{n}": words_of(300, seed=n) for n in range(6)}
        assistant.add(write_files(place / "others", **many))
        kept = assistant.conversations.start("Cities")
        assistant.conversations.append(kept.id, ANSWER)
    return place


@pytest.fixture(scope="module")
def expected(place: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Return what is found in that home."""
    return found(shutil.copytree(place / "home", tmp_path_factory.mktemp("sound") / "home"))


@pytest.fixture
def home(place: Path, tmp_path: Path) -> Path:
    return shutil.copytree(place / "home", tmp_path / "home")


def found(home: Path) -> list[list[str]]:
    """Return the best sentences for each question: what an answer is made of."""
    with open_it(home) as assistant:
        return [[e.text for e in assistant.evidence(q, k=5)] for q in QUESTIONS]


def wrong_in(home: Path) -> dict[str, str]:
    """Return the fix for each check of a home that fails."""
    checks = doctor(Settings(home=home, llm="none"))
    return {check.name: str(check.fix) for check in checks if not check.ok}


def mend(home: Path) -> dict[str, Check]:
    done = repair(Settings(home=home, llm="none"), embedder=embedder())
    return {check.name: check for check in done}


@contextlib.contextmanager
def opened(home: Path):
    connection = sqlite3.connect(home / FILE_NAME, isolation_level=None)
    yield connection
    connection.close()


def index_garbled(home: Path) -> None:
    for path in (home / "chroma").rglob("*"):
        if path.is_file():
            path.write_bytes(random.Random(1).randbytes(path.stat().st_size or 100))


def index_half(home: Path) -> None:
    shutil.rmtree(next((home / "chroma").iterdir()))


def words_forgotten(home: Path) -> None:
    with opened(home) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('delete-all')")


def words_garbled(home: Path) -> None:
    with opened(home) as connection:
        connection.execute("UPDATE words_data SET block = x'00112233445566778899'")


def words_of_others(home: Path) -> None:
    with opened(home) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
        for (number,) in connection.execute("SELECT number FROM passages").fetchall():
            connection.execute(
                "INSERT INTO words (rowid, heading, text) VALUES (?, '', 'nonsense')", (number,)
            )


def vectors_gone(home: Path) -> None:
    with opened(home) as connection:
        connection.execute("DELETE FROM vectors WHERE passage % 2")


def vectors_cut(home: Path) -> None:
    with opened(home) as connection:
        connection.execute("UPDATE vectors SET vector = substr(vector, 1, 100) WHERE passage = 2")


def vectors_empty(home: Path) -> None:
    with opened(home) as connection:
        connection.execute("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE passage < 4")


def owner_left(home: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (home / "owner.json").write_text(json.dumps({"pid": str(ended.pid), "command": "footnote"}))


def part_left(home: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (home / f"{FILE_NAME}.{ended.pid}.part").write_bytes(b"half a library")


def page_of(home: Path, name: str) -> int:
    """Return the offset of a page of a table or index that holds its rows."""
    with opened(home) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(page - 1) * int(size)


def garble(home: Path, offset: int, size: int = 4096) -> None:
    data = bytearray((home / FILE_NAME).read_bytes())
    data[offset : offset + size] = random.Random(3).randbytes(size)
    (home / FILE_NAME).write_bytes(data)


def index_of_table_garbled(home: Path) -> None:
    garble(home, page_of(home, "passages_of_document"))


def vectors_table_garbled(home: Path) -> None:
    garble(home, page_of(home, "vectors"))


def passages_table_garbled(home: Path) -> None:
    garble(home, page_of(home, "passages"))


def passage_untrue(home: Path) -> None:
    with opened(home) as connection:
        connection.execute("UPDATE passages SET text = upper(text) WHERE number = 3")


def facts_garbled(home: Path) -> None:
    garble(home, page_of(home, "facts"))


def revision_garbled(home: Path) -> None:
    with opened(home) as connection:
        connection.execute("UPDATE facts SET value = '1x' WHERE name = 'revision'")


# The doctor opens a copy of the index each time, which takes seconds.
OF_EACH = 2 if KILLS < 300 else 6
BREAKS: dict[str, tuple[Callable[[Path], None], ...]] = {
    "index": (index_garbled, index_half),
    "words": (words_forgotten, words_garbled, words_of_others),
    "vectors": (vectors_gone, vectors_cut, vectors_empty),
    "lock": (owner_left,),
    "unfinished files": (part_left,),
    "library": (
        passages_table_garbled,
        passage_untrue,
        index_of_table_garbled,
        vectors_table_garbled,
        facts_garbled,
        revision_garbled,
    ),
}


@pytest.mark.parametrize(
    ("name", "harm"), [(name, harm) for name, harms in BREAKS.items() for harm in harms[:OF_EACH]]
)
def test_what_is_broken_is_named_and_mended(
    place: Path, home: Path, expected: list[list[str]], name: str, harm
) -> None:
    """The doctor names it and a fix; the repair mends it; all is well then, and the same found."""
    harm(home)
    wrong = wrong_in(home)
    assert name in wrong
    assert all(wrong.values())
    assert mend(home)[name].ok
    assert wrong_in(home) == {}
    assert found(home) == expected
    with open_it(home) as assistant:
        (kept,) = assistant.conversations.find()
        assert assistant.conversations.exchanges(kept.id)[0].answer == ANSWER
        assert assistant.add(place / "others").count("unchanged") == 6


def test_commands_tell_and_mend(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 where all is well, 1 where not, 0 after the repair, which tells what it did."""
    command = ["--home", str(home), "doctor"]
    assert main(command) == 0
    words_forgotten(home)
    part_left(home)
    assert main(command) == 1
    assert "doctor --repair" in capsys.readouterr().out
    assert main([*command, "--repair"]) == 0
    out = capsys.readouterr().out
    assert "✓ words: the word index was built anew" in out
    assert "✓ unfinished files: removed" in out
    before = (home / FILE_NAME).read_bytes()
    assert main([*command, "--repair", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mended"] == []
    assert (home / FILE_NAME).read_bytes() == before


def test_no_home_is_not_made(tmp_path: Path) -> None:
    """A home that is not there needs no repair."""
    assert repair(Settings(home=tmp_path / "none")) == []
    assert not (tmp_path / "none").exists()


def test_home_in_use_is_not_repaired(tmp_path: Path) -> None:
    """Its owner is named, and nothing is changed."""
    with open_home(tmp_path / "home") as assistant:
        assistant.add(three_files(tmp_path / "files"))
        with pytest.raises(LibraryLocked):
            repair(Settings(home=tmp_path / "home"))


def test_damaged_file_is_kept_and_what_is_lost_is_named(home: Path, tmp_path: Path) -> None:
    """A document whose own row is lost is told, with the newest backup; the file is beside."""
    saved = backup(Settings(home=home), tmp_path / "saved.sqlite").path
    with opened(home) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM documents WHERE number = 2")
    before = (home / FILE_NAME).read_bytes()
    library = mend(home)["library"]
    assert "number 2" in str(library.fix)
    assert str(saved) in str(library.fix)
    (kept,) = home.glob(FILE_NAME + ".damaged-*Z")
    assert str(kept) in library.detail
    assert kept.read_bytes() == before
    with open_it(home) as assistant:
        assert len(assistant.documents()) == 8


@pytest.mark.parametrize("content", [b"no database at all " * 400, b"\0" * 8192])
def test_library_of_which_nothing_can_be_read_stays(
    home: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """No empty library takes its place: the newest backup is named, and the file stays."""
    saved = backup(Settings(home=home), home.parent / "saved.sqlite").path
    (home / FILE_NAME).write_bytes(content)
    assert main(["--home", str(home), "doctor", "--repair"]) == 1
    out = capsys.readouterr().out
    assert "Nothing can be read" in out
    assert str(saved) in out
    assert (home / FILE_NAME).read_bytes() == content
    assert not list(home.glob("*damaged*"))


def test_damaged_library_in_use_is_not_written_to(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the repair and the newest backup; exit code 1, no traceback."""
    saved = backup(Settings(home=home), tmp_path / "saved.sqlite").path
    passages_table_garbled(home)
    before = (home / FILE_NAME).read_bytes()
    more = write_files(tmp_path / "more", more=words_of(200, seed=99))
    for command in (["search", QUESTIONS[0]], ["add", str(more)]):
        assert main(["--home", str(home), *command]) == 1
        said = capsys.readouterr().err
        assert "doctor --repair" in said
        assert str(saved) in said
        assert "Traceback" not in said
    assert (home / FILE_NAME).read_bytes() == before


def test_nothing_is_written_after_damage_was_met(home: Path, tmp_path: Path) -> None:
    """Also where the write itself would not meet it; what can be read still is."""
    passages_table_garbled(home)
    with open_it(home) as assistant:
        assert len(assistant.documents()) == 9
        with pytest.raises(LibraryDamaged):
            assistant.passages_of(assistant.documents()[0].id)
        with pytest.raises(LibraryDamaged, match="Nothing more is written"):
            assistant.conversations.start("a talk")
        assert len(assistant.conversations.find()) == 1


@pytest.mark.parametrize("seed", range(4 if KILLS < 300 else 200))
def test_damage_anywhere_loses_no_readable_document(tmp_path: Path, seed: int) -> None:
    """After a page anywhere was garbled, each document is as it was, or named as lost."""
    home, files = tmp_path / "home", tmp_path / "files"
    with open_home(home) as assistant:
        assistant.add(write_files(files, **{f"f{n}": words_of(500, seed=n) for n in range(12)}))
        texts = {d.uri: assistant.text_of(d.id) for d in assistant.documents()}
        ids = {d.uri: d.id for d in assistant.documents()}
    draw = random.Random(seed)
    pages = (home / FILE_NAME).stat().st_size // 4096
    # The first page says what tables there are: without it nothing can be read.
    garble(home, draw.randrange(1, pages) * 4096, draw.choice((16, 300, 4096)))
    before = (home / FILE_NAME).read_bytes()
    done = repair(Settings(home=home, llm="none"), embedder=WordEmbedder())
    lost = " ".join(str(check.fix) for check in done if check.name == "library")
    if not all(check.ok for check in done):
        # Nothing could be read: all stays as it is.
        assert (home / FILE_NAME).read_bytes() == before
        return
    with open_home(home) as assistant:
        there = {d.uri: d for d in assistant.documents()}
        assert {uri: d.id for uri, d in there.items()}.items() <= ids.items()
        assert len(there) == 12 or "Not saved" in lost
        for document in there.values():
            text = assistant.text_of(document.id)
            changed = text != texts[document.uri]
            # SQLite has no checksums: letters of a text may have been overwritten.
            assert not changed or len(text) == len(texts[document.uri])
        assert assistant.add(files).count("failed") == 0
    assert unfindable(home) == []
    if any(check.name == "library" for check in done):
        (kept,) = home.glob(FILE_NAME + ".damaged-*Z")
        assert kept.read_bytes() == before


def test_repair_without_room_changes_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When what was saved cannot be written, the damaged library is as it was."""
    vectors_table_garbled(home)
    before = (home / FILE_NAME).read_bytes()

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rag.copies._copy_bytes", no_room)
    with pytest.raises(StoreError, match="No space left"):
        salvage(home, passage_characters=1000, fingerprint=lambda: "")
    assert (home / FILE_NAME).read_bytes() == before
    assert not list(home.glob("*.part*"))
