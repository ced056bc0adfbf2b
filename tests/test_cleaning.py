"""Clean text is stable, visible and encodable, and marks keep pointing at their lines."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.cleaning import Piece, clean_characters, clean_line, lay_out

HOSTILE = st.text(
    st.sampled_from(
        "a \t\r\n\x0b\x0c\x85\0e\u0301\u200b\u200c\u200d\ufe0f\xad\ufeff\u2028\u202e\u00a0"
    )
    | st.sampled_from("\U0001f469\u2764\u0645\u06cc\u0915\u094d\ue000\U000e0041\ud800\uac00\u11a8")
    | st.characters()
)


@given(HOSTILE)
def test_cleaning_is_a_fixed_point(text: str) -> None:
    """Cleaning clean text again changes nothing."""
    once = lay_out([Piece(text)]).text
    assert lay_out([Piece(once)]).text == once


@given(HOSTILE)
def test_clean_text_is_visible_and_encodable(text: str) -> None:
    """No control, surrogate or private character is left, nor space at the end of a line."""
    clean = lay_out([Piece(text)]).text
    clean.encode("utf-8")
    bad = {c for c in clean if unicodedata.category(c) in ("Cc", "Cs", "Co")} - {"\n", "\t"}
    assert not bad
    assert clean == clean.strip()
    assert unicodedata.is_normalized("NFC", clean)
    assert all(line == line.rstrip() for line in clean.split("\n"))
    assert "\n\n\n\n" not in clean


@given(st.lists(st.tuples(HOSTILE, st.booleans(), st.booleans()), max_size=8))
def test_marks_are_in_order_and_at_line_starts(parts: list[tuple[str, bool, bool]]) -> None:
    """Pages and headings start at the first character of a line, in order."""
    pieces = [Piece(text, heading=text if head else None, page=page) for text, head, page in parts]
    layout = lay_out(pieces)
    assert len(layout.pages) == sum(page for _, _, page in parts)
    for starts in (list(layout.pages), [start for start, _ in layout.headings]):
        assert starts == sorted(starts)
        assert all(s in (0, len(layout.text)) or layout.text[s - 1] == "\n" for s in starts)


@given(st.lists(st.text("abc .", min_size=1).filter(str.strip), min_size=1, max_size=6))
def test_each_page_starts_with_its_own_text(pages: list[str]) -> None:
    """The text from a page's offset on begins with that page's text."""
    layout = lay_out(Piece(text, page=True) for text in pages)
    for start, text in zip(layout.pages, pages, strict=True):
        assert layout.text[start:].lstrip().startswith(text.strip())


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("soft\xadhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("\u202eabc\u202c \U000e0041\U000e0042", "abc "),
        ("cafe\u0301", "caf\u00e9"),
        ("\ufb01ne \u2460", "\ufb01ne \u2460"),
        ("10\xa0000", "10 000"),
        (
            "\U0001f469\u200d\U0001f469 \u2764\ufe0f a\u200d\ufe0fb",
            "\U0001f469\u200d\U0001f469 \u2764\ufe0f ab",
        ),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
    ],
)
def test_characters_look_like_the_source(raw: str, clean: str) -> None:
    """What is invisible goes; ligatures, emoji and joined scripts stay as they look."""
    assert clean_characters(raw) == clean


def test_blank_lines_collapse() -> None:
    """Two blank lines stay; more become one."""
    assert lay_out([Piece("\n\na  \n\n\nb\n\n\n\nc\n")]).text == "a\n\n\nb\n\nc"


def test_empty_pages_point_at_the_next_text() -> None:
    """A page without text starts where the next text does, the last one at the end."""
    layout = lay_out(Piece(text, page=True) for text in ("one\n", "\n", "two\n", ""))
    assert layout.text == "one\n\ntwo"
    assert layout.pages == (0, 5, 5, 8)


def test_a_line_has_single_spaces() -> None:
    """clean_line makes one line of several."""
    assert clean_line(" a\n\tb\u200b  c ") == "a b c"
