"""Tables of numbers as shaded grids."""

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from galaxy_utils.plots import style


def plot_heatmap(
    table: pd.DataFrame, xlabel: str, ylabel: str, label: str, digits: int = 0
) -> Figure:
    """Numbers in a grid, shaded.

    Parameters
    ----------
    table : DataFrame
        Rows and columns as they are to be drawn; NaN leaves a cell empty.
    xlabel, ylabel : str
        What columns and rows are.
    label : str
        What the numbers are, with their unit.
    digits : int
        Decimals shown.
    """
    width, height = min(9.5, 3 + 0.9 * table.shape[1]), 1.8 + 0.42 * len(table)
    figure, axis = style.single_panel(width, height)
    values = table.astype(float)
    shown = values.stack()
    low, high = (shown.min(), shown.max()) if len(shown) else (0, 1)
    look = {"annot": True, "fmt": f".{digits}f", "cmap": "cividis"}
    sns.heatmap(values, vmin=low, vmax=high, ax=axis, **look)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.set_title(label, fontsize=9, loc="right")
    axis.tick_params(axis="y", labelrotation=0)
    plt.setp(axis.get_xticklabels(), rotation=30, ha="right", rotation_mode="anchor")
    return figure
