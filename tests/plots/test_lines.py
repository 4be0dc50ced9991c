"""Lines over repeats, in one panel or several."""

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.plots import plot_lines


def test_a_line_is_the_mean_of_its_repeats_and_the_band_their_range() -> None:
    table = pd.DataFrame({"x": [1, 1, 2, 2], "y": [1.0, 3.0, 4.0, 8.0], "by": "one"})
    (axis,) = plot_lines(table, "x", "y", "by", "x", "y", dashed=["one"]).axes
    assert axis.lines[0].get_xydata().tolist() == [[1, 2], [2, 6]]
    assert axis.lines[0].get_linestyle() == "--"
    corners = {tuple(corner) for corner in axis.collections[0].get_paths()[0].vertices}
    assert corners == {(1, 1), (1, 3), (2, 4), (2, 8)}


@pytest.mark.parametrize(("x", "integers"), [([1, 2], True), ([1.5, 2.5], False)])
def test_a_number_of_things_has_no_fractions_on_its_axis(x: list[float], integers: bool) -> None:
    table = pd.DataFrame({"x": x, "y": [0.5, 0.95], "by": "one"})
    (axis,) = plot_lines(table, "x", "y", "by", "x", "y").axes
    assert np.all(axis.get_xticks() % 1 == 0) == integers
    (axis,) = plot_lines(table.rename(columns={"x": "y", "y": "x"}), "x", "y", "by", "x", "y").axes
    assert np.all(axis.get_yticks() % 1 == 0) == integers


@pytest.fixture
def two_panels() -> pd.DataFrame:
    return pd.DataFrame(
        {"x": [1.0, 2, 1, 2], "y": [1.0, 2, 50, 90], "by": "full", "panel": ["a", "a", "b", "b"]}
    )


def test_panels_of_one_quantity_share_their_axis(two_panels: pd.DataFrame) -> None:
    columns, labels = ("x", "y", "by", "dimension"), {"a": "galaxies", "b": "null"}
    first, second = plot_lines(
        two_panels, *columns, "confident (%)", panel="panel", labels=labels
    ).axes
    assert first.get_ylim() == second.get_ylim() and first.get_ylim()[1] >= 90
    assert [axis.get_title() for axis in (first, second)] == ["galaxies", "null"]
    assert (first.get_ylabel(), second.get_ylabel()) == ("confident (%)", "")
    first, second = plot_lines(two_panels, *columns, panel="panel", labels=labels).axes
    assert first.get_ylim() != second.get_ylim()
    assert [axis.get_ylabel() for axis in (first, second)] == ["galaxies", "null"]
    assert {axis.get_xlabel() for axis in (first, second)} == {"dimension"}


def test_panels_of_one_score_have_horizontal_axes_of_their_own(two_panels: pd.DataFrame) -> None:
    labels = {"a": "magnitude", "b": "size"}
    columns = ("x", "y", "by", "", "agreement", "panel")
    figure = plot_lines(two_panels, *columns, labels)
    assert [axis.get_xlabel() for axis in figure.axes] == ["magnitude", "size"]
    assert {axis.get_ylabel() for axis in figure.axes} == {"agreement"}
    assert list(figure.axes[1].lines[0].get_ydata()) == [50, 90]
    assert len(figure.legends) == 1
    empty = plot_lines(two_panels.head(0), *columns, labels)
    assert len(empty.axes) == 2 and not empty.legends  # nothing to name is no warning
