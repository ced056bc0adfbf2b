"""Documents opened at a quote, and the rest of them in stretches."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import UnknownDocument
from tests.ui.fake_assistant import FakeAssistant, document
from ui import render_reader
from ui.reader import STRETCH, Reader

LONG = "".join(f"Line {n} tells of place {n}.\n" for n in range(3000))


def reader(text: str, *, title: str = "Places") -> Reader:
    assistant = FakeAssistant()
    assistant.texts["d1"] = text
    assistant.held["d1"] = document(text, title=title)
    return Reader(assistant)


@given(st.integers(-10, len(LONG) + 10), st.integers(-10, len(LONG) + 10))
def test_a_stretch_is_a_part_of_the_text_around_the_quote(start: int, end: int) -> None:
    """Wherever the quote is said to be, in whole lines, with no more than asked for."""
    opened = reader(LONG).open("d1", start, end)
    assert LONG[opened.first : opened.last] == opened.text
    assert opened.first <= opened.start <= opened.end <= opened.last
    assert opened.first == 0 or LONG[opened.first - 1] == "\n"
    assert opened.start - opened.first <= STRETCH


@given(st.integers(0, len(LONG)))
def test_stretches_that_follow_each_other_are_the_whole_text(start: int) -> None:
    """Nothing is left out and nothing comes twice."""
    shelf = reader(LONG)
    opened = shelf.open("d1", start, start)
    words = opened.text
    first, last = opened.first, opened.last
    while first > 0:
        more = shelf.stretch("d1", before=first, after=None)
        assert more.last == first
        words, first = more.text + words, more.first
    while last < len(LONG):
        more = shelf.stretch("d1", before=None, after=last)
        assert more.first == last
        words, last = words + more.text, more.last
    assert words == LONG


def test_a_document_that_went_is_a_sentence() -> None:
    """It may have been removed since it was cited."""
    with pytest.raises(UnknownDocument, match="no longer in your library"):
        reader(LONG).open("d2", 0, 1)


@given(st.text(min_size=1), st.data())
def test_every_word_of_a_document_is_shown_as_text(text: str, data: st.DataObject) -> None:
    """With the quote in the one mark, letter by letter."""
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    html = render_reader.document(reader(text, title=text).open("d1", start, end))
    (marked,) = re.findall(r'<mark class="quote">(.*?)</mark>', html, re.DOTALL)
    assert unescape(marked) == text[start:end]
    inner = re.search(r'<div class="words">(.*)</div>', html, re.DOTALL)
    assert inner is not None
    assert unescape(re.sub("</?mark[^>]*>", "", inner[1])).startswith(text)
    assert set(re.findall(r"<(\w+)", html)) <= {"header", "h2", "p", "span", "a", "div", "mark"}


def test_what_follows_is_offered_where_there_is_more() -> None:
    """At both ends in the middle, at neither in a short text."""
    middle = render_reader.document(reader(LONG).open("d1", 40_000, 40_010))
    assert re.findall(r"data-more=\"[^\"]*(before|after)=", middle) == ["before", "after"]
    assert "data-more" not in render_reader.document(reader("Short.").open("d1", 0, 3))


def test_a_sentence_takes_the_place_of_a_picture() -> None:
    """Whole, in lines that fit, and as text."""
    words = "notes <1>.pdf has changed since it was added. Add it again to see its pages."
    svg = render_reader.no_picture(words)
    lines = re.findall(r"<text[^>]*>(.*?)</text>", svg)
    assert unescape(" ".join(lines)) == words
    assert max(map(len, map(unescape, lines))) <= 52
