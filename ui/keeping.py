"""Conversations that the library keeps, as the page opens, lists and changes them.

Knows nothing of Gradio or of how answers are made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rag import Answer, Conversation, Conversations, FootnoteError, UnknownConversation
from ui import exporting, listing
from ui.conversation import Exchange, Source, Talk

SourcesOf = Callable[[Answer], tuple[Source, ...]]


@dataclass(frozen=True)
class Download:
    """A file for the browser to keep."""

    name: str
    mime: str
    text: str


class Keeper:
    """Keeps what the page says in the library."""

    def __init__(self, conversations: Conversations, sources_of: SourcesOf) -> None:
        self._conversations = conversations
        self._sources_of = sources_of

    def keep(self, talk: Talk, answer: Answer) -> tuple[str, str]:
        """Add an answer to a conversation, begun if it must be; return the ids of both.

        Raises:
            StoreError: the library cannot be written.
        """
        identity = talk.id
        if identity is not None:
            try:
                return identity, self._conversations.append(identity, answer).id
            except UnknownConversation:
                # Deleted in another tab: what is said here goes on as a new one.
                pass
        title = talk.exchanges[0].question if talk.exchanges else answer.question
        started = self._conversations.start(title).id
        return started, self._conversations.append(started, answer).id

    def open(self, identity: str) -> Talk:
        """Return a conversation as it was left. Raises UnknownConversation."""
        exchanges = tuple(
            Exchange(
                number,
                kept.answer.question,
                text=kept.answer.text,
                hits=kept.answer.hits,
                answer=kept.answer,
                sources=self._sources_of(kept.answer),
                kept=kept.id,
            )
            for number, kept in enumerate(self._conversations.exchanges(identity), start=1)
        )
        return self.rated(Talk(identity, exchanges))

    def without_last(self, talk: Talk) -> Talk:
        """Return a conversation without its last exchange, which the library forgets, too."""
        last = talk.exchanges[-1]
        if talk.id is not None and last.kept is not None:
            try:
                self._conversations.cut(talk.id, last.kept)
            except UnknownConversation:
                pass  # deleted in another tab: nothing is left to forget
        return Talk(talk.id, talk.exchanges[:-1])

    def rename(self, identity: str, title: str) -> None:
        """Give a conversation another title; an empty one changes nothing."""
        if title.strip():
            self._conversations.rename(identity, title)

    def delete(self, identity: str) -> None:
        """Remove a conversation, if it is still there."""
        try:
            self._conversations.delete(identity)
        except UnknownConversation:
            pass  # deleted in another tab: it is gone, as was wanted

    def rate(
        self, exchange: str, helpful: bool, reason: str = "", *, citation: int | None = None
    ) -> None:
        """Keep what a reader thought of an answer or a citation. Raises UnknownConversation."""
        self._conversations.rate(exchange, helpful, reason, citation=citation)

    def rated(self, talk: Talk) -> Talk:
        """Return a conversation with what readers thought of its answers by now."""
        if talk.id is None:
            return talk
        ratings = self._conversations.ratings(talk.id)
        if not ratings:
            return talk
        return replace(
            talk,
            exchanges=tuple(
                replace(
                    item,
                    rated={n: good for (kept, n), good in ratings.items() if kept == item.kept},
                )
                for item in talk.exchanges
            ),
        )

    def listed(self, containing: str = "", *, current: str | None = None) -> str:
        """Render the conversations with these words, `current` marked."""
        try:
            found: list[Conversation] = self._conversations.find(containing)
        except FootnoteError as error:
            return listing.problem(str(error))
        return listing.conversations(
            found, current=current, searched=bool(containing.strip()), now=datetime.now(UTC)
        )

    def download(self, name: str) -> Download:
        """Return the file `ID.md` or `ID.json`. Raises UnknownConversation."""
        identity, _, kind = name.rpartition(".")
        conversation = self._conversations.get(identity)
        exchanges = self._conversations.exchanges(identity)
        if kind == "json":
            return Download(
                f"{exporting.slug(conversation.title)}.json",
                "application/json",
                exporting.as_json(conversation, exchanges),
            )
        if kind == "md":
            return Download(
                f"{exporting.slug(conversation.title)}.md",
                "text/markdown",
                exporting.markdown(conversation, exchanges),
            )
        raise UnknownConversation(f"There is no file {name!r}. Take .md or .json.")
