"""Nothing leaves this machine, and nothing is left on it outside of the library's own folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.watching import Watched, can_trace, watched

needs_strace = pytest.mark.skipif(
    not can_trace(), reason="strace, which sees what native code does, is missing or not allowed"
)
USE = """
import json, sys
from rag import Assistant, Settings
from ui.access import Access
from ui.app import build
from ui.warming import Warming

with Assistant(Settings(home=sys.argv[1], llm="none")) as assistant:
    assistant.warm()
    assistant.add(sys.argv[2])
    answer = assistant.ask("Where did the U.S. and Russian delegations meet?")
    build(assistant, Warming(assistant).readiness, Access(assistant.settings)).close()
    assistant.remove(assistant.documents()[0].id)
with Assistant(Settings(home=sys.argv[1], llm="none")) as assistant:
    assistant.search("delegations")
print(json.dumps([answer.answered, sorted(sys.modules)]))
"""


@dataclass(frozen=True)
class Use:
    """A first use of everything that needs no language model."""

    watched: Watched
    modules: frozenset[str]


@pytest.fixture(scope="module")
def use(tmp_path_factory: pytest.TempPathFactory) -> Use:
    """Add, ask, build the page, remove, open again; variables ask for reports to be sent."""
    folder = tmp_path_factory.mktemp("use")
    seen = watched(
        folder,
        USE,
        str(folder / "home"),
        str(ROOT / "seeds"),
        ANONYMIZED_TELEMETRY="True",
        # An address that is nobody's: RFC 5737 sets it aside.
        CHROMA_OTEL_COLLECTION_ENDPOINT="http://192.0.2.1:4317",
        CHROMA_OTEL_GRANULARITY="all",
        GRADIO_ANALYTICS_ENABLED="True",
    )
    answered, modules = json.loads(seen.said)
    assert answered
    return Use(seen, frozenset(modules))


def test_python_code_speaks_to_nobody_else(use: Use) -> None:
    """Of this process and of those it starts."""
    assert use.watched.refused == ()


@needs_strace
def test_native_code_speaks_to_nobody_else(use: Use) -> None:
    """Nor asks for the address of anybody."""
    assert use.watched.reached == ()


def test_nothing_is_left_in_the_users_folder(use: Use) -> None:
    """No mark that tells this machine from others, and no reports for later."""
    assert use.watched.left == ()


@pytest.mark.parametrize(
    "package",
    [
        "chromadb.cli",
        "chromadb.server",
        "huggingface_hub.commands",
        "posthog",
        "sentence_transformers",
        "sentry_sdk",
        "torch",
        "transformers",
    ],
)
def test_what_must_not_run_is_not_even_imported(use: Use, package: str) -> None:
    """Chroma's servers, what reports on users, and loaders of models with code."""
    assert "chromadb" in use.modules
    assert not [name for name in use.modules if f"{name}.".startswith(f"{package}.")]


def test_the_watch_sees_python(tmp_path: Path) -> None:
    """In the program and in one that it starts; a name, an address, a datagram."""
    # Of addresses that are nobody's: RFC 5737 and RFC 2606 set them aside.
    program = """
import contextlib, socket, subprocess, sys
if len(sys.argv) < 2:
    subprocess.run([sys.executable, "-c", sys.stdin.read(), "child"], check=True)
else:
    with contextlib.suppress(OSError):
        socket.create_connection(("192.0.2.1", 9))
    with contextlib.suppress(OSError):
        socket.getaddrinfo("host.example", 9)
    with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as datagram:
        datagram.sendto(b"x", ("192.0.2.2", 9))
"""
    seen = watched(tmp_path, program.replace("sys.stdin.read()", repr(program)))
    assert {words.split()[1] for words in seen.refused} == {
        "192.0.2.1",
        "host.example",
        "192.0.2.2",
    }
    assert seen.reached in ((), None)


@needs_strace
def test_the_watch_sees_native_code(tmp_path: Path) -> None:
    """A connection that Python knows nothing of, to an address that is nobody's."""
    program = """
import ctypes, os, struct
libc = ctypes.CDLL(None)
# A datagram socket: to connect it sets an address, and sends nothing.
number = libc.socket(2, 2, 0)
libc.connect(number, struct.pack("=HH4s8s", 2, 2304, bytes((192, 0, 2, 3)), bytes(8)), 16)
os.close(number)
"""
    seen = watched(tmp_path, program)
    assert seen.reached == ("192.0.2.3",)
    assert seen.refused == ()
