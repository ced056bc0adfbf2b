"""Reads web pages: what a reader sees of them, and their headings.

Knows nothing of the web: no link, picture, style sheet or script is ever fetched.
"""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterator

import lxml.html
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_engine import Inscriptis
from inscriptis.html_properties import Display, WhiteSpace
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_element import HtmlElement
from lxml import etree

from rag.cleaning import Layout, Piece, clean_line, lay_out
from rag.errors import RejectedFile
from rag.parsing_text import decode

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# libxml2 itself stops at 2,048 levels, and Inscriptis goes down one call per level.
RECURSION_LIMIT = 10_000
HIDDEN = "hidden texts"

_UNSEEN_TAGS = (
    "script style noscript template head svg math canvas iframe object embed audio video "
    "select datalist textarea button input"
)
_PARAGRAPH_TAGS = (
    "p div section article aside main header footer nav figure figcaption blockquote table "
    "form fieldset details summary address dl pre ul ol caption hgroup"
)
_UNSEEN = frozenset(_UNSEEN_TAGS.split())
_PARAGRAPHS = [*_PARAGRAPH_TAGS.split(), *HEADINGS]
_ROW = "footnote-row"
_LINES = ["li", "dt", "dd", "hr", "legend", _ROW]
_BLOCKS = frozenset([*_PARAGRAPHS, *_LINES, "table"])
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Each attribute is compared with all before it: more of them would take minutes.
_MANY_ATTRIBUTES = re.compile(r"<[a-zA-Z](?:[^<>\s]*+\s++){10000}")
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden"
    r"|(?:opacity|font-size)\s*:\s*0(?:\.0*)?(?:px|pt|r?em|%)?\s*(?:;|!|$)",
    re.IGNORECASE,
)
# What the HTML standard makes of these names, where Python takes them at their word.
_CHARSET_NAMES = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_REFUSED_CHARSETS = ("utf", "unicode", "raw_unicode", "idna", "punycode", "undefined", "mbcs")


def parse_html(data: bytes, stem: str) -> tuple[str, Layout]:
    """Return the title and layout of a web page."""
    tree = _parse_tree(decode(data, _declared_charset(data)))
    title = clean_line(tree.findtext(".//head/title") or "")
    dropped = {HIDDEN: _prune(tree)}
    sys.setrecursionlimit(RECURSION_LIMIT)
    page = Inscriptis(tree, _config())
    text = page.get_text()
    starts = sorted((a.start, a.end) for a in page.get_annotations())
    layout = lay_out(_split(text, starts), dropped)
    return title or _first_level_one(tree) or stem, layout


def _declared_charset(data: bytes) -> str | None:
    found = _CHARSET.search(data[:4096])
    if found is None:
        return None
    try:
        codec = codecs.lookup(found[1].decode("ascii"))
    except LookupError:
        return None
    # Python also has codecs that are no encodings of text, such as base64.
    text = getattr(codec, "_is_text_encoding", True)
    if not text or codec.name.startswith(_REFUSED_CHARSETS):
        return None
    return _CHARSET_NAMES.get(codec.name, codec.name)


def _parse_tree(source: str) -> lxml.html.HtmlElement:
    # Without huge_tree, libxml2 silently drops all below 256 levels, which sloppy pages reach.
    parser = lxml.html.HTMLParser(
        encoding="utf-8", huge_tree=True, no_network=True, remove_comments=True, remove_pis=True
    )
    if _MANY_ATTRIBUTES.search(source):
        raise RejectedFile(
            "has an element with thousands of attributes. Open it in a browser and save it as text."
        )
    content = source.replace("\0", "").encode("utf-8", errors="ignore")
    try:
        tree = lxml.html.document_fromstring(content, parser=parser)
    except etree.ParserError as error:
        raise RejectedFile("has no text in it. Leave it out.") from error
    except etree.XMLSyntaxError as error:
        # No page is too wrong for this parser: it says so when it is given no more memory.
        raise MemoryError from error
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise RejectedFile(
            "nests its elements too deeply to be read. Open it in a browser and save it as text."
        )
    _drop_controls(tree)
    return tree


def _drop_controls(tree: lxml.html.HtmlElement) -> None:
    """Drop what the parser lets through, but lets nobody put back: no characters of XML."""
    for element in tree.iter(etree.Element):
        if element.text and _NO_CHARACTER.search(element.text):
            element.text = _NO_CHARACTER.sub("", element.text)
        if element.tail and _NO_CHARACTER.search(element.tail):
            element.tail = _NO_CHARACTER.sub("", element.tail)


def _prune(tree: lxml.html.HtmlElement) -> int:
    """Drop what a reader does not see, and all layout; return how many hidden texts there were."""
    hidden: set[lxml.html.HtmlElement] = set()
    for element in list(tree.iter(etree.Element)):
        if element is tree or element.tag == "body":
            continue
        if element.tag in _UNSEEN:
            element.drop_tree()
        elif _is_hidden(element):
            # One within another is hidden once.
            if element.text_content().strip() and hidden.isdisjoint(element.iterancestors()):
                hidden.add(element)
            element.drop_tree()
    for item in list(tree.iter("li")):
        if not item.text_content().strip():  # held a picture or a button
            item.drop_tree()
    for preformatted in list(tree.iter("pre")):
        _flatten_preformatted(preformatted)
    for element in tree.iter(etree.Element):
        _flatten_table(element)
        # Page authors' widths and paddings would become runs of spaces.
        element.attrib.clear()
        # Inscriptis decodes entities once more than the parser did already.
        element.text = element.text and element.text.replace("&", "&amp;")
        element.tail = element.tail and element.tail.replace("&", "&amp;")
    return len(hidden)


def _is_hidden(element: lxml.html.HtmlElement) -> bool:
    return (
        "hidden" in element.attrib
        or element.get("aria-hidden", "").strip().lower() == "true"
        or bool(_HIDDEN_STYLE.search(element.get("style", "")))
    )


def _flatten_table(element: lxml.html.HtmlElement) -> None:
    """Make rows lines: columns padded with spaces read badly as passages.

    A cell of data becomes a part of its row's line, a cell of layout a paragraph.
    """
    if element.tag in ("table", "tr"):
        element.tag = _ROW if element.tag == "tr" else "div"
    elif element.tag in ("td", "th"):
        is_layout = any(child.tag in _BLOCKS for child in element.iterdescendants(etree.Element))
        element.tag = "div" if is_layout else "span"
        if not is_layout and element.getnext() is not None:
            element.tail = " | "


def _flatten_preformatted(element: lxml.html.HtmlElement) -> None:
    """Keep the lines of listings, which Inscriptis joins wherever they are coloured."""
    for line_break in element.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    text = element.text_content()
    for child in list(element):
        element.remove(child)
    element.text = text


def _first_level_one(tree: lxml.html.HtmlElement) -> str:
    first = tree.find(".//h1")
    return "" if first is None else clean_line(first.text_content().replace("&amp;", "&"))


def _config() -> ParserConfig:
    css = dict(CSS_PROFILES["strict"])
    for tag in _PARAGRAPHS:
        # Inscriptis keeps what an element leaves below it from its first child, too: only
        # those that hold no blocks may leave a line.
        below = int(tag == "p" or tag in HEADINGS)
        css[tag] = HtmlElement(display=Display.block, margin_before=1, margin_after=below)
    for tag in _LINES:
        css[tag] = HtmlElement(display=Display.block)
    css["pre"].whitespace = WhiteSpace.pre
    return ParserConfig(css=css, annotation_rules={tag: ["heading"] for tag in HEADINGS})


def _split(text: str, spans: list[tuple[int, int]]) -> Iterator[Piece]:
    """Cut the text before each heading."""
    position, heading = 0, None
    for start, end in spans:
        if start > position:
            yield Piece(text[position:start].removesuffix("\n"), heading=heading)
        position, heading = start, clean_line(text[start:end])
    yield Piece(text[position:], heading=heading)
