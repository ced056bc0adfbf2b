"""Plots: what they show, and that they fit into a page of either colour."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable

import matplotlib as mpl
import pytest
from lxml import etree

from eval import plots
from eval.metrics.intervals import Interval
from eval.metrics.refusals import Bin
from eval.plots import Row

ROWS = [
    Row("Recall@5", Interval(0.8, 0.7, 0.9, 10), "Retrieval"),
    Row("MRR", Interval(0.5, 0.5, 0.5, 10), "Retrieval"),
    Row("False refusals", Interval(0.1, 0.0, 0.2, 10), "Refusals", True, "n 10"),
]
BINS = [Bin(0.0, 0.1, 3, 0.05, 0.0), Bin(0.9, 1.0, 12, 0.96, 0.75)]
ALL: list[Callable[[], str]] = [
    lambda: plots.intervals("metrics", "Metrics", ROWS),
    lambda: plots.reliability("reliability", "Reliability", BINS),
    lambda: plots.histogram("times", "Times", [0.5, 1.0, 1.5, 9.0], (1.25, 8.0)),
]


def words(svg: str) -> list[str]:
    """Return the texts that are drawn; raises where the drawing is not well formed."""
    tree = etree.fromstring(svg.encode())
    return [text.text or "" for text in tree.iter("text")]


@pytest.mark.parametrize("draw", ALL)
def test_equal_figures_give_equal_text(draw: Callable[[], str]):
    """The ids are those of the last time, and no date is in it."""
    assert draw() == draw()


def test_text_is_the_same_in_another_process():
    """Neither the seed of hashes nor settings in the folder change it."""
    code = (
        "from eval import plots; from eval.metrics.refusals import Bin;"
        "print(plots.reliability('reliability', 'Reliability',"
        "[Bin(0.0, 0.1, 3, 0.05, 0.0), Bin(0.9, 1.0, 12, 0.96, 0.75)]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == ALL[1]().strip()


def test_settings_of_the_machine_change_nothing_and_are_left_alone():
    """A user's own style of plots is neither seen nor lost."""
    before = ALL[0]()
    with mpl.rc_context({"font.size": 33, "axes.facecolor": "red"}):
        assert ALL[0]() == before
        assert mpl.rcParams["font.size"] == 33


@pytest.mark.parametrize("draw", ALL)
def test_a_plot_takes_colours_and_fonts_from_the_page(draw: Callable[[], str]):
    """No colour, font, style sheet, address or background of its own."""
    svg = draw()
    assert "var(--accent)" in svg
    assert not re.search(r"#[0-9a-fA-F]{6}\b", svg)
    assert "font-family" not in svg
    assert "<style" not in svg
    assert "http" not in svg
    assert "<metadata" not in svg
    assert not re.search(r"fill: (white|black)", svg)


@pytest.mark.parametrize("draw", ALL)
def test_a_plot_tells_its_title_and_its_figures_to_those_who_do_not_see_it(
    draw: Callable[[], str],
):
    """It is an image with a title and a description, found by their ids."""
    tree = etree.fromstring(draw().encode())
    assert tree.get("role") == "img"
    labels = tree.get("aria-labelledby", "").split()
    assert [tree.xpath("string(//*[@id=$i])", i=i) != "" for i in labels] == [True, True]


def test_two_plots_share_no_id():
    """All of them stand in one page."""
    ids = [i for draw in ALL for i in re.findall(r' id="([^"]*)"', draw())]
    assert len(ids) == len(set(ids))


def test_what_an_id_points_to_is_there():
    """The areas that lines are clipped to are renamed together with their names."""
    for draw in ALL:
        svg = draw()
        for target in re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', svg):
            assert f' id="{"".join(target)}"' in svg


def test_intervals_name_rows_groups_and_notes():
    """Labels from the top, each group once."""
    found = words(ALL[0]())
    assert [w for w in found if w in {"Recall@5", "MRR", "False refusals"}] == [
        "Recall@5", "MRR", "False refusals",
    ]  # fmt: skip
    assert found.count("Retrieval") == 1
    assert found.count("Refusals") == 1
    assert "n 10" in found
    assert "Recall@5 0.800, 0.700 to 0.900 (n 10)" in ALL[0]()
    assert "var(--warn)" in ALL[0]()


def test_dots_stand_at_their_means():
    """On one axis 0.2 lies halfway between 0.1 and 0.3."""
    rows = [Row(f"{mean}", Interval(mean, mean, mean, 1)) for mean in (0.1, 0.2, 0.3)]
    tree = etree.fromstring(plots.intervals("dots", "Dots", rows).encode())
    x = [float(use.get("x")) for use in tree.iter("use") if "accent" in use.get("style", "")]
    assert len(x) == 3
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=1e-3)
    assert x[1] > x[0]


def test_reliability_says_how_many_are_in_each_bin():
    """The n of every bin is written at its bar, and the share is named."""
    assert {"3", "12"} <= set(words(ALL[1]()))
    named = plots.reliability("reliability", "Reliability", BINS, "answerable")
    assert "share answerable" in words(named)


def test_histogram_marks_median_and_p95():
    """Both with their seconds."""
    assert {"median 1.25 s", "p95 8.00 s"} <= set(words(ALL[2]()))


def test_labels_stay_as_they_were_written():
    """Neither markup nor mathematics nor a letter that the font lacks is taken as such."""
    label = '$x$ <b>&amp; id="a" url(#b) #010203 東京'
    svg = plots.intervals("odd", "</svg><script>", [Row(label, Interval(0.5, 0.4, 0.6, 2))])
    assert label in words(svg)
    assert "<script" not in svg


@pytest.mark.parametrize("seconds", [[0.0], [3.0], [0.0, 0.0]])
def test_times_without_spread_are_drawn(seconds: list[float]):
    """One case, or all of them at once."""
    assert words(plots.histogram("times", "Times", seconds, (seconds[0], seconds[0])))
