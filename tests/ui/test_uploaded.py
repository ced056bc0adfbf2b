"""What an event of the page may name as a file: what was uploaded, and nothing else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ui.served import Served, serve
from ui.uploaded import is_uploaded

API = "/gradio_api"
TEXT = b"The lighthouse of Veldmoor is kept by Anton Brill.\n"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Serve an empty library."""
    with serve() as page:
        yield page


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    """Give a client of the page."""
    with httpx.Client(base_url=served.url, timeout=60, trust_env=False) as speaking:
        yield speaking


def upload(client: httpx.Client, name: str) -> str:
    """Send a file as the page does; return where it lies."""
    sent = client.post(f"{API}/upload", files={"files": (name, TEXT)}).raise_for_status()
    return str(sent.json()[0])


def receive(client: httpx.Client, path: str) -> bool:
    """Have the page take a file as uploaded; tell whether it did."""
    config = client.get("/config").raise_for_status().json()
    files = {part["id"] for part in config["components"] if part["type"] == "file"}
    event = next(e["id"] for e in config["dependencies"] if files & set(e["inputs"]))
    session = uuid.uuid4().hex
    given = {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}
    body = {"data": [[given]], "fn_index": event, "session_hash": session}
    client.post(f"{API}/queue/join", json=body).raise_for_status()
    with client.stream("GET", f"{API}/queue/data?session_hash={session}") as reply:
        for line in reply.iter_lines():
            message: dict[str, Any] = json.loads(line[5:]) if line.startswith("data:") else {}
            if message.get("msg") == "process_completed":
                return bool(message["success"])
    raise AssertionError("the page said nothing of it")


def test_a_file_that_was_uploaded_is_taken(served: Served, client: httpx.Client) -> None:
    """It lies in the home then, under its own name."""
    assert receive(client, upload(client, "keeper.txt"))
    assert (served.home / "uploads" / "keeper.txt").read_bytes() == TEXT


@pytest.mark.parametrize(
    "path",
    [
        "{elsewhere}",
        "file://{elsewhere}",
        "{home}/library.sqlite",
        "{home}/incoming/../library.sqlite",
        "{home}/incoming/{link}",
        "{home}/incoming",
        "/etc/hostname",
        "/proc/self/environ",
        "http://127.0.0.1:9/x.txt",
        "http://example.test/x.txt",
        "",
        "\0",
    ],
)
def test_no_other_file_is_taken(
    served: Served, client: httpx.Client, tmp_path: Path, path: str
) -> None:
    """Who may use the page from elsewhere must not read this machine's files, or have it call."""
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_bytes(TEXT)
    waiting = Path(upload(client, "waiting.txt"))
    link = served.home / "incoming" / "link.txt"
    link.unlink(missing_ok=True)
    link.symlink_to(elsewhere)
    before = kept(served.home)
    assert not receive(client, path.format(elsewhere=elsewhere, home=served.home, link=link.name))
    assert kept(served.home) == before
    assert elsewhere.read_bytes() == waiting.read_bytes() == TEXT
    assert (served.home / "library.sqlite").is_file()


def kept(home: Path) -> set[str]:
    """Return the names of what was kept of uploads."""
    return {path.name for path in (home / "uploads").glob("*")}


def test_a_folder_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    """Nor does one that was never made."""
    assert not is_uploaded(tmp_path / "x", tmp_path / "incoming")
    assert not is_uploaded(None, tmp_path)
