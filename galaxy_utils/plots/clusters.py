"""Clusters and classes by rule."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from galaxy_utils.plots import style

_CLASS_COLOURS = (7, 5, 4, -1)  # of mergers, early, transitional and late types


def plot_dimensional_complexity(
    catalogue: pd.DataFrame,
    points: NDArray[np.floating],
    classes: NDArray[np.object_],
    class_names: Sequence[str],
    agreement: pd.Series,
) -> Figure:
    """Classes by rule, clusters, and agreement of partitions with the rule.

    Parameters
    ----------
    catalogue : DataFrame
        concentration, asymmetry and cluster.
    points : ndarray of float, shape (n_galaxies, 2)
        First two principal components of the latent space.
    classes : ndarray of str, shape (n_galaxies,)
        Class by rule.
    class_names : sequence of str
        All classes.
    agreement : Series of float
        Partition to its adjusted Rand index with the rule.
    """
    figure, axis = style.single_panel(style.WIDEST, 6.2)
    axis.remove()
    places = figure.subplot_mosaic([["rule", "latent"], ["index"] * 2], height_ratios=[3, 1])
    left, right, below = places["rule"], places["latent"], places["index"]
    x, y, cluster = (catalogue[name] for name in ("concentration", "asymmetry", "cluster"))
    for index, name in zip(_CLASS_COLOURS, class_names, strict=True):
        mine = classes == name
        common = mine.mean() > 0.5  # drawn small and below the others
        look = {"s": 4, "alpha": 0.4, "zorder": 1} if common else {"s": 16, "zorder": 2}
        style.scatter(left, x[mine], y[mine], index, label=name, **look)
    for number in sorted(cluster.unique()):
        first, second = points[cluster == number].T
        style.scatter(right, first, second, number, alpha=0.5, label=f"cluster {number}")
    left.set(xlim=(1, 5), ylim=(-0.4, 1.0), title="classes by rule")
    left.set(xlabel=style.FIVE_LABELS["concentration"], ylabel=style.FIVE_LABELS["asymmetry"])
    right.set(xlabel="principal component 1", ylabel="principal component 2")
    right.set_title("clusters, latent space")
    style.count_outside(left, x, y)
    for axis in (left, right):
        axis.legend(markerscale=2)
    bars = below.barh(list(agreement.index), agreement.to_numpy())
    below.bar_label(bars, fmt="%.3f", padding=3, fontsize=style.SMALLEST)
    below.set(xlabel="adjusted Rand index with the rule", xlim=(min(0, agreement.min()), 1))
    below.invert_yaxis()
    return figure
