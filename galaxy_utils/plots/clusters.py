"""The clusters: where they lie, how they differ, and how well they agree with rules."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from galaxy_utils.plots import style


def plot_umap(
    points: NDArray[np.floating],
    cluster: NDArray[np.int64],
    names: Mapping[int, str],
    confident: NDArray[np.bool_],
) -> Figure:
    """UMAP layout of all galaxies, and of the confident ones on the same axes.

    Parameters
    ----------
    points : ndarray of float, shape (n_galaxies, 2)
        Positions; they carry no unit.
    cluster : ndarray of int64, shape (n_galaxies,)
        Number of the cluster.
    names : mapping of int to str
        Cluster to legend.
    confident : ndarray of bool, shape (n_galaxies,)
        Galaxies of the right panel.
    """
    figure, (left, right) = style.panels(2, 10.0, 4.6)
    for axis, galaxies in ((left, np.ones_like(confident)), (right, confident)):
        for number, name in names.items():
            x, y = points[galaxies & (cluster == number)].T
            style.scatter(axis, x, y, number, alpha=0.6, label=name)
        axis.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    left.set_title("all galaxies")
    left.legend(fontsize=7, markerscale=3, frameon=False)
    right.set(title="confident galaxies only", xlim=left.get_xlim(), ylim=left.get_ylim())
    return figure


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
    for index, name in enumerate(class_names, start=4):
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
