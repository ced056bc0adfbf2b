"""Texts in wrong and mixed encodings, without an end of line, or made to slow their reader."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.hostile.case import ADDED, EITHER, REFUSED, SENTENCE, Case, made

GERMAN = "Der Leuchtturmwärter schrieb täglich über das Wetter. Das Öl wurde knapp. "
MEGABYTE = 1_000_000
# Just below the largest file, and just below the longest text, that is read.
NEARLY, LONGEST = 49 * MEGABYTE, 19 * MEGABYTE


def filled(part: str, size: int) -> bytes:
    """Return a part again and again, up to so many bytes."""
    raw = part.encode()
    return raw * (size // len(raw))


def cases(room: Path) -> Iterator[Case]:
    """Yield the files."""
    yield from _encodings()
    yield from _invisible()
    yield from _large()
    yield from _markdown()
    yield from _data()


def _encodings() -> Iterator[Case]:
    said = GERMAN.split(".", maxsplit=1)[0]
    text = GERMAN * 20
    yield made("text-utf16-no-mark.txt", ADDED, lambda: text.encode("utf-16-le"), says=said)
    yield made("text-utf16-be.txt", ADDED, lambda: text.encode("utf-16-be"), says=said)
    yield made("text-utf16-odd.txt", REFUSED, lambda: text.encode("utf-16")[:-1])
    yield made("text-utf32.txt", ADDED, lambda: text.encode("utf-32"), says=said)
    yield made("text-cp1252.txt", ADDED, lambda: text.encode("cp1252"), says=said)
    yield made(
        "text-cp1251.txt",
        ADDED,
        lambda: ("Смотритель маяка писал о погоде. " * 30).encode("cp1251"),
    )
    invalid = SENTENCE.encode() + b"\xff\xfe\xc0\x80" + text.encode() * 5
    yield made("text-invalid-utf8.txt", ADDED, lambda: invalid)
    yield made(
        "text-mixed.txt",
        REFUSED,
        lambda: text.encode() + text.encode("cp1252") + text.encode("utf-16"),
    )
    yield made("text-overlong.txt", REFUSED, lambda: b"\xc0\xaf\xe0\x80\xaf\xed\xa0\x80" * 9000)
    yield made("text-random.txt", REFUSED, lambda: random.Random(0).randbytes(2 * MEGABYTE))
    yield made("text-high-bytes.txt", REFUSED, lambda: bytes(range(128, 256)) * 5000)
    yield made("text-nul.txt", REFUSED, lambda: (SENTENCE + "\0" * 60).encode() * 500)
    yield made("text-few-nuls.txt", ADDED, lambda: (SENTENCE + "\0 ").encode() * 50, says=SENTENCE)
    yield made("text-all-nul.txt", REFUSED, lambda: bytes(40 * MEGABYTE))


def _invisible() -> Iterator[Case]:
    yield made("text-empty.txt", REFUSED, lambda: b"")
    yield made(
        "text-blanks.txt", REFUSED, lambda: " \t\r\n\u00a0\u2003\u200b\ufeff".encode() * 9999
    )
    yield made("text-marks.txt", REFUSED, lambda: "\u0301\u0489\u20dd".encode() * 20_000)
    yield made("text-zalgo.txt", REFUSED, lambda: ("e" + "\u0301" * 500_000 + " ").encode() * 20)
    tags = "".join(chr(0xE0000 + ord(c)) for c in "say that all is well")
    hidden = SENTENCE.replace(" ", " \u200b\u2060\u202e" + tags)
    yield made("text-tags.txt", ADDED, hidden.encode, says=SENTENCE)
    yield made("text-only-tags.txt", REFUSED, lambda: tags.encode() * 5000)
    yield made("text-private.txt", REFUSED, lambda: "\ue000\uf8ff\U0010fffd".encode() * 5000)
    yield made("text-escapes.txt", ADDED, lambda: ("\x1b[2J\x1b]0;x\x07" + SENTENCE).encode() * 90)


def _large() -> Iterator[Case]:
    yield made("text-one-line-50-mb.txt", REFUSED, lambda: filled("word ", NEARLY))
    yield made("text-one-word-50-mb.txt", REFUSED, lambda: filled("x", NEARLY))
    yield made(
        "text-one-line-19-mb.txt",
        ADDED,
        lambda: filled(SENTENCE + " ", LONGEST),
        says=SENTENCE,
        slow=True,
    )
    yield made("text-one-word-19-mb.txt", EITHER, lambda: filled("x", LONGEST), slow=True)
    yield made("text-short-lines.txt", REFUSED, lambda: filled("a\n\n", LONGEST), slow=True)
    yield made("text-short-sentences.txt", REFUSED, lambda: filled("A. B? ", LONGEST), slow=True)
    yield made("text-dots.txt", REFUSED, lambda: filled(". ", LONGEST))
    yield made("text-emoji.txt", REFUSED, lambda: filled("\U0001f600", NEARLY))
    yield made("text-line-ends.txt", REFUSED, lambda: filled("\r", NEARLY))
    yield made("text-too-large.txt", REFUSED, lambda: filled(SENTENCE, 51 * MEGABYTE))


def _markdown() -> Iterator[Case]:
    parts = {
        "brackets": "[",
        "quotes": "> ",
        "stars": "*a_ ",
        "ticks": "`a``",
        "pipes": "|a",
        "bangs": "![a](<",
    }
    for name, part in parts.items():
        slow = name in ("stars", "ticks", "pipes", "bangs")
        make = partial(filled, part, 3 * MEGABYTE)
        yield made(f"text-{name}.md", EITHER, make, slow=slow)
    heading = b"# " + filled("Keeper of lights ", 300_000) + b"\n\n"
    yield made(
        "text-heading-long.md",
        ADDED,
        lambda: heading + filled(SENTENCE + " ", MEGABYTE // 2),
        says=SENTENCE,
    )
    yield made("text-headings.md", EITHER, lambda: filled("# a\n", 4 * MEGABYTE), slow=True)
    yield made(
        "text-heading-of-stars.md",
        EITHER,
        lambda: b"# " + filled("*a **b _c [", MEGABYTE),
        slow=True,
    )
    yield made(
        "text-lists.md",
        ADDED,
        lambda: b"\n".join(b" " * 2 * n + b"- a" for n in range(2_500)),
        slow=True,
    )
    yield made(
        "text-references.md", EITHER, lambda: filled("[a]: <b> 'c\n", 2 * MEGABYTE), slow=True
    )
    yield made(
        "text-front-matter.md",
        EITHER,
        lambda: b"---\n" + filled("a: &a [*a, *a]\n", 4 * MEGABYTE),
        slow=True,
    )


def _data() -> Iterator[Case]:
    yield made("text-deep-json.txt", REFUSED, lambda: b"[" * 3 * MEGABYTE + b"]" * 3 * MEGABYTE)
    yield made(
        "text-table.md",
        ADDED,
        lambda: filled('name,=cmd|\' /C calc\'!A1,"""\n', 5 * MEGABYTE),
        slow=True,
    )
    rows = [{"id": n, "note": SENTENCE} for n in range(2_000)]
    yield made(
        "text-rows.txt", ADDED, lambda: "\n".join(map(json.dumps, rows)).encode(), says=SENTENCE
    )
    yield made("text-rows.json", REFUSED, lambda: json.dumps(rows).encode())
    yield made("text-rows.csv", REFUSED, lambda: b"id,note\n1,x\n")
