"""The command line, from arguments to exit code, with an assistant that plays its part."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from rag import (
    AddReport,
    Answer,
    Check,
    Citation,
    ConfigError,
    Document,
    DocumentResult,
    Event,
    Hit,
    ModelUnavailable,
    Passage,
    Progress,
    ProgressCallback,
    QuestionError,
    Sentence,
    Settings,
    StoreError,
    UnknownDocument,
)
from ui import cli

TEXT = "The delegations met in Geneva on 4 May."
DOCUMENT = Document("d1", "/n/treaty.txt", "T", "text/plain", "0" * 64, 39, 1, "2026-01-01T00:00Z")
HIT = Hit(Passage("p1", DOCUMENT, 0, 0, 39, None, None, TEXT), 0.9, 0.7, 3.2)
QUOTE = Citation(1, DOCUMENT, "p1", 20, 29, None, TEXT[20:29])
ANSWER = Answer(
    question="Where?",
    searched_for="Where?",
    text="In Geneva. [1]",
    answered=True,
    confidence=0.9,
    sentences=(Sentence("In Geneva.", (QUOTE,), "supported"),),
    citations=(QUOTE,),
    hits=(HIT,),
    model="fake",
)
REFUSAL = Answer("Why?", "Why?", "Not in there.", False, 0.1, (), (), (HIT,), "fake")


class FakeAssistant:
    """Remembers the calls; returns what the test gave it, or raises it."""

    def __init__(self, **results: Any) -> None:
        self.results = {"answer": ANSWER, "search": [HIT], "documents": [DOCUMENT]} | results
        self.calls: list[tuple[str, Any]] = []
        self.settings: Settings | None = None
        self.read_only = False
        self.closed = False

    def open(self, settings: Settings, *, read_only: bool = False) -> FakeAssistant:
        self.settings, self.read_only = settings, read_only
        return self

    def __enter__(self) -> FakeAssistant:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def _result(self, name: str, call: Any) -> Any:
        self.calls.append((name, call))
        result = self.results.get(name)
        if isinstance(result, BaseException):
            raise result
        return result

    def add(
        self, paths: Iterable[str | Path], *, progress: ProgressCallback | None = None
    ) -> AddReport:
        assert progress is not None
        for done in (0, 1):
            progress(Progress("Adding documents", done, 1, "files"))
        return self._result("add", list(paths))

    def search(
        self, question: str, k: int | None = None, *, documents: Sequence[str] | None = None
    ) -> list[Hit]:
        return self._result("search", (question, k, documents))

    def stream(self, question: str, *, documents: Sequence[str] | None = None) -> Iterator[Event]:
        answer = self._result("answer", (question, documents))
        yield Event("searching", hits=answer.hits)
        yield Event("loading")
        yield Event("writing", text=answer.text)
        yield Event("done", answer=answer)

    def warm(self, progress: ProgressCallback | None = None) -> None:
        self._result("warm", None)

    def documents(self) -> list[Document]:
        return self._result("documents", None)

    def remove(self, document_id: str) -> Document:
        if document_id != "d1":
            raise UnknownDocument(f"No document {document_id}. See `footnote docs`.")
        return self._result("remove", document_id) or DOCUMENT

    def reembed(self, *, progress: ProgressCallback | None = None) -> int:
        return self._result("reembed", None) or 7


def run(*arguments: str, fake: FakeAssistant | None = None) -> int:
    return cli.main(arguments, open_assistant=(fake or FakeAssistant()).open)  # type: ignore[arg-type]


def report(*statuses: str) -> AddReport:
    kept = ("added", "updated", "unchanged")
    rows = [
        DocumentResult(f"{s}.txt", s, None if s in kept else "why", DOCUMENT if s in kept else None)  # type: ignore[arg-type]
        for s in statuses
    ]
    return AddReport(tuple(rows), (), 0.1)


# Results ------------------------------------------------------------------------


def test_ask_prints_answer_and_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer is on stdout with its quotes, and the library is opened for reading only."""
    fake = FakeAssistant()
    assert run("ask", "Where?", fake=fake) == 0
    out = capsys.readouterr().out
    assert out.startswith("In Geneva. [1]\n")
    assert '[1] treaty.txt: "in Geneva"' in out
    assert fake.read_only
    assert fake.closed


def test_ask_json_is_the_answer_as_a_dictionary(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads exactly what the API returns."""
    assert run("ask", "Where?", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(ANSWER.to_json())


def test_refusal_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """That the documents do not answer is a result."""
    assert run("ask", "Why?", fake=FakeAssistant(answer=REFUSAL)) == 0
    assert "which do not answer it" in capsys.readouterr().out


def test_ask_loads_the_model_when_the_answer_waits_for_it() -> None:
    """The load has a progress bar of its own, within the same question."""
    fake = FakeAssistant()
    run("ask", "Where?", fake=fake)
    assert [name for name, _ in fake.calls] == ["answer", "warm"]


def test_ask_answers_when_the_model_cannot_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    """The library falls back to quotes, and the command line does not stand in its way."""
    fallen = replace(ANSWER, notice="The model failed; these are quotes.")
    fake = FakeAssistant(answer=fallen, warm=ModelUnavailable("No memory. Close something."))
    assert run("ask", "Where?", fake=fake) == 0
    assert "Note: The model failed" in capsys.readouterr().out


def test_search_and_ask_hand_on_document_ids() -> None:
    """--document limits both to the ids, given at once or one by one."""
    fake = FakeAssistant()
    run("search", "Where?", "-k", "3", "--document", "d1", "d2", fake=fake)
    run("ask", "--document", "d1", "--document", "d2", "--", "Where?", fake=fake)
    assert fake.calls[0] == ("search", ("Where?", 3, ["d1", "d2"]))
    assert fake.calls[1] == ("answer", ("Where?", ["d1", "d2"]))


def test_search_json_names_the_uri_of_each_hit(capsys: pytest.CaptureFixture[str]) -> None:
    """The uri stands at the hit itself and in its passage's document."""
    assert run("search", "Where?", "--json") == 0
    (hit,) = json.loads(capsys.readouterr().out)
    assert hit["uri"] == hit["passage"]["document"]["uri"] == "/n/treaty.txt"
    assert hit["score"] == 0.9


def test_search_without_hits_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing found is a result, told in words, or as an empty list."""
    fake = FakeAssistant(search=[])
    assert run("search", "Where?", fake=fake) == 0
    assert "No passage" in capsys.readouterr().out
    assert run("search", "Where?", "--json", fake=fake) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_docs_lists_documents(capsys: pytest.CaptureFixture[str]) -> None:
    """Piped, a line for each document that begins with its id; as JSON, its record."""
    assert run("docs") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("d1\ttreaty.txt\t")
    assert run("docs", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["uri"] == "/n/treaty.txt"


def test_docs_of_an_empty_library_names_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer is told how to add documents."""
    assert run("docs", fake=FakeAssistant(documents=[])) == 0
    assert "footnote add" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (("added", "rejected"), 0),
        (("unchanged", "failed"), 0),
        (("rejected", "failed"), 1),
        (("updated",), 0),
        ((), 0),
    ],
)
def test_add_fails_only_when_every_file_did(statuses: tuple[str, ...], code: int) -> None:
    """One bad file among good ones is a row; nothing but bad files is a failure."""
    assert run("add", "x", fake=FakeAssistant(add=report(*statuses))) == code


def test_add_prints_rows_and_progress_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows go to stdout, progress to stderr; every path given is added."""
    fake = FakeAssistant(add=report("added", "rejected"))
    run("add", "one", "two", fake=fake)
    captured = capsys.readouterr()
    rows = captured.out.splitlines()[:2]
    assert rows == ["added     added.txt (1 passage)", "rejected  rejected.txt: why"]
    assert "Adding documents" in captured.err
    assert fake.calls == [("add", ["one", "two"])]
    assert not fake.read_only


def test_add_json_is_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads exactly what the API returns."""
    wanted = report("added")
    run("add", "x", "--json", fake=FakeAssistant(add=wanted))
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(wanted.to_dict()))


def test_remove_takes_several_ids(capsys: pytest.CaptureFixture[str]) -> None:
    """Each removed document is a line; an unknown id is wrong use."""
    assert run("remove", "d1", "d9") == 2
    captured = capsys.readouterr()
    assert captured.out == "removed /n/treaty.txt\n"
    assert "No document d9" in captured.err


def test_reembed_tells_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    """The number of passages and the model are named."""
    assert run("reembed") == 0
    assert "7 passages" in capsys.readouterr().out


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_doctor_fails_when_a_check_does(
    ok: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code tells a script what the lines tell a person."""
    checks = [
        Check("disk", True, "fine"),
        Check("library", ok, "so so", None if ok else "Mend it."),
    ]
    monkeypatch.setattr(cli, "doctor", lambda settings: checks)
    assert run("doctor") == code
    assert "✓ disk: fine" in capsys.readouterr().out
    assert run("doctor", "--json") == code
    assert [check["ok"] for check in json.loads(capsys.readouterr().out)] == [True, ok]


# Settings -----------------------------------------------------------------------


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


# Failures -----------------------------------------------------------------------


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


# Commands of other packages -----------------------------------------------------


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


# In a process of its own --------------------------------------------------------


def footnote(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    program = "import sys; from ui.cli import main; sys.exit(main())"
    root = Path(__file__).parent.parent.parent
    environment = os.environ | {"FOOTNOTE_LLM": "none", "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment,
        check=False,
        timeout=120,
        **options,
    )


def test_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """`footnote ... | head -1` ends without a complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    program = "import sys; from ui.cli import main; sys.exit(main(['--help']))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert done.returncode == 0
    assert done.stderr == b""


def test_whole_way_from_files_to_cited_answer(tmp_path: Path) -> None:
    """Add, list, search, ask and remove, each in its own process, on the same library."""
    paper = tmp_path / "paper.txt"
    paper.write_text(f"{TEXT} They agreed on three points about grain.\n", encoding="utf-8")
    (tmp_path / "other.txt").write_text(
        "Bees keep the hive warm in winter. A queen lays eggs from spring to autumn.\n\n"
        "Honey is stored in wax cells. Beekeepers harvest it twice a year.\n",
        encoding="utf-8",
    )
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\x00\x01\x02" * 40)
    added = footnote("add", "paper.txt", "other.txt", "picture.txt", cwd=tmp_path)
    assert added.returncode == 0, added.stderr
    assert "rejected" in added.stdout
    documents = json.loads(footnote("docs", "--json", cwd=tmp_path).stdout)
    (document,) = [d for d in documents if d["uri"].endswith("paper.txt")]
    hits = json.loads(footnote("search", "grain", "--json", cwd=tmp_path).stdout)
    assert hits[0]["uri"] == document["uri"]
    asked = footnote("ask", "Where did the delegations meet?", "--json", cwd=tmp_path)
    answer = json.loads(asked.stdout)
    quotes = [citation["quote"] for citation in answer["citations"]]
    assert any("Geneva" in quote for quote in quotes), asked.stderr
    assert footnote("remove", document["id"], cwd=tmp_path).returncode == 0
    left = json.loads(footnote("docs", "--json", cwd=tmp_path).stdout)
    assert [d["uri"].rsplit("/", 1)[-1] for d in left] == ["other.txt"]


def test_missing_file_is_a_failure_without_traceback(tmp_path: Path) -> None:
    """A path that is not there is named, and nothing else happens."""
    done = footnote("add", "nowhere.txt", cwd=tmp_path)
    assert done.returncode == 1
    assert "nowhere.txt" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
