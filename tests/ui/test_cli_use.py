"""How the command line is used and misused: settings, errors, commands of other packages."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from rag import ConfigError, ModelUnavailable, QuestionError, Settings, StoreError
from tests.ui.fake_library import FakeAssistant, run
from ui import cli


@pytest.mark.parametrize(
    "arguments", [("--home", "lib", "docs"), ("docs", "--home", "lib"), ("--home=lib", "docs")]
)
def test_home_may_stand_before_or_after_the_command(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """The folder of the library wins over the environment, wherever it is named."""
    fake = FakeAssistant()
    run(*arguments, fake=fake)
    assert fake.settings is not None
    assert fake.settings.home == tmp_path / "lib"


def test_environment_names_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without --home the settings decide."""
    monkeypatch.setenv("FOOTNOTE_HOME", str(tmp_path / "elsewhere"))
    fake = FakeAssistant()
    run("docs", fake=fake)
    assert fake.settings is not None
    assert fake.settings.home == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreError("The library is damaged. Restore a copy."), 1),
        (ModelUnavailable("The model is away. Try again."), 1),
        (QuestionError("The question is empty. Ask something."), 2),
        (ConfigError("Setting X is wrong. Correct it."), 2),
    ],
)
def test_error_is_one_line_with_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message alone goes to stderr; the exit code tells failed work from wrong use."""
    assert run("search", "Where?", fake=FakeAssistant(search=error)) == code
    captured = capsys.readouterr()
    assert captured.err == f"footnote: {error}\n"
    assert captured.out == ""


def test_debug_shows_the_inside(capsys: pytest.CaptureFixture[str]) -> None:
    """--debug adds the traceback, and the message stays last."""
    error = StoreError("Broken. Mend it.")
    assert run("docs", "--debug", fake=FakeAssistant(documents=error)) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("footnote: Broken. Mend it.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("ask",),
        ("add",),
        ("search", "q", "-k", "0"),
        ("search", "q", "-k", "many"),
        ("docs", "--jso"),
        ("--home",),
    ],
)
def test_wrong_use_ends_with_two(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be understood is explained on stderr, with how to use the command."""
    assert run(*arguments) == 2
    assert "usage: footnote" in capsys.readouterr().err


def test_wrong_setting_ends_with_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong variable is named before any work begins."""
    monkeypatch.setenv("FOOTNOTE_PASSAGES", "many")
    assert run("docs") == 2
    assert "FOOTNOTE_PASSAGES" in capsys.readouterr().err


def test_interrupt_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C gives a line and the exit code that shells expect, and closes the library."""
    fake = FakeAssistant(search=KeyboardInterrupt())
    assert run("search", "Where?", fake=fake) == 130
    assert "stopped" in capsys.readouterr().err
    assert fake.closed


def test_help_and_version_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Both print to stdout and end well; the help lists every command."""
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("footnote ")
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("add", "ask", "search", "docs", "remove", "doctor"))


class Dance:
    """A command as another package has it."""

    help = "dance a number of steps"
    seen: tuple[int, Path] | None = None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--steps", type=int, default=1)

    def run(self, arguments: argparse.Namespace, settings: Settings) -> int:
        Dance.seen = (arguments.steps, settings.home)
        return 5


dance = Dance()


@pytest.fixture
def with_entries(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def install(**places: str) -> None:
        found = EntryPoints(EntryPoint(name, place, cli.COMMANDS) for name, place in places.items())
        monkeypatch.setattr(cli, "entry_points", lambda group: found.select(group=group))

    return install


def test_command_of_another_package_is_run(
    with_entries: Callable[..., None], tmp_path: Path
) -> None:
    """It gets its own arguments and the settings, and its exit code is the program's."""
    with_entries(dance=f"{__name__}:dance")
    assert run("--home", "lib", "dance", "--steps", "3") == 5
    assert Dance.seen == (3, tmp_path / "lib")


def test_only_the_wanted_command_is_loaded(with_entries: Callable[..., None]) -> None:
    """A broken neighbour stops neither another package's command nor one of our own."""
    with_entries(dance=f"{__name__}:dance", broken="no_such_package:thing")
    assert run("dance") == 5
    assert run("docs") == 0


def test_command_that_cannot_be_loaded_says_so(
    with_entries: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken command names its trouble and the fix; the help still lists the others."""
    with_entries(dance=f"{__name__}:dance", broken="no_such_package:thing")
    assert run("broken") == 2
    assert "make clean setup" in capsys.readouterr().err
    assert run("--help") == 0
    assert "dance a number of steps" in capsys.readouterr().out
