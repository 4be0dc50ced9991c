"""Values of repeated runs as dots."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from galaxy_utils.plots import style


def plot_repeats(
    table: pd.DataFrame, value: str, category: str, panel: str, labels: Mapping[str, str]
) -> Figure:
    """Every repeat a dot, their mean a bar, up to three panels in a row.

    Parameters
    ----------
    table : DataFrame
        One row per repeat.
    value, category, panel : str
        Column names; the first category is drawn in colour, the others in grey.
    labels : mapping of str to str
        Value of `panel` to its axis label, in the order to be drawn.
    """
    categories = list(table[category].unique())
    columns, height = min(3, len(labels)), 0.7 + 0.3 * len(categories)
    figure, axes = style.panels(len(labels), 9, height, columns, margin=0.9)
    for index, (axis, (name, label)) in enumerate(zip(axes, labels.items(), strict=True)):
        shown = table[table[panel] == name]
        for row, of in enumerate(categories):
            repeats = shown.loc[shown[category] == of, value].dropna()
            colour = style.PALETTE[0] if row == 0 else style.GREY
            axis.plot(repeats, [row] * len(repeats), "o", ms=4, alpha=0.5, color=colour)
            axis.plot([repeats.mean()] * 2, [row - 0.3, row + 0.3], color=colour, lw=2)
        axis.set_xlabel(label)
        style.name_rows(axis, categories, labelled=index % columns == 0)
    return figure
