"""Dangerous texts in what leaves the page or is printed: all of them stay words.

The answers are forged, with the texts in every place: what writes them out has to make them
harmless by itself, whatever was checked before.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from eval.feedback import export_feedback
from rag import Assistant, Conversation, Event, Exchange, Settings
from tests.eval.test_html import with_words, written
from tests.forced_outputs import forced_outputs
from tests.harmlessness import markup_in, tags_of
from tests.ui.forged import forged
from ui import exporting, listing
from ui.naming import document_name, file_name
from ui.terminal import Terminal

OUTPUTS = forced_outputs()
NOW = "2026-01-01T00:00:00.000+00:00"
OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f]")
TURNED = re.compile("[\u202a-\u202e\u2066-\u2069]")
HIDDEN = re.compile("[\u200b\u2060-\u2064\ufeff\U000e0000-\U000e007f]")


def steers(text: str) -> bool:
    """Tell whether a terminal would obey a text, or show less than is in it."""
    return any(signs.search(text) for signs in (OBEYED, TURNED, HIDDEN))


@pytest.fixture(scope="module")
def report() -> str:
    """Return the report of an evaluation with a case for every text."""
    outcomes = [
        replace(outcome, case=outcome.case.model_copy(update={"id": forced.name}))
        for forced in OUTPUTS
        for outcome in with_words(forced.text)[:1]
    ]
    return written(outcomes, dict.fromkeys(("dataset", "model", "commit"), OUTPUTS[0].text))


def broken_in(texts: dict[str, str]) -> dict[str, list[str]]:
    """Return what Markdown files, by name, would do in a viewer."""
    found = {name: markup_in(text) for name, text in texts.items()}
    assert [name for name, text in texts.items() if steers(text)] == []
    return {name: markup for name, markup in found.items() if markup}


def test_copied_answers_are_words() -> None:
    """With their footnotes, pasted into anything that renders Markdown."""
    copied = {
        f"{forced.name}, {answered}": exporting.answer_markdown(
            forged(forced.text, answered=answered)
        )
        for forced in OUTPUTS
        for answered in (True, False)
    }
    assert broken_in(copied) == {}


def test_saved_conversations_are_words() -> None:
    """Titles, questions, answers and footnotes; in a file with all of them, too."""
    saved, everything = {}, []
    for number, forced in enumerate(OUTPUTS):
        exchange = Exchange(str(number), NOW, forged(forced.text))
        conversation = Conversation("c1", forced.text, NOW, NOW, 1)
        saved[forced.name] = exporting.markdown(conversation, [exchange])
        everything.append(exchange)
        data = exporting.as_json(conversation, [exchange])
        assert not OBEYED.search(data)
        assert json.loads(data)["exchanges"][0]["text"] == exchange.answer.text
    saved["all"] = exporting.markdown(Conversation("c1", "All", NOW, NOW, 1), everything)
    assert broken_in(saved) == {}


def test_a_viewer_shows_the_words_of_an_export() -> None:
    """What was taken for markup no more is seen as it was written."""
    viewer = MarkdownIt("commonmark", {"html": True})
    for words in ("a <b> & c &lt; $x$ https://a.example/x_y www.b.example ann@c.example", "1. [x]"):
        shown = re.sub(r"<[^>]*>", "", viewer.render(exporting.plain(words))).strip()
        assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == words


def test_a_forged_mark_of_a_footnote_is_none() -> None:
    """Only numbers of citations become marks."""
    said = replace(forged("x"), text="\0001\0 and [^1] and [7] [1]")
    assert exporting.answer_markdown(said).startswith("1 and \\[^1\\] and \\[7\\][^1]\n")


def test_terminals_are_not_steered() -> None:
    """Answers, refusals, passages, documents: nothing of them is obeyed or hidden."""
    broken = []
    for forced in OUTPUTS:
        out, err = io.StringIO(), io.StringIO()
        terminal = Terminal(out, err)
        for said in (forged(forced.text), forged(forced.text, answered=False)):
            terminal.show_answer(said)
        terminal.show_hits(said.hits)
        terminal.show_documents([said.hits[0].passage.document])
        terminal.complain(forced.text)
        with terminal.streaming() as display:
            display.show(Event("writing", text=forced.text, draft=forced.text))
        if steers(out.getvalue() + err.getvalue()):
            broken.append(forced.name)
        terminal.show_json(said.to_dict())
        assert not OBEYED.search(out.getvalue())
    assert broken == []


def test_names_of_documents_hide_nothing() -> None:
    """A file may be called anything."""
    for forced in OUTPUTS:
        file = forged(forced.text).citations[0].document
        for name in (document_name(file), file_name(file)):
            assert not steers(name), forced.name
            assert "\n" not in name


def test_listed_titles_are_words() -> None:
    """However a conversation is called."""
    for forced in OUTPUTS:
        talk = Conversation("c1", forced.text, NOW, NOW, 1)
        plain = replace(talk, title="x")
        lists = [
            listing.conversations([one], current=None, searched=False, now=datetime.now(UTC))
            for one in (talk, plain)
        ]
        assert tags_of(lists[0]) == tags_of(lists[1]), forced.name


class Attributes(HTMLParser):
    """Collects the attributes of a page, with their tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, name, value or "") for name, value in attrs]


def test_the_report_of_an_evaluation_is_words(report: str) -> None:
    """It brings a policy of its own, and no script, address or event in any attribute."""
    tags = set(tags_of(report))
    assert not tags & {"script", "iframe", "object", "embed", "form", "base", "link", "video"}
    allowed = ("#", "data:image/png;base64,")
    for tag, name, value in Attributes(report).found:
        assert not name.startswith("on"), (tag, name)
        if name in ("href", "src", "xlink:href", "action", "srcset", "data", "poster"):
            assert value.startswith(allowed), (tag, name, value)
    policy = next(v for t, n, v in Attributes(report).found if (t, n) == ("meta", "content")
                  and v.startswith("default-src"))  # fmt: skip
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert not OBEYED.search(report)
    assert not TURNED.search(report)


def test_exported_feedback_is_one_record_a_line(tmp_path: Path) -> None:
    """With every text, none of which a terminal would obey."""
    settings = Settings(home=tmp_path / "home", llm="none")
    with Assistant(settings) as assistant:
        talks = assistant.conversations
        started = talks.start("All")
        for number, forced in enumerate(OUTPUTS):
            kept = talks.append(started.id, forged(forced.text, identity=f"d{number}"))
            talks.rate(kept.id, bool(number % 2), forced.text)
    exported = export_feedback(settings, tmp_path / "cases.jsonl")
    assert len(exported.cases) + len(exported.unfinished) == len(OUTPUTS)
    for file in tmp_path.glob("cases*.jsonl"):
        lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        assert all(isinstance(json.loads(line), dict) for line in lines)
        assert not OBEYED.search("".join(lines))
