"""The command line `footnote`: reads arguments, calls the library, sets the exit code.

Knows nothing of how results are found (`rag`) or drawn (`ui.terminal`). Commands of other
packages are found through the entry points "footnote.commands".
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any, Protocol, cast

from rag import (
    Answer,
    Assistant,
    ConfigError,
    FootnoteError,
    ModelError,
    Settings,
    UsageError,
)
from ui import upkeep
from ui.session import FAILED, Runner, Session
from ui.terminal import Terminal

COMMANDS = "footnote.commands"
WRONG_USE, INTERRUPTED = 2, 130


class Command(Protocol):
    """What an entry point of "footnote.commands" names."""

    help: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command."""

    def run(self, arguments: argparse.Namespace, settings: Settings) -> int:
        """Do the work; return the exit code."""


def main(
    argv: Sequence[str] | None = None, *, open_assistant: Callable[..., Assistant] | None = None
) -> int:
    """Run one command; return its exit code: 0 done, 1 the work failed, 2 wrong use."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal without Unicode gets escapes rather than an error.
            stream.reconfigure(errors="backslashreplace")
    terminal = Terminal(sys.stdout, sys.stderr)
    wanted = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(wanted, terminal, open_assistant or Assistant)
        sys.stdout.flush()
    except KeyboardInterrupt:
        terminal.complain("stopped; what was finished is kept.")
        return INTERRUPTED
    except BrokenPipeError:
        _leave_output()
        return 0
    except OSError as error:
        terminal.complain(f"the output cannot be written: {error.strerror}. Send it elsewhere.")
        _leave_output()
        return FAILED
    return code


def _run(argv: list[str], terminal: Terminal, open_assistant: Callable[..., Assistant]) -> int:
    debug = "--debug" in argv
    try:
        arguments = _parser(argv).parse_args(argv)
        debug = arguments.debug
        if debug:
            logging.basicConfig(level=logging.INFO)
        settings = Settings(home=arguments.home) if arguments.home else Settings()
        run: Runner = arguments.run
        return run(arguments, Session(settings, terminal, open_assistant))
    except SystemExit as exit_:  # argparse has printed its message, or the help
        return exit_.code if isinstance(exit_.code, int) else FAILED
    except (ConfigError, UsageError) as error:
        return _fail(terminal, error, WRONG_USE, debug=debug)
    except FootnoteError as error:
        return _fail(terminal, error, FAILED, debug=debug)


def _fail(terminal: Terminal, error: FootnoteError, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    terminal.complain(str(error))
    return code


def _leave_output() -> None:
    """Let go of an output that is gone, as in `footnote docs | head -1`, or full."""
    # Python flushes stdout once more on its way out, which would fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# Arguments ------------------------------------------------------------------------


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="footnote",
        description="Ask your own documents; every sentence of an answer carries the exact "
        "words it rests on.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"footnote {_version()}")
    _add_common(parser, home=None, debug=False)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (help_text, add_arguments, run) in _OWN.items():
        _add_command(commands, name, help_text, add_arguments, run)
    wanted = _command_in(argv)
    if wanted not in _OWN:
        for entry in entry_points(group=COMMANDS):
            _add_entry(commands, entry, wanted)
    return parser


def _add_common(parser: argparse.ArgumentParser, **defaults: object) -> None:
    parser.add_argument(
        "--home",
        metavar="DIR",
        default=defaults.get("home", argparse.SUPPRESS),
        help="folder of the library (FOOTNOTE_HOME, or .footnote)",
    )
    parser.add_argument(
        "--debug",
        action="store_true",
        default=defaults.get("debug", argparse.SUPPRESS),
        help="show what went wrong inside",
    )


def _add_command(
    commands: Any,
    name: str,
    help_text: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Runner,
) -> None:
    # "resolve": a command may give --home or --debug a meaning of its own.
    parser = commands.add_parser(
        name,
        help=help_text,
        description=help_text,
        allow_abbrev=False,
        conflict_handler="resolve",
    )
    _add_common(parser)
    add_arguments(parser)
    parser.set_defaults(run=run)


def _add_entry(commands: Any, entry: EntryPoint, wanted: str | None) -> None:
    """Add another package's command; it is loaded for its own use and for the list of all."""
    if wanted not in (None, entry.name):
        commands.add_parser(entry.name)
        return
    try:
        command = cast("Command", entry.load())
    except (ImportError, AttributeError) as error:
        if wanted == entry.name:
            raise ConfigError(
                f"The command {entry.name} cannot be loaded ({error}). Install Footnote again "
                "with `make clean setup`."
            ) from error
        commands.add_parser(entry.name, help=f"(cannot be loaded: {error})")
        return
    _add_command(
        commands,
        entry.name,
        command.help,
        command.add_arguments,
        lambda arguments, session: command.run(arguments, session.settings),
    )


def _command_in(argv: Sequence[str]) -> str | None:
    """Return the name of the command, None if there is none."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    _add_common(parser)
    parser.add_argument("command", nargs="?")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    try:
        found = parser.parse_known_args(argv)[0].command
    except argparse.ArgumentError:  # `--home` without a folder: the real parser says so
        return None
    return None if found is None else str(found)


def _version() -> str:
    try:
        return version("footnote")
    except PackageNotFoundError:
        return "(not installed)"


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def _json_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _question_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", metavar="QUESTION")
    _json_argument(parser)
    parser.add_argument(
        "--document",
        metavar="ID",
        nargs="+",
        action="extend",
        help="look only into these documents (ids as `footnote docs` lists them)",
    )


def _search_arguments(parser: argparse.ArgumentParser) -> None:
    _question_arguments(parser)
    parser.add_argument(
        "-k", metavar="N", type=_positive, help="passages to return (FOOTNOTE_PASSAGES)"
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a file or a folder")
    _json_argument(parser)


def _remove_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="+", help="as `footnote docs` lists it")


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing."""


# Commands -------------------------------------------------------------------------


def _add(arguments: argparse.Namespace, session: Session) -> int:
    with session.open(session.settings) as assistant, session.terminal.progress() as progress:
        report = assistant.add(arguments.paths, progress=progress)
    if arguments.json:
        session.terminal.show_json(report.to_dict())
    else:
        session.terminal.show_report(report)
    named = {os.path.abspath(os.path.expanduser(path)) for path in arguments.paths}
    bad = [r for r in report.documents if r.status in ("rejected", "failed")]
    # Odd files are met in any folder; what was asked for by name should have been added.
    failed = any(result.uri in named for result in bad) or 0 < len(bad) == len(report.documents)
    return FAILED if failed else 0


def _ask(arguments: argparse.Namespace, session: Session) -> int:
    with session.open(session.settings, read_only=True) as assistant:
        answer = _stream(assistant, arguments, session.terminal)
    if arguments.json:
        session.terminal.show_json(answer.to_dict())
    else:
        session.terminal.show_answer(answer)
    return 0


def _stream(assistant: Assistant, arguments: argparse.Namespace, terminal: Terminal) -> Answer:
    answer: Answer | None = None
    loaded = False
    with terminal.streaming() as display:
        for event in assistant.stream(arguments.question, documents=arguments.document):
            answer = event.answer
            if event.stage == "loading" and not loaded:
                loaded = True
                display.pause()
                _load_model(assistant, terminal)
            elif not arguments.json:
                display.show(event)
    if answer is None:
        raise ModelError("The answer broke off before its end. Ask again.")
    return answer


def _load_model(assistant: Assistant, terminal: Terminal) -> None:
    """Load the language model, with a progress bar, before the answer has to wait for it."""
    try:
        with terminal.progress() as progress:
            assistant.warm(progress)
    except ModelError as error:
        # The stream meets the same error, falls back to quotes and says so in its notice.
        logging.getLogger(__name__).info("the model did not load: %s", error)


def _search(arguments: argparse.Namespace, session: Session) -> int:
    with session.open(session.settings, read_only=True) as assistant:
        hits = assistant.search(arguments.question, k=arguments.k, documents=arguments.document)
    if arguments.json:
        session.terminal.show_json(
            [{"uri": hit.passage.document.uri, **asdict(hit)} for hit in hits]
        )
    elif hits:
        session.terminal.show_hits(hits)
    else:
        session.terminal.show_line("No passage has anything to do with that.")
    return 0


def _docs(arguments: argparse.Namespace, session: Session) -> int:
    with session.open(session.settings, read_only=True) as assistant:
        documents = assistant.documents()
    if arguments.json:
        session.terminal.show_json([asdict(document) for document in documents])
    elif documents:
        session.terminal.show_documents(documents)
    else:
        session.terminal.show_line("The library is empty. Add documents: footnote add PATH")
    return 0


def _remove(arguments: argparse.Namespace, session: Session) -> int:
    with session.open(session.settings) as assistant:
        for document_id in arguments.ids:
            document = assistant.remove(document_id)
            session.terminal.show_line(f"removed  {document.uri}")
    return 0


def _reembed(_arguments: argparse.Namespace, session: Session) -> int:
    with session.open(session.settings) as assistant, session.terminal.progress() as progress:
        count = assistant.reembed(progress=progress)
    session.terminal.show_line(f"{count} passages embedded anew with {session.settings.embedding}")
    return 0


_OWN: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Runner]] = {
    "add": ("add files and folders to the library", _add_arguments, _add),
    "ask": ("answer a question from the documents", _question_arguments, _ask),
    "search": ("find the passages nearest to a question", _search_arguments, _search),
    "docs": ("list the documents", _json_argument, _docs),
    "remove": ("remove documents from the library", _remove_arguments, _remove),
    "reembed": ("embed all passages anew with the set model", _no_arguments, _reembed),
    **upkeep.COMMANDS,
}


if __name__ == "__main__":
    sys.exit(main())
