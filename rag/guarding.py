"""The last gate before words reach a reader. Pure.

Knows nothing of answers. A text that has passed may be printed on a terminal, put into a web
page or rendered as Markdown: nothing in it loads, runs, hides, or steers, and nothing links
but an address that the documents have. Ordinary prose passes as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from rag.cleaning import clean_characters

OMITTED = "…"
"""Stands where an address was left out."""

# What a terminal obeys, whole: without its first character the rest would stay as litter.
_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]{0,99}[ -/]{0,9}[@-~]"
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]{0,2000}(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[ -/]{0,9}[0-~]"
)
# No language heaps more marks than these on a letter; so many more run over other lines.
_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_HEAPED = re.compile(f"([{_MARKS}]{{4}})[{_MARKS}]+")
# A space inside keeps each from being markup, for readers of Markdown and for browsers alike.
# A backslash in front would be shown by all that render no Markdown, and is none for browsers.
_BREAKS = (
    (re.compile(r"<(?=[A-Za-z/!?])"), "< "),
    (re.compile(r"\](?=[(:])"), "] "),
    (re.compile(r"!(?=\[)"), "! "),
    (re.compile(r"`{3,}"), "`"),
    (re.compile(r"~{3,}"), "~"),
    (re.compile(r"\\(?=(?:href|url|input|write)(?![A-Za-z])|html|include)"), r"\\ "),
)
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\(\s*<?([^\s<>()]*)>?(?:\s[^()]{0,500})?\)")
# As far as any reader of Markdown or mail would take it for one: to the next space.
_ADDRESS = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{0,30}:/+[^\s<]+"
    r"|(?<![A-Za-z0-9])(?:javascript|vbscript|livescript|data|mailto|file|blob|tel|sms|xmpp|magnet"
    r"|intent|view-source):[^\s<]+"
    r"|(?<![A-Za-z0-9])www\d?\.[^\s<]+"
    r"|(?<![\w:/.])//[^\s/<][^\s<]*"
    r"|(?<!\\)\\\\[\w.-]+\\[^\s<]*"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
    r"|(?<![\w@.-])(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?::\d{1,5})?[/?#][^\s<]+"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?/[^\s<]*",
    re.IGNORECASE,
)
_AFTER = ".,;:!?'\"*_~)]}>”’»…"
_CUT = re.compile(r"[)\]}>\"'|`]")


def harmless(text: str, *, known: Collection[str] | None = None) -> str:
    """Return a text that can be shown anywhere; doing so again changes nothing.

    `known` are the `addresses` it may name: others are left out, and of a link to one its
    label stays. None lets every address stand, as plain text: a document's own words.
    """
    text = _HEAPED.sub(r"\1", clean_characters(_ESCAPES.sub("", text)))
    if known is not None:
        text = _LINK.sub(lambda link: link[0] if _bare(link[2]) in known else link[1], text)
    for pattern, instead in _BREAKS:
        text = pattern.sub(instead, text)
    if known is not None:
        text = _ADDRESS.sub(lambda found: _kept(found[0], known), text)
    return text


def addresses(texts: Iterable[str]) -> frozenset[str]:
    """Return the addresses of pages, files and mail boxes that these texts name."""
    found = set()
    for text in texts:
        for match in _ADDRESS.finditer(harmless(text)):
            # In Markdown or HTML, an address ends before the signs around it.
            found |= {_bare(match[0]), _bare(_CUT.split(match[0], maxsplit=1)[0])}
    return frozenset(found)


def _kept(address: str, known: Collection[str]) -> str:
    bare = _bare(address)
    return address if bare in known else OMITTED + address[len(bare) :]


def _bare(address: str) -> str:
    return address.rstrip(_AFTER)
