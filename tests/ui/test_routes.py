"""What the page fetches by itself: a fragment or a sentence, never an error of HTTP."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.ui.fake_assistant import TEXT, FakeAssistant, document, geneva
from ui.access import Access
from ui.choosing import Chooser
from ui.conversation import Readiness
from ui.handlers import Handlers
from ui.routes import desk_of, router
from ui.server import application
from ui.shelf import Shelf

PATIENCE = 120
FORM = "<label>Case file"


@pytest.fixture
def assistant() -> FakeAssistant:
    """Return an assistant with one document."""
    made = FakeAssistant()
    made.held["d1"] = document()
    return made


@pytest.fixture
def page(assistant: FakeAssistant) -> Iterator[TestClient]:
    """Return a client of its page."""
    keeper = Handlers(assistant, lambda: Readiness("ready")).keeper
    shelf = Shelf(assistant, assistant.settings.home / "uploads")
    access = Access(assistant.settings)
    desk = desk_of(assistant, keeper, shelf, access)
    app = application(access, upload_bytes=1_000_000)
    app.include_router(router(desk))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client
    desk.evaluator.close()


def kept(assistant: FakeAssistant) -> str:
    """Keep an answer; return its id."""
    conversation = assistant.conversations.start("Where?")
    return assistant.conversations.append(conversation.id, geneva("Where?")).id


def test_a_document_is_opened_at_its_quote(page: TestClient) -> None:
    """With its heading, its neighbours, and a way to the whole."""
    start = TEXT.index("met in Geneva")
    html = page.get(f"/page/documents/d1?start={start}&end={start + 13}").text
    assert '<mark class="quote">met in Geneva</mark>' in html
    assert "Talks" in html
    assert "They agreed on three points." in html
    whole = page.get("/page/documents/d1.txt")
    assert whole.text == TEXT
    assert whole.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path",
    ["documents/gone?start=1&end=2", "exchanges/gone/inspector", "evaluations/x/report.html"],
)
def test_what_is_not_there_is_a_sentence(page: TestClient, path: str) -> None:
    """In the place of what was asked for, so that nothing is broken."""
    reply = page.get(f"/page/{path}")
    assert reply.status_code == 200
    assert 'class="trouble" role="alert"' in reply.text


def test_a_page_that_cannot_be_drawn_is_a_picture_of_the_reason(page: TestClient) -> None:
    """Not a broken image."""
    reply = page.get("/page/documents/d1/pages/1.png")
    assert reply.headers["content-type"] == "image/svg+xml"
    assert "no page 1" in reply.text


def test_an_answer_is_seen_from_the_inside(page: TestClient, assistant: FakeAssistant) -> None:
    """Scores, sentences, what was sent, and where the seconds went."""
    answer = replace(
        geneva("Where?"),
        prompts=("Facts:\n1. <They> met.\n\nQuestion: Where?",),
        timings={"retrieval": 0.5, "generation": 1.5, "total": 2.0},
        signals={"relevance": 4.25},
    )
    conversation = assistant.conversations.start("Where?")
    identity = assistant.conversations.append(conversation.id, answer).id
    html = page.get(f"/page/exchanges/{identity}/inspector").text
    hit = answer.hits[0]
    for figure in (hit.score, hit.dense, hit.lexical, 4.25):
        assert f"{figure:.3f}" in html
    assert "1. &lt;They&gt; met." in html
    assert "You answer a question from the numbered facts" in html
    assert 'style="width:25.0%"' in html
    assert "1.50 s" in html


def test_a_rating_and_its_reason_are_kept(page: TestClient, assistant: FakeAssistant) -> None:
    """Of an answer, or of one source; a later one takes the place of the earlier."""
    identity = kept(assistant)
    address = f"/page/exchanges/{identity}/feedback"
    for data in (
        {"helpful": True},
        {"helpful": False, "reason": "It is wrong"},
        {"helpful": True, "citation": 1},
    ):
        assert page.post(address, json=data).text == ""
    found = [(f.citation, f.helpful, f.reason) for f in assistant.conversations.feedback()]
    assert sorted(found, key=str) == [(1, True, ""), (None, False, "It is wrong")]
    assert "trouble" in page.post("/page/exchanges/gone/feedback", json={"helpful": True}).text


@pytest.mark.parametrize("data", [{}, {"helpful": "maybe"}, {"helpful": True, "citation": 0}])
def test_a_rating_that_is_none_is_refused(
    page: TestClient, assistant: FakeAssistant, data: dict[str, object]
) -> None:
    """Nothing of it is kept."""
    reply = page.post(f"/page/exchanges/{kept(assistant)}/feedback", json=data)
    assert reply.status_code == 422
    assert assistant.conversations.feedback() == []


def test_settings_are_shown_and_changed(page: TestClient, assistant: FakeAssistant) -> None:
    """A wrong one is told, and changes nothing."""
    assert 'value="none" checked' in page.get("/page/settings").text
    chosen = {"llm": "none", "passages": "9", "strictness": "0.5"}
    assert "from the next question on" in page.post("/page/settings", json=chosen).text
    assert (assistant.settings.passages, assistant.settings.strictness) == (9, 0.5)
    for wrong in ({"llm": "openai/x"}, {"passages": "many"}, {"strictness": "7"}):
        assert 'class="trouble"' in page.post("/page/settings", json=chosen | wrong).text
    assert (assistant.settings.passages, assistant.settings.strictness) == (9, 0.5)


def test_what_runs_and_which_model_answers_is_told(page: TestClient) -> None:
    """The same name for as long as the server runs, and the badge of the moment."""
    first, second = (page.get("/page/alive").json() for _ in range(2))
    assert first == second
    assert "Stays on this machine" in first["badge"]


def test_no_key_is_shown(assistant: FakeAssistant) -> None:
    """The host of a server is; names and passwords within its address are refused anyway."""
    settings = assistant.settings.changed(
        llm="own-model", llm_url="https://models.example/v1", llm_key="sk-canary"
    )
    assistant._library.settings = settings
    models = Chooser(assistant).choices().models
    assert models[0] == ("own-model", "own-model, at models.example")
    assert "canary" not in repr(models)


def waited_for(page: TestClient, words: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while words not in (html := page.get("/page/evaluation").text):
        assert time.monotonic() < deadline, html
        time.sleep(0.2)  # the command runs in a process of its own
    return html


def test_an_evaluation_runs_and_two_are_compared(page: TestClient, tmp_path: Path) -> None:
    """From the form to the report and to what changed."""
    (tmp_path / "bridge.txt").write_text("The Harwick Bridge opened in 1932.", encoding="utf-8")
    cases = tmp_path / "cases.jsonl"
    cases.write_text(
        '{"id": "a", "question": "When did the Harwick Bridge open?", "answers": ["1932"], '
        '"evidence": [{"document": "bridge.txt", "quote": "opened in 1932"}]}\n',
        encoding="utf-8",
    )
    form = {"action": "start", "cases": str(cases), "only_search": "1"}
    started = page.post("/page/evaluation", json=form).text
    assert "data-poll" in started
    assert "under way" in page.post("/page/evaluation", json=form).text
    html = waited_for(page, FORM)
    name = html.split('name="run" value="')[1].split('"')[0]
    assert "<title>" in page.get(f"/page/evaluations/{name}/report.html").text
    assert "<iframe" in page.get(f"/page/evaluation?shown={name}").text
    page.post("/page/evaluation", json=form)
    html = waited_for(page, FORM)
    chosen = [part.split('"')[0] for part in html.split('name="run" value="')[1:]]
    assert len(chosen) == 2
    compared = page.post("/page/evaluation", json={"action": "compare", "run": chosen}).text
    assert "What changed" in compared
    assert "Recall@1" in compared


def test_an_evaluation_that_cannot_run_says_why(page: TestClient, tmp_path: Path) -> None:
    """A path that is not there at once, what the command says when it ends."""
    missing = {"action": "start", "cases": str(tmp_path / "none.jsonl")}
    assert "There is nothing at" in page.post("/page/evaluation", json=missing).text
    bad = tmp_path / "bad.jsonl"
    bad.write_text("no case\n", encoding="utf-8")
    page.post("/page/evaluation", json={"action": "start", "cases": str(bad)})
    assert "bad.jsonl, line 1" in waited_for(page, "trouble")


def test_an_evaluation_is_stopped(page: TestClient, tmp_path: Path) -> None:
    """Nothing is said to have gone wrong."""
    page.post("/page/evaluation", json={"action": "start", "documents": sys.prefix})
    page.post("/page/evaluation", json={"action": "stop"})
    html = waited_for(page, FORM)
    assert "trouble" not in html


def test_files_are_named_only_at_this_machine(assistant: FakeAssistant) -> None:
    """Who comes from elsewhere cannot have this machine's files read by an evaluation."""
    keeper = Handlers(assistant, lambda: Readiness("ready")).keeper
    shelf = Shelf(assistant, assistant.settings.home / "uploads")
    settings = assistant.settings.changed(proxy_header="X-In: a-secret-of-the-proxy")
    desk = desk_of(assistant, keeper, shelf, Access(settings, "0.0.0.0"))
    app = application(Access(assistant.settings), upload_bytes=1_000_000)
    app.include_router(router(desk))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        html = client.post("/page/evaluation", json={"action": "start", "cases": "/etc/hosts"}).text
    assert "can only be named there" in html
    assert desk.evaluator.state().underway is None
