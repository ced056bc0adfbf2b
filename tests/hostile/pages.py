"""Web pages that are far too large or deep, hide text, or say false things of themselves."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.hostile.case import ADDED, EITHER, REFUSED, SENTENCE, Case, cut_short, flipped, made

SAID = f"<p>{SENTENCE}</p>\n"
MEGABYTE = 1_000_000
NEARLY = 49 * MEGABYTE


def page(body: str, *, head: str = "") -> bytes:
    """Return a page of UTF-8."""
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def filled(part: str, size: int = NEARLY) -> bytes:
    """Return a page with a part again and again, up to so many bytes, and the sentence."""
    return page(part * (size // len(part.encode())) + SAID)


def cases(room: Path) -> Iterator[Case]:
    """Yield the files. `room` is the folder they go to."""
    whole = page("<h1>Keeper</h1>" + (SAID + "<table><tr><td>a<td>b</table>") * 60)
    yield from cut_short("html", ".html", whole, (0.01, 0.5, 0.99))
    yield from flipped("html", ".html", whole, (8, 128, 2048))
    yield from _large()
    yield from _deep()
    yield from _hidden(room)
    yield from _charsets()


def _large() -> Iterator[Case]:
    yield made("html-50-mb.html", REFUSED, lambda: filled(SAID), slow=True)
    yield made("html-tags-only.html", REFUSED, lambda: filled("<b></b>"), slow=True)
    yield made("html-breaks.html", REFUSED, lambda: filled("<br>"), slow=True)
    yield made("html-attribute.html", ADDED, lambda: page(f'<p title="{"x" * NEARLY}">' + SAID))
    yield made(
        "html-attributes.html",
        REFUSED,
        lambda: page("<p " + " ".join(f"a{n}=1" for n in range(200_000)) + ">" + SAID),
    )
    data = (
        "data:image/png;base64," + base64.b64encode(random.Random(0).randbytes(8_000_000)).decode()
    )
    yield made(
        "html-data-address.html",
        ADDED,
        lambda: page(f'<img src="{data}">' + SAID),
        says=SENTENCE,
    )
    yield made("html-data-text.html", EITHER, lambda: page(f"<p>{data}</p>" + SAID), slow=True)
    yield made(
        "html-entities.html", REFUSED, lambda: filled("&amp;&#128512;&nbsp;&notin;", 20 * MEGABYTE)
    )
    yield made(
        "html-bad-entities.html",
        REFUSED,
        lambda: filled("&&#x;&#99999999999;&zz", 20 * MEGABYTE),
        slow=True,
    )
    yield made("html-comment.html", REFUSED, lambda: page("<!--" * 5 * MEGABYTE + SAID))
    yield made(
        "html-script.html", ADDED, lambda: page(f"<script>{'x();' * 10_000_000}</script>{SAID}")
    )
    yield made(
        "html-cells.html",
        EITHER,
        lambda: page("<table><tr>" + "<td>x" * 300_000 + "</table>" + SAID),
        slow=True,
    )


def _deep() -> Iterator[Case]:
    yield made("html-deep.html", REFUSED, lambda: page("<div>" * 100_000 + SAID))
    yield made("html-fairly-deep.html", ADDED, lambda: page("<div>" * 1_900 + SAID))
    yield made("html-lists.html", EITHER, lambda: page("<ul><li>" * 900 + SAID))
    yield made("html-tables.html", ADDED, lambda: page("<table><tr><td>" * 600 + SAID))
    yield made(
        "html-unclosed.html", REFUSED, lambda: page("<p><b><i><a href=x><span>" * 20_000 + SAID)
    )
    yield made("html-fonts.html", REFUSED, lambda: page("<font><p></b></i>" * 100_000 + SAID))
    yield made("html-no-end-of-tag.html", REFUSED, lambda: page("<a" * 2 * MEGABYTE))


def _hidden(room: Path) -> Iterator[Case]:
    styles = ("display:none", "visibility:hidden", "font-size:0", "color:#fff;background:#fff")
    body = "".join(f'<p style="{style}">Nobody sees this.</p>' for style in styles)
    yield made("html-hidden.html", ADDED, lambda: page(body + SAID), says=SENTENCE)
    inside = f'<iframe src="file://{room.parent}/secret.txt"></iframe>'
    inside += f'<object data="file://{room.parent}/secret.txt"></object>'
    fetches = inside + '<img src="http://127.0.0.1:9/x"><link rel="stylesheet" href="//x/y.css">'
    yield made("html-fetches.html", ADDED, lambda: page(fetches + SAID), says=SENTENCE)
    outside = f'<!DOCTYPE html [<!ENTITY x SYSTEM "file://{room.parent}/secret.txt">]>'
    yield made("html-outside.html", ADDED, f"{outside}<p>&x;</p>{SAID}".encode, says=SENTENCE)
    yield made("html-only-hidden.html", REFUSED, lambda: page("<p hidden>Nobody sees this.</p>"))


def _charsets() -> Iterator[Case]:
    german = "<p>Der Leuchtturmwärter schrieb täglich über das Wetter.</p>" * 20
    utf8 = '<meta charset="utf-8">'
    latin = f"<html><head>{utf8}</head>{german}".encode("cp1252")
    said = "Der Leuchtturmwärter schrieb täglich über das Wetter."
    yield made("html-no-utf8.html", ADDED, lambda: latin, says=said)
    lies = german.encode("utf-8")
    for name in ("iso-8859-1", "utf-7", "base64", "no-such-charset"):
        meta = f'<meta charset="{name}">'.encode()
        yield made(f"html-says-{name}.html", ADDED, partial(bytes, meta + lies), says=said)
