"""Words for results hold nothing that a terminal would obey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Document, Progress
from ui.wording import amount_of, clean, count_of, file_name, first_lines, one_line, progress_line


@given(st.text())
def test_cleaned_text_holds_nothing_that_steers_a_terminal(text: str) -> None:
    """No control character but line end and tab, and no change of the reading order, is left."""
    left = clean(text)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in left)
    assert not any(0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066" for c in left)


def test_escapes_lose_what_makes_them_escapes() -> None:
    """What looked like a colour or a title for the window is left as harmless characters."""
    assert clean("\x1b[31mred\x1b]0;title\x07\x9b1m") == "[31mred]0;title1m"
    assert clean("abc\u202edef") == "abcdef"


@given(st.text(st.characters(categories=["L", "M", "N", "P", "Zs", "S"])))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    """Letters, marks, digits, punctuation and symbols of any language are left alone."""
    assert clean(text) == text


def test_one_line_is_one_line() -> None:
    """Line ends and runs of spaces become one space."""
    assert one_line("a\n  b\r\n\tc") == "a b c"


@pytest.mark.parametrize("uri", ["paper.pdf", "/some/folder/paper.pdf", "http://a/b/paper.pdf"])
def test_file_name_is_the_end_of_the_uri(uri: str) -> None:
    """A document is named by its file."""
    assert file_name(Document("d", uri, "T", "m", "0", 1, 1, "2026")) == "paper.pdf"


@given(st.text(), st.integers(1, 200))
def test_first_lines_are_few_and_short(text: str, width: int) -> None:
    """A passage shows at most three lines, none wider than asked for (or than 20)."""
    lines = first_lines(text, width)
    assert len(lines) <= 3
    assert all(len(line) <= max(width, 20) for line in lines)


def test_amounts_have_their_unit() -> None:
    """Bytes become megabytes; a rate below ten keeps its fraction, a count has none."""
    assert amount_of(1_117_320_768, "B") == "1,117 MB"
    assert amount_of(1200, "files") == "1,200 files"
    assert amount_of(0.5, "files") == "0.5 files"
    assert count_of(1, "passage") == "1 passage"
    assert count_of(0, "passage") == "0 passages"


def test_progress_tells_time_left_once_there_is_a_rate() -> None:
    """A quarter in 10 s leaves 30 s; without any time passed nothing is foretold."""
    quarter = Progress("Adding", 25, 100, "files")
    assert progress_line(quarter, 10) == "25 files of 100 files (25%), 2.5 files/s, 30 s left"
    assert progress_line(quarter, 0) == "25 files of 100 files (25%)"
