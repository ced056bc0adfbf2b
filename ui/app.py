"""The chat page: its layout, and which action each part sets off; the only importer of Gradio.

Knows nothing of how questions are answered (`ui.handlers`) or how records look (`ui.render`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Read by Gradio when it is imported: nothing is reported to anyone, and no window is looked for.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("MPLBACKEND", "agg")

import gradio as gr
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from rag import Document
from ui import render, render_shelf, render_sources
from ui.access import Access
from ui.conversation import ReadinessReader, Talk
from ui.evaluating import Evaluator
from ui.handlers import Handlers
from ui.occasion import PageAssistant, examples_for
from ui.routes import desk_of, router
from ui.server import application
from ui.shelf import UPLOADS, Shelf
from ui.sparing import LEAVE, Sparing, changes
from ui.uploaded import Uploaded
from ui.view import View

# Files of the largest size that one upload may hold.
UPLOADS_AT_ONCE = 20
# Everything that pages may wait for at the same time; whose turn it is, `ui.line` decides.
_THREADS, _EVENTS = 400, 1000
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
ASSETS = Path(__file__).parent / "assets"
_HEAD = (
    '<link rel="stylesheet" href="/page/page.css"><script src="/page/page.js" defer></script>'
    '<script src="/page/panels.js" defer></script>'
)


class _Blocks(Sparing, Uploaded, gr.Blocks):
    """Blocks that cost little, and take no file but what was uploaded."""


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
    state: gr.HTML
    new: gr.Button
    listed: gr.HTML
    find: gr.Textbox
    left_out: gr.State
    upload: gr.File
    path: gr.Textbox
    bring: gr.Button
    held: gr.HTML

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
            self.listed,
        ]


@dataclass(frozen=True)
class Page:
    """The page as an application to serve; close it afterwards."""

    app: FastAPI
    handlers: Handlers
    shelf: Shelf
    evaluator: Evaluator

    def close(self) -> None:
        """Stop every answer, every watcher, what is being added, and what is evaluated."""
        self.handlers.close()
        self.shelf.close()
        self.evaluator.close()


def build(assistant: PageAssistant, readiness: ReadinessReader, access: Access) -> Page:
    """Return the page of an assistant, for those whom `access` lets in."""
    handlers = Handlers(assistant, readiness)
    shelf = Shelf(assistant, assistant.settings.home / UPLOADS)
    # Read by Gradio when a page is mounted. Its own folder is one that others may look into.
    os.environ["GRADIO_TEMP_DIR"] = str(shelf.incoming)
    page = _page(assistant, handlers, shelf, readiness, local=not access.exposed)
    upload_bytes = UPLOADS_AT_ONCE * assistant.settings.file_megabytes * 1_000_000
    app = application(access, upload_bytes=upload_bytes)
    desk = desk_of(assistant, handlers.keeper, shelf, access)
    app.include_router(router(desk))
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
        max_file_size=f"{assistant.settings.file_megabytes}mb",
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Base(font=["sans-serif"], font_mono=["monospace"]),
        head=_HEAD,
    )
    return Page(app, handlers, shelf, desk.evaluator)


def _page(
    assistant: PageAssistant,
    handlers: Handlers,
    shelf: Shelf,
    readiness: ReadinessReader,
    *,
    local: bool,
) -> gr.Blocks:
    documents = assistant.documents()
    page = _Blocks(title="Footnote", analytics_enabled=False, fill_width=True)
    page.incoming = shelf.incoming
    with page:
        with gr.Row(elem_id="top"):
            _html(render.header(), "header")
            _html(render.views(), "views")
            state = _html(render.state(readiness()), "state")
            _html(render.badge(assistant.model_name, assistant.model_host), "badge")
            new = gr.Button("New conversation", elem_id="new", size="sm")
        with gr.Row(elem_id="columns"):
            with gr.Column(elem_id="conversations"):
                find = _finder()
                listed = _panel(handlers.keeper.listed(), "talks")
            with gr.Column(elem_id="talk"):
                past, now, buttons = _chat(documents)
                question, send, stop = _composer()
            with gr.Column(elem_id="sources"):
                past_sources = _pile("past-sources")
                now_sources = _html(render_sources.no_sources(), "now-sources")
        left_out = gr.State(frozenset())
        with gr.Column(elem_id="library"):
            upload, path, bring, held = _library(
                shelf, assistant.settings.file_megabytes, local=local
            )
        _html(render.rest(), "rest")
        parts = _Parts(
            talk=gr.State(Talk()),
            past=past,
            now=now,
            past_sources=past_sources,
            now_sources=now_sources,
            question=question,
            send=send,
            stop=stop,
            state=state,
            new=new,
            listed=listed,
            find=find,
            left_out=left_out,
            upload=upload,
            path=path,
            bring=bring,
            held=held,
        )
        _wire_asking(parts, buttons, handlers)
        _wire_conversations(page, parts, handlers)
        _wire_library(page, parts, shelf, local=local)
        page.load(handlers.watch, None, parts.state, **_QUIET)
    page.max_threads = _THREADS
    page.queue(api_open=False, max_size=_EVENTS, default_concurrency_limit=None)
    return page


def _finder() -> gr.Textbox:
    return gr.Textbox(
        label="Search conversations",
        show_label=False,
        placeholder="Search conversations…",
        elem_id="find",
        container=False,
    )


def _html(value: str, elem_id: str) -> gr.HTML:
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=None)


def _pile(elem_id: str) -> gr.HTML:
    """Return a part that grows: each value says from which of its elements on it replaces."""
    script = "".join((ASSETS / name).read_text("utf-8") for name in ("panel.js", "pile.js"))
    return gr.HTML(
        None,
        elem_id=elem_id,
        apply_default_css=False,
        html_template='<div class="pile"></div>',
        js_on_load=script,
    )


def _panel(value: str, elem_id: str) -> gr.HTML:
    """Return a part whose own buttons set off the event "act"."""
    script = (ASSETS / "panel.js").read_text(encoding="utf-8")
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=script)


def _chat(documents: Sequence[Document]) -> tuple[gr.HTML, gr.HTML, list[gr.Button]]:
    examples = examples_for(documents)
    with gr.Column(elem_id="chat"):
        with gr.Column(elem_id="examples"):
            _html(render.invite(with_examples=bool(examples)), "invite")
            buttons = [gr.Button(example, elem_classes="example") for example in examples]
        past = _pile("past")
        now = _panel("", "now")
    return past, now, buttons


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
        stop = gr.Button("Stop", elem_id="stop")
    return question, send, stop


def _library(
    shelf: Shelf, megabytes: int, *, local: bool
) -> tuple[gr.File, gr.Textbox, gr.Button, gr.HTML]:
    _html(render_shelf.heading(megabytes), "library-head")
    upload = gr.File(
        label="Drop files here, or click to choose",
        file_count="multiple",
        elem_id="upload",
        height=120,
    )
    with gr.Row(elem_id="bring", visible=local):
        path = gr.Textbox(
            label="A file or folder on this machine",
            show_label=False,
            placeholder="Or a file or folder on this machine: /home/me/papers",
            elem_id="path",
            container=False,
        )
        bring = gr.Button("Add", elem_id="add")
    held = _panel(render_shelf.holdings(shelf.holdings()), "shelf")
    return upload, path, bring, held


def _wire_asking(parts: _Parts, examples: Sequence[gr.Button], handlers: Handlers) -> None:
    def ask(
        question: str, talk: Talk, left_out: frozenset[str], request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        session = _session(request)
        yield from _shown(handlers.ask(question, talk, session=session, left_out=left_out))

    def on_exchange(
        talk: Talk, left_out: frozenset[str], event: gr.EventData, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        session, data = _session(request), _data(event)
        yield from _shown(handlers.on_exchange(talk, data, session=session, left_out=left_out))

    # "multiple", for what is asked the moment an answer ends must not be dropped; a question
    # amid an answer is refused by the handlers.
    queued: dict[str, Any] = {"trigger_mode": "multiple", **_QUIET}
    typed = [parts.question.submit, parts.send.click]
    gr.on(typed, ask, [parts.question, parts.talk, parts.left_out], parts.outputs, **queued)
    for button in examples:
        button.click(ask, [button, parts.talk, parts.left_out], parts.outputs, **queued)
    for panel in (parts.past, parts.now):
        panel.act(on_exchange, [parts.talk, parts.left_out], parts.outputs, **queued)


def _wire_conversations(page: gr.Blocks, parts: _Parts, handlers: Handlers) -> None:
    def stop(request: gr.Request) -> None:
        handlers.stop(session=_session(request))

    def give_up(request: gr.Request) -> None:
        handlers.give_up(session=_session(request))

    def restart() -> tuple[Any, ...]:
        return _updates(handlers.restart())

    def on_list(talk: Talk, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        return _updates(handlers.on_list(talk, _data(event), session=_session(request)))

    def find(words: str, talk: Talk) -> str:
        return handlers.keeper.listed(words, current=talk.id)

    parts.stop.click(stop, None, None, queue=False, **_QUIET)
    # In two steps, so that the last words of an answer come before the page is emptied. Not
    # by cancelling: a cancelled event could not be set off again.
    ended = parts.new.click(give_up, None, None, queue=False, **_QUIET)
    ended.then(restart, None, parts.outputs, **_QUIET)
    parts.listed.act(on_list, parts.talk, parts.outputs, **_QUIET)
    parts.find.change(find, [parts.find, parts.talk], parts.listed, **_QUIET)
    page.load(find, [parts.find, parts.talk], parts.listed, **_QUIET)
    page.unload(stop)


def _wire_library(page: gr.Blocks, parts: _Parts, shelf: Shelf, *, local: bool) -> None:
    def watched(left_out: frozenset[str]) -> Iterator[str]:
        for held in shelf.watch():
            yield render_shelf.holdings(held, left_out=left_out)

    def receive(files: list[str] | None) -> None:
        shelf.receive([Path(file) for file in files or ()])

    def bring(path: str) -> str:
        if path.strip():
            shelf.bring([Path(path.strip()).expanduser()])
        return ""

    def on_shelf(
        left_out: frozenset[str], event: gr.EventData
    ) -> Iterator[tuple[frozenset[str], str]]:
        left_out = shelf.act(_data(event), left_out)
        for words in watched(left_out):
            yield left_out, words

    came = parts.upload.upload(receive, parts.upload, None, **_QUIET)
    came.then(lambda: None, None, parts.upload, **_QUIET)
    came.then(watched, parts.left_out, parts.held, **_QUIET)
    # Who comes from elsewhere must not read this machine's files.
    for typed in (parts.path.submit, parts.bring.click) if local else ():
        typed(bring, parts.path, parts.path, **_QUIET).then(
            watched, parts.left_out, parts.held, **_QUIET
        )
    parts.held.act(on_shelf, parts.left_out, [parts.left_out, parts.held], **_QUIET)
    page.load(watched, parts.left_out, parts.held, **_QUIET)


def _session(request: gr.Request) -> str:
    return request.session_hash or ""


def _data(event: gr.EventData) -> Mapping[str, str]:
    """Return the data of the button that was clicked, or of the form that was sent."""
    # The framework has no other way to all of it.
    data = event._data
    return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}


def _shown(views: Iterator[View]) -> Iterator[tuple[Any, ...]]:
    """Yield the updates of views; without any, all stays: the framework would empty it."""
    steps = changes(map(_updates, views))
    yield next(steps, (LEAVE,) * len(_updates(View(Talk(), ""))))
    yield from steps


def _updates(view: View) -> tuple[Any, ...]:
    """Return the update of each part, in the order of `_Parts.outputs`."""
    return (
        view.talk,
        LEAVE if view.past is None else {"first": view.past.first, "html": view.past.exchanges},
        view.now,
        LEAVE if view.past is None else {"first": view.past.first, "html": view.past.sources},
        LEAVE if view.now_sources is None else view.now_sources,
        LEAVE if view.question is None else view.question,
        LEAVE if view.listed is None else view.listed,
    )
