"""Counts as bars."""

import pandas as pd
from matplotlib.figure import Figure

from galaxy_utils.plots import style


def plot_counts(counts: pd.Series, xlabel: str = "galaxies") -> Figure:
    """Horizontal bars of counts, the first on top.

    Parameters
    ----------
    counts : Series of int or float
        Index: category.
    xlabel : str
        Axis label.
    """
    figure, axis = style.single_panel(width=7.0, height=0.6 + 0.36 * len(counts))
    bars = axis.barh([str(name) for name in counts.index], counts.to_numpy())
    axis.bar_label(bars, padding=3, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel(xlabel)
    return figure
