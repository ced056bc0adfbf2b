"""Pages of PDFs as pictures: the right words marked, and nothing drawn of another file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from rag import Assistant, Document, LoadError, Settings, UnknownDocument

from .documents import make_pdf

LINES = (
    "The harbour of Lindau was dredged in the year 1931.",
    "Clara Holt was the engineer, and she led the work un-",
    "til it was finished.",
    "The harbour was dredged again after the war.",
)


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Assistant]:
    """Return an assistant with a PDF of two pages, and a text."""
    (tmp_path / "harbour.pdf").write_bytes(make_pdf([LINES, ["A page about bees and bears."]]))
    (tmp_path / "plain.txt").write_text("Only words.", encoding="utf-8")
    with Assistant(Settings(home=tmp_path / "home", llm="none")) as opened:
        opened.add([tmp_path / "harbour.pdf", tmp_path / "plain.txt"])
        yield opened


def harbour(assistant: Assistant) -> Document:
    return next(d for d in assistant.documents() if d.mime == "application/pdf")


def marked_rows(picture: bytes) -> list[int]:
    """Return the rows of a picture that have the colour of a mark in them."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    pixels = image.load()
    assert pixels is not None
    return [
        y
        for y in range(image.height)
        if any(_is_yellow(pixels[x, y]) for x in range(0, image.width, 3))
    ]


def _is_yellow(pixel: object) -> bool:
    assert isinstance(pixel, tuple)
    red, green, blue = pixel
    return bool(red > 230 and green > 200 and blue < 170)


def place(assistant: Assistant, words: str, *, last: bool = False) -> tuple[int, int]:
    text = assistant.text_of(harbour(assistant).id)
    start = text.rindex(words) if last else text.index(words)
    return start, start + len(words)


def test_a_page_is_drawn_with_its_quote_marked(assistant: Assistant) -> None:
    """Without a quote nothing is marked, and a cropped picture is lower."""
    identity = harbour(assistant).id
    quote = place(assistant, "Clara Holt was the engineer")
    whole = assistant.page_image(identity, 1, quotes=[quote])
    cropped = assistant.page_image(identity, 1, quotes=[quote], crop=True)
    assert marked_rows(assistant.page_image(identity, 1)) == []
    assert len(marked_rows(whole)) == len(marked_rows(cropped)) > 5
    assert Image.open(io.BytesIO(cropped)).height < Image.open(io.BytesIO(whole)).height / 2


def test_a_quote_of_two_lines_is_marked_on_both(assistant: Assistant) -> None:
    """Though the hyphen between them is no part of the library's text."""
    identity = harbour(assistant).id
    one = assistant.page_image(identity, 1, quotes=[place(assistant, "Clara Holt")])
    two = assistant.page_image(
        identity, 1, quotes=[place(assistant, "she led the work until it was finished")]
    )
    assert len(marked_rows(two)) > 1.5 * len(marked_rows(one))


def test_of_the_same_words_the_ones_cited_are_marked(assistant: Assistant) -> None:
    """They stand twice on the page; the second is further down."""
    identity = harbour(assistant).id
    first = assistant.page_image(identity, 1, quotes=[place(assistant, "dredged")])
    second = assistant.page_image(identity, 1, quotes=[place(assistant, "dredged", last=True)])
    assert max(marked_rows(first)) < min(marked_rows(second))


def test_words_outside_of_what_is_seen_are_left_out(tmp_path: Path) -> None:
    """A page may hold text beyond its edges: it is not read, but counted, and the page drawn."""
    (tmp_path / "edge.pdf").write_bytes(
        make_pdf([["Inside of the page, in sight.", (72, 2000, "Far above it, out of sight.")]])
    )
    with Assistant(Settings(home=tmp_path / "home", llm="none")) as opened:
        opened.add(tmp_path / "edge.pdf")
        (document,) = opened.documents()
        text = opened.text_of(document.id)
        assert text == "Inside of the page, in sight."
        assert sum(document.dropped.values()) == 1
        assert marked_rows(opened.page_image(document.id, 1, quotes=[(0, len(text))])) != []


def test_a_quote_of_another_page_marks_nothing(assistant: Assistant) -> None:
    """Each page has its own words."""
    quote = place(assistant, "Clara Holt")
    assert marked_rows(assistant.page_image(harbour(assistant).id, 2, quotes=[quote])) == []


@pytest.mark.parametrize("page", [0, 3, 10**9])
def test_a_page_that_is_not_there_is_a_sentence(assistant: Assistant, page: int) -> None:
    """As is a page of a text."""
    with pytest.raises(LoadError, match=f"no page {page}"):
        assistant.page_image(harbour(assistant).id, page)
    (text,) = [d for d in assistant.documents() if d.mime == "text/plain"]
    with pytest.raises(LoadError, match="no page 1"):
        assistant.page_image(text.id, 1)


def test_a_file_that_changed_is_not_drawn(assistant: Assistant) -> None:
    """It would show other words than were cited; nor one that has gone."""
    document = harbour(assistant)
    Path(document.uri).write_bytes(make_pdf([["Another text, of bees."]]))
    with pytest.raises(LoadError, match="has changed since it was added"):
        assistant.page_image(document.id, 1)
    Path(document.uri).unlink()
    with pytest.raises(LoadError, match="no longer there"):
        assistant.page_image(document.id, 1)


def test_a_document_that_is_unknown_is_not_drawn(assistant: Assistant) -> None:
    """It says so."""
    with pytest.raises(UnknownDocument):
        assistant.page_image("nothing", 1)
