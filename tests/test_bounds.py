"""Texts that are none, files without end, and what a reader of files must not trip over."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import FailedFile, RejectedFile
from rag.finding import SUFFIXES, Source, find_sources
from rag.loading import Loader
from rag.parsing import answer, parse
from rag.reading import read_chunks
from rag.schema import DocumentResult
from tests.documents import make_docx, make_pdf

PLAIN, HTML, PDF, DOCX = (SUFFIXES[s] for s in (".txt", ".html", ".pdf", ".docx"))


def read(data: bytes | str, mime: str = PLAIN) -> str:
    return parse(data.encode() if isinstance(data, str) else data, mime=mime, stem="x")[1].text


@pytest.mark.parametrize(
    "text",
    [". " * 500, "\u0301\u0489" * 900, "😀" * 900, "e" + "\u0301" * 900, "-|-\n" * 99, "[" * 9],
)
def test_signs_without_words_are_refused(text: str) -> None:
    """Nobody could find a passage of dots, accents or pictures."""
    with pytest.raises(RejectedFile, match="hardly any letters or digits"):
        read(text)
    assert "The keeper wrote" in read(text[:200] + "\n\n" + "The keeper wrote it down. " * 20)


def test_tables_and_code_are_words_enough() -> None:
    """Rules and brackets among words are no reason to refuse a text."""
    table = "| a | b |\n|-------|-------|\n| 1 | 2 |\n"
    assert read(table) == table.strip()
    assert read("if (x[i] == {}) { /* --- */ }").startswith("if")


def test_broken_characters_are_refused() -> None:
    """A page whose letters are lost holds the sign for that in their place."""
    with pytest.raises(RejectedFile, match="broken characters"):
        read("<p>" + "The k&#99999999999;&#99999999999;p&#99999999999;r. " * 50, HTML)
    assert "one \ufffd" in read("<p>Only one &#99999999999; of many letters is lost.", HTML)


@pytest.mark.parametrize("part", ["a\n\n", "a. ", "\r"])
def test_too_many_parts_are_refused(part: str) -> None:
    """A text in millions of lines or sentences would take gigabytes to cut."""
    with pytest.raises(RejectedFile, match=r"Split it into parts|holds no text"):
        read(part * 1_100_000)
    with pytest.raises(RejectedFile, match="20,000,000 characters"):
        read(part.encode() * 20_000_001)


def test_control_characters_of_a_page_are_dropped() -> None:
    """Raw or by number, in texts, in lists, in listings: the page around them is read."""
    page = (
        "<title>A\x01 &#2;title</title><p>one\x01 &amp; t&#1;wo<span hidden>x</span>\x02 end<ul>"
        "<li>\x1f</li><li>three</li></ul><pre>fo&#8;ur<br>\x0efi&#xffff;ve</pre>"
    )
    reply = answer({"mime": HTML, "stem": "x"}, page.encode())
    assert reply["title"] == "A title"
    assert reply["text"] == "one & two end\n\n* three\n\nfour\nfive"


def test_page_in_another_charset_than_it_says() -> None:
    """One that calls itself UTF-8 and was written by a Western editor keeps its umlauts."""
    german = "<p>Der Leuchtturmwärter schrieb täglich über das Wetter.</p>" * 20
    page = f'<html><head><meta charset="utf-8"></head>{german}'.encode("cp1252")
    assert read(page, HTML).startswith("Der Leuchtturmwärter schrieb täglich über das Wetter.")


def test_a_page_of_countless_attributes_is_refused() -> None:
    """Reading one would take minutes; long texts in an attribute, and many spaces, do not."""
    tag = "<p " + " ".join(f"a{n}=1" for n in range(100_000))
    with pytest.raises(RejectedFile, match="thousands of attributes"):
        read(tag + ">text", HTML)
    page = f'<p title="{"so " * 900}" {" " * 100_000}><img src="data:{"A" * 3_000_000}">text'
    assert read(page, HTML) == "text"


@pytest.mark.parametrize(("mime", "mark"), [(HTML, "<h1>"), (SUFFIXES[".md"], "# ")])
def test_a_page_in_one_heading_is_cut_off(mime: str, mark: str) -> None:
    """Every passage below carries its heading: one of a megabyte would fill the disk."""
    page = mark + "word *and [so " * 100_000
    title, layout = parse(page.encode(), mime=mime, stem="x")
    ((start, heading),) = layout.headings
    assert (start, heading.split()[0], len(heading) <= 300) == (0, "word", True)
    assert len(layout.text) > 1_000_000
    assert heading[:250] == title[:250]


def test_what_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    """It says so, and the process that read it reads the next file."""
    (tmp_path / "breaks.html").write_bytes(b"<br>" * 12_000_000)
    (tmp_path / "good.txt").write_text("good")
    with Loader(seconds=120, max_bytes=50_000_000) as loader:
        with pytest.raises(RejectedFile, match=r"breaks\.html takes too much memory"):
            loader.load(tmp_path / "breaks.html")
        assert loader.load(tmp_path / "good.txt")[1].text == "good"


def test_tables_in_tables_are_read_once() -> None:
    """A table within a cell of a Word file has lines of its own; nothing comes twice."""

    def fill(document):
        table = document.add_table(2, 2)
        table.cell(0, 0).text, table.cell(0, 1).text = "one", "two"
        table.cell(1, 0).text = "three"
        inner = table.cell(1, 1).add_table(2, 2)
        for number, cell in enumerate(("four", "five", "six", "seven")):
            inner.cell(number // 2, number % 2).text = cell

    text = read(make_docx(fill), DOCX)
    assert text == "one | two\n\nthree\n\nfour | five\nsix | seven"


def test_a_file_that_grows_while_it_is_read_has_an_end(tmp_path: Path) -> None:
    """However fast something writes to it: no more is read than was there, and it fails."""
    path = tmp_path / "grows.txt"
    path.write_bytes(b"x" * 3_000_000)
    seen = 0

    def read_on() -> None:
        nonlocal seen
        for chunk in read_chunks(path, limit_bytes=4_000_000):
            seen += len(chunk)
            assert seen < 6_000_000
            with path.open("ab") as file:
                file.write(chunk * 2)

    with pytest.raises(FailedFile, match="changed while"):
        read_on()


@pytest.mark.parametrize("rules", ["*a*a*a*a*a*a*a*a*b", "**/" * 40 + "b", "*a*a*b\n" * 1001])
def test_rules_that_would_take_for_ever_leave_their_folder_out(tmp_path: Path, rules: str) -> None:
    """A folder from elsewhere cannot stop the search; the reason says what to write instead."""
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / ".footnoteignore").write_text(rules)
    (folder / ("a" * 240 + ".txt")).write_text("a")
    (tmp_path / "z.txt").write_text("z")
    left_out, other = find_sources([tmp_path])
    assert isinstance(left_out, DocumentResult)
    assert left_out.status == "failed"
    assert "Write" in (left_out.reason or "")
    assert isinstance(other, Source)


def test_rules_with_a_few_stars_are_kept(tmp_path: Path) -> None:
    """Those that people write: folders at any depth, and names with two stars in them."""
    (tmp_path / ".footnoteignore").write_text(
        "# *** a * comment * of * stars ***\n**/old/**/*.txt\n*draft*\n"
    )
    (tmp_path / "old" / "deep").mkdir(parents=True)
    for name in ("old/deep/a.txt", "my draft 2.txt", "kept.txt"):
        (tmp_path / name).write_text("a")
    assert [i.path.name for i in find_sources([tmp_path]) if isinstance(i, Source)] == ["kept.txt"]


def test_the_length_of_a_page_is_known_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF whose pages hold too many characters together is refused at the page that does."""
    monkeypatch.setattr("rag.bounds.MAX_CHARACTERS", 1000)
    page = ["Some words on a line of its own."] * 20
    assert read(make_pdf([page]), PDF)
    with pytest.raises(RejectedFile, match="more than 1,000 characters"):
        read(make_pdf([page, page]), PDF)
