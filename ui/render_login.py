"""Draws the page that asks for a password."""

from __future__ import annotations

from html import escape

# The colours of the page itself, whose own style sheet is behind the password.
_STYLE = """
:root { color-scheme: light dark; --paper: #faf9f6; --sheet: #fff; --ink: #1f2328;
  --line: #e3e0d8; --accent: #0f5f63; --on-accent: #fff; --bad: #9b1c1c }
@media (prefers-color-scheme: dark) { :root { --paper: #15181b; --sheet: #1d2125;
  --ink: #e8e6e1; --line: #32383f; --accent: #7fcccb; --on-accent: #0c2526; --bad: #f29a9a } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
form { width: min(21rem, 80vw); padding: 1.75rem; display: grid; gap: 1rem;
  background: var(--sheet); border: 1px solid var(--line); border-radius: 12px }
h1 { margin: 0; font: 600 1.6rem/1.2 Georgia, serif }
label { display: grid; gap: .35rem }
input, button { font: inherit; padding: .6rem .75rem; border-radius: 8px }
input { border: 1px solid var(--line); background: var(--paper); color: inherit }
button { border: 0; background: var(--accent); color: var(--on-accent); cursor: pointer }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
[role=alert] { margin: 0; color: var(--bad) }
"""


def login(trouble: str | None = None) -> str:
    """Return the page, with what was wrong with the last try."""
    alert = "" if trouble is None else f'<p role="alert">{escape(trouble)}</p>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Footnote</title><style>{_STYLE}</style></head><body>"
        '<form method="post" action="/login"><h1>Footnote</h1>'
        '<label>Password<input type="password" name="password" required autofocus '
        f'autocomplete="current-password"></label>{alert}<button>Sign in</button></form>'
        "</body></html>"
    )
