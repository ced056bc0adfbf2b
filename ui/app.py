"""The chat page: its layout, and which action each part sets off; the only importer of Gradio.

Knows nothing of how questions are answered (`ui.handlers`) or how records look (`ui.render`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

# Read by Gradio when it is imported: nothing is reported to anyone.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from rag import Document, UnknownConversation
from ui import render
from ui.conversation import ReadinessReader, Talk
from ui.handlers import Answerer, Handlers, View
from ui.server import application

# Answers under way at the same time, each in a tab of its own.
_AT_ONCE = 8
ASSETS = Path(__file__).parent / "assets"
EXAMPLES = (
    "Which collaborative efforts do Russia's proposals include?",
    "Where did the U.S. and Russian delegations meet?",
    "How many diplomatic meetings took place between March and July 2025?",
    "What did the Treasury Department announce in June 2025, and why?",
    "Where did Tom Shannon meet his Russian counterpart?",
    "What would a decline in North American cooperation weaken?",
)
_HEAD = '<link rel="stylesheet" href="/page/page.css"><script src="/page/page.js" defer></script>'


class PageAssistant(Answerer, Protocol):
    """An assistant that can also say which model answers, and where."""

    @property
    def model_name(self) -> str:
        """Return the name of the model that answers."""

    @property
    def model_host(self) -> str | None:
        """Return the host that is sent text, None if it stays on this machine."""


@dataclass(frozen=True)
class _Parts:
    """The components that actions read and write."""

    talk: gr.State
    past: gr.HTML
    now: gr.HTML
    past_sources: gr.HTML
    now_sources: gr.HTML
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button
    examples: gr.Column
    state: gr.HTML
    new: gr.Button
    listed: gr.HTML
    find: gr.Textbox

    @property
    def outputs(self) -> list[Any]:
        """Return the components of a view, in the order of `_updates`."""
        return [
            self.talk,
            self.past,
            self.now,
            self.past_sources,
            self.now_sources,
            self.question,
            self.send,
            self.stop,
            self.examples,
            self.listed,
        ]


def build(
    assistant: PageAssistant, readiness: ReadinessReader, documents: Sequence[Document] = ()
) -> tuple[FastAPI, Handlers]:
    """Return the page as an application to serve, and its handlers to close afterwards.

    `documents` are those of the library, for the words with which the page begins.
    """
    handlers = Handlers(assistant, readiness)
    page = _page(assistant, handlers, readiness, documents)
    app = application()
    app.get("/page/conversations/{name}")(partial(_download, handlers))
    app.mount("/page", StaticFiles(directory=ASSETS))
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name="127.0.0.1",
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        show_error=False,
        max_file_size="1kb",
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Base(font=["sans-serif"], font_mono=["monospace"]),
        head=_HEAD,
    )
    return app, handlers


def _download(handlers: Handlers, name: str) -> Response:
    try:
        file = handlers.keeper.download(name)
    except UnknownConversation as error:
        return PlainTextResponse(str(error), status_code=404)
    kept = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}"}
    return Response(file.text, media_type=file.mime, headers=kept)


def _page(
    assistant: PageAssistant,
    handlers: Handlers,
    readiness: ReadinessReader,
    documents: Sequence[Document],
) -> gr.Blocks:
    page: gr.Blocks
    with gr.Blocks(title="Footnote", analytics_enabled=False, fill_width=True) as page:
        with gr.Row(elem_id="top"):
            _html(render.header(), "header")
            state = _html(render.state(readiness()), "state")
            _html(render.badge(assistant.model_name, assistant.model_host), "badge")
            new = gr.Button("New conversation", elem_id="new", size="sm")
        with gr.Row(elem_id="columns"):
            with gr.Column(elem_id="conversations"):
                find = gr.Textbox(
                    label="Search conversations",
                    show_label=False,
                    placeholder="Search conversations…",
                    elem_id="find",
                    container=False,
                )
                listed = _panel(handlers.keeper.listed(), "talks")
            with gr.Column(elem_id="talk"):
                past, now, buttons, box = _chat(documents)
                question, send, stop = _composer()
            with gr.Column(elem_id="sources"):
                past_sources = _html("", "past-sources")
                now_sources = _html(render.no_sources(), "now-sources")
        parts = _Parts(
            talk=gr.State(Talk()),
            past=past,
            now=now,
            past_sources=past_sources,
            now_sources=now_sources,
            question=question,
            send=send,
            stop=stop,
            examples=box,
            state=state,
            new=new,
            listed=listed,
            find=find,
        )
        _wire(page, parts, buttons, handlers)
    page.queue(api_open=False, max_size=20, default_concurrency_limit=_AT_ONCE)
    return page


def _are_seeds(documents: Sequence[Document]) -> bool:
    """Tell whether these are the documents that the example questions are about."""
    return sum(Path(document.uri).parent.name == "seeds" for document in documents) >= 5


def _html(value: str, elem_id: str) -> gr.HTML:
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=None)


def _panel(value: str, elem_id: str) -> gr.HTML:
    """Return a part whose own buttons set off the event "act"."""
    script = (ASSETS / "panel.js").read_text(encoding="utf-8")
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=script)


def _chat(
    documents: Sequence[Document],
) -> tuple[gr.HTML, gr.HTML, list[gr.Button], gr.Column]:
    examples = EXAMPLES if _are_seeds(documents) else ()
    with gr.Column(elem_id="chat"):
        with gr.Column(elem_id="examples") as box:
            _html(render.invite(len(documents), with_examples=bool(examples)), "invite")
            buttons = [gr.Button(example, elem_classes="example") for example in examples]
        past = _panel("", "past")
        now = _panel("", "now")
    return past, now, buttons, box


def _composer() -> tuple[gr.Textbox, gr.Button, gr.Button]:
    with gr.Row(elem_id="composer"):
        question = gr.Textbox(
            label="Your question",
            show_label=False,
            placeholder="Ask your documents…",
            lines=1,
            max_lines=8,
            elem_id="question",
            container=False,
        )
        send = gr.Button("Send", variant="primary", elem_id="send")
        stop = gr.Button("Stop", visible=False, elem_id="stop")
    return question, send, stop


def _wire(
    page: gr.Blocks, parts: _Parts, examples: Sequence[gr.Button], handlers: Handlers
) -> None:
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    _wire_asking(parts, examples, handlers, quiet)
    _wire_conversations(page, parts, handlers, quiet)
    page.load(handlers.watch, None, parts.state, concurrency_limit=None, **quiet)


def _wire_asking(
    parts: _Parts, examples: Sequence[gr.Button], handlers: Handlers, quiet: dict[str, Any]
) -> None:
    def ask(question: str, talk: Talk, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        for view in handlers.ask(question, talk, session=_session(request)):
            yield _updates(view)

    def on_exchange(
        talk: Talk, event: gr.EventData, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        for view in handlers.on_exchange(talk, _data(event), session=_session(request)):
            yield _updates(view)

    queued: dict[str, Any] = {"concurrency_id": "ask", "concurrency_limit": _AT_ONCE, **quiet}
    typed = [parts.question.submit, parts.send.click]
    gr.on(typed, ask, [parts.question, parts.talk], parts.outputs, **queued)
    for button in examples:
        button.click(ask, [button, parts.talk], parts.outputs, **queued)
    for panel in (parts.past, parts.now):
        panel.act(on_exchange, parts.talk, parts.outputs, **queued)


def _wire_conversations(
    page: gr.Blocks, parts: _Parts, handlers: Handlers, quiet: dict[str, Any]
) -> None:
    def stop(request: gr.Request) -> None:
        handlers.stop(session=_session(request))

    def give_up(request: gr.Request) -> None:
        handlers.give_up(session=_session(request))

    def restart() -> tuple[Any, ...]:
        return _updates(handlers.restart(), begins=True)

    def on_list(talk: Talk, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        view = handlers.on_list(talk, _data(event), session=_session(request))
        return _updates(view, begins=not view.talk.exchanges)

    def find(words: str, talk: Talk) -> str:
        return handlers.keeper.listed(words, current=talk.id)

    parts.stop.click(stop, None, None, queue=False, **quiet)
    # In two steps, so that the last words of an answer come before the page is emptied. Not
    # by cancelling: a cancelled event could not be set off again.
    ended = parts.new.click(give_up, None, None, queue=False, **quiet)
    ended.then(restart, None, parts.outputs, **quiet)
    parts.listed.act(on_list, parts.talk, parts.outputs, **quiet)
    parts.find.change(find, [parts.find, parts.talk], parts.listed, **quiet)
    page.load(find, [parts.find, parts.talk], parts.listed, **quiet)
    page.unload(stop)


def _session(request: gr.Request) -> str:
    return request.session_hash or ""


def _data(event: gr.EventData) -> Mapping[str, str]:
    """Return the data of the button that was clicked, or of the form that was sent."""
    # The framework has no other way to all of it.
    data = event._data
    return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}


def _updates(view: View, *, begins: bool = False) -> tuple[Any, ...]:
    """Return the update of each part, in the order of `_Parts.outputs`."""
    leave = gr.skip()
    return (
        view.talk,
        leave if view.past is None else view.past,
        view.now,
        leave if view.past_sources is None else view.past_sources,
        leave if view.now_sources is None else view.now_sources,
        leave if view.question is None else view.question,
        gr.update(visible=not view.busy),
        gr.update(visible=view.busy),
        gr.update(visible=begins),
        leave if view.listed is None else view.listed,
    )
