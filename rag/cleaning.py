"""Makes text clean, and keeps the places of pages and headings while it does.

Knows nothing of files and formats. What it returns is what users read and what quotes
point into: it looks like the source, holds nothing invisible, and cleaning it again
changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MAX_BLANK_LINES = 2
INVISIBLE = "invisible characters"
# Every passage below a heading carries it; a whole page that was marked as one is no heading.
MAX_HEADING = 300

_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile("[\xa0\u2000-\u200a\u202f\u205f]")
# What Unicode calls default-ignorable (there, but never seen), control, private or not a
# character at all. Hidden text for a language model is most often written in these.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ue000-\uf8ff"
    "\ufdd0-\ufdef\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
_EMOJI = "\u203c-\u3299\U0001f000-\U0001faff"
# Without these, one picture becomes several, and Persian or Indic words are misspelt.
_LOOSE_SELECTOR = re.compile(f"(?<![{_EMOJI}])\ufe0f")
_LOOSE_JOINER = re.compile(
    f"(?<![{_EMOJI}\ufe0f\u0600-\u1aff])[\u200c\u200d]|[\u200c\u200d](?![{_EMOJI}\u0600-\u1aff])"
)
_ANY_DROPPED = re.compile(f"{_INVISIBLE.pattern}|[\u200c\u200d\ufe0f]")


@dataclass(frozen=True)
class Piece:
    """A stretch of raw text that begins on a new line, and what begins with it."""

    text: str
    heading: str | None = None
    page: bool = False


@dataclass(frozen=True)
class Layout:
    """Clean text with the start of each page and of each heading, in characters.

    `dropped` tells what was left out of it because no reader would see it: how many of each.
    """

    text: str
    pages: tuple[int, ...] = ()
    headings: tuple[tuple[int, str], ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)


def clean_characters(text: str) -> str:
    """Unify line ends and spaces, drop what cannot be seen, and compose (NFC)."""
    if text.isascii() and "\r" not in text and text.isprintable():
        return text
    text = _SPACES.sub(" ", _LINE_ENDS.sub("\n", text))
    return unicodedata.normalize("NFC", _without_invisible(text))


def count_invisible(text: str) -> int:
    """Return how many characters `clean_characters` drops because they cannot be seen."""
    text = _LINE_ENDS.sub("\n", text)
    return len(text) - len(_without_invisible(text))


def _without_invisible(text: str) -> str:
    if _ANY_DROPPED.search(text):
        text = _INVISIBLE.sub("", text)
        text = _LOOSE_JOINER.sub("", _LOOSE_SELECTOR.sub("", text))
    return text


def clean_line(text: str) -> str:
    """Return the text as one clean line with single spaces."""
    return " ".join(clean_characters(text).split())


def letters_of(text: str) -> str:
    """Return the letters and digits alone, without case or accents.

    So the same words are the same wherever lines, hyphens or ligatures were put.
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())


def lay_out(pieces: Iterable[Piece], dropped: Mapping[str, int] | None = None) -> Layout:
    """Clean the pieces and join them, each on a new line; `dropped` was left out before."""
    left_out = Counter(dropped or {})
    lines: list[str] = []
    pages: list[int] = []
    headings: list[tuple[int, str]] = []
    for piece in pieces:
        if piece.page:
            pages.append(len(lines))
        if piece.heading:
            headings.append((len(lines), clean_line(piece.heading)[:MAX_HEADING].rstrip()))
        left_out[INVISIBLE] += count_invisible(piece.text)
        lines.extend(line.rstrip() for line in clean_characters(piece.text).split("\n"))
    text, starts = _join(lines)
    return Layout(
        text,
        tuple(starts[line] for line in pages),
        tuple((starts[line], heading) for line, heading in headings if heading),
        dict(+left_out),
    )


def _join(lines: list[str]) -> tuple[str, list[int]]:
    """Drop surplus blank lines; return the text and where each given line went.

    A blank or dropped line goes to the next line with text, so that pages and headings
    always start at a character that can be seen.
    """
    kept: list[str] = []
    starts: list[int] = []
    waiting = blank = position = 0
    for line in lines:
        waiting += 1
        if not line:
            blank += 1
            continue
        if kept:
            blank = blank if blank <= MAX_BLANK_LINES else 1
            kept.extend([""] * blank)
            position += blank
        starts.extend([position] * waiting)
        kept.append(line if kept else line.lstrip())
        position += len(kept[-1]) + 1
        waiting = blank = 0
    text = "\n".join(kept)
    return text, [*starts, *[len(text)] * (waiting + 1)]
