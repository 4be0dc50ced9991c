"""Effect sizes of several groupings, property by property."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from galaxy_utils.plots import style

MARKERS = "osD^"
EPSILON = "share of the rank variance between the groups, $\\varepsilon^2$"


def plot_effect_sizes(
    table: pd.DataFrame, topics: Mapping[str, Sequence[str]], xlabel: str = EPSILON
) -> Figure:
    """One row per property, one sign per grouping with its interval, one block per topic.

    Parameters
    ----------
    table : DataFrame
        Columns grouping, property, value, low, high, and null, if there is one (upper end for
        shuffled labels).
    topics : mapping of str to sequence of str
        Heading of a block to its properties, from top to bottom.
    xlabel : str
        What the values are.
    """
    names = [name for group in topics.values() for name in group]
    heights = [len(group) for group in topics.values()]
    figure, axes = style.panels(len(topics), 8.5, 0.36 * max(heights), 1, margin=1.2)
    groupings = list(table["grouping"].unique())
    largest = max([0.1, *table.loc[table["property"].isin(names), "high"].dropna()])
    for axis, (topic, properties) in zip(axes, topics.items(), strict=True):
        for row, name in enumerate(properties):
            here = table[table["property"] == name].set_index("grouping")
            if "null" in here:
                axis.barh(row, here["null"].max(), 0.9, color="0.85", zorder=0)
            for index, grouping in enumerate(groupings):
                height = row + 0.22 * (index - (len(groupings) - 1) / 2)
                value, low, high = here.loc[grouping, ["value", "low", "high"]]
                axis.plot([low, high], [height] * 2, color=style.colour(index), lw=1.5)
                axis.plot(value, height, MARKERS[index], ms=6, color=style.colour(index),
                          label=grouping if row == 0 else None)  # fmt: skip
        style.name_rows(axis, list(properties), labelled=True)
        axis.set_xlim(0, 1.05 * largest)
        axis.set_title(topic, loc="left")
        axis.grid(axis="x", lw=0.4, color="0.9")
    axes[-1].set_xlabel(xlabel)
    if names:
        axes[0].legend(loc="lower right", frameon=True)
    return figure
