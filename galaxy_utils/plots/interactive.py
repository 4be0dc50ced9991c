"""Figures that answer back: sliders, and what bars and pictures show at each of their settings.

A figure is data alone, which `book/_static/interactive.js` and `.css` make move, without a library.
Where there is no JavaScript nothing is shown, and the page's static figure stands for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from IPython.display import HTML
from numpy.typing import ArrayLike, NDArray

from galaxy_utils.data.images import thumbnail
from galaxy_utils.evaluation.outliers import FLAGGED, MERGER
from galaxy_utils.evaluation.proxy import CAS, PROXY_CLASSES, S_FACTOR, ProxyRules
from galaxy_utils.experiments.partition_text import partition_as_text
from galaxy_utils.plots import style

if TYPE_CHECKING:  # torch and all that measures images
    from galaxy_utils.experiments.perturbed_galaxy import PerturbedGalaxy


def play_rules(
    galaxies: pd.DataFrame, partitions: Sequence[NDArray[np.integer]], rules: ProxyRules
) -> HTML:
    """Move the limits of the proxy rules; the browser classifies, shuffles and matches again.

    Parameters
    ----------
    galaxies : DataFrame
        Columns concentration, asymmetry and smoothness.
    partitions : sequence of ndarray of int, shape (n_galaxies,)
        Clusters, one partition per seed.
    rules : ProxyRules
        Where the sliders start.
    """
    concentration, asymmetry, smoothness = galaxies[CAS].to_numpy(np.float64).T
    possible = np.where(asymmetry > S_FACTOR * smoothness, asymmetry, -np.inf)
    early, late, merger = (
        rules.early_concentration,
        rules.late_concentration,
        rules.merger_asymmetry,
    )
    c = _steps(concentration, 0.05, early, late)
    a = _steps(asymmetry, 0.01, merger)
    return _figure(
        "Move the limits.",
        [
            _slider("Early type: C from", c, early, 2),
            _slider("Late type: C below", c, late, 2),
            _slider("Merger: A above", a, merger, 2),
        ],
        [_bar("Accuracy"), _bar("Accuracy, shuffled labels", -1), _bar("Largest class", 1)],
        rules={
            # How many of a slider's limits a galaxy reaches: the browser compares whole numbers.
            "concentration": np.searchsorted(c, concentration, side="right").tolist(),
            "asymmetry": np.searchsorted(a, possible).tolist(),
            "partitions": [partition_as_text(labels) for labels in partitions],
            "classes": PROXY_CLASSES,
        },
    )


def play_confidence(
    largest: Mapping[int, Mapping[str, NDArray[np.floating]]], threshold: float
) -> HTML:
    """Move the threshold of a confident assignment, and the number of dimensions.

    Parameters
    ----------
    largest : mapping of int to mapping of str to ndarray
        By number of dimensions, the last of which is the page's, and by name of the data: the
        largest probability of each point.
    threshold : float
        Where its slider starts.
    """
    thresholds = _steps(np.array([0.5, 0.99]), 0.01, threshold)
    dimensions = list(largest)
    return _figure(
        "Move the threshold, or keep fewer dimensions.",
        [
            _slider("Probability above", thresholds, threshold, 2),
            _slider("Principal components", dimensions, dimensions[-1]),
        ],
        [
            _bar(f"Confident: {name}", -1 if place else 0)
            for place, name in enumerate(largest[dimensions[0]])
        ],
        rows=_rows(
            np.array(
                [
                    [100 * np.mean(values > limit) for values in largest[dimension].values()]
                    for limit, dimension in product(thresholds, dimensions)
                ]
            )
        ),
    )


def play_outliers(
    described: pd.DataFrame, percent: float, pictures: pd.DataFrame, source: str
) -> HTML:
    """Move the percentage of outliers: how many there are, what they are like, and who they are.

    Parameters
    ----------
    described : DataFrame
        Rows of `describe_outliers` for each percentage, which column percent holds; number holds
        how many galaxies it selects.
    percent : float
        Where the slider starts.
    pictures : DataFrame
        Columns rank (0 for the least likely galaxy), image (uint8, or None) and caption.
    source : str
        What the pictures are.
    """
    numbers = described.groupby("percent")["number"].first()
    bars = [_bar("Anomalies", 1, (0, int(numbers.max())), 0, "")]
    columns = [numbers]
    for name, short in ((FLAGGED, "Doubtful"), (MERGER, "Mergers")):
        shares = described[described["property"] == name].set_index("percent")
        if len(shares):
            bars += [
                _bar(f"{short}: anomalies", 5, digits=0),
                _bar(f"{short}: others", -1, digits=0),
            ]
            columns += [shares["outliers"], shares["others"]]
    return _figure(
        "Call more or fewer galaxies anomalies.",
        [_slider("Least likely galaxies", numbers.index, percent, unit=" %")],
        bars,
        rows=_rows(np.column_stack(columns)),
        called=numbers.tolist(),
        pictures=[
            {"rank": rank, "image": thumbnail(image, 80), "caption": caption}
            for rank, image, caption in pictures[["rank", "image", "caption"]].to_numpy()
        ],
        note=f"Some of them, least likely first; anomalies are framed. Pictures: {source}.",
    )


def play_perturbations(galaxy: PerturbedGalaxy, sample: pd.DataFrame) -> HTML:
    """Rotate, blur and make noisier the image of a galaxy: its parameters and its cluster.

    Parameters
    ----------
    galaxy : PerturbedGalaxy
    sample : DataFrame
        The five parameters of many galaxies, 98 percent of which lie within the bars.
    """
    names = [str(name) for name in galaxy.measured]
    lows, highs = sample[names].quantile([0.01, 0.99]).to_numpy()
    labels = [re.sub(r"[${}_]", "", style.FIVE_LABELS[name]) for name in names]
    parameters = [
        _bar(label[0].upper() + label[1:], -1, (low, high), 3, "")
        for label, low, high in zip(labels, lows, highs, strict=True)
    ]
    clusters = [
        _bar(f"Cluster {number}", number, digits=0)
        for number in range(galaxy.probabilities.shape[1])
    ]
    return _figure(
        "Rotate, blur, add noise.",
        [
            _slider("Rotation", [90 * turns for turns in galaxy.turns], 0, unit="°"),
            _slider("Blur", galaxy.blurs, 0, unit=" px"),
            _slider("Noise (1: the sky's)", galaxy.noises, 0),
        ],
        parameters + clusters,
        rows=_rows(np.column_stack([galaxy.measured, 100 * galaxy.probabilities])),
        views=[thumbnail(image, 128) for image in galaxy.copies],
        note=f"A rotation moves {galaxy.n_changing} of {galaxy.n_ordinary} ordinary galaxies to "
        f"another cluster; shown is the first. Pictures: {galaxy.source}.",
    )


def _rows(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Write values with six digits, and what is not finite as null."""
    return [[float(f"{v:.6g}") if np.isfinite(v) else None for v in row] for row in values]


def _steps(values: NDArray[np.float64], step: float, *settings: float) -> NDArray[np.float64]:
    """Settings of a slider: multiples of a step over 98 percent of some values, and given ones."""
    low, high = np.nanquantile(values, [0.01, 0.99])
    first, last = (round(end / step) for end in (min(low, *settings), max(high, *settings)))
    return np.unique(np.round([*np.arange(first, last + 1) * step, *settings], 10))


def _slider(
    label: str, values: ArrayLike, start: float, digits: int = 0, unit: str = ""
) -> dict[str, Any]:
    """Describe a slider: its settings as text, and which of them it starts with."""
    settings = np.asarray(values, np.float64)
    texts = [
        np.format_float_positional(v, min_digits=digits, trim="k").rstrip(".") for v in settings
    ]
    return {
        "label": label,
        "settings": [text + unit for text in texts],
        "start": int(np.argmin(np.abs(settings - start))),
    }


def _bar(
    label: str, colour: int = 0, ends: tuple[float, float] = (0.0, 100.0), digits: int = 1,
    unit: str = " %",
) -> dict[str, Any]:  # fmt: skip
    """Describe a bar: the values at its ends, and how its value is written."""
    low, high = ends
    return {
        "label": label, "colour": style.colour(colour), "low": low, "high": high,
        "digits": digits, "unit": unit,
    }  # fmt: skip


def _figure(
    title: str,
    sliders: Sequence[Mapping[str, Any]],
    bars: Sequence[Mapping[str, Any]],
    **content: Any,
) -> HTML:
    """Put the data of a figure where the script finds them; no `<` is left in them."""
    data = {"title": title, "sliders": sliders, "bars": bars, **content}
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    script = f'<script type="application/json">{text}</script>'
    return HTML(f'<div class="interactive" hidden>{script}</div>')
