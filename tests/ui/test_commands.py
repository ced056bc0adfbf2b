"""`footnote chat`: what it refuses, where it serves, and how it ends."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]
import pytest

from rag import ConfigError
from tests.ui.served import PATIENCE, command, serve, surroundings
from ui.cli import main
from ui.server import DEFAULT_PORT, open_socket


def status(url: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.5", "example.com", "::"])
def test_page_is_not_served_to_others(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a password, no address but this machine's own is served at."""
    assert main(["--home", str(tmp_path / "home"), "chat", "--host", host]) == 2
    assert "FOOTNOTE_PASSWORD" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_taken_port_that_was_asked_for_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the port and the fix."""
    with open_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        arguments = ["--home", str(tmp_path / "home"), "chat", "--port", str(port)]
        assert main([*arguments, "--no-browser"]) == 2
    complaint = capsys.readouterr().err
    assert f"Port {port}" in complaint
    assert "leave --port out" in complaint


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly(number: signal.Signals) -> None:
    """Exit code 0, no traceback, nothing left running, the home given up."""
    with serve() as page:
        assert status(page.url) == 200
        children = psutil.Process(page.process.pid).children(recursive=True)
        page.process.send_signal(number)
        assert page.process.stdout is not None
        rest = page.process.stdout.read()
        assert page.process.wait(PATIENCE) == 0
        assert rest.strip() == "Ended."
        assert (page.home.parent / "log").read_text(encoding="utf-8") == ""
        assert not psutil.wait_procs(children, timeout=PATIENCE)[1]
        assert not (page.home / "owner.json").exists()


NESTED = """
import signal, sys
from ui.commands import until_told_to_end

left = 20

def again(frame, event, argument):
    global left
    if left:
        left -= 1
        signal.raise_signal(signal.SIGTERM)
    return again

with until_told_to_end() as wait:
    sys.settrace(again)
    signal.raise_signal(signal.SIGTERM)
    sys.settrace(None)
    wait()
assert left < 20
"""


def test_signal_while_a_signal_is_handled() -> None:
    """A shell, `make` and a service manager may all send one: none waits for another."""
    done = subprocess.run([sys.executable, "-c", NESTED], timeout=PATIENCE, check=False)
    assert done.returncode == 0


ELSEWHERE = """
import signal, threading, time
from ui.commands import until_told_to_end

def signalled():
    time.sleep(0.3)  # the other thread waits by then
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(60)

with until_told_to_end() as wait:
    threading.Thread(target=signalled, daemon=True).start()
    wait()
"""


def test_signal_that_another_thread_is_given() -> None:
    """It ends the page all the same: now and then the system chooses so."""
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], timeout=30, check=False)
    assert done.returncode == 0


def test_second_page_on_a_home_names_the_first() -> None:
    """One page owns a home; who starts another is told where the first one is."""
    with serve() as page:
        done = subprocess.run(
            command(page.home),
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=surroundings("none"),
            cwd=page.home,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert page.url in done.stderr
    assert "Traceback" not in done.stderr


def test_taken_port_is_passed_over_and_said() -> None:
    """Without a wish for a port, the next free one is taken, and a line tells so."""
    try:
        taken = open_socket("127.0.0.1", DEFAULT_PORT)
    except ConfigError:  # somebody else has it, which is as good
        taken = open_socket("127.0.0.1", 0)
    with taken, serve() as page:
        assert urlsplit(page.url).port != DEFAULT_PORT
        assert f"Port {DEFAULT_PORT} is taken" in page.said
