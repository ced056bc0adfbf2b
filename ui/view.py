"""What the page shows after a step, and which of it has to be sent.

Knows nothing of how answers are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ui import render, render_sources
from ui.conversation import Exchange, Talk


@dataclass(frozen=True)
class Past:
    """Finished exchanges: they take the place of all from the one at index `first` on.

    So a question late in a long conversation sends no more than an early one.
    """

    first: int = 0
    exchanges: str = ""
    sources: str = ""


@dataclass(frozen=True)
class View:
    """What the page shows after a step; None leaves a part as it is.

    Finished exchanges are kept apart from the one under way, so that a step sends only
    what changes.
    """

    talk: Talk
    now: str
    now_sources: str | None = None
    past: Past | None = None
    question: str | None = None
    listed: str | None = None
    """The list of conversations."""


def opening(item: Exchange, talk: Talk) -> View:
    """Return the first view of a question: the exchange before it moves to the past."""
    return replace(
        view_of(item, talk),
        past=past_of(talk.exchanges[-1:], latest=item.number, first=max(0, item.number - 2)),
        question="",
    )


def past_of(exchanges: Sequence[Exchange], *, latest: int, first: int = 0) -> Past:
    """Return finished exchanges from the one at index `first` on, rendered."""
    shown = render.conversation(exchanges)
    return Past(first, shown, render_sources.sources(exchanges, latest=latest))


def view_of(item: Exchange, talk: Talk) -> View:
    """Return the view of a conversation whose last or coming exchange is this."""
    return View(
        talk=talk,
        now=render.exchange(item, is_last=True),
        now_sources=render_sources.sources([item], latest=item.number),
    )
