"""Plots as inline SVG that takes its colours and fonts from the page it stands in.

Knows nothing of cases, nor of what the figures mean. A plot is 440 units wide, near the
width it is shown at, so that its words are as large as those of the page. Equal figures give
equal text. Colours are variables of the page (`--ink`, `--soft`, `--line`, `--accent`,
`--warn`), so one plot serves light and dark.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eval.metrics.intervals import Interval
from eval.metrics.refusals import Bin

_WIDTH = 440
_MARGIN, _ROW, _LABEL, _NAMES = 12, 25, 26, 214
_TIMES = 20
# Stand-ins that nothing else is painted with; each becomes a variable of the page.
_COLOURS = {
    "#010203": "var(--ink)",
    "#010204": "var(--soft)",
    "#010205": "var(--line)",
    "#010206": "var(--accent)",
    "#010207": "var(--warn)",
}
_INK, _SOFT, _LINE, _ACCENT, _WARN = _COLOURS
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    # Bundled with the library: text is measured alike wherever the plot is made.
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _SOFT,
    "ytick.labelcolor": _SOFT,
    "grid.color": _LINE,
    "grid.linewidth": 1,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
}


@dataclass(frozen=True)
class Row:
    """A line of a plot of intervals; `note` stands at its end."""

    label: str
    interval: Interval
    group: str = ""
    warns: bool = False
    note: str = ""


def intervals(name: str, title: str, rows: Sequence[Row]) -> str:
    """Return dots with whiskers, one a row from the top, the rows of a group under its name.

    Args:
        name: Tells the plots of a page apart; letters only.
        title: What is shown, for those who do not see it.
        rows: At least one; the rows of a group stand together.
    """
    with _drawing(name):
        height = _ROW * (len(rows) + _gaps(rows)) + _MARGIN + _LABEL
        figure = _figure(height)
        notes = 44 if any(row.note for row in rows) else _MARGIN
        axes = _axes(figure, (_NAMES, _LABEL, _WIDTH - _NAMES - notes, height - _LABEL - _MARGIN))
        places = _places(rows)
        for y, row in zip(places, rows, strict=True):
            _draw_row(axes, y, row)
        for y, group in _group_names(rows, places):
            _left(axes, y, group, x=4, weight="bold", color=_INK)
        axes.set_xlim(0, max(1.0, *(row.interval.high for row in rows)) * 1.015)
        axes.set_ylim(places[-1] + 0.8, -0.8)
        axes.set_yticks([])
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="x")
        return _svg(figure, name, title, "; ".join(map(_in_words, rows)))


def reliability(name: str, title: str, bins: Sequence[Bin], right: str = "right") -> str:
    """Return a reliability diagram: share right against confidence, and how many of each.

    Args:
        name: As of `intervals`.
        title: As of `intervals`.
        bins: At least one.
        right: What the share is called that confidence is held against.
    """
    with _drawing(name):
        figure = _figure(366)
        upper = _axes(figure, (54, 130, _WIDTH - 54 - _MARGIN, 220))
        lower = _axes(figure, (54, 42, _WIDTH - 54 - _MARGIN, 62))
        upper.plot([0, 1], [0, 1], color=_SOFT, linewidth=1, dashes=(4, 4))
        confidence = [b.mean_confidence for b in bins]
        share = [b.share_right for b in bins]
        most = max(b.n for b in bins)
        upper.plot(confidence, share, color=_ACCENT, linewidth=1.5, alpha=0.5)
        sizes = [30 + 170 * b.n / most for b in bins]
        upper.scatter(confidence, share, s=sizes, color=_ACCENT, clip_on=False, zorder=3)
        lower.bar(
            [(b.low + b.high) / 2 for b in bins],
            [b.n for b in bins],
            width=[0.86 * (b.high - b.low) for b in bins],
            color=_ACCENT,
            alpha=0.55,
        )
        for b in bins:
            lower.text((b.low + b.high) / 2, b.n, f"{b.n}", ha="center", va="bottom", size=11)
        for axes in (upper, lower):
            axes.set_xlim(-0.02, 1.02)
            axes.tick_params(length=0)
        upper.set_ylim(-0.03, 1.03)
        upper.grid()
        upper.set_ylabel(f"share {right}")
        upper.set_xticks(np.linspace(0, 1, 6), [])
        lower.set_xticks(np.linspace(0, 1, 6))
        lower.set_ylim(0, most * 1.3)
        lower.set_yticks([])
        lower.set_ylabel("n")
        lower.set_xlabel("confidence")
        words = "; ".join(
            f"confidence {b.mean_confidence:.2f}: {b.share_right:.2f} {right} (n {b.n})"
            for b in bins
        )
        return _svg(figure, name, title, words)


def histogram(name: str, title: str, seconds: Sequence[float], marks: Sequence[float]) -> str:
    """Return how often which times were taken, with the median and the 95th percentile marked.

    Args:
        name: As of `intervals`.
        title: As of `intervals`.
        seconds: At least one, 0 or more.
        marks: The median and the 95th percentile, in seconds.
    """
    with _drawing(name):
        figure = _figure(300)
        axes = _axes(figure, (48, 42, _WIDTH - 48 - _MARGIN, 212))
        top = max(*seconds, *marks) or 1.0
        counts, edges = np.histogram(seconds, bins=_TIMES, range=(0, top))
        axes.bar(
            edges[:-1], counts, width=0.92 * top / _TIMES, align="edge", color=_ACCENT, alpha=0.55
        )
        texts = [
            f"{word} {mark:.2f} s" for word, mark in zip(("median", "p95"), marks, strict=True)
        ]
        for line, (mark, text) in enumerate(zip(marks, texts, strict=True)):
            colour = (_INK, _WARN)[line]
            axes.axvline(mark, color=colour, linewidth=1.5)
            side = "left" if mark < 0.7 * top else "right"
            axes.annotate(
                text, (mark, 1), (4 if side == "left" else -4, 6 + 15 * line), ha=side,
                color=colour, xycoords=("data", "axes fraction"), textcoords="offset points",
            )  # fmt: skip
        axes.set_xlim(0, top * 1.01)
        axes.locator_params(axis="y", integer=True, nbins=5)
        axes.tick_params(length=0)
        axes.grid(axis="y")
        axes.set_xlabel("seconds")
        axes.set_ylabel("questions")
        return _svg(figure, name, title, f"{len(seconds)} times; " + ", ".join(texts))


# Rows ---------------------------------------------------------------------------------


def _gaps(rows: Sequence[Row]) -> int:
    """Return how many lines the names of groups take."""
    return sum(1 for group, _ in groupby(rows, key=lambda row: row.group) if group)


def _places(rows: Sequence[Row]) -> list[float]:
    places: list[float] = []
    y = 0.0
    for group, members in groupby(rows, key=lambda row: row.group):
        y += 1.0 if group else 0.0
        for _ in members:
            places.append(y)
            y += 1.0
    return places


def _group_names(rows: Sequence[Row], places: Sequence[float]) -> Iterator[tuple[float, str]]:
    pairs = zip(places, rows, strict=True)
    for group, members in groupby(pairs, key=lambda pair: pair[1].group):
        if group:
            yield next(members)[0] - 1, group


def _draw_row(axes: Axes, y: float, row: Row) -> None:
    colour = _WARN if row.warns else _ACCENT
    interval = row.interval
    # Round ends of a line of no length would be a second dot.
    axes.plot([interval.low, interval.high], [y, y], color=colour, linewidth=3, alpha=0.45)
    axes.plot([interval.mean], [y], "o", color=colour, markersize=7.5, clip_on=False)
    _left(axes, y, row.label, x=4 if not row.group else 14, color=_INK)
    if row.note:
        axes.annotate(
            row.note, (1, y), (8, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", color=_SOFT, size=11,
        )  # fmt: skip


def _left(axes: Axes, y: float, text: str, *, x: float, **looks: Any) -> None:
    """Write at the left edge of the figure, level with a row."""
    axes.annotate(
        text, (x / _WIDTH, y), xycoords=("figure fraction", "data"), ha="left", va="center",
        annotation_clip=False, **looks,
    )  # fmt: skip


def _in_words(row: Row) -> str:
    i = row.interval
    return f"{row.label} {i.mean:.3f}, {i.low:.3f} to {i.high:.3f} (n {i.n})"


# SVG ----------------------------------------------------------------------------------


@contextmanager
def _drawing(name: str) -> Iterator[None]:
    """Draw in our style, whatever a file of settings on this machine says."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A browser has fonts for letters that the one that measures lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "svg.hashsalt": name})
        yield


def _figure(height: float) -> Figure:
    # At 72 dots an inch a point is a unit of the drawing.
    figure = Figure(figsize=(_WIDTH / 72, height / 72), dpi=72)
    figure.patch.set_alpha(0)
    return figure


def _axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Add axes to a figure; `box` is left, bottom, width and height in units of the drawing."""
    width, height = _WIDTH, figure.get_figheight() * 72
    left, bottom, wide, high = box
    axes = figure.add_axes((left / width, bottom / height, wide / width, high / height))
    axes.patch.set_alpha(0)
    return axes


def _svg(figure: Figure, name: str, title: str, description: str) -> str:
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=nothing)
    svg = file.getvalue()
    drawing = svg[svg.index(">", svg.index("<svg")) + 1 :]
    # This style would reach the whole page.
    drawing = re.sub(r"<style.*?</style>", "", drawing, flags=re.DOTALL)
    # Words of a document stand between the tags, and stay as they are.
    drawing = re.sub(r"<[^>]*>", lambda tag: _at_home(tag[0], name), drawing)
    height = round(figure.get_figheight() * 72)
    return (
        f'<svg class="plot" role="img" viewBox="0 0 {_WIDTH} {height}" '
        f'aria-labelledby="{name}-title {name}-words"><title id="{name}-title">{escape(title)}'
        f'</title><desc id="{name}-words">{escape(description)}</desc>{drawing}'
    )


def _at_home(tag: str, name: str) -> str:
    """Give a tag the colours and fonts of the page, and ids that no other plot has."""
    for stand_in, colour in _COLOURS.items():
        tag = tag.replace(stand_in, colour)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = tag.replace(' id="', f' id="{name}-').replace("url(#", f"url(#{name}-")
    return tag.replace('xlink:href="#', f'href="#{name}-')
