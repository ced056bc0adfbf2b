"""No test reaches anything but this machine's loopback, or reads the user's settings."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Taken out of the environment, for the program under test refuses what it does not know.
MODELS = Path(os.environ.pop("FOOTNOTE_TEST_MODELS", ROOT / ".footnote" / "models"))
KILLS = int(os.environ.pop("FOOTNOTE_TEST_KILLS", "60"))
PICTURES = os.environ.pop("FOOTNOTE_TEST_PICTURES", None)


def _is_loopback(address: object) -> bool:
    if not isinstance(address, tuple):  # a path: a Unix socket
        return True
    host = address[0]
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise on any connection or name look-up that would leave this machine."""
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: object) -> None:
        if not _is_loopback(address):
            raise AssertionError(f"a test tried to connect to {address!r}")
        connect(self, address)  # type: ignore[arg-type]

    def guarded_lookup(host: str | None, *args: object, **options: object) -> object:
        if host is not None and not _is_loopback((host,)):
            raise AssertionError(f"a test tried to look up {host!r}")
        return lookup(host, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the user's variables and `.env`, and keep every model in one shared folder."""
    for name in list(os.environ):
        if name.startswith(("FOOTNOTE_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_MODELS", str(MODELS))


@pytest.fixture
def seeds() -> Path:
    """Return the folder of the five seed documents."""
    return ROOT / "seeds"
