"""Figures: what they leave out they count."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from galaxy_utils.plots import figures as plots


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def tailed() -> pd.DataFrame:
    """A thousand values in a row and four far outside."""
    return pd.DataFrame({"gini": [*np.linspace(0, 1, 996), -9.0, -8.0, 8.0, 9.0, np.nan]})


def test_histograms_of_all_draw_every_galaxy(tailed: pd.DataFrame) -> None:
    who = tailed["gini"].abs().gt(2).map({True: "dropped", False: "kept"})
    axis = plots.histograms(tailed, ["gini"], by=who, whole=True).axes[0]
    low, high = axis.get_xlim()
    assert low <= -9 and high >= 9
    assert axis.get_title() == ""


def test_histograms_of_most_count_the_others(tailed: pd.DataFrame) -> None:
    beyond = tailed["gini"].dropna()
    low, high = beyond.quantile([0.005, 0.995])
    number = int((~beyond.between(low, high)).sum())
    axis = plots.histograms(tailed, ["gini"]).axes[0]
    assert number >= 4
    assert axis.get_title() == f"{number} of 1000 outside"


def test_reconstruction_counts_what_lies_beyond_its_axes() -> None:
    truth = np.zeros((10, 5))
    truth[0, 2], truth[1, 2] = 7.0, -7.0
    said = [axis.texts[0].get_text() for axis in plots.reconstruction(truth, truth).axes]
    assert said == [f"{n} of 10 outside" for n in (0, 0, 2, 0, 0)]


def test_no_line_goes_through_the_legend_of_training_curves() -> None:
    rows = [(epoch, name, modality, 0.9) for epoch in (1, 2) for name in ("training", "held out")
            for modality in ("a", "b", "morphology")]  # fmt: skip
    figure = plots.training_curves(
        pd.DataFrame(rows, columns=["epoch", "set", "modality", "error"])
    )
    figure.canvas.draw()
    (legend,) = figure.legends
    assert not legend.get_window_extent().overlaps(figure.axes[0].get_window_extent())


@pytest.mark.parametrize(("x", "whole"), [([1, 2], True), ([1.5, 2.5], False)])
def test_what_is_counted_has_no_fractions_on_its_axis(x: list[float], whole: bool) -> None:
    table = pd.DataFrame({"x": x, "y": [0.5, 0.95], "by": "one", "panel": "a"})
    drawn = plots.panel_lines(table, "x", "y", "by", "panel", "x", {"a": "y"})
    for (axis,) in (drawn.axes, plots.lines(table, "x", "y", "by", "x", "y").axes):
        assert np.all(axis.get_xticks() % 1 == 0) == whole


def test_lines_mark_a_level_where_asked() -> None:
    table = pd.DataFrame({"x": [1, 2], "y": [0.5, 0.95], "by": "one"})
    (axis,) = plots.lines(table, "x", "y", "by", "x", "y", level=0.9).axes
    assert any(set(line.get_ydata()) == {0.9} for line in axis.lines)
