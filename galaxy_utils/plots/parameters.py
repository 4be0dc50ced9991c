"""Distributions of the morphological parameters."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galaxy_utils.plots import style


def plot_distributions(
    table: pd.DataFrame, columns: Sequence[str], by: pd.Series | None = None, full: bool = False
) -> Figure:
    """Histograms of several quantities; titles count the galaxies beyond the axis.

    Parameters
    ----------
    table : DataFrame
        One row per galaxy; NaN is left out.
    columns : sequence of str
        Which to draw, one panel each.
    by : Series, optional
        Group of each galaxy; one line per group.
    full : bool
        Draw all galaxies, counts on a logarithmic axis, instead of densities
        between the 0.5 and 99.5 percentiles.
    """
    figure, axes = style.panels(len(columns), 1.8 * len(columns), 2.5)
    for axis, name in zip(axes, columns, strict=True):
        _draw_histogram(axis, table[name].dropna(), by, full)
        axis.set_xlabel(style.QUANTITY_LABELS.get(name, name))
    axes[0].set_ylabel("galaxies" if full else "density")
    if by is not None:
        lines = axes[0].get_legend_handles_labels()
        figure.legend(*lines, loc="outside upper center", ncols=4)
    return figure


def _draw_histogram(axis: Axes, values: pd.Series, by: pd.Series | None, full: bool) -> None:
    low, high = values.quantile([0, 1] if full else [0.005, 0.995])
    look: dict[str, Any] = {"range": (low, high), "histtype": "step"}
    look |= {"bins": 40, "log": True} if full else {"bins": 25, "density": True}
    groups = {"all": values} if by is None else dict(iter(values.groupby(by)))
    for index, (name, group) in enumerate(groups.items()):
        axis.hist(group, color=style.colour(index), label=str(name), **look)
    outside = int((~values.between(low, high)).sum())
    if outside:
        axis.set_title(f"{outside} of {len(values)} outside", fontsize=style.SMALLEST, color="0.35")
    if not full:
        axis.set_yticks([])
