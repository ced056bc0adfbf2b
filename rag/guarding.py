"""The last gate before words reach a reader. Pure.

Knows nothing of answers. A text that has passed may be printed on a terminal, put into a web
page or rendered as Markdown: nothing in it loads, runs, hides, or steers, and nothing links
but an address that the documents have. Ordinary prose passes as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
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
# No script heaps more marks on a letter, and so many more run over other lines: in one place, as
# above it, accents of Hebrew or tones; in all, as the largest stacks of Tibetan do.
_IN_ONE_PLACE, _ON_ONE_LETTER = 4, 9
# Where a heap may be: no mark is ASCII, a letter, a digit or a space.
_MAYBE_HEAPED = re.compile(rf"[^\w\s\0-\x7f]{{{_IN_ONE_PLACE + 1},}}")
# They have no width, so marks on either side of one are on the same letter.
_JOINERS = "\u200c\u200d"
# Unicode's classes of marks that go on any letter: this one across it, higher ones around it.
_ACROSS, _AROUND = 1, 200
# A space inside keeps each from being markup, for readers of Markdown and for browsers alike.
# A backslash in front would be shown by all that render no Markdown, and is none for browsers.
_BREAKS = (
    (re.compile(r"<(?=[A-Za-z/!?]|[^\s<>]*@)"), "< "),
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
    text = _MAYBE_HEAPED.sub(_lowered, clean_characters(_ESCAPES.sub("", text)))
    # Again: with the end of a heap gone, what it stood between may be joined or out of place.
    text = clean_characters(text)
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


def _lowered(found: re.Match[str]) -> str:
    """Return signs without the marks that are too many on one letter, or in one place of it."""
    kept: list[str] = []
    places: Counter[int | str] = Counter()
    for sign in found[0]:
        if sign not in _JOINERS and unicodedata.category(sign) not in ("Mn", "Me"):
            places.clear()
        elif places.total() < _ON_ONE_LETTER and places[_place(sign)] < _IN_ONE_PLACE:
            places[_place(sign)] += 1
        else:
            continue
        kept.append(sign)
    return "".join(kept)


def _place(mark: str) -> int | str:
    """Return where on a letter a mark goes; one of class 0 has a place of its own."""
    where = unicodedata.combining(mark)
    return _AROUND if where == _ACROSS or where > _AROUND else where or mark


def _kept(address: str, known: Collection[str]) -> str:
    bare = _bare(address)
    return address if bare in known else OMITTED + address[len(bare) :]


def _bare(address: str) -> str:
    return address.rstrip(_AFTER)
