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
    figure, (left, middle, right) = style.panels(3, 10.5, 3.6)
    x, y, cluster = (catalogue[name] for name in ("concentration", "asymmetry", "cluster"))
    for index, name in zip(_CLASS_COLOURS, class_names, strict=True):
        style.scatter(left, x[classes == name], y[classes == name], index, alpha=0.5, label=name)
    for number in sorted(cluster.unique()):
        first, second = points[cluster == number].T
        style.scatter(middle, first, second, number, alpha=0.5, label=f"cluster {number}")
    left.set(xlim=(1, 5), ylim=(-0.4, 1.0), title="classes by rule")
    left.set(xlabel=style.FIVE_LABELS["concentration"], ylabel=style.FIVE_LABELS["asymmetry"])
    middle.set(xlabel="principal component 1", ylabel="principal component 2")
    middle.set_title("clusters, latent space")
    style.count_outside(left, x, y)
    for axis in (left, middle):
        axis.legend(fontsize=7, markerscale=3, frameon=False)
    bars = right.barh(list(agreement.index), agreement.to_numpy())
    right.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
    right.set(xlabel="adjusted Rand index with the rule", xlim=(min(0, agreement.min()), 1))
    right.invert_yaxis()
    return figure
