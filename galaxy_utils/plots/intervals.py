"""Values with intervals, one below the other."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from galaxy_utils.plots import style


def plot_intervals(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Values with intervals, one panel per score, one row per thing; empty without a table.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Axis label with unit to columns value, low, high, or value and paper, which are then
        joined by a line; index: what the values are of, the same in all tables.
    """
    number = max(len(tables), 1)
    names = list(next(iter(tables.values())).index) if tables else []
    height = 0.9 + 0.28 * max(len(names), 1)
    figure, axes = style.panels(number, max(8.0, 2.2 + 1.9 * number), height)
    for axis, (label, table) in zip(axes, tables.items(), strict=False):
        rows = range(len(table))
        if "paper" in table:
            axis.hlines(rows, table["paper"], table["value"], color=style.GREY, lw=2)
            axis.plot(table["paper"], rows, "o", ms=8, mfc="white", color=style.GREY, label="paper")
        else:
            axis.hlines(rows, table["low"], table["high"], color=style.PALETTE[0], lw=2)
        axis.plot(table["value"], rows, "o", ms=5, color=style.PALETTE[0], label="this run")
        axis.grid(axis="y", lw=0.4, color="0.9")
        axis.set_xlabel(label)
        style.name_rows(axis, names, labelled=axis is axes[0])
    if any("paper" in table for table in tables.values()):
        lines = axes[0].get_legend_handles_labels()
        figure.legend(*lines, loc="outside upper center", ncols=2)
    return figure
