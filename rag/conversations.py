"""Conversations and what readers thought of the answers, kept in the library's file.

Knows nothing of how an answer is made or shown. An answer is kept whole, with the words
it cites, so a conversation stays readable when a document changes or goes.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from rag.cleaning import clean_line
from rag.database import Connection, Database, Row
from rag.errors import UnknownConversation, UsageError
from rag.schema import Answer, Conversation, Exchange, Feedback

_CONVERSATION = (
    "SELECT c.id, c.title, c.created_at, c.changed_at, count(e.id) FROM conversations c "
    "LEFT JOIN exchanges e ON e.conversation = c.id"
)
_LONGEST_TITLE = 80


class Conversations:
    """The conversations of one library.

    Raises (every method):
        StoreError: the file cannot be read or written; the message names the cause.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, containing: str = "") -> list[Conversation]:
        """Return the conversations with these words (without any: all), the last changed first.

        Titles, questions and answers are looked through, upper and lower case alike.
        """
        rows = self._database.rows(
            f"{_CONVERSATION} GROUP BY c.id ORDER BY c.turn DESC, c.changed_at DESC, c.rowid DESC"
        )
        found = [Conversation(*row) for row in rows]
        wanted = containing.strip().casefold()
        if not wanted:
            return found
        # In Python, for SQLite folds the case of ASCII letters alone.
        texts = {conversation.id: [conversation.title] for conversation in found}
        for identity, question, text in self._database.rows(
            "SELECT conversation, question, text FROM exchanges"
        ):
            texts.setdefault(identity, []).extend((question, text))
        return [c for c in found if any(wanted in text.casefold() for text in texts[c.id])]

    def get(self, conversation_id: str) -> Conversation:
        """Return a conversation; raises UnknownConversation."""
        rows = self._database.rows(
            f"{_CONVERSATION} WHERE c.id = ? GROUP BY c.id", (conversation_id,)
        )
        if not rows:
            raise _unknown(conversation_id)
        return Conversation(*rows[0])

    def exchanges(self, conversation_id: str) -> list[Exchange]:
        """Return its questions and answers, in order; raises UnknownConversation."""
        self.get(conversation_id)
        rows = self._database.rows(
            "SELECT id, asked_at, answer FROM exchanges WHERE conversation = ? ORDER BY position",
            (conversation_id,),
        )
        return [_exchange(row) for row in rows]

    def exchange(self, exchange_id: str) -> Exchange:
        """Return one question with its answer; raises UnknownConversation."""
        rows = self._database.rows(
            "SELECT id, asked_at, answer FROM exchanges WHERE id = ?", (exchange_id,)
        )
        if not rows:
            raise _unknown(exchange_id, "exchange")
        return _exchange(rows[0])

    def start(self, title: str) -> Conversation:
        """Begin a conversation; a title too long for one line is cut."""
        identity, now = uuid.uuid4().hex, _now()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO conversations (id, title, created_at, changed_at, turn) "
                "SELECT ?, ?, ?, ?, coalesce(max(turn), 0) + 1 FROM conversations",
                (identity, _short(title), now, now),
            )
        return self.get(identity)

    def append(self, conversation_id: str, answer: Answer) -> Exchange:
        """Add a question and its answer at the end; raises UnknownConversation."""
        exchange = Exchange(uuid.uuid4().hex, _now(), answer)
        with self._database.transaction() as connection:
            _touch(connection, conversation_id)
            connection.execute(
                "INSERT INTO exchanges (id, conversation, position, asked_at, question, text, "
                "answer) SELECT ?, ?, coalesce(max(position), -1) + 1, ?, ?, ?, ? "
                "FROM exchanges WHERE conversation = ?",
                (
                    exchange.id,
                    conversation_id,
                    exchange.asked_at,
                    answer.question,
                    answer.text,
                    answer.to_json(),
                    conversation_id,
                ),
            )
        return exchange

    def cut(self, conversation_id: str, exchange_id: str) -> None:
        """Remove an exchange and all after it, as when an earlier question is edited.

        Raises:
            UnknownConversation: there is no such conversation, or no such exchange in it.
        """
        with self._database.transaction() as connection:
            _touch(connection, conversation_id)
            gone = connection.execute(
                "DELETE FROM exchanges WHERE conversation = ?1 AND position >= "
                "(SELECT position FROM exchanges WHERE id = ?2 AND conversation = ?1)",
                (conversation_id, exchange_id),
            )
            if not gone.rowcount:
                raise _unknown(exchange_id, "exchange")

    def rename(self, conversation_id: str, title: str) -> Conversation:
        """Give it another title; raises UnknownConversation, UsageError for an empty one."""
        if not title.strip():
            raise UsageError("The title is empty. Write how the conversation shall be called.")
        with self._database.transaction() as connection:
            _touch(connection, conversation_id)
            connection.execute(
                "UPDATE conversations SET title = ? WHERE id = ?", (_short(title), conversation_id)
            )
        return self.get(conversation_id)

    def delete(self, conversation_id: str) -> None:
        """Remove it with its feedback; raises UnknownConversation."""
        with self._database.transaction() as connection:
            _touch(connection, conversation_id)
            connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))
        self._database.erase_removed()

    def rate(
        self, exchange_id: str, helpful: bool, reason: str = "", *, citation: int | None = None
    ) -> None:
        """Keep what a reader thought of an answer, or of one of its citations.

        A later rating takes the place of the earlier one. Raises UnknownConversation.
        """
        with self._database.transaction() as connection:
            if not connection.execute(
                "SELECT 1 FROM exchanges WHERE id = ?", (exchange_id,)
            ).fetchone():
                raise _unknown(exchange_id, "exchange")
            connection.execute(
                "INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?, ?)",
                (exchange_id, citation or 0, helpful, reason.strip(), _now()),
            )

    def ratings(self, conversation_id: str) -> dict[tuple[str, int | None], bool]:
        """Return which of its answers, and of their citations by number, were called helpful."""
        rows = self._database.rows(
            "SELECT f.exchange, f.citation, f.helpful FROM feedback f JOIN exchanges e "
            "ON e.id = f.exchange WHERE e.conversation = ?",
            (conversation_id,),
        )
        return {(row[0], row[1] or None): bool(row[2]) for row in rows}

    def feedback(self) -> list[Feedback]:
        """Return all ratings, the first given first."""
        rows = self._database.rows(
            "SELECT e.id, e.asked_at, e.answer, f.citation, f.helpful, f.reason, f.given_at "
            "FROM feedback f JOIN exchanges e ON e.id = f.exchange ORDER BY f.rowid"
        )
        return [
            Feedback(_exchange(row[:3]), row[3] or None, bool(row[4]), row[5], row[6])
            for row in rows
        ]


def _touch(connection: Connection, conversation_id: str) -> None:
    changed = connection.execute(
        # What was changed last is told by counting: a clock may be put back.
        "UPDATE conversations SET changed_at = ?, "
        "turn = (SELECT max(turn) + 1 FROM conversations) WHERE id = ?",
        (_now(), conversation_id),
    )
    if not changed.rowcount:
        raise _unknown(conversation_id)


def _exchange(row: Row) -> Exchange:
    identity, asked_at, answer = row
    return Exchange(identity, asked_at, Answer.from_json(answer))


def _unknown(identity: str, kind: str = "conversation") -> UnknownConversation:
    return UnknownConversation(f"There is no {kind} {identity!r}. It may have been deleted.")


def _short(title: str) -> str:
    line = clean_line(title) or "Untitled"
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1].rstrip() + "…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
