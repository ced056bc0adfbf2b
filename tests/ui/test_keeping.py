"""Conversations that are kept, opened again, changed and saved as files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Conversation, StoreError
from tests.ui.fake_assistant import FakeAssistant, answer, cite, geneva, refusal, streamed
from ui import exporting, listing
from ui.conversation import Readiness, Talk
from ui.handlers import Handlers
from ui.view import View

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def assistant() -> FakeAssistant:
    """Return an assistant with a library of its own."""
    return FakeAssistant()


@pytest.fixture
def page(assistant: FakeAssistant) -> Iterator[Handlers]:
    """Return the actions of a page on it."""
    handlers = Handlers(assistant, lambda: Readiness("ready"))
    yield handlers
    handlers.close()


def asked(page: Handlers, *questions: str) -> Talk:
    """Ask these one after the other; return the conversation."""
    talk = Talk()
    for question in questions:
        talk = last(page.ask(question, talk, session="one")).talk
    return talk


def last(views: Iterator[View]) -> View:
    *_, view = views
    return view


def titles(html: str | None) -> list[str]:
    return re.findall(r'class="title">(.*?)</span>', html or "")


def test_what_is_answered_is_kept_and_listed(page: Handlers, assistant: FakeAssistant) -> None:
    """Under the first question; refusals are kept, too."""
    view = last(page.ask("Where?", Talk(), session="one"))
    assert titles(view.listed) == ["Where?"]
    assert 'aria-current="true"' in str(view.listed)
    assistant.script = lambda question: streamed(refusal(question))
    talk = last(page.ask("And why?", view.talk, session="one")).talk
    assert talk.id == view.talk.id
    (kept,) = assistant.conversations.find()
    assert kept.n_exchanges == 2
    assert [e.kept for e in talk.exchanges] == [
        e.id for e in assistant.conversations.exchanges(kept.id)
    ]


def test_what_fails_or_is_stopped_is_not_kept(page: Handlers, assistant: FakeAssistant) -> None:
    """Half an answer is none."""

    def fails(_question: str) -> Iterator[object]:
        raise StoreError("It broke.")

    assistant.script = fails  # type: ignore[assignment]
    assert asked(page, "Where?").id is None
    assert assistant.conversations.find() == []


def test_a_kept_conversation_is_opened_as_it_was_left(page: Handlers) -> None:
    """Another page finds it in the list, with answers, sources and what can be done."""
    talk = asked(page, "Where?", "And when?")
    view = page.on_list(Talk(), {"action": "open", "id": str(talk.id)}, session="two")
    assert [e.answer for e in view.talk.exchanges] == [e.answer for e in talk.exchanges]
    assert [e.number for e in view.talk.exchanges] == [1, 2]
    assert "Where?" in str(view.past)
    assert "And when?" in view.now
    assert '<mark class="quote">met in Geneva on 4 May</mark>' in str(view.now_sources)
    assert 'data-action="again"' in view.now
    assert 'data-action="again"' not in str(view.past)
    longer = last(page.ask("More?", view.talk, session="two")).talk
    assert longer.id == talk.id


def test_a_document_that_is_gone_leaves_its_quote(page: Handlers, assistant: FakeAssistant) -> None:
    """The library no longer has its text."""
    talk = asked(page, "Where?")
    assistant.texts.clear()
    assert "met in Geneva on 4 May" in str(page.open(str(talk.id)).now_sources)


def test_a_conversation_deleted_elsewhere(page: Handlers, assistant: FakeAssistant) -> None:
    """Opening says so; asking on keeps what is said under a new one; deleting is done."""
    talk = asked(page, "Where?")
    assistant.conversations.delete(str(talk.id))
    opened = page.on_list(talk, {"action": "open", "id": str(talk.id)}, session="one")
    assert "may have been deleted" in opened.now
    assert opened.talk == Talk()
    page.on_list(talk, {"action": "delete", "id": str(talk.id)}, session="one")
    assert page.edit(talk) is not None
    again = last(page.again(talk, session="one")).talk
    assert again.id not in (None, talk.id)


def test_renaming_and_deleting(page: Handlers) -> None:
    """The list shows it; deleting the open one empties the page, another one does not."""
    first, second = asked(page, "Where?"), asked(page, "Who?")
    view = page.on_list(
        second, {"action": "rename", "id": str(first.id), "title": "Places"}, session="one"
    )
    assert set(titles(view.listed)) == {"Places", "Who?"}
    assert view.talk == second
    view = page.on_list(
        second, {"action": "rename", "id": str(first.id), "title": " "}, session="one"
    )
    assert set(titles(view.listed)) == {"Places", "Who?"}
    view = page.on_list(second, {"action": "delete", "id": str(first.id)}, session="one")
    assert (titles(view.listed), view.talk) == (["Who?"], second)
    view = page.on_list(second, {"action": "delete", "id": str(second.id)}, session="one")
    assert (titles(view.listed), view.talk, view.now) == ([], Talk(), "")


def test_the_last_question_is_asked_again_in_place_of_the_first_time(
    page: Handlers, assistant: FakeAssistant
) -> None:
    """What came before stays."""
    talk = asked(page, "Where?", "And when?")
    after = last(page.on_exchange(talk, {"action": "again"}, session="one")).talk
    assert [e.question for e in after.exchanges] == ["Where?", "And when?"]
    assert after.exchanges[1].kept != talk.exchanges[1].kept
    kept = assistant.conversations.exchanges(str(talk.id))
    assert [e.id for e in kept] == [e.kept for e in after.exchanges]
    assert [len(history) for _, history in assistant.asked] == [0, 1, 1]


def test_the_last_question_is_edited(page: Handlers, assistant: FakeAssistant) -> None:
    """It goes back into the box; until another is asked, nothing is lost."""
    talk = asked(page, "Where?", "And when?")
    (view,) = page.on_exchange(talk, {"action": "edit"}, session="one")
    assert view.question == "And when?"
    assert len(assistant.conversations.exchanges(str(talk.id))) == 2
    after = last(page.ask("And why?", view.talk, session="one")).talk
    assert [e.question for e in after.exchanges] == ["Where?", "And why?"]
    assert not after.editing
    kept = assistant.conversations.exchanges(str(talk.id))
    assert [e.answer.question for e in kept] == ["Where?", "And why?"]


def test_what_a_reader_thinks_is_kept(page: Handlers, assistant: FakeAssistant) -> None:
    """Of an answer, whichever it is; nothing else on the page moves."""
    talk = asked(page, "Where?")
    kept = str(talk.exchanges[0].kept)
    page.keeper.rate(kept, False, "It is wrong")
    page.keeper.rate(kept, True, citation=1)
    whole, of_citation = assistant.conversations.feedback()
    assert (whole.helpful, whole.exchange.id, whole.reason) == (False, kept, "It is wrong")
    assert (of_citation.helpful, of_citation.citation) == (True, 1)
    assert page.keeper.rated(talk).exchanges[0].rated == {None: False, 1: True}
    opened = page.keeper.open(str(talk.id))
    assert opened.exchanges[0].rated == {None: False, 1: True}


def test_an_answer_that_cannot_be_kept_is_shown_all_the_same(
    page: Handlers, assistant: FakeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason."""

    def full(*_: object) -> None:
        raise StoreError("The disk is full. Free some space.")

    monkeypatch.setattr(type(assistant.conversations), "start", full)
    view = last(page.ask("Where?", Talk(), session="one"))
    assert "They met in Geneva." in view.now
    assert "could not be kept. The disk is full." in view.now
    assert view.talk.exchanges[0].kept is None


def test_conversations_are_found_by_their_words(page: Handlers) -> None:
    """Those without them are left out; a line says when none is left."""
    asked(page, "Where did they meet?")
    asked(page, "Who paid?")
    assert titles(page.keeper.listed("PAID")) == ["Who paid?"]
    assert "No conversation has these words" in page.keeper.listed("zebra")


# Files --------------------------------------------------------------------------------


def test_saved_as_markdown(page: Handlers) -> None:
    """Questions as headings, citations as footnotes numbered through, with their place."""
    talk = asked(page, "Where?", "And when?")
    file = page.keeper.download(f"{talk.id}.md")
    assert (file.name, file.mime) == ("where.md", "text/markdown")
    assert file.text.startswith("# Where?\n")
    assert "## And when?\n\nThey met in Geneva.[^3] Trade came later.[^4]" in file.text
    assert file.text.count("\n[^") == 4
    assert "“met in Geneva on 4 May” The treaty, treaty.txt, characters 28 to 50" in file.text


def test_saved_as_json(page: Handlers) -> None:
    """Every answer whole."""
    talk = asked(page, "Where?")
    data = json.loads(page.keeper.download(f"{talk.id}.json").text)
    assert data["title"] == "Where?"
    assert data["exchanges"][0]["citations"][0]["quote"] == "met in Geneva on 4 May"


@given(words=st.text(alphabet="ab1[]()*_`#<>|\\-+.!~ \n", max_size=60))
def test_no_word_of_an_answer_becomes_markup(words: str) -> None:
    """Neither a link nor an image, a heading, a list or a tag."""
    said = answer("Q?", (f"x {words}", [cite("met in Geneva on 4 May")], "supported"))
    text = exporting.answer_markdown(said).split("\n\n[^1]:")[0].replace("[^1]", "")
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_{}\[\]<>#|~]", text)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Where did they meet?", "where-did-they-meet"),
        ("../../etc/passwd", "etc-passwd"),
        ("?", "conversation"),
    ],
)
def test_file_names_are_plain(title: str, slug: str) -> None:
    """No path, no sign that a shell would read."""
    assert exporting.slug(title) == slug


# The list -----------------------------------------------------------------------------


def test_titles_are_text() -> None:
    """Whatever was asked first."""
    item = Conversation("a1", '<img src=x onerror="hurt()">', "2026-03-01", "2026-03-01", 1)
    html = listing.conversations(
        [replace(item, changed_at="2026-03-01T10:00:00+00:00")],
        current=None,
        searched=False,
        now=NOW,
    )
    assert "<img" not in html
    assert "1 question · yesterday" in html


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("2026-03-02T00:01:00+00:00", "today"),
        ("2026-03-01T23:59:00+00:00", "yesterday"),
        ("2026-02-20T12:00:00+00:00", "10 days ago"),
        ("2025-02-20T12:00:00+00:00", "2025-02-20"),
        ("2026-03-05T12:00:00+00:00", "today"),
    ],
)
def test_times_are_told_in_words(changed: str, words: str) -> None:
    """A clock that went back tells no future."""
    assert listing.when(changed, NOW) == words


def test_the_script_of_an_answer_is_what_is_kept(page: Handlers) -> None:
    """Letter by letter."""
    talk = asked(page, "Where?")
    assert talk.exchanges[0].answer == geneva("Where?")
