"""A document opened at a quote, as HTML: every word of it is escaped.

Knows nothing of where documents are kept.
"""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from ui.naming import document_name, file_name
from ui.reader import Opened


def document(opened: Opened) -> str:
    """Render a document at a place, with what leads to the rest of it."""
    name, title = file_name(opened.document), document_name(opened.document)
    details = [] if name == title else [name]
    if opened.page is not None:
        details.append(f"page {opened.page} of {opened.pages}")
    if opened.heading and opened.heading.strip() not in ("", title):
        details.append(opened.heading)
    where = "".join(f"<span>{escape(words)}</span>" for words in details)
    page = ""
    if opened.page is not None:
        page = f'<div class="pages">{pages(opened)}</div>'
    return (
        f'<header><h2 tabindex="-1">{escape(title)}</h2><p class="where">{where}</p>'
        f'<p class="ways"><a href="{address(opened.document.id)}.txt" target="_blank" '
        f'rel="noopener">Whole text</a></p></header>'
        f'{page}<div class="text">{_more("before", opened)}'
        f'<div class="words">{_marked(opened)}</div>{_more("after", opened)}</div>'
    )


def stretch(opened: Opened, *, before: bool) -> str:
    """Render more of a document, with what leads further in the same direction."""
    words = f'<div class="words">{escape(opened.text)}</div>'
    if before:
        return _more("before", opened) + words
    return words + _more("after", opened)


def pages(opened: Opened) -> str:
    """Render the page that the quote stands on, with ways to its neighbours."""
    page = opened.page or 1
    return (
        f'<p class="turn"><button type="button" data-page="-1">Previous page</button>'
        f'<span class="at">Page {page} of {opened.pages}</span>'
        f'<button type="button" data-page="1">Next page</button></p>'
        f'<img class="page-image" data-of="{opened.pages}" data-at="{page}" '
        f'data-start="{opened.start}" data-end="{opened.end}" '
        f'data-document="{address(opened.document.id)}" alt="Page {page}" '
        f'src="{image(opened.document.id, page, opened.start, opened.end)}">'
    )


def address(document_id: str) -> str:
    """Return where a document is read."""
    return f"/page/documents/{quote(document_id, safe='')}"


def image(document_id: str, page: int, start: int, end: int) -> str:
    """Return where the picture of a page is, with a quote marked on it."""
    return f"{address(document_id)}/pages/{page}.png?start={start}&amp;end={end}"


def no_picture(words: str) -> str:
    """Render a sentence in the place of a picture, as SVG."""
    lines = _wrapped(words, 52)
    rows = "".join(
        f'<text x="24" y="{44 + 26 * n}">{escape(line)}</text>' for n, line in enumerate(lines)
    )
    height = 40 + 26 * len(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="520" height="{height}" '
        f'viewBox="0 0 520 {height}"><rect width="100%" height="100%" fill="#f3f1ea"/>'
        f'<g font-family="sans-serif" font-size="17" fill="#4a4f57">{rows}</g></svg>'
    )


def _wrapped(words: str, width: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _marked(opened: Opened) -> str:
    start, end = opened.start - opened.first, opened.end - opened.first
    before, words, after = opened.text[:start], opened.text[start:end], opened.text[end:]
    mark = f'<mark class="quote">{escape(words)}</mark>' if words else ""
    return f"{escape(before)}{mark}{escape(after)}"


def _more(direction: str, opened: Opened) -> str:
    at = opened.first if direction == "before" else opened.last
    if at <= 0 or at >= opened.document.n_characters:
        return ""
    label = "Show earlier text" if direction == "before" else "Show later text"
    source = f"{address(opened.document.id)}?{direction}={at}"
    return f'<button type="button" class="more" data-more="{source}">{label}</button>'
