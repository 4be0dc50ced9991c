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
        Axis label with unit to columns value, low, high; index: what the values
        are of, the same in all tables.
    """
    number = max(len(tables), 1)
    names = list(next(iter(tables.values())).index) if tables else []
    height = 0.9 + 0.28 * max(len(names), 1)
    figure, axes = style.panels(number, max(8.0, 2.2 + 1.9 * number), height)
    for axis, (label, table) in zip(axes, tables.items(), strict=False):
        rows = range(len(table))
        axis.hlines(rows, table["low"], table["high"], color=style.PALETTE[0], lw=2)
        axis.plot(table["value"], rows, "o", ms=5)
        axis.grid(axis="y", lw=0.4, color="0.9")
        axis.set_xlabel(label, fontsize=8 if number > 1 else 10)
        style.name_rows(axis, names, labelled=axis is axes[0])
    return figure
