"""The command `footnote chat`: opens a library, serves the page, ends cleanly.

Knows nothing of the page's layout.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from rag import Assistant, Settings
from ui.terminal import Terminal
from ui.warming import Warming

# How often the page looks whether it was told to end, in seconds.
_LOOK_SECONDS = 0.5
_EXPOSED = (
    "Others can reach it, too, and need the password or your proxy. Footnote does not encrypt: "
    "let a proxy with TLS stand before it in any network that you do not trust."
)


@dataclass(frozen=True)
class Command:
    """What an entry point of "footnote.commands" names."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], int]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on")
    parser.add_argument(
        "--name",
        nargs="+",
        action="extend",
        metavar="NAME",
        default=[],
        help="a name under which a reverse proxy, or your network, reaches the page",
    )
    parser.add_argument("--port", type=int, help="port to serve on (default: 7860, or next free)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--add", nargs="+", metavar="PATH", default=[], help="files or folders to add first"
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    # The server's packages take half a second to import; no other command pays for it.
    from ui.access import Access
    from ui.server import address, open_socket, serving

    access = Access(settings, arguments.host, arguments.name)
    terminal = Terminal(sys.stdout, sys.stderr)
    with Assistant(settings) as assistant:
        _add(assistant, arguments.add, terminal)
        with (
            open_socket(arguments.host, arguments.port) as listener,
            until_told_to_end() as wait,
        ):
            # Before anything heavy: from here on a second start can name this page.
            assistant.announce(address(listener))
            _tell_other_port(terminal, arguments.port, listener.getsockname()[1])
            warming = Warming(assistant)
            warming.start()
            # Gradio takes two seconds to import, while the models load already.
            from ui.app import build

            page = build(assistant, warming.readiness, access)
            with serving(page.app, listener) as url, contextlib.closing(page):
                terminal.show_line(f"Footnote is at {url}  (Ctrl-C ends it)")
                if access.exposed:
                    terminal.show_line(_EXPOSED)
                if not arguments.no_browser and _has_display():
                    webbrowser.open(url)
                wait()
    terminal.show_line("Ended.")
    return 0


def _tell_other_port(terminal: Terminal, wanted: int | None, port: int) -> None:
    # Heavy, as above.
    from ui.server import DEFAULT_PORT

    if wanted is None and port != DEFAULT_PORT:
        terminal.show_line(f"Port {DEFAULT_PORT} is taken, so the page is at the next free one.")


def _add(assistant: Assistant, paths: list[str], terminal: Terminal) -> None:
    if not paths:
        return
    with terminal.progress() as progress:
        report = assistant.add([Path(path) for path in paths], progress=progress)
    for result in report.documents:
        if result.status in ("rejected", "failed"):
            terminal.complain(f"{result.status}: {result.uri}: {result.reason}")


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


@contextlib.contextmanager
def until_told_to_end() -> Iterator[Callable[[], None]]:
    """Give what waits for Ctrl-C or SIGTERM."""
    # Not an Event: a second signal inside `set` would wait for the lock of the first.
    told: SimpleQueue[None] = SimpleQueue()
    before = {
        number: signal.signal(number, lambda *_: told.put(None))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield partial(_wait, told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(told: SimpleQueue[None]) -> None:
    # The system may give a signal to any thread, which does not wake this one, and only this one
    # acts on it.
    while True:
        with contextlib.suppress(Empty):
            return told.get(timeout=_LOOK_SECONDS)


chat = Command("open the chat page in a browser", _add_arguments, _run)
