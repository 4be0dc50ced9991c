"""Colours, labels and panels that the figures share."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""

GREY = "#767676"

CLASS_COLOURS = {"edge_on": 4, "elliptical": 5, "merger": 7, "spiral": -1, "dont_know": 3}
"""Numbers of the colours of Galaxy Zoo's classes, as `colour` takes them."""

CLASS_NAMES = {
    "edge_on": "edge-on",
    "spiral_cw": "spiral, clockwise",
    "spiral_acw": "spiral, anticlockwise",
    "spiral_combined": "spiral, combined",
    "dont_know": "don't know",
}

FIVE_LABELS = {
    "concentration": "concentration $C$",
    "asymmetry": "asymmetry $A$",
    "smoothness": "smoothness $S$",
    "gini": "Gini",
    "m20": "$M_{20}$",
}

QUANTITY_LABELS = FIVE_LABELS | {
    "axis_ratio": "axis ratio",
    "colour_gr": "$g - r$",
    "colour_ri": "$r - i$",
}

WIDEST, SMALLEST = 9.6, 9
"""Width of a page in inches, beyond which a figure is shrunk, and size of text in points."""

_LOOK: dict[Any, Any] = {
    "axes.prop_cycle": mpl.rcsetup.cycler(color=PALETTE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "xtick.labelsize": SMALLEST,
    "ytick.labelsize": SMALLEST,
    "legend.fontsize": SMALLEST,
    "legend.frameon": False,
}


def colour(index: int) -> str:
    """Colour of a cluster or line, the same on every page; grey for a negative number (noise)."""
    return GREY if index < 0 else PALETTE[index % len(PALETTE)]


def class_name(name: Any) -> str:
    """Return a Galaxy Zoo class in words."""
    return CLASS_NAMES.get(name, str(name))


def panels(
    number: int, width: float, row_height: float, columns: int = 0, margin: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Empty panels in the style of the book, which the notebook's other figures take, too.

    Parameters
    ----------
    number : int
        How many.
    width, row_height, margin : float
        Of the figure, of each row and of what is added to all rows, in inches.
    columns : int
        Panels per row; 0 puts all in one row.

    Returns
    -------
    figure : Figure
    axes : list of Axes
    """
    columns = columns or number
    rows = -(-number // columns)
    size = (width, margin + rows * row_height)
    mpl.rcParams.update(_LOOK)
    figure = plt.figure(figsize=size, dpi=80, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[number:]:
        axis.remove()
    return figure, axes[:number]


def single_panel(width: float, height: float) -> tuple[Figure, Axes]:
    """One empty panel in the style of the book; width and height in inches."""
    figure, (axis,) = panels(1, width, height)
    return figure, axis


def scatter(axis: Axes, x: ArrayLike, y: ArrayLike, index: int = 0, **look: Any) -> None:
    """Draw galaxies as dots, as pixels: thousands of vector objects would make pages slow."""
    axis.scatter(x, y, linewidths=0, rasterized=True, color=colour(index), **({"s": 4} | look))


def count_outside(axis: Axes, x: pd.Series, y: pd.Series) -> None:
    """Write into the corner how many points lie beyond the axes."""
    (left, right), (low, high) = sorted(axis.get_xlim()), sorted(axis.get_ylim())
    inside = x.between(left, right) & y.between(low, high)
    text = f"{(~inside).sum()} of {len(x)} outside"
    axis.text(
        0.98, 0.02, text, transform=axis.transAxes, ha="right", fontsize=SMALLEST, color="0.35"
    )


def name_rows(axis: Axes, names: Sequence[Any], labelled: bool = True) -> None:
    """One row per name on the vertical axis, the first on top."""
    axis.set_yticks(range(len(names)), [str(name) for name in names] if labelled else [])
    axis.set_ylim(max(len(names), 1) - 0.5, -0.5)
