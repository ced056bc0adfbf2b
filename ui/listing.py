"""The list of conversations as HTML: every title is escaped.

Knows nothing of Gradio or of where conversations are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape

from rag import Conversation


def conversations(
    found: Sequence[Conversation], *, current: str | None, searched: bool, now: datetime
) -> str:
    """Render conversations in their order, or a line that there are none."""
    if not found:
        words = "No conversation has these words." if searched else "Nothing was asked yet."
        return f'<p class="none">{words}</p>'
    rows = "".join(_row(item, is_current=item.id == current, now=now) for item in found)
    return f'<ul class="talks">{rows}</ul>'


def problem(words: str) -> str:
    """Render what went wrong in the place of the list."""
    return f'<p class="none failed" role="alert">{escape(words)}</p>'


def _row(item: Conversation, *, is_current: bool, now: datetime) -> str:
    identity, title = escape(item.id), escape(item.title)
    count = "1 question" if item.n_exchanges == 1 else f"{item.n_exchanges} questions"
    details = f"{count} · {when(item.changed_at, now)}"
    mark = ' aria-current="true"' if is_current else ""
    return (
        f'<li class="talk" data-id="{identity}">'
        f'<button type="button" class="open" data-action="open" data-id="{identity}"{mark}>'
        f'<span class="title">{title}</span><span class="details">{details}</span></button>'
        f'<form class="rename" data-id="{identity}" hidden><label class="hidden-label" '
        f'for="title-{identity}">New title</label><input id="title-{identity}" name="title" '
        f'value="{title}" maxlength="80" autocomplete="off"><button type="submit">Save</button>'
        "</form>"
        '<details class="more"><summary aria-label="More for this conversation">⋯</summary>'
        '<div class="menu">'
        f'<button type="button" data-local="rename" data-id="{identity}">Rename</button>'
        f'<a href="/page/conversations/{identity}.md" download>Save as Markdown</a>'
        f'<a href="/page/conversations/{identity}.json" download>Save as JSON</a>'
        f'<button type="button" class="danger" data-sure="Really delete?" data-action="delete" '
        f'data-id="{identity}">Delete</button>'
        "</div></details></li>"
    )


def when(changed_at: str, now: datetime) -> str:
    """Return a time (ISO 8601) in a word or two, as seen from now."""
    changed = datetime.fromisoformat(changed_at)
    days = (now.date() - changed.astimezone(now.tzinfo).date()) // timedelta(days=1)
    if days <= 0:
        return "today"
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 30 else changed_at[:10]
