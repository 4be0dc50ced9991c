"""Counts of classes against clusters."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from galaxy_utils.plots import style


def plot_confusion(table: pd.DataFrame, classes: str) -> Figure:
    """Counts of classes against matched clusters; colour is the share of the class.

    Parameters
    ----------
    table : DataFrame of int
        One row per class, one column per cluster.
    classes : str
        What the classes are.
    """
    figure, axis = style.single_panel(width=6.0, height=4.2)
    share = table.div(table.sum(axis=1).clip(lower=1), axis=0).rename(index=style.class_name)
    sns.heatmap(
        share, annot=table.to_numpy(), fmt="d", cmap="cividis", vmin=0, vmax=1,
        cbar_kws={"label": "share of the class"}, ax=axis,
    )  # fmt: skip
    axis.set(xlabel="cluster, in matched order", ylabel=classes)
    axis.tick_params(axis="y", labelrotation=0)
    return figure
