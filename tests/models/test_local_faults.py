"""The local model killed, stopped or locked up while it answers: quotes, and on with another."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rag import Answer, Assistant, ModelUnavailable, Settings
from rag.answering import QUOTING
from rag.models.chat import LocalChat
from rag.models.local_server import LocalServer
from rag.models.prefix_cache import PrefixCache
from rag.schema import Message
from tests.conftest import KILLS
from tests.fakes import WordEmbedder
from tests.homes import open_home, three_files
from tests.models.local import stub, wait_until_ended

QUESTION = "Who designed the Anders Bridge?"
OTHER = "Who wrote down the weather at Vessel Bay?"
MODEL = "stub"
# What is promised for one question, in seconds, at the default settings.
PROMISED = 90
LONG_RUN = 300
"""As `make torture` sets it."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home of three documents."""
    place = tmp_path_factory.mktemp("shelf")
    with open_home(place / "home") as assistant:
        assistant.add(three_files(place / "files"))
    return place / "home"


@pytest.fixture
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after the model when it has been silent for a moment."""
    monkeypatch.setattr("rag.models.watchdog.SILENT_SECONDS", 0.5)
    monkeypatch.setattr("rag.models.local_server.HEALTH_SECONDS", 0.5)


@contextmanager
def asking(shelf: Path, folder: Path, *, seconds: float = 60) -> Iterator[Asked]:
    """Open the home with a model of the stub."""
    with stub(folder) as server:
        chat = LocalChat(server, MODEL, seconds=seconds)
        settings = Settings(home=shelf, strictness=0.0)
        with Assistant(settings, embedder=WordEmbedder(), model=chat, read_only=True) as assistant:
            yield Asked(assistant, server)


class Asked:
    """An assistant, and the server of its model."""

    def __init__(self, assistant: Assistant, server: LocalServer) -> None:
        self.assistant, self._server = assistant, server

    def ask(self, question: str = QUESTION) -> Answer:
        """Return an answer, which must have come."""
        said = self.assistant.ask(question)
        assert said.answered
        return said

    @property
    def process(self) -> int:
        """Return the id of the model's process."""
        process = self._server.process_id
        assert process is not None
        return process


def quoted(said: Answer, words: str) -> bool:
    """Tell whether an answer is quotes, with a notice that has these words."""
    return said.model == QUOTING and words in (said.notice or "")


@pytest.mark.parametrize("hit", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.usefixtures("little_patience")
def test_a_model_that_is_gone_or_stopped_between_questions_is_replaced(
    shelf: Path, tmp_path: Path, hit: signal.Signals
) -> None:
    """The next question starts another process, and its answer is the model's."""
    with asking(shelf, tmp_path) as asked:
        assert asked.ask().model == MODEL
        first = asked.process
        os.kill(first, hit)
        said = asked.ask()
        assert (said.model, said.notice) == (MODEL, None)
        assert asked.process != first
        wait_until_ended(first)


@pytest.mark.parametrize("word", ["die", "freeze"])
@pytest.mark.usefixtures("little_patience")
def test_a_model_that_ends_or_stops_in_the_middle_gives_way_to_quotes(
    shelf: Path, tmp_path: Path, word: str
) -> None:
    """The begun text is withdrawn and never an answer; the next question has a model again."""
    with asking(shelf, tmp_path) as asked:
        said = asked.ask(f"{QUESTION} ({word})")
        assert quoted(said, "ended or hung")
        assert "Ask again" in (said.notice or "")
        after = asked.ask()
        assert (after.model, after.notice) == (MODEL, None)


def test_a_model_that_lives_but_never_answers_is_replaced(shelf: Path, tmp_path: Path) -> None:
    """When the time is up and nothing was heard of it, the next question gets another."""
    with asking(shelf, tmp_path, seconds=2) as asked:
        asked.ask()
        first = asked.process
        assert quoted(asked.ask(f"{QUESTION} (stick)"), "did not finish within 2 seconds")
        wait_until_ended(first)
    with asking(shelf, tmp_path) as asked:
        assert asked.ask().model == MODEL


@pytest.mark.usefixtures("little_patience")
def test_a_model_that_only_takes_its_time_is_left_alone(shelf: Path, tmp_path: Path) -> None:
    """Silence alone is no fault: it is asked whether it lives, and waited for."""
    with asking(shelf, tmp_path) as asked:
        asked.ask()
        first = asked.process
        said = asked.ask(f"{QUESTION} (ponder)")
        assert (said.model, said.notice, asked.process) == (MODEL, None, first)


@pytest.mark.usefixtures("little_patience")
def test_others_are_served_while_one_waits_for_a_stopped_model(shelf: Path, tmp_path: Path) -> None:
    """A search needs no model; questions that wait for it get their answers from the next one."""
    with asking(shelf, tmp_path) as asked:
        asked.ask()
        os.kill(asked.process, signal.SIGSTOP)
        answers: list[Answer] = []
        threads = [
            threading.Thread(target=lambda q=q: answers.append(asked.assistant.ask(q)))
            for q in (QUESTION, OTHER, f"{QUESTION} (freeze)")
        ]
        for thread in threads:
            thread.start()
        assert asked.assistant.search(OTHER, k=1)[0].passage.document.title
        for thread in threads:
            thread.join(PROMISED)
        assert len(answers) == len(threads)
        assert all(answer.answered for answer in answers)
        assert asked.ask().model == MODEL


def test_a_question_does_not_wait_for_ever_for_a_model_being_made_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and quotes; the model goes on getting ready."""
    monkeypatch.setattr("rag.models.prefix_cache.RECALL_SECONDS", 0.1)
    with stub(tmp_path) as server:
        cache, starting, go_on = PrefixCache(server), threading.Event(), threading.Event()

        def wait(_progress: object) -> None:
            starting.set()
            go_on.wait(PROMISED)

        warming = threading.Thread(target=cache.warm, args=([Message("user", "Q")], wait))
        warming.start()
        try:
            assert starting.wait(PROMISED)
            with pytest.raises(ModelUnavailable, match="still being made ready"):
                cache.recall([Message("user", "Q")])
        finally:
            go_on.set()
            warming.join()
        cache.recall([Message("user", "Q")])


@pytest.mark.model
@pytest.mark.parametrize("hit", [signal.SIGSTOP, *([signal.SIGKILL] if KILLS >= LONG_RUN else [])])
def test_the_embedded_model_hit_in_the_middle_of_an_answer(
    shelf: Path, hit: signal.Signals, request: pytest.FixtureRequest
) -> None:
    """Memory that ran out ends in the first, an endless wait for it is the second."""
    settings = Settings(home=shelf, strictness=0.0)
    with Assistant(settings, embedder=WordEmbedder(), read_only=True) as assistant:
        assistant.warm()
        model = assistant._parts.chat_model  # its process has no public name
        assert isinstance(model, LocalChat)
        first, others, started = model._server.process_id, [], 0.0
        assert first is not None
        other = threading.Thread(target=lambda: others.append(assistant.ask(OTHER)))
        said = None
        for event in assistant.stream("What did Clara Holt design, and when did it open?"):
            if event.draft and not started:
                started = time.monotonic()
                os.kill(first, hit)
                other.start()
            said = event.answer or said
        assert started, "the model wrote nothing"
        took = time.monotonic() - started
        assert said is not None
        assert said.answered
        assert "ended or hung" in (said.notice or "")
        assert took < PROMISED
        other.join(PROMISED)
        assert others[0].answered
        after = assistant.ask(QUESTION)
        assert (after.notice, model._server.process_id != first) == (None, True)
    request.node.user_properties.append(("seconds", f"{took:.1f}"))
