"""The settings as HTML. Knows nothing of where they are kept."""

from __future__ import annotations

from html import escape

from ui import render
from ui.choosing import Choices


def settings(
    choices: Choices,
    *,
    trouble: str | None = None,
    saved: bool = False,
    has_password: bool = False,
) -> str:
    """Render what can be chosen, and the badge anew, for it may have changed."""
    models = "".join(
        f'<label class="check"><input type="radio" name="llm" value="{escape(value)}"'
        f"{' checked' if value == choices.llm else ''}> {escape(label)}</label>"
        for value, label in choices.models
    )
    problem = f'<p class="trouble" role="alert">{escape(trouble)}</p>' if trouble else ""
    note = '<p class="saved" role="status">In use from the next question on.</p>' if saved else ""
    leave = '<form method="post" action="/logout"><button>Sign out</button></form>'
    badge = render.badge(choices.model_name, choices.model_host)
    return (
        '<div class="panel"><h2>Settings</h2><p class="lead">They hold for everyone who has this '
        "page open, until Footnote is ended. To keep them, put the lines below into the file "
        f'<code>.env</code>.</p>{problem}<form data-post="/page/settings">'
        f'<fieldset><legend>Which model answers</legend>{models}<p class="hint">'
        f"{escape(_place(choices))} Another server is named by <code>FOOTNOTE_LLM</code> and "
        "<code>FOOTNOTE_LLM_URL</code> when Footnote is started; keys are read from the "
        "environment, and are never shown or kept here.</p></fieldset>"
        f'<label class="short">Passages found for a question <input type="number" '
        f'name="passages" min="1" max="50" value="{choices.passages}"></label>'
        f'<label class="short">Strictness <input type="number" name="strictness" min="0" max="1" '
        f'step="0.05" value="{choices.strictness:g}"></label>'
        '<p class="hint">An answer with less confidence than this is refused: 0 answers '
        "everything, 0.9 only what is nearly certain.</p>"
        f'<button type="submit" class="primary">Use these</button>{note}</form>'
        f"<pre>FOOTNOTE_LLM={escape(choices.llm)}\nFOOTNOTE_PASSAGES={choices.passages}\n"
        f"FOOTNOTE_STRICTNESS={choices.strictness:g}</pre>"
        f"{leave if has_password else ''}</div>"
        f'<template data-into="badge">{badge}</template>'
    )


def _place(choices: Choices) -> str:
    if choices.model_host is None:
        return "Now your documents and questions stay on this machine."
    return f"Now questions and the passages found for them are sent to {choices.model_host}."
