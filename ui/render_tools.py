"""What can be done with an answer or a citation, as HTML buttons.

Knows nothing of what they set off.
"""

from __future__ import annotations

from html import escape

from ui.conversation import Exchange
from ui.exporting import answer_markdown


def tools(item: Exchange, *, is_last: bool) -> str:
    """Render what can be done with an exchange that has ended."""
    parts = []
    if item.answer is not None:
        copy = escape(answer_markdown(item.answer))
        parts.append(f'<button type="button" data-local="copy" data-copy="{copy}">Copy</button>')
    if is_last:
        parts.append('<button type="button" data-action="again">Ask again</button>')
        parts.append('<button type="button" data-action="edit">Edit question</button>')
    if item.kept is not None:
        parts.append(
            f'<button type="button" data-dialog="inspector" '
            f'data-source="/page/exchanges/{escape(item.kept)}/inspector">Details</button>'
        )
        parts.append(thumbs(item, None))
    return f'<p class="tools">{"".join(parts)}</p>' if parts else ""


def thumbs(item: Exchange, citation: int | None) -> str:
    """Render the two buttons that rate an answer, or one of its citations."""
    if item.kept is None:
        return ""
    what = "answer" if citation is None else f"source {citation}"
    number = "" if citation is None else f' data-citation="{citation}"'
    return "".join(
        f'<button type="button" class="thumb" data-rate="{escape(item.kept)}" '
        f'data-helpful="{value}"{number} aria-label="{label}: {what}" '
        f'aria-pressed="{str(item.rated.get(citation) is good).lower()}">{label}</button>'
        for good, value, label in ((True, "1", "Helpful"), (False, "", "Not helpful"))
    )
