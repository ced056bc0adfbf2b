"""The command `footnote chat`: opens a library, serves the page, ends cleanly.

Knows nothing of the page's layout.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rag import AddReport, Assistant, ConfigError, Settings
from ui.terminal import Terminal


@dataclass(frozen=True)
class Command:
    """What an entry point of "footnote.commands" names."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], int]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on")
    parser.add_argument("--port", type=int, help="port to serve on (default: 7860, or next free)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--add", nargs="+", metavar="PATH", default=[], help="files or folders to add first"
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    # Gradio takes two seconds to import; no other command pays for it.
    from ui.app import EXAMPLES, build
    from ui.server import is_loopback, open_socket, serving
    from ui.warming import Warming

    if not is_loopback(arguments.host):
        raise ConfigError(
            f"The page has no password yet, so it is not served at {arguments.host}, where others "
            "could reach it. Leave --host out, or take 127.0.0.1."
        )
    terminal = Terminal(sys.stdout, sys.stderr)
    with Assistant(settings) as assistant:
        report = _add(assistant, arguments.add, terminal)
        listener = open_socket(arguments.host, arguments.port)
        warming = Warming(assistant)
        warming.start()
        examples = EXAMPLES if _are_seeds(report) else ()
        app, handlers = build(assistant, warming.readiness, examples=examples)
        with serving(app, listener) as address, contextlib.closing(handlers):
            assistant.announce(address)
            print(f"Footnote is at {address}  (Ctrl-C ends it)", flush=True)
            if not arguments.no_browser and _has_display():
                webbrowser.open(address)
            with _until_told_to_end() as told:
                told.wait()
        print("Ended.", flush=True)
    return 0


def _add(assistant: Assistant, paths: list[str], terminal: Terminal) -> AddReport | None:
    if not paths:
        return None
    with terminal.progress() as progress:
        report = assistant.add([Path(path) for path in paths], progress=progress)
    for result in report.documents:
        if result.status in ("rejected", "failed"):
            print(f"{result.status}: {result.uri}: {result.reason}", file=sys.stderr)
    return report


def _are_seeds(report: AddReport | None) -> bool:
    """Tell whether the library holds the documents that the example questions are about."""
    uris = [result.uri for result in report.documents if result.document] if report else []
    return sum(Path(uri).parent.name == "seeds" for uri in uris) >= 5


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


@contextlib.contextmanager
def _until_told_to_end() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set."""
    told = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: told.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


chat = Command("open the chat page in a browser", _add_arguments, _run)
