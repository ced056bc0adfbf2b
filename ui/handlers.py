"""What happens when someone asks, stops or starts anew: plain generators of views.

Knows nothing of Gradio, of HTML, or of the models. What goes wrong behind it
is logged, and a sentence is shown instead.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from rag import (
    Answer,
    Citation,
    Conversations,
    Document,
    Event,
    FootnoteError,
    Passage,
    Stage,
    Turn,
    UnknownConversation,
)
from ui import render, render_sources
from ui.conversation import Exchange, Readiness, ReadinessReader, Source, Talk
from ui.excerpts import surroundings
from ui.keeping import Keeper
from ui.line import Full, Line, Room
from ui.running import POLL_SECONDS, Run
from ui.view import Past, View, opening, past_of, view_of
from ui.wording import clean

log = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong inside Footnote. Ask again; the program's log has the details."
BUSY = "Footnote is busy: too many questions are waiting already. Ask again in a minute."
# On this machine, answers share one model and its cores.
LOCAL, REMOTE = Room(at_once=4, waiting=20), Room(at_once=64, waiting=200)

# Long enough for an answer to notice; a page that has gone never takes its last view.
_END_SECONDS = 2.0
_WAITING: dict[Stage, str | None] = {
    "searching": "Searching your documents…",
    "reading": "Reading the passages…",
    "writing": None,
    "done": None,
}


class Answerer(Protocol):
    """The part of an assistant that the page talks to."""

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        documents: Sequence[str] | None = None,
    ) -> Iterator[Event]:
        """Yield the answer as events; closing the generator stops the model."""

    def text_of(self, document_id: str) -> str:
        """Return the text of a document."""

    def documents(self) -> list[Document]:
        """Return all documents."""

    @property
    def conversations(self) -> Conversations:
        """Return what the library keeps of earlier conversations."""

    @property
    def model_host(self) -> str | None:
        """Return the host that is sent text, None if it stays on this machine."""


class Handlers:
    """The page's actions on one assistant; a session is one open page."""

    def __init__(self, assistant: Answerer, readiness: ReadinessReader) -> None:
        self._assistant = assistant
        self._readiness = readiness
        self.keeper = Keeper(assistant.conversations, self._sources)
        self._runs: dict[str, Run] = {}
        self._line = Line(lambda: LOCAL if assistant.model_host is None else REMOTE)
        self._closed = threading.Event()

    def ask(
        self,
        question: str,
        talk: Talk,
        *,
        session: str,
        left_out: Collection[str] = (),
    ) -> Iterator[View]:
        """Answer a question, view by view; closing the generator stops the model.

        Documents whose ids are in `left_out` are not looked at.
        """
        question = clean(question).strip()
        # A second question of the same page, sent before the page could show it is busy.
        if not question or self._is_busy(session):
            return
        if talk.editing:
            talk = self.keeper.without_last(talk)
        item = Exchange(len(talk.exchanges) + 1, question, waiting=_WAITING["searching"])
        run = self._runs[session] = Run()
        try:
            view = opening(item, self.keeper.rated(talk))
            yield view
            sources = view.now_sources
            start = partial(
                self._assistant.stream, question, _history(talk), self._looked_at(left_out)
            )
            for step in self._served(item, start, run):
                if run.given_up:
                    return
                view = self._step(step, talk)
                if step.finished:
                    # Before it is shown: the reader may ask on at once.
                    run.stop()
                # Sources that stay as they are keep what the reader opened and scrolled to.
                yield view if view.now_sources != sources else replace(view, now_sources=None)
                sources = view.now_sources
        finally:
            run.stop()
            run.ended.set()
            if self._runs.get(session) is run:
                del self._runs[session]

    def on_exchange(
        self,
        talk: Talk,
        data: Mapping[str, str],
        *,
        session: str,
        left_out: Collection[str] = (),
    ) -> Iterator[View]:
        """Do what a button of an exchange asks for."""
        action = data.get("action")
        if action == "again":
            yield from self.again(talk, session=session, left_out=left_out)
        elif action == "edit" and (view := self.edit(talk)) is not None:
            yield view

    def on_list(self, talk: Talk, data: Mapping[str, str], *, session: str) -> View:
        """Do what a button of the list of conversations asks for."""
        action, identity = data.get("action"), data.get("id", "")
        if action == "open":
            self.give_up(session=session)
            return self.open(identity)
        if action == "delete":
            self.keeper.delete(identity)
        elif action == "rename":
            self.keeper.rename(identity, data.get("title", ""))
        gone = action == "delete" and identity == talk.id
        view = self.restart() if gone or not talk.exchanges else view_of(talk.exchanges[-1], talk)
        return replace(view, question=None, listed=self.keeper.listed(current=view.talk.id))

    def again(self, talk: Talk, *, session: str, left_out: Collection[str] = ()) -> Iterator[View]:
        """Ask the last question once more; the new answer takes the place of the old."""
        if talk.exchanges and not self._is_busy(session):
            question = talk.exchanges[-1].question
            again = replace(talk, editing=True)
            yield from self.ask(question, again, session=session, left_out=left_out)

    def edit(self, talk: Talk) -> View | None:
        """Put the last question back into the box; None if there is none."""
        if not talk.exchanges:
            return None
        last = talk.exchanges[-1]
        return replace(view_of(last, replace(talk, editing=True)), question=last.question)

    def open(self, identity: str) -> View:
        """Show a conversation that the library keeps, as it was left."""
        try:
            talk = self.keeper.open(identity)
        except UnknownConversation as error:
            return replace(
                self.restart(), now=render.trouble(str(error)), listed=self.keeper.listed()
            )
        if not talk.exchanges:
            return replace(self.restart(), talk=talk)
        *before, last = talk.exchanges
        return replace(
            view_of(last, talk),
            past=past_of(before, latest=last.number),
            question="",
            listed=self.keeper.listed(current=identity),
        )

    def _step(self, item: Exchange, talk: Talk) -> View:
        """Return the view of an exchange; one that was answered is kept in the library."""
        if item.answer is None:
            after = replace(talk, exchanges=(*talk.exchanges, item)) if item.finished else talk
            return view_of(item, after)
        identity = talk.id
        try:
            identity, kept = self.keeper.keep(talk, item.answer)
            item = replace(item, kept=kept)
        except FootnoteError as error:
            item = replace(item, unkept=str(error))
        after = Talk(identity, (*talk.exchanges, item))
        listed = self.keeper.listed(current=identity)
        return replace(view_of(item, after), listed=listed)

    def _is_busy(self, session: str) -> bool:
        run = self._runs.get(session)
        return run is not None and not run.stopped.is_set()

    def stop(self, *, session: str) -> None:
        """Stop the answer that this session is waiting for, if any."""
        run = self._runs.get(session)
        if run is not None:
            run.stop()

    def give_up(self, *, session: str) -> None:
        """End the answer that this session is waiting for, if any, without another view."""
        run = self._runs.get(session)
        if run is not None:
            run.given_up = True
            run.stop()
            run.ended.wait(_END_SECONDS)

    def restart(self) -> View:
        """Forget the conversation."""
        return View(
            Talk(),
            "",
            render_sources.no_sources(),
            past=Past(),
            question="",
            listed=self.keeper.listed(),
        )

    def watch(self) -> Iterator[str]:
        """Yield the state line whenever it changes, until the models are ready or cannot be."""
        shown = None
        while not self._closed.is_set():
            readiness = self._readiness()
            line = render.state(readiness)
            if line != shown:
                shown = line
                yield line
            if readiness.phase != "preparing":
                return
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Stop every answer and every watcher."""
        self._closed.set()
        for run in list(self._runs.values()):
            run.stop()

    def _looked_at(self, left_out: Collection[str]) -> list[str] | None:
        if not left_out:
            return None
        return [d.id for d in self._assistant.documents() if d.id not in left_out]

    def _served(
        self, item: Exchange, start: Callable[[], Iterator[Event]], run: Run
    ) -> Iterator[Exchange]:
        """Wait for the turn of an exchange, telling its place in line, and answer it."""
        try:
            run.place = self._line.enter()
        except Full:
            yield replace(item, error=BUSY, waiting=None)
            return
        number = run.place.number()
        while number and not run.stopped.is_set():
            if item.waiting != _in_line(number):
                item = replace(item, waiting=_in_line(number))
                yield item
            number = run.place.number(after=number, seconds=POLL_SECONDS)
        if run.stopped.is_set():
            run.stop()  # it may have been stopped before it had its place
            yield replace(item, stopped=True, waiting=None)
            return
        yield from self._exchanges(replace(item, waiting=_WAITING["searching"]), start, run)

    def _exchanges(
        self, item: Exchange, start: Callable[[], Iterator[Event]], run: Run
    ) -> Iterator[Exchange]:
        threading.Thread(target=run.pump, args=(start,), name="answer", daemon=True).start()
        loading = False
        while not item.finished:
            arrived = run.take()
            if run.stopped.is_set():
                yield replace(item, stopped=True, waiting=None)
                return
            before = item
            for thing in arrived:
                loading = isinstance(thing, Event) and thing.stage == "loading"
                item = self._advance(item, thing)
            if loading:
                item = replace(item, waiting=_loading(self._readiness()))
            if item != before:
                yield item

    def _advance(self, item: Exchange, thing: object) -> Exchange:
        """Return the exchange after an event, an error or the end of the stream."""
        if item.finished:
            return item
        if isinstance(thing, Event):
            return self._after(item, thing)
        if isinstance(thing, FootnoteError):
            return replace(item, error=str(thing), waiting=None, draft="")
        if isinstance(thing, Exception):
            log.error("An answer failed.", exc_info=thing)
        else:
            log.error("A stream ended without an answer.")
        return replace(item, error=UNEXPECTED, waiting=None, draft="")

    def _after(self, item: Exchange, event: Event) -> Exchange:
        return replace(
            item,
            waiting=_WAITING.get(event.stage),
            text=item.text + event.text,
            draft=event.draft,
            hits=event.hits or item.hits,
            answer=event.answer,
            sources=self._sources(event.answer) if event.answer else (),
        )

    def _sources(self, answer: Answer) -> tuple[Source, ...]:
        passages = {hit.passage.id: hit.passage for hit in answer.hits}
        return tuple(self._source(c, passages.get(c.passage_id)) for c in answer.citations)

    def _source(self, citation: Citation, passage: Passage | None) -> Source:
        heading = passage.heading if passage else None
        try:
            text = self._assistant.text_of(citation.document.id)
        except FootnoteError:
            # The document was removed while its answer was written; the quote itself remains.
            return Source(citation, "", "", heading)
        before, after = surroundings(text, citation.start, citation.end)
        return Source(citation, before, after, heading)


def _history(talk: Talk) -> tuple[Turn, ...]:
    said = (e.answer for e in talk.exchanges)
    return tuple(Turn(a.question, a.text) for a in said if a is not None)


def _in_line(number: int) -> str:
    return f"Waiting for its turn: number {number} in line…"


def _loading(readiness: Readiness) -> str:
    # The assistant may still be loading when the background warm-up has already given up.
    return render.state_text(
        readiness if readiness.phase == "preparing" else Readiness("preparing")
    )
