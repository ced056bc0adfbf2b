"""Draws the page that asks for a password."""

from __future__ import annotations

from html import escape

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center }
form { width: min(20rem, 86vw); display: grid; gap: .75rem }
h1 { margin: 0 0 .25rem; font: 600 1.6rem/1.2 Georgia, serif }
label { display: grid; gap: .35rem }
input, button { font: inherit; padding: .55rem .7rem; border-radius: .4rem }
input { border: 1px solid #8886; background: Field; color: FieldText }
button { border: 0; background: #1d4f91; color: #fff; cursor: pointer }
:focus-visible { outline: 2px solid #4a90e2; outline-offset: 2px }
[role=alert] { margin: 0; color: light-dark(#a11, #ff9d94) }
"""


def login(trouble: str | None = None) -> str:
    """Return the page, with what was wrong with the last try."""
    alert = "" if trouble is None else f'<p role="alert">{escape(trouble)}</p>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Footnote</title><style>{_STYLE}</style></head><body>"
        '<form method="post" action="/login"><h1>Footnote</h1>'
        f'<label>Password<input type="password" name="password" required autofocus '
        f'autocomplete="current-password"></label>{alert}<button>Sign in</button></form>'
        "</body></html>"
    )
