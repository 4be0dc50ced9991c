"""One score against another."""

import pandas as pd
from matplotlib.figure import Figure

from galaxy_utils.plots import style


def plot_scatter(
    table: pd.DataFrame, x: str, y: str, by: str, xlabel: str, ylabel: str, named: pd.DataFrame
) -> Figure:
    """Points in a plane, some of them ringed and named.

    Parameters
    ----------
    table : DataFrame
        Columns x, y, by.
    x, y, by : str
        Column names; one colour per value of `by`.
    xlabel, ylabel : str
        Axis labels.
    named : DataFrame
        Index: names; columns x, y.
    """
    figure, axis = style.single_panel(width=7.5, height=4.6)
    for index, (group, rows) in enumerate(table.groupby(by, sort=False)):
        colour, label = style.colour(index), str(group)
        axis.plot(rows[x], rows[y], "o", ms=4, alpha=0.6, color=colour, label=label)
    axis.plot(named[x], named[y], "o", ms=11, mfc="none", mec="black")
    for name, across, up in named[[x, y]].itertuples():
        axis.annotate(str(name), (across, up), (6, 8), textcoords="offset points", fontsize=9)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.legend(fontsize=8, frameon=False)
    return figure
