"""What a text would do in a terminal, a web page or a viewer of Markdown, were it shown there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from html.parser import HTMLParser
from itertools import groupby

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.citing import fit_to_show

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_LOADS = {"image": "image", "link_open": "link", "html_inline": "HTML", "html_block": "HTML"}
# By the rules of GitHub's Markdown, which makes links of addresses that stand alone.
_BARE = re.compile(
    r"(?:https?|ftp)://[^\s<]+|(?<![A-Za-z0-9])www\.[^\s<]+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"(?<!\\)(?:\\\\)*\\(?:(?:href|url)(?![A-Za-z])|include|html)")
# Invisible characters that belong to emoji and to the words of some scripts.
_JOINERS = "\u200c\u200d\ufe0f"
_SELECTORS = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x034F, 0x3164, 0x115F, 0x1160)
_AFTER = ".,;:!?'\"*_~)]}>”’»…"


class _Tags(HTMLParser):
    """Collects what a browser would take for tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.found.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.found.append("instruction")

    def unknown_decl(self, data: str) -> None:
        self.found.append("declaration")


def dangers_of(text: str, *, known: Collection[str] | None = ()) -> list[str]:
    """Return what a text would do that it should not.

    It may name the `known` addresses; with None, any, as plain text.
    """
    return [*_hidden(text), *markup_in(text, known=known)]


def markup_in(text: str, *, known: Collection[str] | None = ()) -> list[str]:
    """Return what of a text a browser or a viewer of Markdown would not show as words."""
    return [*_tags(text), *_rendered(text), *_linked(text, known)]


def tags_of(html: str) -> list[str]:
    """Return the tags a browser would find in a text that was put into a page as it is."""
    parser = _Tags()
    parser.feed(html)
    parser.close()
    return parser.found


def linked_in(texts: Iterable[str]) -> set[str]:
    """Return what a viewer would make links of, once the markup in these texts is none."""
    return {
        found[0].rstrip(_AFTER) for text in texts for found in _BARE.finditer(fit_to_show(text))
    }


def _hidden(text: str) -> Iterator[str]:
    for character in set(text) - set("\n\t") - set(_JOINERS):
        if unicodedata.category(character) in ("Cc", "Cs", "Co") or (
            unicodedata.category(character) == "Cf" and not _is_shown(character)
        ):
            yield f"hidden or steering character U+{ord(character):04X}"
        if ord(character) in _SELECTORS:
            yield f"selector U+{ord(character):04X}"
    if re.search("[\u0300-\u036f]{5}", text) or any(map(_is_heap, _marks_of(text))):
        yield "heaped marks"


def _marks_of(text: str) -> Iterator[str]:
    """Yield the marks on each letter, whatever joins them."""
    for marks, found in groupby(text.replace("\u200c", "").replace("\u200d", ""), key=_is_mark):
        if marks:
            yield "".join(found)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me")


def _is_heap(marks: str) -> bool:
    """Tell whether these are more than a letter of any script has, or the same too often."""
    return len(marks) > 9 or max(map(marks.count, marks)) > 4


def _is_shown(character: str) -> bool:
    """Tell whether a format character is drawn: signs of Arabic, Syriac and Kaithi numbers."""
    shown = (*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD)
    return ord(character) in shown


def _tags(text: str) -> Iterator[str]:
    yield from (f"tag {tag}" for tag in tags_of(text))


def _rendered(text: str) -> Iterator[str]:
    for token in _tokens(_MARKDOWN.parse(text)):
        if token.type in _LOADS:
            yield f"{_LOADS[token.type]} {token.content or dict(token.attrs)}"
        if token.type == "fence":
            yield f"block of {token.info}"
    if _COMMAND.search(text):
        yield "command of LaTeX"


def _tokens(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _tokens(token.children or [])


def _linked(text: str, known: Collection[str] | None) -> Iterator[str]:
    if known is None:
        return
    for found in _BARE.finditer(text):
        if found[0].rstrip(_AFTER) not in known:
            yield f"address {found[0]}"
