"""Evidence is found where it stands, or the message says what to correct."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eval.cases import BadCases, Case
from eval.locating import Located, Place, Shelf, find_quote
from eval.metrics.spans import Span
from rag import Assistant
from tests.documents import make_pdf
from tests.homes import BRIDGE, HARBOUR, ORCHARD, open_home, write_files

OPENED = "It opened on 4 May 1931."
# Passages of at most 700 characters: the third page shares one with the second, and each of
# the others begins another.
PAGES = (
    [f"In year {year} the harvest of barley and rye was good." for year in range(1870, 1880)],
    [f"In year {year} little was fetched for oats at the fair." for year in range(1880, 1890)],
    ["Rain fell in June."],
    [f"In year {year} the mill by the old church stood still." for year in range(1890, 1900)],
)
# Letters of which quotes stand more than once, overlap, and mean something in patterns.
knotty = st.text(st.sampled_from("aab \n\t.*(\\[^$|é\u00a0\x1c"), max_size=30)


def case_with(*evidence: dict, **fields: object) -> Case:
    """Return a case with this evidence."""
    return Case.model_validate({"id": "c", "question": "?", "evidence": evidence, **fields})


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder: a text at its top, two of one name below, and a PDF of three pages."""
    folder = tmp_path_factory.mktemp("files") / "added"
    write_files(folder, bridge=BRIDGE)
    write_files(folder / "north", notes=HARBOUR)
    write_files(folder / "north" / "south", notes=ORCHARD)
    (folder / "report.pdf").write_bytes(make_pdf(PAGES))
    return folder


@pytest.fixture(scope="module")
def assistant(added: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """Yield an assistant with that folder in its library."""
    with pytest.MonkeyPatch.context() as patch:
        # The fixture that hides the user's settings from each test comes later.
        for name in [name for name in os.environ if name.startswith("FOOTNOTE_")]:
            patch.delenv(name)
        patch.chdir(added)
        opened = open_home(tmp_path_factory.mktemp("home"))
    with opened:
        assert opened.add(added).count("added") == 4
        yield opened


@pytest.fixture(scope="module")
def shelf(assistant: Assistant, added: Path) -> Shelf:
    """Return the shelf of that library."""
    return Shelf(assistant, [added])


def places_of(shelf: Shelf, **evidence: object) -> tuple[Place, ...]:
    """Return the places of one piece of evidence."""
    return shelf.locate(case_with(evidence)).places


def complaint(shelf: Shelf, **evidence: object) -> str:
    """Return what is said of evidence that is not there."""
    with pytest.raises(BadCases) as caught:
        places_of(shelf, **evidence)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Quotes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "quote", "near", "found"),
    [
        ("one two one", "one", None, [(0, 3), (8, 11)]),
        ("one two one", "one", 0, [(0, 3)]),
        ("one two one", "one", 7, [(8, 11)]),
        ("one two one", "one", 99, [(8, 11)]),
        ("one two one", "three", None, []),
        ("one two one", "three", 3, []),
        ("one two one", "One", None, []),
        ("aaa", "aa", None, [(0, 2), (1, 3)]),
        ("(a|b) a", "(a|b)", None, [(0, 5)]),
        ("one \n two", "one two", None, [(0, 9)]),
        ("one two", " one\u00a0\n two ", None, [(0, 7)]),
        ("onetwo", "one two", None, []),
        # The exact one wins over those that only white space tells apart.
        ("one  two, one two", "one two", None, [(10, 17)]),
        ("one two", "\x1c", None, []),
        ("one two", " ", None, []),
        ("", "one", None, []),
    ],
)
def test_quotes(text: str, quote: str, near: int | None, found: list) -> None:
    """Everywhere or nearest; exactly or, if nowhere so, with other white space."""
    assert find_quote(text, quote, near=near) == found


@given(knotty, st.integers(0, 30), st.integers(1, 9))
@example("aaa", 1, 2)
def test_quote_cut_out_of_a_text_is_found_at_its_place(text: str, start: int, length: int) -> None:
    """Whatever its characters, all its places are found, and the one it was cut from by `near`."""
    quote = text[start : start + length]
    if quote.strip():
        everywhere = [(n, n + len(quote)) for n in range(len(text)) if text.startswith(quote, n)]
        assert find_quote(text, quote) == everywhere
        assert find_quote(text, quote, near=start) == [(start, start + len(quote))]


@given(st.text(max_size=40) | knotty, st.text(max_size=8) | knotty, st.none() | st.integers(0, 50))
def test_what_is_found_reads_like_the_quote(text: str, quote: str, near: int | None) -> None:
    """No quote breaks the search, and all that differs is white space."""
    for start, end in find_quote(text, quote, near=near):
        assert text[start:end].split() == quote.split() != []


@given(st.lists(st.sampled_from(["one", "two."]), min_size=1, max_size=5), st.data())
def test_lines_may_be_joined(words: list[str], data: st.DataObject) -> None:
    """Words in a row are found, however they are set apart on either side."""
    gap = st.text(st.sampled_from(" \n\t\u2003"), min_size=1, max_size=3)
    quote, text = ("".join(w + data.draw(gap) for w in words).rstrip() for _ in range(2))
    assert (0, len(text)) in find_quote(text, quote)


# Evidence -----------------------------------------------------------------------------


def test_quote_becomes_a_span_under_the_document_name(shelf: Shelf) -> None:
    """The offsets are those of the document's text; the grade goes along."""
    start = BRIDGE.index(OPENED)
    span = Span("bridge.txt", start, start + len(OPENED))
    found = places_of(shelf, document="bridge.txt", quote=OPENED, relevance=3)
    assert found == (Place(span, "quote", None, 3),)


def test_quote_that_stands_more_than_once_is_one_need(shelf: Shelf) -> None:
    """Any of its places will do, unless `start` says which."""
    case = case_with({"document": "bridge.txt", "quote": "It"})
    places = [m.start() for m in re.finditer("It", BRIDGE)]
    (need,) = shelf.locate(case).needs
    assert [place.span.start for place in need] == places
    assert len(places) > 1
    (last,) = places_of(shelf, document="bridge.txt", quote="It", start=places[-1] + 3)
    assert last.span.start == places[-1]


def test_groups_become_needs(shelf: Shelf) -> None:
    """Two alternatives are one need of two places; what has no group is another."""
    located = shelf.locate(
        case_with(
            {"document": "bridge.txt", "quote": "Clara Holt", "group": "who"},
            {"document": "bridge.txt", "quote": "312 metres"},
            {"document": "bridge.txt", "quote": "an engineer", "group": "who"},
        )
    )
    quotes = [[BRIDGE[p.span.start : p.span.end] for p in need] for need in located.needs]
    assert quotes == [["Clara Holt", "an engineer"], ["312 metres"]]
    assert len(located.places) == 3


def test_unanswerable_case_has_no_places(shelf: Shelf) -> None:
    """There is nothing to look for."""
    assert shelf.locate(case_with(answerable=False)) == Located(())


def test_missing_quote_is_told_in_short(shelf: Shelf) -> None:
    """The message has the beginning of the quote, the document, and what to do."""
    message = complaint(shelf, document="bridge.txt", quote="It opened on 5 May\n" + "x" * 500)
    assert message.startswith(r"the quote 'It opened on 5 May\nxxx")
    assert message.endswith("is not in bridge.txt; copy it from the document letter by letter")
    assert len(message) < 250


@pytest.mark.parametrize("page", [1, 2, 3, 4])
def test_page_is_the_passages_that_hold_it(shelf: Shelf, assistant: Assistant, page: int) -> None:
    """Its text is in the span, also where it is so short that no passage begins on it."""
    (document,) = (d for d in assistant.documents() if d.uri.endswith(".pdf"))
    assert [p.page for p in assistant.passages_of(document.id)] == [1, 2, 4]
    (found,) = places_of(shelf, document="report.pdf", page=page)
    text = " ".join(assistant.text_of(document.id)[found.span.start : found.span.end].split())
    assert (found.kind, found.page) == ("page", page)
    held = [number for number, lines in enumerate(PAGES, 1) if " ".join(lines) in text]
    assert held == ([2, 3] if page in (2, 3) else [page])


def test_page_out_of_range_is_told(shelf: Shelf) -> None:
    """A page beyond the last holds no evidence."""
    message = complaint(shelf, document="report.pdf", page=5)
    assert message == "report.pdf has no text on page 5; pages count from 1"


def test_document_without_pages_has_no_page(shelf: Shelf) -> None:
    """A text file has none."""
    assert "no text on page 1" in complaint(shelf, document="bridge.txt", page=1)


def test_quote_wins_over_the_page_it_stands_on(shelf: Shelf) -> None:
    """With both, the place is the quote; the page is kept for the recall of pages."""
    (found,) = places_of(shelf, document="report.pdf", quote="Rain fell", page=3)
    assert (found.kind, found.page, found.span.length) == ("quote", 3, len("Rain fell"))


def test_whole_document_is_evidence(shelf: Shelf) -> None:
    """With neither quote nor page, all of its characters are."""
    (found,) = places_of(shelf, document="bridge.txt")
    assert found == Place(Span("bridge.txt", 0, len(BRIDGE.strip())), "document", None, 1)


# Names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("bridge.txt", "bridge.txt"),
        ("report.pdf", "report.pdf"),
        ("north/notes.txt", "north/notes.txt"),
        ("/north/notes.txt", "north/notes.txt"),
        ("south/notes.txt", "north/south/notes.txt"),
        ("north/south/notes.txt", "north/south/notes.txt"),
    ],
)
def test_documents_are_called_by_the_ends_of_their_names(
    shelf: Shelf, called: str, name: str
) -> None:
    """A document's name is its path in the added folder; any end of it that is clear will do."""
    assert {place.span.document for place in places_of(shelf, document=called)} == {name}


def test_unclear_name_is_told_which_it_may_be(shelf: Shelf) -> None:
    """The message lists the documents that are called so, and no others."""
    assert complaint(shelf, document="notes.txt") == (
        "the document 'notes.txt' names 2 of them; "
        "the documents are north/notes.txt, north/south/notes.txt"
    )


@pytest.mark.parametrize("called", ["ridge.txt", "south", "added/bridge.txt", "Bridge.txt", "/"])
def test_unknown_name_is_told_which_there_are(shelf: Shelf, called: str) -> None:
    """An end of a name begins with a folder or the file; nothing is guessed."""
    message = complaint(shelf, document=called)
    assert message.startswith(f"the document {called!r} is not one of them; the documents are ")
    assert "bridge.txt, north/notes.txt" in message


def test_few_of_many_documents_are_listed(tmp_path: Path) -> None:
    """Five names show what names look like."""
    files = write_files(tmp_path / "many", **{f"d{n}": f"Text {n}." for n in range(7)})
    with open_home(tmp_path / "home") as assistant:
        assistant.add(files)
        message = complaint(Shelf(assistant, [files]), document="x")
    assert message.endswith("the documents are d0.txt, d1.txt, d2.txt, d3.txt, d4.txt, …")


def test_library_without_documents(tmp_path: Path) -> None:
    """When no file could be added, the message says so."""
    with open_home(tmp_path / "home") as assistant:
        message = complaint(Shelf(assistant, [tmp_path]), document="x.txt")
    assert message == "the document 'x.txt' is not one of them; there are none"


def test_name_at_the_top_is_clear(tmp_path: Path) -> None:
    """A file at the top goes by its name, though one below ends in the same."""
    files = write_files(tmp_path / "files", notes=BRIDGE)
    write_files(files / "old", notes=HARBOUR)
    with open_home(tmp_path / "home") as assistant:
        assistant.add(files)
        shelf = Shelf(assistant, [files])
        assert places_of(shelf, document="notes.txt")[0].span.length == len(BRIDGE.strip())
        assert places_of(shelf, document="old/notes.txt")[0].span.length == len(HARBOUR.strip())


def test_file_that_was_named_itself_goes_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is for a path relative to the working folder, too."""
    write_files(tmp_path / "files", bridge=BRIDGE)
    monkeypatch.chdir(tmp_path)
    file = Path("files") / "bridge.txt"
    with open_home(tmp_path / "home") as assistant:
        assistant.add(file)
        for root in (file, Path("files"), Path("./files/../files")):
            (document,) = assistant.documents()
            assert Shelf(assistant, [root]).name(document.id) == "bridge.txt"


def test_same_name_in_two_added_folders(tmp_path: Path) -> None:
    """Neither hides the other: the folder before the name tells them apart."""
    one = write_files(tmp_path / "one", notes=BRIDGE)
    two = write_files(tmp_path / "two", notes=HARBOUR)
    with open_home(tmp_path / "home") as assistant:
        assistant.add([one, two])
        shelf = Shelf(assistant, [one, two])
        assert complaint(shelf, document="notes.txt") == (
            "the document 'notes.txt' names 2 of them; "
            "the documents are one/notes.txt, two/notes.txt"
        )
        assert places_of(shelf, document="one/notes.txt")[0].span.length == len(BRIDGE.strip())
        assert places_of(shelf, document="two/notes.txt")[0].span.length == len(HARBOUR.strip())
        assert len(shelf.ids_without(["one/notes.txt"])) == 1


def test_hidden_documents_are_left_out(shelf: Shelf, assistant: Assistant) -> None:
    """All ids but those of the named documents, however often they are named."""
    everything = {document.id for document in assistant.documents()}
    assert set(shelf.ids_without([])) == everything
    kept = shelf.ids_without(["bridge.txt", "south/notes.txt", "bridge.txt"])
    assert {shelf.name(i) for i in kept} == {"north/notes.txt", "report.pdf"}
    with pytest.raises(BadCases, match=r"'none\.txt' is not one of them"):
        shelf.ids_without(["none.txt"])


def test_exact_means_letter_by_letter(shelf: Shelf, assistant: Assistant) -> None:
    """A quote that is off by one character, or by one letter, is not exact."""
    (bridge,) = (d.id for d in assistant.documents() if d.uri.endswith("bridge.txt"))
    start = BRIDGE.index(OPENED)
    end = start + len(OPENED)
    assert shelf.is_exact(bridge, start, end, OPENED)
    assert not shelf.is_exact(bridge, start + 1, end + 1, OPENED)
    assert not shelf.is_exact(bridge, start, end, OPENED.lower())
