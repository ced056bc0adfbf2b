"""The doctor finds what is wrong, names the fix, and touches nothing."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.chunking import split_passages
from rag.doctor import doctor
from rag.library import Library, NewDocument
from rag.models import minilm, weights
from rag.schema import Check, Document, LoadedText
from rag.settings import Settings

TEXT = "The delegations met in Geneva on 4 May. They agreed on three points."


def checks(home: Path, **settings: Any) -> dict[str, Check]:
    """Return the checks of a home by name; the language model is none unless told."""
    found = doctor(Settings(home=home, **{"llm": "none", **settings}))
    return {check.name: check for check in found}


def small_library(home: Path, *, fingerprint: str = minilm.FINGERPRINT) -> Path:
    """Write a library of one document; return its file."""
    loaded = LoadedText(TEXT, "Talks", "text/plain")
    chunks = split_passages(loaded, max_characters=700)
    sha256 = hashlib.sha256(TEXT.encode()).hexdigest()
    document = Document(
        "d1", "/n/talks.txt", "Talks", "text/plain", sha256, len(TEXT), len(chunks), "2026-01-01"
    )
    library = Library(home)
    library.write(
        NewDocument(document, loaded, None, chunks, np.eye(len(chunks), 3, dtype=np.float32)),
        fingerprint=fingerprint,
    )
    library.close()
    return home / "library.sqlite"


def picture(folder: Path) -> dict[str, tuple[int, str]]:
    """Return what is in a folder: times and checksums by name.

    The two files that SQLite itself keeps beside a library that is being read are no part
    of it: every reader leaves them, empty, and the next writer clears them away.
    """
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


def test_fresh_machine_is_well(tmp_path: Path) -> None:
    """Where nothing was added yet, nothing is wrong, and nothing is made."""
    home = tmp_path / "new" / "home"
    found = checks(home)
    assert [check for check in found.values() if not check.ok] == []
    assert not home.parent.exists()
    assert "footnote add" in found["library"].detail


def test_good_library_is_counted_and_left_as_it_is(tmp_path: Path) -> None:
    """Documents and passages are counted; no byte of the home changes."""
    small_library(tmp_path)
    (tmp_path / "chroma").mkdir()
    before = picture(tmp_path)
    found = checks(tmp_path)
    assert all(check.ok and check.fix is None for check in found.values())
    assert found["library"].detail.startswith("1 documents, 1 passages")
    assert picture(tmp_path) == before


def test_every_failed_check_names_a_fix(tmp_path: Path) -> None:
    """A finding without a way out helps nobody."""
    home = tmp_path / "file"
    home.write_text("no folder")
    found = checks(home, llm="openai/some-model", embedding="no-server")
    bad = {name for name, check in found.items() if not check.ok}
    assert {"home", "language model", "embedding model"} <= bad
    assert all(found[name].fix for name in bad)
    assert "OPENAI_API_KEY" in str(found["language model"].fix)
    assert "FOOTNOTE_EMBEDDING_URL" in str(found["embedding model"].fix)


def test_settings_against_each_other_are_found(tmp_path: Path) -> None:
    """What the first question would stumble over is told before it."""
    assert not checks(tmp_path, llm="none", llm_url="http://localhost:1")["language model"].ok
    assert not checks(tmp_path, embedding_url="http://localhost:1")["embedding model"].ok


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, b"SQLite format 3\0" * 300])
def test_file_that_is_no_library_is_a_finding(tmp_path: Path, content: bytes) -> None:
    """A file of another kind in the library's place is told, not raised."""
    (tmp_path / "library.sqlite").write_bytes(content)
    check = checks(tmp_path)["library"]
    assert not check.ok
    assert check.fix


def test_damaged_pages_are_found(tmp_path: Path) -> None:
    """A library that opens but has lost pages is told apart from an intact one."""
    path = small_library(tmp_path)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    check = checks(tmp_path)["library"]
    assert not check.ok
    assert "damaged" in check.detail
    assert check.fix


def test_folder_in_the_place_of_the_library_is_a_finding(tmp_path: Path) -> None:
    """A directory where the file should be is told, not raised."""
    (tmp_path / "library.sqlite").mkdir()
    check = checks(tmp_path)["library"]
    assert not check.ok
    assert "Move it away" in str(check.fix)


def test_library_of_another_version_is_a_finding(tmp_path: Path) -> None:
    """What this version cannot read is told with what can."""
    path = small_library(tmp_path)
    content = bytearray(path.read_bytes())
    content[60:64] = (99).to_bytes(4, "big")  # where SQLite keeps user_version
    path.write_bytes(content)
    check = checks(tmp_path)["library"]
    assert not check.ok
    assert "99" in check.detail


@pytest.mark.parametrize("name", ["x" * 300, "y" * 5000, "loop"])
def test_home_that_cannot_be_is_a_finding(tmp_path: Path, name: str) -> None:
    """Names that no file system takes and links to themselves are told, not raised."""
    if name == "loop":
        (tmp_path / name).symlink_to(tmp_path / name)
    found = checks(tmp_path / name)
    assert len(found) == 14


def test_other_embedding_is_found(tmp_path: Path) -> None:
    """Vectors of another model cannot be searched with this one: re-embedding is named."""
    small_library(tmp_path, fingerprint="openai:api.openai.com:old-model:3")
    check = checks(tmp_path)["embedding"]
    assert not check.ok
    assert "footnote reembed" in str(check.fix)


def test_embedding_of_a_server_is_known_by_its_model(tmp_path: Path) -> None:
    """The server need not be asked to see that the model is the same."""
    small_library(tmp_path, fingerprint="openai:localhost:my-model:3")
    assert checks(tmp_path, embedding="my-model", embedding_url="http://localhost:1")[
        "embedding"
    ].ok


def test_server_that_is_away_is_found() -> None:
    """An address where nobody listens is named; one where somebody does is well."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        assert checks(Path("h"), llm="m", llm_url=url)["language model"].ok
        assert checks(Path("h"), chroma_url=url)["index"].ok
    assert not checks(Path("h"), llm="m", llm_url=url)["language model"].ok
    assert not checks(Path("h"), chroma_url=url)["index"].ok


def test_model_file_is_looked_at(tmp_path: Path) -> None:
    """A GGUF file is known by its first bytes, and a missing one is named."""
    good, bad = tmp_path / "good.gguf", tmp_path / "bad.gguf"
    good.write_bytes(b"GGUF and more")
    bad.write_bytes(b"<html>")
    assert checks(tmp_path, llm=str(good))["language model"].ok
    assert not checks(tmp_path, llm=str(bad))["language model"].ok
    assert not checks(tmp_path, llm=str(tmp_path / "none.gguf"))["language model"].ok


def test_hub_name_is_checked_for_its_form(tmp_path: Path) -> None:
    """A name that no hub can hold is told before the first question."""
    found = checks(tmp_path, llm="hf:owner/repo/file.gguf")["language model"]
    assert found.ok
    assert "first question" in found.detail
    assert not checks(tmp_path, llm="hf:nonsense")["language model"].ok


def test_embedded_model_is_joined_later(tmp_path: Path) -> None:
    """Before the first question the parts are there and the joined file is not."""
    check = checks(tmp_path, llm="embedded", models=tmp_path / "models")["language model"]
    assert check.ok
    assert "joined at the first question" in check.detail
    assert list(tmp_path.iterdir()) == []


def test_embedded_model_needs_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little space for the joined file is found before joining it."""
    source = weights.EMBEDDED
    monkeypatch.setattr(weights, "SPARE_BYTES", 1 << 60)
    check = checks(tmp_path, llm="embedded", models=tmp_path / "models")["language model"]
    assert source.size > 0
    assert not check.ok
    assert "FOOTNOTE_MODELS" in str(check.fix)


def test_missing_part_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A language model that was not installed whole is named with its fix."""
    part = tmp_path / "part.bin"
    part.write_bytes(b"GGUF")
    split = weights.SplitFile("m.gguf", 9, "0" * 64, lambda: [part])
    monkeypatch.setattr(weights, "EMBEDDED", split)
    check = checks(tmp_path, llm="embedded")["language model"]
    assert not check.ok
    assert "4 bytes instead of 9" in check.detail


def test_stamp_as_the_join_writes_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file joined and verified is ready, until it is changed."""
    part = tmp_path / "part.bin"
    part.write_bytes(b"GGUF")
    digest = hashlib.sha256(b"GGUF").hexdigest()
    split = weights.SplitFile("m.gguf", 4, digest, lambda: [part])
    monkeypatch.setattr(weights, "EMBEDDED", split)
    joined = weights.embedded_weights(tmp_path / "models", source=split)
    state = checks(tmp_path, llm="embedded", models=tmp_path / "models")["language model"]
    assert "ready" in state.detail
    joined.write_bytes(b"GGUX")
    os.utime(joined, (1, 1))
    state = checks(tmp_path, llm="embedded", models=tmp_path / "models")["language model"]
    assert "checked again" in state.detail


def test_damaged_embedder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights with another checksum than the recorded one are named."""
    monkeypatch.setitem(minilm.SHA256, minilm.MODEL, "0" * 64)
    check = checks(tmp_path)["embedding model"]
    assert not check.ok
    assert "checksum" in check.detail
    assert check.fix


def test_owner_of_the_home_is_named(tmp_path: Path) -> None:
    """A living owner is named, without being an error; a dead one has left the home free."""
    owner = {"pid": str(os.getpid()), "command": "footnote chat", "url": "http://127.0.0.1:7860"}
    (tmp_path / "owner.json").write_text(json.dumps(owner))
    check = checks(tmp_path)["lock"]
    assert check.ok
    assert "http://127.0.0.1:7860" in check.detail
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    (tmp_path / "owner.json").write_text(json.dumps(owner | {"pid": str(done.pid)}))
    assert checks(tmp_path)["lock"].detail.startswith("free")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "many"}', '{"pid": "9999999999999"}'])
def test_unreadable_owner_is_none(tmp_path: Path, content: str) -> None:
    """A file that names no process keeps nobody out."""
    (tmp_path / "owner.json").write_text(content)
    assert checks(tmp_path)["lock"].detail.startswith("free")


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is not installed is named, with the command that installs it."""
    # The function has the name of its module, which only the table of modules tells apart.
    monkeypatch.setattr(sys.modules["rag.doctor"], "PACKAGES", ("numpy", "no-such-package"))
    check = checks(tmp_path)["packages"]
    assert not check.ok
    assert check.detail == "missing: no-such-package"
    assert check.fix == "Run `make setup`."
