"""Each format becomes text that reads well, or a reason that names the fix."""

from __future__ import annotations

import os

import pytest

from rag.cleaning import Layout
from rag.errors import RejectedFile
from rag.finding import SUFFIXES
from rag.parsing import answer, parse
from tests.documents import make_docx, make_pdf, replace_part

PLAIN, MARKDOWN, HTML, PDF, DOCX = (SUFFIXES[s] for s in (".txt", ".md", ".html", ".pdf", ".docx"))
WORD_XML = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def read(data: bytes | str, mime: str) -> Layout:
    return parse(data.encode() if isinstance(data, str) else data, mime=mime, stem="stem")[1]


def title(data: bytes | str, mime: str) -> str:
    return parse(data.encode() if isinstance(data, str) else data, mime=mime, stem="stem")[0]


def reason(data: bytes | str, mime: str) -> str:
    with pytest.raises(RejectedFile) as caught:
        read(data, mime)
    return str(caught.value)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_encodings_of_western_text(encoding: str) -> None:
    """Text comes out right in every encoding that a Western editor writes."""
    assert read("café – naïve, “quoted”".encode(encoding), PLAIN).text == "café – naïve, “quoted”"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("latin-1", "Die Größe der Straße überraschte die Bürger."),
        ("cp1250", "Zażółć gęślą jaźń, proszę państwa, oto jest tekst po polsku."),
        ("cp1251", "Россия предложила полную нормализацию отношений с США"),
        ("koi8-r", "Россия предложила полную нормализацию отношений с США"),
        ("shift_jis", "日本語の文章です。これはテストです。"),
        ("gb18030", "这是一个中文测试文件，内容很简单。"),
    ],
)
def test_older_encodings(encoding: str, text: str) -> None:
    """Text in an older encoding is recognised."""
    assert read(text.encode(encoding), PLAIN).text == text


def test_damaged_utf8_keeps_its_good_part() -> None:
    """One bad byte in a long UTF-8 text does not turn the text into another encoding."""
    text = "Überall größere Häuser für ältere Schüler; " * 3
    assert read(text.encode() + b"\xff end", PLAIN).text == text.strip() + " \ufffd end"


@pytest.mark.parametrize(
    ("data", "seems"),
    [
        (make_pdf([["x"]]), "a PDF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "a program"),
        (make_docx(), "an Office file"),
        (b"\1\2\3\4 abc" * 40, "a binary file"),
        (bytes(range(256)) * 8, "not text"),
        (b"\xff\xfeabc\0\xd8", "Save it again as UTF-8"),
    ],
)
def test_binary_named_text_is_rejected(data: bytes, seems: str) -> None:
    """A binary file with the ending of a text is named for what it seems to be."""
    assert seems in reason(data, PLAIN)


def test_random_bytes_are_rejected() -> None:
    """Noise never becomes a document."""
    assert "text" in reason(bytes((i * i * 7919 + i * 31) % 251 for i in range(5000)), PLAIN)


@pytest.mark.parametrize("mime", [PLAIN, MARKDOWN, HTML])
def test_blank_files_are_rejected(mime: str) -> None:
    """A file of white space and invisible characters holds no text."""
    assert "no text" in reason(" \n\t\u200b ", mime)


def test_plain_text_has_no_marks() -> None:
    """A plain text has neither pages nor headings, and its file's name is its title."""
    layout = read("One\n\nTwo", PLAIN)
    assert (layout.text, layout.pages, layout.headings) == ("One\n\nTwo", (), ())
    assert title("One", PLAIN) == "stem"


def test_markdown_headings_are_where_they_say() -> None:
    """Both kinds of heading are found, none in code, lists or quotes."""
    source = (
        "Setext *title*\n===\ntext\n\n```\n# code\n```\n> # quoted\n\n"
        "## Part `two` &amp; [x](y) ##\nend\n"
    )
    layout = read(source, MARKDOWN)
    assert layout.text == source.strip()
    assert [heading for _, heading in layout.headings] == ["Setext title", "Part two & x"]
    assert layout.text[layout.headings[1][0] :].startswith("## Part")
    assert title(source, MARKDOWN) == "Setext title"


def test_front_matter_is_dropped() -> None:
    """YAML at the start goes, and its title is kept when there is no other."""
    assert read("---\ntitle: 'Hello'\n---\n\nText", MARKDOWN).text == "Text"
    assert title("---\ntitle: 'Hello'\n---\n\nText", MARKDOWN) == "Hello"
    assert title("---\ntitle: Hello\n---\n# First\n", MARKDOWN) == "First"


@pytest.mark.parametrize(
    "source", ["---\n\nText\n\n---\nmore", "---\nopen: never closed\n", "a\n---\nb: c\n---"]
)
def test_rules_are_no_front_matter(source: str) -> None:
    """A ruled line is not the start of front matter."""
    assert read(source, MARKDOWN).text == source.strip()


def test_web_page_reads_as_seen() -> None:
    """Paragraphs are parted, spaces collapse, links are words and entities characters."""
    page = (
        "<title>A &amp; B</title><h1>Top <i>head</i></h1>"
        "<p>One   two <a href='http://x.invalid/'>three</a>\n"
        "four &amp;lt;b&gt;.</p><div style='padding-left:9999em'>Div</div><p>x<br>y</p>tail"
        "<ul><li>a<li><p>b</ul><h2>Sub</h2><table><tr><th>K<th>V<tr><td>1<td>2</table>"
        "<pre><code><b>if</b> x:\n    y<br>z</code></pre>"
    )
    layout = read(page, HTML)
    assert layout.text == (
        "Top head\n\nOne two three four &lt;b>.\n\nDiv\n\nx\ny\n\ntail\n\n* a\n\n* b\n\nSub\n\n"
        "K | V\n1 | 2\n\nif x:\n    y\nz"
    )
    assert [layout.text[start:][: len(text)] for start, text in layout.headings] == [
        "Top head",
        "Sub",
    ]
    assert title(page, HTML) == "A & B"
    assert title("<h1>Only &amp; this</h1>", HTML) == "Only & this"


def test_hidden_parts_of_a_page_never_appear() -> None:
    """What a reader of the page cannot see is not in the text, what follows it is."""
    hidden = (
        "<script>bad</script><style>bad</style><noscript>bad</noscript><template>bad</template>"
        "<div hidden>bad</div><p aria-hidden='TRUE'>bad</p><b style='x:y; DISPLAY : none'>bad</b>"
        "<!-- bad --><?bad?><svg><title>bad</title></svg><textarea>bad</textarea>"
    )
    assert read(f"<p>good{hidden}</p>after", HTML).text.split() == ["good", "after"]


def test_layout_tables_become_paragraphs() -> None:
    """Columns made with a table do not mix their lines."""
    page = "<table><tr><td><p>left one<p>left two</td><td><div>right</div></td></tr></table>"
    assert read(page, HTML).text == "left one\n\nleft two\n\nright"


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1252", "latin1"])
def test_declared_charset_is_honoured(declared: str) -> None:
    """The page's own word on its encoding counts, with what the names mean on the web."""
    page = (
        f'<meta http-equiv="Content-Type" content="text/html; charset={declared}"><p>caf\xe9 \x96'
    )
    assert read(page.encode("latin-1"), HTML).text == "café –"


@pytest.mark.parametrize(
    "declared", ["utf-7", "base64", "rot13", "nonsense", "unicode_escape", "utf-16"]
)
def test_odd_charsets_are_ignored(declared: str) -> None:
    """A charset that is none, or hides text, does not change what is read."""
    assert read(f"<meta charset={declared}><p>+ADw-p caf\u00e9", HTML).text == "+ADw-p café"


@pytest.mark.parametrize(
    "page", ["<div>" * 100_000 + "x", "<b>" * 50_000, "<table><tr><td>" * 30_000 + "x"]
)
def test_deep_nesting_is_rejected(page: str) -> None:
    """A page of a hundred thousand levels is refused."""
    assert "deep" in reason(page, HTML)


def test_a_thousand_levels_are_read() -> None:
    """Sloppy pages that never close their elements are still read to the end."""
    assert (
        read("<p>start" + "<div>" * 1000 + "in" + "</div>" * 1000 + "end", HTML).text
        == "start\n\nin\nend"
    )


def test_pdf_pages_and_paragraphs() -> None:
    """Lines become paragraphs, broken words whole, and each page knows its start."""
    lines: list[str | tuple[float, float, str]] = [
        "The delegations met in Istanbul to talk about their diplo-",
        "matic property and to end the long quarrel of the two",
        "countries about it. They agreed on a well-known text.",
        (72.0, 640.0, "A new paragraph, below a gap, speaks of well-"),
        "known things.",
    ]
    layout = read(make_pdf([lines, ["Second page (with brackets)."]]), PDF)
    assert layout.text == (
        "The delegations met in Istanbul to talk about their diplomatic property and to end the "
        "long quarrel of the two countries about it. They agreed on a well-known text.\n\n"
        "A new paragraph, below a gap, speaks of well-known things.\n\nSecond page (with brackets)."
    )
    assert layout.text[layout.pages[1] :] == "Second page (with brackets)."
    assert layout.pages[0] == 0


def test_pdf_rows_stay_lines() -> None:
    """Short lines that begin with capitals or figures are not run together."""
    wide = "A line of prose that is wide enough to set the width of this page of text here."
    layout = read(make_pdf([[wide, (72.0, 600.0, "Year 2020"), "Count 17", "Sum 4,711"]]), PDF)
    assert layout.text == f"{wide}\n\nYear 2020\nCount 17\nSum 4,711"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("Größe der Welt", "Größe der Welt"),
        ("Microsoft Word - a.doc", "stem"),
        ("untitled", "stem"),
        ("x.indd", "stem"),
        ("12 34", "stem"),
        (None, "stem"),
    ],
)
def test_pdf_titles_must_be_sensible(metadata: str | None, expected: str) -> None:
    """A title that a program left behind is not taken."""
    assert (
        title(make_pdf([["A text of more than twenty letters."]], title=metadata), PDF) == expected
    )


def test_encrypted_pdf() -> None:
    """A PDF with an empty password opens, one with another names the fix."""
    page = [["A text of more than twenty letters."]]
    assert read(make_pdf(page, password=""), PDF).text == page[0][0]
    assert "needs a password" in reason(make_pdf(page, password="secret"), PDF)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"%PDF-1.7 and no more", "save a copy"),
        (make_pdf([[], []]), "ocrmypdf"),
        (make_pdf([["1"], ["2"], ["3"]]), "ocrmypdf"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (make_docx(), "zip archive or an Office file"),
        (b"<html>", "something else"),
    ],
)
def test_unreadable_pdfs_name_the_fix(data: bytes, says: str) -> None:
    """Broken, scanned and misnamed PDFs are told apart."""
    assert says in reason(data, PDF)


def test_truncated_pdfs_never_raise_anything_else() -> None:
    """Cut anywhere, a PDF is read or rejected."""
    whole = make_pdf([["A text of more than twenty letters."]] * 3, title="T")
    for end in range(10, len(whole), 97):
        result = answer({"mime": PDF, "stem": "x"}, whole[:end])
        assert "text" in result or "rejected" in result


def fill(document) -> None:
    document.add_heading("The title", 0)
    document.add_paragraph("First paragraph.")
    document.add_heading("A section", 1)
    document.add_paragraph("one", style="List Bullet")
    document.add_paragraph("two", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("a", "b", "c", "d\ne"), strict=True):
        cell.text = text
    document.add_paragraph("Last.")


def test_word_file_in_order() -> None:
    """Paragraphs and tables come in the order of the document, headings with their places."""
    layout = read(make_docx(fill), DOCX)
    assert (
        layout.text
        == "The title\n\nFirst paragraph.\n\nA section\n\none\ntwo\n\na | b\nc | d e\n\nLast."
    )
    assert layout.headings == ((0, "The title"), (29, "A section"))
    assert title(make_docx(fill), DOCX) == "The title"
    assert title(make_docx(fill, title="Core"), DOCX) == "Core"
    assert title(make_docx(lambda d: d.add_paragraph("x")), DOCX) == "stem"


def word_body(body: str, doctype: str = "") -> bytes:
    head = f'<?xml version="1.0"?>{doctype}<w:document xmlns:w="{WORD_XML}">'
    xml = f"{head}<w:body>{body}</w:body></w:document>"
    return replace_part(make_docx(), "word/document.xml", xml.encode())


def test_word_forms_and_changes() -> None:
    """Text in forms and insertions is read, what was struck out is not."""
    body = (
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>form</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        "<w:p><w:ins><w:r><w:t>new</w:t><w:tab/><w:t>tab</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>"
    )
    assert read(word_body(body), DOCX).text == "form\n\nnew\ttab"


def test_entities_of_a_word_file_do_not_expand() -> None:
    """Neither nested entities nor a local file get into the text."""
    paragraph = "<w:p><w:r><w:t>safe &{};</w:t></w:r></w:p>"
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    for doctype, name in (
        (f'<!DOCTYPE x [<!ENTITY l0 "lol">{laughs}]>', "l9"),
        (f'<!DOCTYPE x [<!ENTITY f SYSTEM "file://{os.path.abspath(__file__)}">]>', "f"),
    ):
        result = answer({"mime": DOCX, "stem": "x"}, word_body(paragraph.format(name), doctype))
        assert result.get("text", "safe") == "safe"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (make_pdf([["x"]]), "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ".doc"),
        (make_docx()[:5000], "save a copy"),
        (replace_part(make_docx(), "word/document.xml", b"<broken"), "save a copy"),
        (replace_part(make_docx(), "word/zeros.bin", bytes(40_000_000)), "more than is safe"),
        (b"PK\x03\x04" + bytes(40), "save a copy"),
    ],
)
def test_unreadable_word_files_name_the_fix(data: bytes, says: str) -> None:
    """Old, broken, misnamed and exploding Word files are told apart."""
    assert says in reason(data, DOCX)


def test_other_office_files_are_told() -> None:
    """A zip without Word's main part is no Word file."""
    workbook = make_docx().replace(b"word/document.xml", b"xl/workbooks1.xml")
    assert "no Word file" in reason(workbook, DOCX)


def test_every_type_has_a_parser() -> None:
    """No ending is offered that the parsers do not know."""
    samples = {
        PLAIN: b"x",
        MARKDOWN: b"x",
        HTML: b"x",
        PDF: make_pdf([["x" * 30]]),
        DOCX: make_docx(fill),
    }
    assert {mime: read(data, mime).text != "" for mime, data in samples.items()} == dict.fromkeys(
        set(SUFFIXES.values()), True
    )


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Relations in 2025: An Outlook\n\nThe two sides met.", "Relations in 2025: An Outlook"),
        ("The two sides met in Geneva.\n\nThey agreed.", "notes"),
        ("It was the best of times, it was\nthe worst of times.", "notes"),
        ("web log free\n\nRelations in 2025\n\nThe two sides met.", "notes"),
        ("Only a line that ends without a stop", "notes"),
    ],
)
def test_a_text_is_named_by_a_title_above_it(text: str, title: str) -> None:
    """A short first line that stands alone is the title; otherwise the file's name is."""
    found, _ = parse(text.encode(), mime="text/plain", stem="notes")
    assert found == title
