"""Figures draw every value in its place and count what they leave out."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from galaxy_utils import plots
from galaxy_utils.evaluation.proxy import PROXY_CLASSES
from galaxy_utils.plots.style import GREY, PALETTE


@pytest.fixture
def tailed() -> pd.DataFrame:
    """A thousand values in a row and four far outside."""
    return pd.DataFrame({"gini": [*np.linspace(0, 1, 996), -9.0, -8.0, 8.0, 9.0, np.nan]})


def test_every_name_of_the_stub_is_there() -> None:
    assert all(callable(getattr(plots, name)) for name in plots.__all__ if name.islower())


def test_full_distributions_draw_every_galaxy(tailed: pd.DataFrame) -> None:
    group = tailed["gini"].abs().gt(2).map({True: "dropped", False: "kept"})
    (axis,) = plots.plot_distributions(tailed, ["gini"], by=group, full=True).axes
    low, high = axis.get_xlim()
    assert low <= -9 and high >= 9
    assert axis.get_title() == ""


def test_distributions_count_the_galaxies_beyond_the_axis(tailed: pd.DataFrame) -> None:
    values = tailed["gini"].dropna()
    low, high = values.quantile([0.005, 0.995])
    outside = int((~values.between(low, high)).sum())
    (axis,) = plots.plot_distributions(tailed, ["gini"]).axes
    assert outside >= 4
    assert axis.get_title() == f"{outside} of 1000 outside"


def test_classes_and_clusters_have_their_colours_and_partitions_their_bars() -> None:
    columns = {"concentration": [2, 3, 9.0], "asymmetry": [0.1, 0.2, 0.3], "cluster": [1, 1, 0]}
    points, classes = (
        np.arange(6.0).reshape(3, 2),
        np.array(["early type", "late type", "late type"]),
    )
    agreement = pd.Series({"clusters": 0.3, "permuted": -0.1})
    left, middle, right = plots.plot_dimensional_complexity(
        pd.DataFrame(columns), points, classes, PROXY_CLASSES, agreement
    ).axes
    shown = [[dots.get_offsets().tolist() for dots in axis.collections] for axis in (left, middle)]
    assert shown == [[[], [[2, 0.1]], [], [[3, 0.2], [9, 0.3]]], [[[4, 5]], [[0, 1], [2, 3]]]]
    colours = [to_hex(dots.get_facecolor()[0]).upper() for dots in left.collections]
    assert colours == [PALETTE[7], PALETTE[5], PALETTE[4], GREY]
    assert left.texts[0].get_text() == "1 of 3 outside"
    assert [bar.get_width() for bar in right.patches] == [0.3, -0.1]
    assert right.get_xlim() == (-0.1, 1)


def test_confusion_is_coloured_by_the_share_of_the_class() -> None:
    table = pd.DataFrame([[3, 1], [0, 0]], index=["spiral", "merger"])
    axis = plots.plot_confusion(table, "class").axes[0]
    assert axis.collections[0].get_array().tolist() == [[0.75, 0.25], [0, 0]]
    assert [text.get_text() for text in axis.texts] == ["3", "1", "0", "0"]


def test_effects_of_groupings_stand_in_their_rows_and_none_leave_the_panel_empty() -> None:
    table = pd.DataFrame({
        "grouping": ["a", "b"] * 2, "property": ["x"] * 2 + ["y"] * 2,
        "value": [1.0, 2.0, 3.0, 4.0], "low": 0.5, "high": 5.0,
    })  # fmt: skip
    (axis,) = plots.plot_effect_sizes(table, {"": ["y", "x"]}, "percent").axes
    assert [line.get_xdata().tolist() for line in axis.lines[1::2]] == [[3], [4], [1], [2]]
    assert axis.get_xlabel() == "percent" and not axis.patches
    (with_null,) = plots.plot_effect_sizes(table.assign(null=0.2), {"": ["x"]}).axes
    assert with_null.patches[0].get_width() == 0.2
    assert not plots.plot_effect_sizes(table.head(0), {"": []}).axes[0].lines


def test_intervals_stand_at_their_rows_and_only_the_first_panel_has_names() -> None:
    table = pd.DataFrame({"value": [1.0, 2.0], "low": [0.5, 1.0], "high": [1.5, 4.0]}, ["a", "b"])
    first, second = plots.plot_intervals({"ARI": table, "AMI": table}).axes
    assert [path.vertices.tolist() for path in first.collections[0].get_paths()] == [
        [[0.5, 0], [1.5, 0]], [[1, 1], [4, 1]]
    ]  # fmt: skip
    assert first.lines[0].get_xydata().tolist() == [[1, 0], [2, 1]]
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "b"]
    assert first.get_ylim() == (1.5, -0.5) and second.get_xlabel() == "AMI"
    assert not any(label.get_text() for label in second.get_yticklabels())
    assert len(plots.plot_intervals({}).axes) == 1


def test_repeats_are_dots_with_a_bar_at_their_mean() -> None:
    table = pd.DataFrame({
        "value": [1.0, 3.0, 5.0, np.nan, 7.0], "data": ["galaxies"] * 2 + ["null"] * 3,
        "score": ["ari"] * 4 + ["ami"],
    })  # fmt: skip
    labels = {"ari": "ARI", "ami": "AMI", "nmi": "NMI", "v": "V"}
    axes = plots.plot_repeats(table, "value", "data", "score", labels).axes
    assert [axis.get_xlabel() for axis in axes] == ["ARI", "AMI", "NMI", "V"]
    dots, mean, null_dots, null_mean = axes[0].lines
    assert dots.get_xydata().tolist() == [[1, 0], [3, 0]] and set(mean.get_xdata()) == {2}
    assert null_dots.get_xydata().tolist() == [[5, 1]] and set(null_mean.get_xdata()) == {5}
    assert (dots.get_color(), null_dots.get_color()) == (PALETTE[0], GREY)
    named = [[label.get_text() for label in axis.get_yticklabels()] for axis in axes]
    assert named[0] == named[3] == ["galaxies", "null"] and not any(named[1])


def test_faint_galaxies_are_brightened() -> None:
    image = np.full((4, 4, 3), 100, dtype=np.uint8)
    first, second = plots.plot_galaxies([image, image // 2], ["one", "other"], stretch=3).axes
    assert first.images[0].get_array().max() == 255 and second.images[0].get_array().max() == 150
    assert second.get_title() == "other"


def test_a_line_joins_the_papers_value_with_ours() -> None:
    table = pd.DataFrame({"value": [1.0, 2.0], "paper": [3.0, 0.5]}, ["a", "b"])
    figure = plots.plot_intervals({"score": table})
    (axis,) = figure.axes
    assert [line.get_xdata().tolist() for line in axis.lines] == [[3, 0.5], [1, 2]]
    ends = [segment[:, 0].tolist() for segment in axis.collections[0].get_segments()]
    assert ends == [[3, 1], [0.5, 2]]
    assert [text.get_text() for text in figure.legends[0].texts] == ["paper", "this run"]


def test_strips_show_the_middle_of_each_image_in_its_row() -> None:
    image = np.zeros((80, 40, 3), np.uint8)
    image[20:60, 10:30] = 100
    strips = {
        "clusters": {"cluster 0": [image, None], "cluster 1": [image]},
        "classes": {"e": [image]},
    }
    (axis,) = plots.plot_strips(strips, stretch=2).axes
    assert [text.get_text() for text in axis.texts] == ["clusters", "classes"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["cluster 0", "cluster 1", "e"]
    assert [shown.get_extent()[0] for shown in axis.images] == [0, 0, 0] and len(axis.images) == 3
    middles = [np.mean(shown.get_extent()[2:]) for shown in axis.images]
    np.testing.assert_allclose(middles, axis.get_yticks(), atol=0.02)
    assert (axis.images[0].get_array() == 200).all()
    assert axis.images[0].get_array().shape == (40, 20, 3)


def test_strips_without_galaxies_are_empty() -> None:
    assert not plots.plot_strips({}).axes[0].images
