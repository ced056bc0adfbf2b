"""Conversations and feedback: kept whole, found again, gone when deleted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rag import Answer, Assistant, Settings, StoreError, UnknownConversation, UsageError
from rag.conversations import Conversations
from rag.database import Database
from tests.test_schema import ANSWER


def asked(question: str, text: str = "Zürich. [1]") -> Answer:
    return replace(ANSWER, question=question, searched_for=question, text=text)


@pytest.fixture
def conversations(tmp_path: Path):
    database = Database(tmp_path, read_only=False)
    yield Conversations(database)
    database.close()


def questions(conversations: Conversations, conversation_id: str) -> list[str]:
    return [e.answer.question for e in conversations.exchanges(conversation_id)]


def test_answers_are_read_back_as_they_were(conversations: Conversations) -> None:
    """Exchanges come in the order they were appended, each with its answer, citations and all."""
    started = conversations.start("Cities")
    conversations.append(started.id, ANSWER)
    conversations.append(started.id, asked("And then?"))
    first, second = conversations.exchanges(started.id)
    assert (first.answer, second.answer) == (ANSWER, asked("And then?"))
    assert conversations.get(started.id).n_exchanges == 2


def test_last_changed_comes_first(conversations: Conversations) -> None:
    """A conversation that was continued is listed before one that was started later."""
    old, new = conversations.start("old"), conversations.start("new")
    assert [c.title for c in conversations.find()] == ["new", "old"]
    while conversations.get(old.id).changed_at <= new.changed_at:
        conversations.append(old.id, ANSWER)
    assert [c.title for c in conversations.find()] == ["old", "new"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("ÉCOLE", ["l'école"]), ("why zürich", ["towns"]), ("100%", ["towns"]), ("_", []), ("x", [])],
)
def test_search_looks_at_titles_questions_and_answers(
    conversations: Conversations, wanted: str, found: list[str]
) -> None:
    """Case is folded beyond ASCII, and no character is a wildcard."""
    conversations.start("l'école")
    towns = conversations.start("towns")
    conversations.append(towns.id, asked("Why Zürich?", "Of 100% certainty. [1]"))
    assert [c.title for c in conversations.find(wanted)] == found


def test_cut_takes_an_exchange_and_what_follows(conversations: Conversations) -> None:
    """What came before stays, and the next exchange continues from there."""
    started = conversations.start("t")
    exchanges = [conversations.append(started.id, asked(q)) for q in ("1", "2", "3")]
    conversations.cut(started.id, exchanges[1].id)
    conversations.append(started.id, asked("4"))
    assert questions(conversations, started.id) == ["1", "4"]
    with pytest.raises(UnknownConversation):
        conversations.cut(started.id, exchanges[2].id)


def test_titles_hide_nothing(conversations: Conversations) -> None:
    """What turns letters round, or is obeyed by a terminal, is no part of a title."""
    started = conversations.start("\u202eWhere\x1b[31m?\u200b\U000e0041")
    assert started.title == "Where[31m?"


def test_titles_are_one_short_line(conversations: Conversations) -> None:
    """White space is joined and length is bounded; an empty new title is refused."""
    started = conversations.start("a\n b " + "c" * 500)
    assert started.title.startswith("a b c")
    assert len(started.title) <= 80
    assert conversations.rename(started.id, " New\tname ").title == "New name"
    with pytest.raises(UsageError, match="empty"):
        conversations.rename(started.id, "  ")


def test_deleted_conversation_takes_its_feedback_with_it(conversations: Conversations) -> None:
    """Nothing of it is found, listed or rated afterwards; others stay."""
    gone, stays = conversations.start("gone"), conversations.start("stays")
    exchange = conversations.append(gone.id, ANSWER)
    conversations.rate(exchange.id, helpful=True)
    conversations.delete(gone.id)
    assert [c.id for c in conversations.find()] == [stays.id]
    assert conversations.feedback() == []
    with pytest.raises(UnknownConversation, match="deleted"):
        conversations.exchanges(gone.id)
    with pytest.raises(UnknownConversation):
        conversations.append(gone.id, ANSWER)
    with pytest.raises(UnknownConversation):
        conversations.rate(exchange.id, helpful=True)
    with pytest.raises(UnknownConversation):
        conversations.delete(gone.id)


def test_ratings_of_an_answer_and_of_its_citations(conversations: Conversations) -> None:
    """Each is kept apart with its reason; a second one of the same takes the first's place."""
    exchange = conversations.append(conversations.start("t").id, ANSWER)
    conversations.rate(exchange.id, helpful=True)
    conversations.rate(exchange.id, helpful=False, reason=" wrong city ", citation=1)
    conversations.rate(exchange.id, helpful=False, reason="too short")
    given = {(f.citation, f.helpful, f.reason) for f in conversations.feedback()}
    assert given == {(None, False, "too short"), (1, False, "wrong city")}
    assert all(f.exchange == exchange for f in conversations.feedback())


def test_they_live_in_the_library(tmp_path: Path) -> None:
    """An assistant keeps them for the next one; one that only reads can list but not write."""
    with Assistant(Settings(home=tmp_path)) as assistant:
        started = assistant.conversations.start("kept")
        assistant.conversations.append(started.id, ANSWER)
    with Assistant(Settings(home=tmp_path), read_only=True) as assistant:
        assert questions(assistant.conversations, started.id) == [ANSWER.question]
        with pytest.raises(StoreError):
            assistant.conversations.start("not kept")
