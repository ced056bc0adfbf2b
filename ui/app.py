"""The chat page: its layout, and which action each part sets off; the only importer of Gradio.

Knows nothing of how questions are answered (`ui.handlers`) or how records look (`ui.render`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

# Read by Gradio when it is imported: nothing is reported to anyone.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from rag import Document
from ui import render
from ui.conversation import Exchange, ReadinessReader
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

    conversation: gr.State
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

    @property
    def outputs(self) -> list[Any]:
        """Return the components of a view, in the order of `_updates`."""
        return [
            self.conversation,
            self.past,
            self.now,
            self.past_sources,
            self.now_sources,
            self.question,
            self.send,
            self.stop,
            self.examples,
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
            with gr.Column(elem_id="talk"):
                past, now, buttons, box = _chat(documents)
                question, send, stop = _composer()
            with gr.Column(elem_id="sources"):
                past_sources = _html("", "past-sources")
                now_sources = _html(render.no_sources(), "now-sources")
        parts = _Parts(
            conversation=gr.State(()),
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
        )
        _wire(page, parts, buttons, handlers)
    page.queue(api_open=False, max_size=20, default_concurrency_limit=_AT_ONCE)
    return page


def _are_seeds(documents: Sequence[Document]) -> bool:
    """Tell whether these are the documents that the example questions are about."""
    return sum(Path(document.uri).parent.name == "seeds" for document in documents) >= 5


def _html(value: str, elem_id: str) -> gr.HTML:
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=None)


def _chat(
    documents: Sequence[Document],
) -> tuple[gr.HTML, gr.HTML, list[gr.Button], gr.Column]:
    examples = EXAMPLES if _are_seeds(documents) else ()
    with gr.Column(elem_id="chat"):
        with gr.Column(elem_id="examples") as box:
            _html(render.invite(len(documents), with_examples=bool(examples)), "invite")
            buttons = [gr.Button(example, elem_classes="example") for example in examples]
        past = _html("", "past")
        now = _html("", "now")
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
    def ask(
        question: str, conversation: tuple[Exchange, ...], request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        for view in handlers.ask(question, conversation, session=_session(request)):
            yield _updates(view)

    def stop(request: gr.Request) -> None:
        handlers.stop(session=_session(request))

    def give_up(request: gr.Request) -> None:
        handlers.give_up(session=_session(request))

    def restart() -> tuple[Any, ...]:
        return (*_updates(handlers.restart())[:-1], gr.update(visible=True))

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    _on_ask([parts.question.submit, parts.send.click], ask, parts.question, parts, quiet)
    for button in examples:
        _on_ask([button.click], ask, button, parts, quiet)
    parts.stop.click(stop, None, None, queue=False, **quiet)
    # In two steps, so that the last words of an answer come before the page is emptied. Not
    # by cancelling: a cancelled event could not be set off again.
    ended = parts.new.click(give_up, None, None, queue=False, **quiet)
    ended.then(restart, None, parts.outputs, **quiet)
    page.load(handlers.watch, None, parts.state, concurrency_limit=None, **quiet)
    page.unload(stop)


def _on_ask(
    triggers: list[Any],
    ask: Callable[..., Iterator[tuple[Any, ...]]],
    source: gr.Textbox | gr.Button,
    parts: _Parts,
    quiet: dict[str, Any],
) -> None:
    inputs = [source, parts.conversation]
    queued = {"concurrency_id": "ask", "concurrency_limit": _AT_ONCE}
    gr.on(triggers, ask, inputs, parts.outputs, **queued, **quiet)


def _session(request: gr.Request) -> str:
    return request.session_hash or ""


def _updates(view: View) -> tuple[Any, ...]:
    """Return the update of each part, in the order of `_Parts.outputs`."""
    leave = gr.skip()
    return (
        view.conversation,
        leave if view.past is None else view.past,
        view.now,
        leave if view.past_sources is None else view.past_sources,
        leave if view.now_sources is None else view.now_sources,
        leave if view.question is None else view.question,
        gr.update(visible=not view.busy),
        gr.update(visible=view.busy),
        gr.update(visible=False),
    )
