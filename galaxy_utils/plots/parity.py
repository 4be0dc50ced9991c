"""The same quantities obtained in two ways."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from galaxy_utils.plots import style


def plot_parity(
    pairs: Mapping[str, pd.DataFrame],
    by: pd.Series | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Quantities obtained in two ways, one against the other, with the line of equality.

    Parameters
    ----------
    pairs : mapping of str to DataFrame
        By quantity; the first column is the horizontal axis, the second the vertical.
        Rows with NaN are left out.
    by : Series, optional
        Group of each row; one colour per group.
    limits : tuple of float, optional
        Ends of all axes; else those of each panel are the 0.5 and 99.5 percentiles of
        both columns. The panels count the rows beyond.
    """
    figure, axes = style.panels(len(pairs), 2.4 * len(pairs), 2.7)
    for axis, (name, table) in zip(axes, pairs.items(), strict=True):
        x, y = (table.dropna()[column] for column in table)
        for index, (group, rows) in enumerate([("", x)] if by is None else x.groupby(by)):
            style.scatter(axis, rows, y[rows.index], index, alpha=0.5, label=group)
        low, high = limits or (np.percentile([x, y], [0.5, 99.5]) if len(x) else (0, 1))
        axis.axline((low, low), slope=1, color="black", lw=0.6)
        axis.set(xlim=(low, high), ylim=(low, high), xlabel=x.name)
        axis.set_title(style.FIVE_LABELS.get(name, name))
        style.count_outside(axis, x, y)
    axes[0].set_ylabel(str(y.name))
    if by is not None:
        axes[0].legend(fontsize=7, markerscale=2, frameon=False, loc="upper left")
    return figure
