"""Canaries: a key and a sentence of a document, looked for wherever neither may be."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from rag import Answer, Assistant, ConfigError, ModelError, Settings
from tests.fakes import WordEmbedder
from tests.homes import run_python, write_files
from tests.models.endpoint import DONE, Endpoint, chunk, endpoint, fail, lines, send, usage
from tests.models.test_openai_embedder import vectors
from ui import cli
from ui.access import Access
from ui.conversation import Readiness
from ui.handlers import Handlers
from ui.routes import desk_of, router
from ui.server import application
from ui.shelf import Shelf

KEYS = {
    "FOOTNOTE_LLM_KEY": "sk-canary-chat-4711",
    "FOOTNOTE_EMBEDDING_KEY": "sk-canary-vectors-4712",
    "OPENAI_API_KEY": "sk-canary-openai-4713",
    "FOOTNOTE_PASSWORD": "canary-of-the-page-4716",
}
KEY = "sk-canary-4714"
"""Not written out where it is used: a traceback shows the line."""
SECRET = "The vault of Quillhaven opens with the zanzibarite key."
QUESTION = "With which key does the vault of Quillhaven open, dear canary?"
LOGGERS = ("", "openai", "openai._base_client", "httpx", "httpcore", "chromadb", "rag", "ui")
CLI = "import sys; from ui.cli import main; sys.exit(main())"
# As a program that uses the library may set it, with every logger at its most talkative.
TALKATIVE = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from rag import Assistant, ModelError
with Assistant() as assistant:
    assistant.add(sys.argv[1])
    for _ in range(2):
        print(assistant.ask(sys.argv[2]).text)
"""


class Server:
    """Answers and embeds, or repeats all it was sent with an error, as some do."""

    def __init__(self) -> None:
        self.fails = self.lists = False
        self.seen = Endpoint("")

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        request = self.seen.requests[-1]
        if self.lists and request.get("input") != ["length"]:  # as FastAPI's servers do
            return send(422, json.dumps({"detail": [{"msg": "too long", "input": request}]}))(
                handler
            )
        if self.fails:
            heard = f"{handler.headers['Authorization']} said {json.dumps(request)}"
            return fail(400, heard, X_Heard=handler.headers["Authorization"])(handler)
        if handler.path.endswith("/embeddings"):
            return vectors(WordEmbedder().embed(request["input"]).tolist())(handler)
        return lines(chunk(SECRET), chunk(finish="stop"), usage(7, 3), DONE)(handler)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """Give a server of both models, with the settings of the environment pointing at it."""
    server = Server()
    with endpoint(server.reply) as server.seen:
        for name, value in {
            **KEYS,
            "FOOTNOTE_LLM": "tiny",
            "FOOTNOTE_EMBEDDING": "words",
            "FOOTNOTE_LLM_URL": server.seen.url,
            "FOOTNOTE_EMBEDDING_URL": server.seen.url,
            "FOOTNOTE_HOME": str(tmp_path / "home"),
            "FOOTNOTE_STRICTNESS": "0",
            "OPENAI_LOG": "debug",
        }.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with the sentence in a document."""
    return write_files(tmp_path / "files", secret=f"{SECRET} Nobody else knows of it.\n")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return all that any logger writes, tracebacks too, at DEBUG."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setLevel(logging.NOTSET)
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def assert_no_key(text: str) -> None:
    """Assert that no key, nor the telling part of one, is in a text."""
    assert "canary-" not in text


def assert_clean(text: str) -> None:
    """Assert that neither a key, nor what the document says, nor the question is in a text."""
    assert_no_key(text)
    for word in ("zanzibarite", "Quillhaven", "dear canary"):
        assert word not in text


def inside(thing: object, depth: int = 4) -> str:
    """Return how a thing and what it holds show themselves."""
    shown = repr(thing) + str(thing)
    if depth and type(thing).__module__.split(".")[0] in ("rag", "openai", "httpx"):
        held: dict[str, Any] = getattr(thing, "__dict__", {})
        # The one place where a key has to be as it is: what is sent to the server.
        shown += "".join(inside(v, depth - 1) for k, v in held.items() if k not in SENT)
    return shown


SENT = ("key", "api_key")


def test_nothing_secret_is_logged_or_shown_by_the_library(
    server: Server, files: Path, log: io.StringIO
) -> None:
    """Adding, asking, and servers that repeat what they were sent: nothing in log or repr."""
    settings = Settings()
    with Assistant(settings) as assistant:
        assistant.add(files)
        assert "zanzibarite" in assistant.ask(QUESTION).text
        server.fails = True
        with pytest.raises(ModelError) as caught:
            assistant.ask(QUESTION)
        trace = "".join(traceback.format_exception(caught.value))
        assert_no_key(trace + inside(caught.value) + inside(assistant) + inside(settings))
        assert_no_key(inside(assistant._parts.chat_model) + inside(assistant._parts.embedder))
    sent = {headers["authorization"] for headers in server.seen.headers}
    assert sent == {f"Bearer {KEYS[f'FOOTNOTE_{kind}_KEY']}" for kind in ("LLM", "EMBEDDING")}
    assert log.getvalue(), "nothing was logged at all"
    assert_clean(log.getvalue())


def test_a_chat_server_that_repeats_the_key_shows_it_nowhere(
    server: Server, files: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the notice, nor in what is kept of the answer, nor in a log."""
    monkeypatch.delenv("FOOTNOTE_EMBEDDING_URL")
    monkeypatch.delenv("FOOTNOTE_EMBEDDING")
    with Assistant() as assistant:
        assistant.add(files)
        server.fails = True
        said = assistant.ask(QUESTION)
        assert said.notice is not None
        assert "127.0.0.1" in said.notice
        assert_clean(said.notice)
        assert_no_key(said.to_json())
    assert_clean(log.getvalue())


@pytest.mark.parametrize("name", ["llm_key", "embedding_key", "OPENAI_API_KEY"])
def test_a_key_of_a_wrong_kind_is_refused_without_being_shown(name: str) -> None:
    """The message and its traceback name the setting alone."""
    with pytest.raises(ConfigError) as caught:
        Settings(**{name: [KEY]})
    assert_no_key("".join(traceback.format_exception(caught.value)))


def test_a_key_with_a_line_end_is_refused_without_being_shown(files: Path) -> None:
    """As it comes from a file that was read whole."""
    settings = Settings(llm="tiny", llm_url="http://127.0.0.1:9/v1", llm_key=f"{KEY}\n1")
    with Assistant(settings, embedder=WordEmbedder()) as assistant:
        assistant.add(files)
        with pytest.raises(ConfigError) as caught:
            assistant.ask(QUESTION)
    assert_no_key("".join(traceback.format_exception(caught.value)))


def test_a_password_in_an_address_is_refused_without_being_shown() -> None:
    """At the start, before anything could write the address down."""
    with pytest.raises(ConfigError) as caught:
        Settings(llm="tiny", llm_url=f"https://me:{KEY}@models.example/v1")
    assert_no_key("".join(traceback.format_exception(caught.value)))


def test_the_command_line_says_nothing_secret_on_its_error_stream(
    server: Server, files: Path
) -> None:
    """With --debug, when all is well and when the server repeats what it was sent."""
    done = [run_python(CLI, "--debug", "add", files)]
    done.append(run_python(CLI, "--debug", "ask", QUESTION))
    assert "zanzibarite" in done[-1].stdout
    done.append(run_python(CLI, "doctor", "--json"))
    assert_clean(done[-1].stdout)
    for server.fails, server.lists in ((True, False), (False, True)):
        write_files(files, more=f"More than this: {SECRET}\n")
        for command in (("ask", QUESTION), ("add", files)):
            done.append(run_python(CLI, "--debug", *command))
            assert done[-1].returncode == 1
            assert "Traceback" in done[-1].stderr
    for process in done:
        assert_clean(process.stderr)
        assert_no_key(process.stdout)


def test_of_an_address_only_the_host_is_shown(
    server: Server, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its path and query may hold a key: not in a log, an error or a finding of the doctor."""
    url = server.seen.url
    monkeypatch.setenv("FOOTNOTE_LLM_URL", f"{url}/canary-of-a-path-4717")
    monkeypatch.setenv("FOOTNOTE_EMBEDDING_URL", f"{url}/canary-of-a-path-4717/")
    monkeypatch.setenv("FOOTNOTE_CHROMA_URL", f"{url}?api-key=canary-of-a-query-4718")
    done = [run_python(CLI, "--debug", *command) for command in (("add", files), ("ask", QUESTION))]
    assert "zanzibarite" in done[-1].stdout
    done += [run_python(CLI, "doctor", *options) for options in ((), ("--json",))]
    for process in done[-2:]:
        assert process.stdout.count(url.removesuffix("/v1")) == 3
    server.fails = True
    done.append(run_python(CLI, "--debug", "ask", QUESTION))
    monkeypatch.setenv("FOOTNOTE_LLM_URL", "http://127.0.0.1:9/canary-of-a-path-4717")
    monkeypatch.setenv("FOOTNOTE_CHROMA_URL", "http://127.0.0.1:9/canary-of-a-path-4717")
    done.append(run_python(CLI, "doctor"))
    assert "127.0.0.1:9" in done[-1].stdout
    for process in done:
        assert_no_key(process.stdout + process.stderr)


def test_a_talkative_program_logs_nothing_secret(server: Server, files: Path) -> None:
    """With every logger at DEBUG before anything is imported, and OPENAI_LOG=debug."""
    done = run_python(TALKATIVE, files, QUESTION)
    assert done.returncode == 0, done.stderr[-500:]
    assert "zanzibarite" in done.stdout
    assert "DEBUG" in done.stderr
    assert_clean(done.stderr)


def test_an_evaluation_keeps_no_key(
    server: Server,
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In none of its files, and not on the screen; what the documents say may stand there."""
    monkeypatch.setenv("FOOTNOTE_LLM_URL", f"{server.seen.url}/canary-of-a-path-4717")
    cases = tmp_path / "cases.jsonl"
    evidence = [{"document": "secret.txt", "quote": SECRET}]
    case = {"id": "1", "question": QUESTION, "answers": ["zanzibarite"], "evidence": evidence}
    cases.write_text(json.dumps(case) + "\n")
    run = tmp_path / "run"
    cli.main(["eval", str(cases), "--documents", str(files), "--out", str(run)])
    kept = [path for path in run.rglob("*") if path.is_file()]
    assert len(kept) > 2
    for path in kept:
        assert b"canary-" not in path.read_bytes(), path
    assert_no_key("".join(capsys.readouterr()))


def test_the_page_shows_no_key(
    server: Server, files: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither settings, nor the inside of an answer, nor what is stored and exported."""
    monkeypatch.delenv("FOOTNOTE_PASSWORD")  # so that the page lets this reader in
    with Assistant() as assistant:
        assistant.add(files)
        handlers = Handlers(assistant, lambda: Readiness("ready"))
        access = Access(assistant.settings)
        shelf = Shelf(assistant, files.parent / "uploads")
        desk = desk_of(assistant, handlers.keeper, shelf, access)
        app = application(access, upload_bytes=0)
        app.include_router(router(desk))
        talk = assistant.conversations.start("Keys")
        said: Answer = assistant.ask(QUESTION)
        kept = assistant.conversations.append(talk.id, said).id
        with closing(desk.evaluator), TestClient(app, base_url="http://127.0.0.1") as client:
            shown = [
                client.get(f"/page/{path}")
                for path in (
                    "settings",
                    f"exchanges/{kept}/inspector",
                    f"conversations/{talk.id}.md",
                    f"conversations/{talk.id}.json",
                )
            ]
        handlers.close()
    assert [reply.status_code for reply in shown] == [200] * len(shown)
    assert "zanzibarite" in shown[1].text
    for reply in shown:
        assert_no_key(reply.text)
    assert_clean(log.getvalue())


def test_the_library_on_disk_keeps_no_key(server: Server, files: Path, tmp_path: Path) -> None:
    """Nothing in the home, whatever was added and asked."""
    with Assistant() as assistant:
        assistant.add(files)
        talk = assistant.conversations.start("Keys")
        assistant.conversations.append(talk.id, assistant.ask(QUESTION))
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert b"canary-" not in path.read_bytes(), path
