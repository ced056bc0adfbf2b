"""Passages of a text."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.chunking import Chunk, page_at, split_passages
from rag.schema import Heading, LoadedText

from .test_sentences import structured


def loaded(
    text: str, *, pages: tuple[int, ...] = (), headings: tuple[Heading, ...] = ()
) -> LoadedText:
    """Return a text as if it had been read from a file."""
    return LoadedText(text, "Title", "text/plain", pages, headings)


def assert_tiles(text: str, chunks: list[Chunk], limit: int) -> None:
    """Check that passages tile the text and sentences tile their passage."""
    assert all(0 < chunk.end - chunk.start <= limit for chunk in chunks)
    position = 0
    for chunk in chunks:
        assert not text[position : chunk.start].strip()
        position = chunk.end
        inside = chunk.start
        for start, end in chunk.sentences:
            assert inside <= start < end
            assert not text[inside:start].strip()
            inside = end
        assert chunk.sentences[0][0] == chunk.start
        assert inside == chunk.end
    assert not text[position:].strip()


@given(st.text(max_size=400) | structured, st.integers(20, 200))
@example("", 100)
@example("\n\n \n", 100)
@example("a" * 1000, 100)
def test_passages_tile_any_text(text: str, limit: int):
    """In order, none empty, none too long, nothing but white space between; always the same."""
    chunks = split_passages(loaded(text), max_characters=limit)
    assert_tiles(text, chunks, limit)
    assert chunks == split_passages(loaded(text), max_characters=limit)


@given(structured, st.data())
def test_passages_tile_any_text_with_headings_and_pages(text: str, data: st.DataObject):
    """Wherever headings and pages are said to start."""
    offsets = st.lists(st.integers(0, len(text)), max_size=5, unique=True).map(sorted)
    headings = tuple(Heading(n, f"heading {n}") for n in data.draw(offsets))
    pages = tuple(data.draw(offsets))
    chunks = split_passages(loaded(text, pages=pages, headings=headings), max_characters=80)
    assert_tiles(text, chunks, 80)
    for chunk in chunks:
        assert (chunk.page is None) == (not pages)
        assert chunk.page is None or 1 <= chunk.page <= len(pages)


@pytest.mark.parametrize(
    "text",
    [
        "word " * 60_000,
        "x" * 300_000,
        "word\n" * 60_000,
        "a" + "\n" * 200_000 + "b",
        "a" + " " * 300_000 + "b",
        "." * 300_000,
        "No. " * 75_000,
        "Mr. " * 75_000,
        "Yahoo! said " * 25_000,
        ".\n" * 100_000,
        "Heading\n\n" * 30_000,
        "中。" * 100_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_large_and_odd_texts_are_split_in_time_that_grows_with_them(text: str):
    """Each of these would take hours if any step read the text again and again."""
    assert_tiles(text, split_passages(loaded(text), max_characters=700), 700)


PARAGRAPH = "The delegations met in the old town hall. They talked for three hours. Nobody left."


def test_short_paragraphs_share_a_passage():
    """As many as fit."""
    text = "\n\n".join([PARAGRAPH] * 5)
    chunks = split_passages(loaded(text), max_characters=2 * len(PARAGRAPH) + 10)
    assert [text[c.start : c.end].count("delegations") for c in chunks] == [2, 2, 1]


def test_a_long_paragraph_is_cut_into_even_parts_between_sentences():
    """No part is a mere rest, and no sentence is cut."""
    text = " ".join([PARAGRAPH] * 10)
    chunks = split_passages(loaded(text), max_characters=300)
    lengths = [chunk.end - chunk.start for chunk in chunks]
    assert min(lengths) > max(lengths) / 2
    assert all(text[c.start : c.end].endswith(".") for c in chunks)


def test_a_heading_stands_above_its_paragraph():
    """A line like a heading is not left at the end of the passage before."""
    body = " ".join([PARAGRAPH] * 3)
    text = f"{body}\n\nDetails of the Proposals\n\n{body}"
    first, second = split_passages(loaded(text), max_characters=700)
    assert text[second.start :].startswith("Details")
    assert first.heading is None


def test_a_known_heading_starts_a_passage_and_names_it():
    """However short the section before it is."""
    text = "# Guide\n\n## Setup\nRun make.\n\n## Use\nAsk away."
    headings = (Heading(0, "Guide"), Heading(9, "Setup"), Heading(29, "Use"))
    first, second = split_passages(loaded(text, headings=headings), max_characters=700)
    assert text[first.start : first.end] == "# Guide\n\n## Setup\nRun make."
    assert (first.heading, second.heading) == ("Setup", "Use")


def test_a_heading_is_not_joined_to_the_line_below_it():
    """Though both lines are of a width that wrapped lines have."""
    heading = "On the many uses of the humble potato in the north of the country"
    text = f"{heading}\nis what this chapter tells about, and it is a long one, as you see."
    (chunk,) = split_passages(loaded(text, headings=(Heading(0, heading),)), max_characters=700)
    assert text[slice(*chunk.sentences[0])] == heading


def test_pages_are_counted_from_one():
    """A passage is on the page where it starts; before the first page there is none."""
    assert [page_at((0, 10, 20), n) for n in (0, 9, 10, 25)] == [1, 1, 2, 3]
    assert page_at((5,), 0) == 1
    assert page_at((), 7) is None


def test_a_passage_has_the_page_it_starts_on():
    """Two pages, two passages."""
    text = f"{PARAGRAPH}\n\n{PARAGRAPH}"
    second_page = len(PARAGRAPH) + 2
    chunks = split_passages(loaded(text, pages=(0, second_page)), max_characters=100)
    assert [chunk.page for chunk in chunks] == [1, 2]


def test_the_seeds_are_split_at_their_sentences(seeds: Path):
    """No sentence of the seeds is torn at an abbreviation or spans two lines."""
    for path in seeds.glob("*.txt"):
        text = path.read_text(encoding="utf-8").strip()
        chunks = split_passages(loaded(text), max_characters=700)
        assert_tiles(text, chunks, 700)
        spans = [span for chunk in chunks for span in chunk.sentences]
        assert not any("\n" in text[start:end] for start, end in spans)
        for (_, end), (start, _) in pairwise(spans):
            assert "\n" in text[end:start] or not text[start].islower()
