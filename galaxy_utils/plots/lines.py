"""Lines over repeats, in one panel or several."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from galaxy_utils.plots import style


def plot_lines(
    table: pd.DataFrame, x: str, y: str, by: str, xlabel: str = "", ylabel: str = "",
    panel: str = "", labels: Mapping[str, str] | None = None, dashed: Sequence[str] = (),
) -> Figure:  # fmt: skip
    """Mean of the repeats as lines, their range shaded; up to three panels in a row.

    Parameters
    ----------
    table : DataFrame
        One row per repeat.
    x, y, by : str
        Column names; one line per value of `by`.
    xlabel, ylabel : str
        Axis labels with units. Where both are given, panels share the vertical axis.
    panel : str
        Column name; one panel per value.
    labels : mapping of str to str
        Value of `panel` to its label, in the order to be drawn; it stands at the axis
        that has none yet, else above.
    dashed : sequence of str
        Values of `by` whose lines are dashed.
    """
    labels = labels or {"": ""}
    width, height = (9.5, 3.1) if panel else (6.5, 3.4)
    figure, axes = style.panels(len(labels), width, height, columns=min(3, len(labels)))
    for axis, (name, label) in zip(axes, labels.items(), strict=True):
        shown = table[table[panel] == name] if panel else table
        _draw_lines(axis, shown, x, y, by, dashed)
        axis.set(xlabel=xlabel or label, ylabel=ylabel or label)
        if panel and xlabel and ylabel:
            axis.set_title(label)
            axis.sharey(axes[0])
            axis.set_ylabel(ylabel if axis is axes[0] else "")
    if panel and len(table):
        lines = axes[0].get_legend_handles_labels()
        figure.legend(*lines, loc="outside lower center", ncols=4)
    elif len(table):
        axes[0].legend()
    return figure


def _draw_lines(
    axis: Axes, table: pd.DataFrame, x: str, y: str, by: str, dashed: Sequence[str]
) -> None:
    for index, (name, rows) in enumerate(table.groupby(by, sort=False)):
        repeats, colour = rows.groupby(x)[y].agg(["mean", "min", "max"]), style.colour(index)
        line = "o--" if name in dashed else "o-"
        axis.plot(repeats["mean"], line, ms=3.5, color=colour, label=str(name))
        span = repeats["min"], repeats["max"]
        axis.fill_between(repeats.index, *span, color=colour, alpha=0.2)
    for column, ticks in ((x, axis.xaxis), (y, axis.yaxis)):
        if (table[column] % 1 == 0).all():  # no fractions on the axis of a number of things
            ticks.set_major_locator(MaxNLocator(integer=True))
