"""Figures. Draws and computes nothing: what it draws comes in as arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from galaxy_utils.features.preprocessing import Image
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.morphology.segmentation import Segmentation

if TYPE_CHECKING:  # it knows the networks, and so imports torch
    from galaxy_utils.plots.pipeline_figure import Stage

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Okabe & Ito's colour-blind-safe colours: cluster k has colour k on every page."""

GREY = "#767676"

LONG_LABEL = 12
"""Letters from which the labels of columns are slanted."""

LABELS = {
    "concentration": "concentration $C$",
    "asymmetry": "asymmetry $A$",
    "smoothness": "smoothness $S$",
    "gini": "Gini",
    "m20": "$M_{20}$",
}

MORE_LABELS = {"axis_ratio": "axis ratio", "colour_gr": "$g - r$", "colour_ri": "$r - i$"}

STYLE: dict[Any, Any] = {
    "figure.dpi": 80,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
    "svg.hashsalt": "galaxy-book",
    "svg.fonttype": "none",
}


def cluster_colour(cluster: int) -> str:
    """Colour of a cluster, the same on every page.

    Parameters
    ----------
    cluster : int
        Number; negative is noise.

    Returns
    -------
    str
        Hexadecimal colour.
    """
    return GREY if cluster < 0 else PALETTE[cluster % len(PALETTE)]


def _axes(
    rows: int = 1, columns: int = 1, width: float = 8.0, height: float = 3.4
) -> tuple[Figure, NDArray[Any]]:
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False)
    return figure, axes


def image_grid(
    images: Sequence[Image | None], titles: Sequence[str], columns: int = 6, stretch: float = 1.0
) -> Figure:
    """Galaxies side by side.

    Parameters
    ----------
    images : sequence of ndarray of uint8 or None
        None draws a grey tile that says so, with the title.
    titles : sequence of str
        One an image.
    columns : int
        Images in a row.
    stretch : float
        Factor on the pixel values, for the eye.

    Returns
    -------
    Figure
        The grid.
    """
    rows = -(-len(images) // columns)
    figure, axes = _axes(rows, columns, width=1.4 * columns, height=1.6 * rows)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.set_title(title, fontsize=7, pad=2)
        if image is None:
            _no_picture(axis)
        else:
            axis.imshow(np.clip(image * stretch, 0, 255).astype(np.uint8), interpolation="nearest")
    return figure


def _no_picture(axis: Axes) -> None:
    axis.imshow([[0.93]], cmap="gray", vmin=0, vmax=1)
    axis.text(0, 0, "no image\nhere", ha="center", va="center", fontsize=6, color="0.35")


def segmentation_grid(segmentations: Sequence[Segmentation], titles: Sequence[str]) -> Figure:
    """Band means with the borders of their sources.

    Parameters
    ----------
    segmentations : sequence of Segmentation
        One a galaxy.
    titles : sequence of str
        One a galaxy.

    Returns
    -------
    Figure
        Four in a row.
    """
    rows = -(-len(segmentations) // 4)
    figure, axes = _axes(rows, 4, width=8.4, height=2.2 * rows)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, found, title in zip(axes.flat, segmentations, titles, strict=False):
        axis.imshow(np.arcsinh(np.clip(found.image, 0, None) / 5), cmap="gray")
        for label in np.unique(found.labels[found.labels > 0]):
            mine = label == found.central
            axis.contour(found.labels == label, [0.5], linewidths=1.8 if mine else 0.6,
                         colors=PALETTE[1] if mine else PALETTE[4])  # fmt: skip
        axis.set_title(title, fontsize=7, pad=2)
    return figure


def before_after(
    before: Sequence[Image], after: Sequence[NDArray[np.float32]], titles: Sequence[str]
) -> Figure:
    """Cutouts as they came, after eq. 1, and the histograms of both.

    Parameters
    ----------
    before : sequence of ndarray of uint8, shape (height, width, 3)
        Composites.
    after : sequence of ndarray of float32, shape (height, width, 3)
        Standardised composites.
    titles : sequence of str
        One a galaxy.

    Returns
    -------
    Figure
        A column a galaxy.
    """
    figure, axes = _axes(4, len(before), width=1.9 * len(before), height=7.2)
    bars = {"bins": 64, "log": True, "histtype": "stepfilled"}
    for column, (raw, new, title) in enumerate(zip(before, after, titles, strict=True)):
        axes[0, column].imshow(raw)
        axes[0, column].set_title(title, fontsize=7)
        axes[1, column].imshow(np.clip((new + 1) / 6, 0, 1))
        for axis in axes[:2, column]:
            axis.set_axis_off()
        axes[2, column].hist(raw.ravel(), range=(0, 255), color=GREY, **bars)
        axes[3, column].hist(new.ravel(), color=PALETTE[0], **bars)
        axes[2, column].set_xlabel("counts")
        axes[3, column].set_xlabel("z-score")
    axes[2, 0].set_ylabel("pixels")
    axes[3, 0].set_ylabel("pixels")
    return figure


def counts_bar(counts: pd.Series, xlabel: str = "galaxies") -> Figure:
    """Horizontal bars of counts.

    Parameters
    ----------
    counts : Series of int
        Index: category.
    xlabel : str
        Axis label.

    Returns
    -------
    Figure
        One bar a category, its count beside it.
    """
    figure, axes = _axes(width=7.0, height=0.6 + 0.36 * len(counts))
    axis = axes[0, 0]
    bars = axis.barh([str(name) for name in counts.index], counts.to_numpy(), color=PALETTE[0])
    axis.bar_label(bars, padding=3, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel(xlabel)
    return figure


def histograms(
    table: pd.DataFrame, columns: Sequence[str], by: pd.Series | None = None, whole: bool = False
) -> Figure:
    """Distributions of several quantities, side by side.

    Parameters
    ----------
    table : DataFrame
        One row a galaxy.
    columns : sequence of str
        Which to draw.
    by : Series, optional
        Group of each galaxy; one line a group.
    whole : bool
        Draw all galaxies, counts on a logarithmic axis, instead of densities
        between the 0.5 and 99.5 percentiles.

    Returns
    -------
    Figure
        One panel a quantity; where some galaxies lie beyond the axis, it says how many.
    """
    figure, axes = _axes(1, len(columns), width=1.8 * len(columns), height=2.5)
    for axis, name in zip(axes.flat, columns, strict=True):
        _histogram(axis, table[name].dropna(), by, whole)
        axis.set_xlabel((LABELS | MORE_LABELS).get(name, name))
    axes[0, 0].set_ylabel("galaxies" if whole else "density")
    if by is not None:
        lines = axes[0, 0].get_legend_handles_labels()
        figure.legend(*lines, loc="outside upper center", fontsize=7, frameon=False, ncols=4)
    return figure


def _histogram(axis: Axes, values: pd.Series, by: pd.Series | None, whole: bool) -> None:
    low, high = values.quantile([0, 1] if whole else [0.005, 0.995])
    groups = [("all", values)] if by is None else list(values.groupby(by))
    for index, (label, members) in enumerate(groups):
        axis.hist(
            members, bins=40 if whole else 25, range=(low, high), density=not whole, log=whole,
            histtype="step", color=PALETTE[index % len(PALETTE)], label=str(label),
        )  # fmt: skip
    beyond = int((~values.between(low, high)).sum())
    if beyond:
        axis.set_title(f"{beyond} of {len(values)} outside", fontsize=7, color="0.35")
    if not whole:
        axis.set_yticks([])


def planes(table: pd.DataFrame, lines: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Gini against M20, and concentration against asymmetry, with published lines.

    Parameters
    ----------
    table : DataFrame
        The five parameters.
    lines : mapping
        `gini_m20`: name to (slope, intercept) of Gini = slope * M20 + intercept;
        `asymmetry`: name to A of a horizontal line.

    Returns
    -------
    Figure
        Two panels.
    """
    figure, axes = _axes(1, 2, width=9.5, height=4.2)
    left, right = axes[0]
    points = {"s": 4, "color": PALETTE[0], "alpha": 0.35, "linewidths": 0, "rasterized": True}
    left.scatter(table["m20"], table["gini"], **points)
    m20 = np.array([-3.0, 0.0])
    for index, (name, (slope, intercept)) in enumerate(lines["gini_m20"].items()):
        left.plot(m20, slope * m20 + intercept, color=PALETTE[5 - index], label=name)
    left.set(xlim=(0, -2.6), ylim=(0.25, 0.75), xlabel=LABELS["m20"], ylabel=LABELS["gini"])
    right.scatter(table["concentration"], table["asymmetry"], **points)
    for index, (name, value) in enumerate(lines["asymmetry"].items()):
        right.axhline(value, color=PALETTE[5 - index], label=name)
    for index, (name, value) in enumerate(lines["concentration"].items()):
        right.axvline(value, color=PALETTE[2 + index], ls="--", label=name)
    right.set(xlim=(1, 5), ylim=(-0.4, 1.0), xlabel=LABELS["concentration"],
              ylabel=LABELS["asymmetry"])  # fmt: skip
    for axis in (left, right):
        axis.legend(fontsize=7, frameon=False, loc="upper left")
    _say_outside(left, table["m20"], table["gini"])
    _say_outside(right, table["concentration"], table["asymmetry"])
    return figure


def parity(table: pd.DataFrame) -> Figure:
    """One engine's five parameters against the other's.

    Parameters
    ----------
    table : DataFrame
        The five parameters, the same with the prefix `statmorph_`, and `statmorph_flag`.

    Returns
    -------
    Figure
        Five panels.
    """
    figure, axes = _axes(1, 5, width=12.0, height=2.9)
    good = table["statmorph_flag"] == 0
    for axis, name in zip(axes[0], FIVE, strict=True):
        theirs = table[f"statmorph_{name}"]
        for chosen, colour, label in ((~good, PALETTE[1], "flagged"), (good, PALETTE[0], "flag 0")):
            axis.scatter(theirs[chosen], table[name][chosen], s=4, color=colour, linewidths=0,
                         label=label, rasterized=True)  # fmt: skip
        low, high = theirs.quantile([0.005, 0.995])
        axis.plot([low, high], [low, high], color="black", lw=0.6)
        axis.set(xlim=(low, high), ylim=(low, high), title=LABELS[name], xlabel="statmorph")
        _say_outside(axis, theirs.dropna(), table[name][theirs.notna()])
    axes[0, 0].set_ylabel("compiled engine")
    axes[0, 0].legend(fontsize=7, markerscale=2, frameon=False, loc="upper left")
    return figure


def against(pairs: Mapping[str, pd.DataFrame]) -> Figure:
    """Quantities measured in two ways, one against the other, around the line of equality.

    Parameters
    ----------
    pairs : mapping of str to DataFrame
        By quantity; the first column is the horizontal axis, the second the vertical.

    Returns
    -------
    Figure
        One panel a quantity.
    """
    figure, axes = _axes(1, len(pairs), width=2.4 * len(pairs), height=2.7)
    for axis, (name, table) in zip(axes.flat, pairs.items(), strict=True):
        first, second = (table[column] for column in table)
        axis.plot(first, second, "o", ms=2, alpha=0.5, mew=0, color=PALETTE[0], rasterized=True)
        low, high = table.stack().quantile([0.005, 0.995]) if len(table) else (0, 1)
        axis.plot([low, high], [low, high], color="black", lw=0.6)
        axis.set(xlim=(low, high), ylim=(low, high), title=LABELS.get(name, name))
        axis.set_xlabel(first.name)
        _say_outside(axis, first, second)
    axes[0, 0].set_ylabel(second.name)
    return figure


def _say_outside(axis: Axes, x: pd.Series, y: pd.Series) -> None:
    """Write into the corner how many points lie beyond the axes."""
    (left, right), (low, high) = sorted(axis.get_xlim()), sorted(axis.get_ylim())
    seen = x.between(left, right) & y.between(low, high)
    text = f"{(~seen).sum()} of {len(x)} outside"
    axis.text(0.98, 0.02, text, transform=axis.transAxes, ha="right", fontsize=7, color="0.35")


def pipeline(stages: Sequence[Stage]) -> Figure:
    """The pipeline as boxes and arrows.

    Parameters
    ----------
    stages : sequence of Stage
        Boxes, with their places and what each takes its input from.

    Returns
    -------
    Figure
        One arrow from each stage to each that takes its result.
    """
    rows = 1 + max(stage.row for stage in stages)
    figure, axes = _axes(width=10.8, height=1.35 * rows)
    boxes = {stage.title: _stage_box(axes[0, 0], stage) for stage in stages}
    for stage in stages:
        for before in stage.after:
            _arrow(axes[0, 0], boxes[before], boxes[stage.title])
    columns = 1 + max(stage.column for stage in stages)
    axes[0, 0].set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.55, -0.45))
    axes[0, 0].set_axis_off()
    return figure


def _stage_box(axis: Axes, stage: Stage) -> FancyBboxPatch:
    x, y = stage.column, stage.row
    box = FancyBboxPatch((x - 0.38, y - 0.33), 0.76, 0.66, boxstyle="round,pad=0.02",
                         facecolor="#E8F1F8", edgecolor=PALETTE[0])  # fmt: skip
    axis.add_patch(box)
    axis.text(x, y - 0.15, stage.title, ha="center", va="center", fontsize=8, weight="bold")
    axis.text(x, y + 0.16, stage.detail, ha="center", va="center", fontsize=6.8)
    return box


def _arrow(axis: Axes, before: FancyBboxPatch, after: FancyBboxPatch) -> None:
    """From the edge of one box to the edge of another, on the line of their centres."""
    centres = [(box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2)
               for box in (before, after)]  # fmt: skip
    axis.annotate("", xy=centres[1], xytext=centres[0], arrowprops={
        "arrowstyle": "-|>", "color": GREY, "patchA": before, "patchB": after,
    }, zorder=0)  # fmt: skip


def training_curves(history: pd.DataFrame) -> Figure:
    """Reconstruction error of each modality against epoch.

    Parameters
    ----------
    history : DataFrame
        Columns epoch, set, modality, error.

    Returns
    -------
    Figure
        Solid: training; dashed: held out.
    """
    figure, axes = _axes(width=7.5, height=3.6)
    axis = axes[0, 0]
    for index, (modality, rows) in enumerate(history.groupby("modality")):
        for name, style in (("training", "-"), ("held out", "--")):
            part = rows[rows["set"] == name]
            axis.plot(part["epoch"], part["error"], style, color=PALETTE[index],
                      label=f"{modality}, {name}")  # fmt: skip
    axis.axhline(1.0, color=GREY, lw=0.8)
    axis.set(xlabel="epoch", ylabel="error / variance", yscale="log")
    figure.legend(loc="outside upper center", fontsize=7, frameon=False, ncols=3)
    return figure


def reconstruction(truth: NDArray[np.floating], rebuilt: NDArray[np.floating]) -> Figure:
    """The five parameters as they went in and came out of the autoencoder.

    Parameters
    ----------
    truth, rebuilt : ndarray of float, shape (n_galaxies, 5)
        In standard deviations.

    Returns
    -------
    Figure
        One panel a parameter, from -4 to 4; how many lie beyond stands in it.
    """
    figure, axes = _axes(1, 5, width=9.4, height=2.4)
    for index, (axis, label) in enumerate(zip(axes.flat, LABELS.values(), strict=True)):
        axis.scatter(truth[:, index], rebuilt[:, index], s=5, color=PALETTE[0], alpha=0.4,
                     linewidths=0, rasterized=True)  # fmt: skip
        axis.axline((0, 0), slope=1, color=GREY, lw=0.8)
        axis.set(xlim=(-4, 4), ylim=(-4, 4), xlabel=f"{label}, in")
        _say_outside(axis, pd.Series(truth[:, index]), pd.Series(rebuilt[:, index]))
    axes[0, 0].set_ylabel("out")
    return figure


def convergence(lower_bounds: NDArray[np.float64]) -> Figure:
    """Mean log-likelihood bound against EM step.

    Parameters
    ----------
    lower_bounds : ndarray of float64, shape (n_iterations,)
        Of the best start.

    Returns
    -------
    Figure
        One line.
    """
    figure, axes = _axes(width=5.5, height=3.0)
    steps = np.arange(1, len(lower_bounds) + 1)
    axes[0, 0].plot(steps, lower_bounds, "o-", ms=3, color=PALETTE[0])
    axes[0, 0].set(xlabel="step of EM", ylabel="mean log-likelihood (nat)")
    return figure


def log_likelihoods(values: NDArray[np.float64], threshold: float) -> Figure:
    """Histogram of log-likelihoods with the anomaly threshold.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        One a galaxy.
    threshold : float
        Below it a galaxy is an anomaly.

    Returns
    -------
    Figure
        The histogram.
    """
    figure, axes = _axes(width=6.0, height=3.0)
    axes[0, 0].hist(values, bins=80, color=PALETTE[0])
    axes[0, 0].axvline(threshold, color=PALETTE[5], label="anomaly threshold")
    axes[0, 0].set(xlabel="log-likelihood (nat)", ylabel="galaxies")
    axes[0, 0].legend(fontsize=8, frameon=False)
    return figure


def layout(
    points: NDArray[np.floating],
    cluster: NDArray[np.int64],
    names: Mapping[int, str],
    highlighted: NDArray[np.bool_],
) -> Figure:
    """UMAP layout, all galaxies beside the highlighted ones.

    Parameters
    ----------
    points : ndarray of float, shape (n, 2)
        Positions; distances and axes carry no unit.
    cluster : ndarray of int64, shape (n,)
        Colours.
    names : mapping of int to str
        Cluster to legend.
    highlighted : ndarray of bool, shape (n,)
        Galaxies of the right panel.

    Returns
    -------
    Figure
        Two panels with the same axes.
    """
    figure, axes = _axes(1, 2, width=10.0, height=4.6)
    everyone = np.ones(len(points), dtype=bool)
    for axis, shown, title in zip(
        axes[0], (everyone, highlighted), ("all galaxies", "confident galaxies only"), strict=True
    ):
        for number, name in names.items():
            mine = shown & (cluster == number)
            axis.scatter(*points[mine].T, s=4, color=cluster_colour(number), alpha=0.6,
                         linewidths=0, label=name, rasterized=True)  # fmt: skip
        axis.set(title=title, xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    axes[0, 1].set(xlim=axes[0, 0].get_xlim(), ylim=axes[0, 0].get_ylim())
    axes[0, 0].legend(fontsize=7, markerscale=3, frameon=False)
    return figure


def violins(table: pd.DataFrame, names: Mapping[int, str]) -> Figure:
    """Distributions of the five parameters in each cluster.

    Parameters
    ----------
    table : DataFrame
        The five parameters and the cluster.
    names : mapping of int to str
        Cluster to label.

    Returns
    -------
    Figure
        One panel a parameter.
    """
    figure, axes = _axes(1, 5, width=9.6, height=3.2)
    order = list(names)
    colours = {number: cluster_colour(number) for number in order}
    for axis, (name, label) in zip(axes.flat, LABELS.items(), strict=True):
        low, high = table[name].quantile([0.002, 0.998])
        sns.violinplot(table, x="cluster", y=name, order=order, hue="cluster", palette=colours,
                       legend=False, cut=0, linewidth=0.8, inner="quart", ax=axis)  # fmt: skip
        axis.set(xlabel="cluster", ylabel=label, ylim=(low, high))
    return figure


def confusion(table: pd.DataFrame, classes: str) -> Figure:
    """Counts of classes against matched clusters.

    Parameters
    ----------
    table : DataFrame
        One row a class, one column a cluster.
    classes : str
        What the classes are.

    Returns
    -------
    Figure
        Heat map: colour is the share of the class, text the count.
    """
    figure, axes = _axes(width=6.0, height=4.2)
    share = table.div(table.sum(axis=1).clip(lower=1), axis=0)
    sns.heatmap(share, annot=table.to_numpy(), fmt="d", cmap="cividis", vmin=0, vmax=1,
                cbar_kws={"label": "share of the class"}, ax=axes[0, 0])  # fmt: skip
    axes[0, 0].set(xlabel="cluster, in matched order", ylabel=classes)
    return figure


def dimensional_complexity(
    catalogue: pd.DataFrame, points: NDArray[np.floating], classes: NDArray[np.object_],
    class_names: Sequence[str], agreement: pd.Series,
) -> Figure:  # fmt: skip
    """The C-A plane by rule and by cluster, and agreement of partitions with the rule.

    Parameters
    ----------
    catalogue : DataFrame
        concentration, asymmetry and cluster.
    points : ndarray of float, shape (n, 2)
        First two principal components of the latent space.
    classes : ndarray of str, shape (n,)
        Class by rule.
    class_names : sequence of str
        All classes.
    agreement : Series of float
        Partition to its adjusted Rand index with the rule.

    Returns
    -------
    Figure
        Three panels.
    """
    figure, axes = _axes(1, 3, width=10.5, height=3.6)
    left, middle, right = axes[0]
    for index, name in enumerate(class_names):
        mine = classes == name
        left.scatter(catalogue["concentration"][mine], catalogue["asymmetry"][mine], s=4,
                     color=PALETTE[(index + 4) % len(PALETTE)], alpha=0.5, linewidths=0,
                     label=name, rasterized=True)  # fmt: skip
    for number in sorted(catalogue["cluster"].unique()):
        mine = (catalogue["cluster"] == number).to_numpy()
        middle.scatter(*points[mine].T, s=4, color=cluster_colour(int(number)), alpha=0.5,
                       linewidths=0, label=f"cluster {number}", rasterized=True)  # fmt: skip
    left.set(xlim=(1, 5), ylim=(-0.4, 1.0), xlabel=LABELS["concentration"],
             ylabel=LABELS["asymmetry"], title="classes by rule")  # fmt: skip
    _say_outside(left, catalogue["concentration"], catalogue["asymmetry"])
    middle.set(xlabel="principal component 1", ylabel="principal component 2",
               title="clusters, latent space")  # fmt: skip
    bars = right.barh(list(agreement.index), agreement.to_numpy(), color=PALETTE[0])
    right.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
    right.set(xlabel="adjusted Rand index with the rule", xlim=(min(0, agreement.min()), 1))
    right.invert_yaxis()
    for axis in (left, middle):
        axis.legend(fontsize=7, markerscale=3, frameon=False)
    return figure


def posteriors(maximum: NDArray[np.float64], threshold: float) -> Figure:
    """Cumulative distribution of the largest responsibility.

    Parameters
    ----------
    maximum : ndarray of float64, shape (n,)
        One a galaxy.
    threshold : float
        Above it an assignment is called confident.

    Returns
    -------
    Figure
        One line.
    """
    figure, axes = _axes(width=6.0, height=3.2)
    ordered = np.sort(maximum)
    axes[0, 0].plot(ordered, np.arange(1, len(ordered) + 1) / len(ordered), color=PALETTE[0])
    axes[0, 0].axvline(threshold, color=PALETTE[5], label="confident above")
    axes[0, 0].set(xlabel="largest responsibility", ylabel="share of galaxies", ylim=(0, 1))
    axes[0, 0].legend(fontsize=8, frameon=False)
    return figure


def lines(
    table: pd.DataFrame, x: str, y: str, by: str, xlabel: str, ylabel: str, log: bool = False,
    level: float | None = None,
) -> Figure:  # fmt: skip
    """One line a group.

    Parameters
    ----------
    table : DataFrame
        Columns x, y, by.
    x, y, by : str
        Column names.
    xlabel, ylabel : str
        Axis labels with units.
    log : bool
        Logarithmic axes.
    level : float, optional
        Where to draw a thin horizontal line.

    Returns
    -------
    Figure
        The lines, with a marker at each point.
    """
    figure, axes = _axes(width=6.5, height=3.4)
    for index, (name, rows) in enumerate(table.groupby(by, sort=False)):
        axes[0, 0].plot(rows[x], rows[y], "o-", ms=4, color=PALETTE[index % 8], label=str(name))
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel)
    _count(axes[0, 0], table[x])
    if log:
        axes[0, 0].set(xscale="log", yscale="log")
    if level is not None:
        axes[0, 0].axhline(level, color=GREY, lw=0.8)
    axes[0, 0].legend(fontsize=8, frameon=False)
    return figure


def _count(axis: Axes, values: pd.Series) -> None:
    """Mark no fractions on the horizontal axis where only whole numbers are drawn."""
    if (values % 1 == 0).all():
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def dots(
    table: pd.DataFrame, value: str, category: str, panel: str, labels: Mapping[str, str]
) -> Figure:
    """Values of several categories, a panel a score: every draw a dot, their mean a line.

    Parameters
    ----------
    table : DataFrame
        One row a draw.
    value, category, panel : str
        Column names; the first category is drawn in colour, the others in grey.
    labels : mapping of str to str
        Axis label of each panel, in the order to be drawn.

    Returns
    -------
    Figure
        The panels, all with the same categories.
    """
    columns = min(3, len(labels))
    rows = -(-len(labels) // columns)
    names = list(dict.fromkeys(table[category]))
    figure, axes = _axes(rows, columns, width=9, height=0.9 + rows * (0.7 + 0.3 * len(names)))
    for axis, (score, label) in zip(axes.flat, labels.items(), strict=False):
        for place, name in enumerate(names):
            found = table.loc[(table[panel] == score) & (table[category] == name), value].dropna()
            colour = PALETTE[0] if place == 0 else GREY
            axis.plot(found, np.full(len(found), place), "o", ms=4, alpha=0.5, color=colour)
            if len(found):
                axis.plot([found.mean()] * 2, [place - 0.3, place + 0.3], color=colour, lw=2)
        axis.set(xlabel=label, yticks=range(len(names)), ylim=(max(len(names), 1) - 0.5, -0.5))
        axis.set_yticklabels(names if axis in axes[:, 0] else [])
    for axis in axes.flat[len(labels) :]:
        axis.remove()
    return figure


def panel_lines(
    table: pd.DataFrame, x: str, y: str, by: str, panel: str, xlabel: str,
    labels: Mapping[str, str], diagonal: bool = False, ylabel: str = "",
    dashed: Sequence[str] = (),
) -> Figure:  # fmt: skip
    """Lines over draws, a panel a score: the mean, and the range of the draws shaded.

    Parameters
    ----------
    table : DataFrame
        One row a draw.
    x, y, by, panel : str
        Column names.
    xlabel : str
        Label of the horizontal axes.
    labels : mapping of str to str
        Label of the vertical axis of each panel, in the order to be drawn.
    diagonal : bool
        Whether the line of equal values is drawn, dashed.
    ylabel : str
        Where it is given, all panels share one vertical axis of that label and
        `labels` are their titles.
    dashed : sequence of str
        Names in `by` whose lines are dashed.

    Returns
    -------
    Figure
        The panels.
    """
    columns = min(3, len(labels))
    rows = -(-len(labels) // columns)
    figure, axes = _axes(rows, columns, width=9.5, height=3.1 * rows)
    for axis, (score, label) in zip(axes.flat, labels.items(), strict=False):
        inside = table[table[panel] == score]
        for index, (name, found) in enumerate(inside.groupby(by, sort=False)):
            drawn = found.groupby(x)[y].agg(["mean", "min", "max"])
            colour = PALETTE[index % len(PALETTE)]
            style = "o--" if name in dashed else "o-"
            axis.plot(drawn.index, drawn["mean"], style, ms=3.5, color=colour, label=str(name))
            axis.fill_between(drawn.index, drawn["min"], drawn["max"], color=colour, alpha=0.2)
        if diagonal:
            axis.axline((0, 0), slope=1, ls="--", lw=0.8, color=GREY)
        axis.set(xlabel=xlabel, ylabel="" if ylabel else label)
        _count(axis, inside[x])
        if ylabel:
            axis.set_title(label, fontsize=9)
            axis.sharey(axes.flat[0])
    if ylabel:
        axes.flat[0].set_ylabel(ylabel)
    if len(table):
        handles, names = axes.flat[0].get_legend_handles_labels()
        figure.legend(
            handles, names, loc="outside lower center", ncols=4, fontsize=7, frameon=False
        )
    for axis in axes.flat[len(labels) :]:
        axis.remove()
    return figure


def panel_against(
    table: pd.DataFrame, x: str, y: str, by: str, panel: str, ylabel: str, labels: Mapping[str, str]
) -> Figure:
    """As `panel_lines`, with one vertical axis and a horizontal axis of its own for each panel.

    Parameters
    ----------
    table : DataFrame
        One row a draw.
    x, y, by, panel : str
        Column names.
    ylabel : str
        Label of the vertical axis.
    labels : mapping of str to str
        Label of the horizontal axis of each panel, in the order to be drawn.

    Returns
    -------
    Figure
        The panels.
    """
    figure = panel_lines(table, x, y, by, panel, "", dict.fromkeys(labels, ylabel))
    for axis, label in zip(figure.axes, labels.values(), strict=True):
        axis.set_xlabel(label)
        axis.axhline(0, lw=0.6, color=GREY)
    return figure


def heat(table: pd.DataFrame, xlabel: str, ylabel: str, label: str, digits: int = 0) -> Figure:
    """Numbers in a grid, shaded.

    Parameters
    ----------
    table : DataFrame
        Rows and columns as they are to be drawn.
    xlabel, ylabel : str
        What columns and rows are.
    label : str
        What the numbers are, with their unit.
    digits : int
        Decimals shown.

    Returns
    -------
    Figure
        The grid.
    """
    longest = max((len(str(name)) for name in table.columns), default=0)
    slanted = longest > LONG_LABEL
    height = 1.2 + 0.42 * len(table) + (0.04 * longest if slanted else 0)
    figure, axes = _axes(width=min(9.5, 3 + 0.9 * table.shape[1]), height=height)
    values = table.astype(float)
    measured = values.stack().to_numpy()
    low, high = (measured.min(), measured.max()) if measured.size else (0, 1)
    sns.heatmap(
        values, annot=True, fmt=f".{digits}f", cmap="cividis", ax=axes[0, 0],
        vmin=low, vmax=high,
    )  # fmt: skip
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel)
    axes[0, 0].tick_params(axis="y", labelrotation=0)
    if slanted:
        plt.setp(axes[0, 0].get_xticklabels(), rotation=30, ha="right", rotation_mode="anchor")
    axes[0, 0].set_title(label, fontsize=9, loc="right")
    return figure


def intervals(table: pd.DataFrame, xlabel: str, zero: bool = True) -> Figure:
    """Values with intervals, one below the other.

    Parameters
    ----------
    table : DataFrame
        Index: what it is of; columns value, low, high.
    xlabel : str
        Label with unit.
    zero : bool
        Whether to mark zero.

    Returns
    -------
    Figure
        One line a row of the table.
    """
    figure, axes = _axes(width=8, height=0.9 + 0.3 * len(table))
    axis, places = axes[0, 0], np.arange(len(table))
    axis.hlines(places, table["low"], table["high"], color=PALETTE[0], lw=2)
    axis.plot(table["value"], places, "o", color=PALETTE[0])
    if zero:
        axis.axvline(0, color=GREY, lw=1)
    axis.set(xlabel=xlabel, yticks=places, ylim=(max(len(table), 1) - 0.5, -0.5))
    axis.set_yticklabels([str(name) for name in table.index])
    return figure


def interval_panels(panels: Mapping[str, pd.DataFrame]) -> Figure:
    """Values with intervals of the same things by several scores, a panel a score.

    Parameters
    ----------
    panels : mapping of str to DataFrame
        Axis label with unit to columns value, low, high; the same index in all.

    Returns
    -------
    Figure
        Names stand at the first panel.
    """
    names = list(next(iter(panels.values())).index) if panels else []
    width, height = 2.2 + 1.9 * max(len(panels), 1), 0.9 + 0.26 * max(len(names), 1)
    figure, axes = _axes(1, max(len(panels), 1), width=width, height=height)
    places = np.arange(len(names))
    for axis, (label, table) in zip(axes[0], panels.items(), strict=False):
        axis.hlines(places, table["low"], table["high"], color=PALETTE[0], lw=2)
        axis.plot(table["value"], places, "o", color=PALETTE[0], ms=4)
        axis.set(yticks=places, ylim=(max(len(names), 1) - 0.5, -0.5))
        axis.set_xlabel(label, fontsize=8)
        axis.set_yticklabels(names if axis is axes[0, 0] else [])
        axis.grid(axis="y", lw=0.4, color="0.9")
    return figure


def scatter(
    table: pd.DataFrame, x: str, y: str, by: str, xlabel: str, ylabel: str, marked: pd.DataFrame
) -> Figure:
    """Points in a plane, some of them marked by name.

    Parameters
    ----------
    table : DataFrame
        Columns x, y, by.
    x, y, by : str
        Column names; colour is by `by`.
    xlabel, ylabel : str
        Axis labels.
    marked : DataFrame
        Index: names; columns x, y.

    Returns
    -------
    Figure
        The points.
    """
    figure, axes = _axes(width=7.5, height=4.6)
    axis = axes[0, 0]
    for index, (name, rows) in enumerate(table.groupby(by, sort=False)):
        colour = PALETTE[index % len(PALETTE)]
        axis.plot(rows[x], rows[y], "o", ms=4, alpha=0.6, color=colour, label=str(name))
    for name, across, up in zip(marked.index, marked[x], marked[y], strict=True):
        axis.plot(across, up, "o", ms=11, mfc="none", mec="black")
        axis.annotate(str(name), (across, up), (6, 8), textcoords="offset points", fontsize=9)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.legend(fontsize=8, frameon=False)
    return figure
