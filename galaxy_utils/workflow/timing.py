"""Wall times of the stages on this machine, and how they grow with the number of galaxies."""

from __future__ import annotations

import itertools
import os
import platform
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from timeit import timeit

import numpy as np
import pandas as pd
import psutil
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from sklearn.base import clone

from galaxy_utils.clustering.fusion_autoencoder import FusionAutoencoder
from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.features.backbones import EmbeddingSpec
from galaxy_utils.features.inference import embed, load_encoder
from galaxy_utils.morphology.measurement import measure
from galaxy_utils.morphology.segmentation import segment

REPEATS = 2
PIECE = 4
"""Images, at least, that are timed together."""

FRAME = 256
"""Side of the paper's cutouts, in pixels."""

TIMED_EPOCHS = 2
"""Epochs that are timed; each costs the same, so the training is scaled from them."""

SMALLEST_N = 500
"""Smallest number of galaxies on the plot of cost against N, where the sample has as many."""

FITS = ("autoencoder", "mixture")
"""Stages that need all galaxies at once; the others take one after another."""

LINEAR = (0.8, 1.2)
"""Powers of N that are called near linear."""

COLUMNS = ["stage", "engine", "galaxies", "seconds"]


def hardware() -> str:
    """Processor, memory and accelerator, such as "Intel Xeon, 2 cores, 24 GB, no GPU"."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    memory = round(psutil.virtual_memory().total / 2**30)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{processor}, {os.cpu_count()} cores, {memory} GB, {gpu}"


def enlarged(stamp: Image, side: int = FRAME) -> Image:
    """Enlarge a stamp of a small image to the size of a cutout, by bicubic interpolation."""
    resized = PillowImage.fromarray(stamp).resize((side, side), PillowImage.Resampling.BICUBIC)
    return np.asarray(resized)


def time_pixels(
    stamps: Sequence[Image], configurations: Sequence[str], number: int
) -> pd.DataFrame:
    """Time the stages that begin with pixels, several images at a time."""
    images = list(itertools.islice(itertools.cycle(_with_source(stamps, number)), number))
    encoders = [load_encoder(EmbeddingSpec.named(name)) for name in configurations]
    piece = max(PIECE, min(encoders[0].batch_size, number // 2))
    batch = f"{encoders[0].engine}, batches of {min(piece, encoders[0].batch_size)}"
    jobs: list[tuple[str, str, Callable[[list[Image]], object]]] = [
        ("morphology", "compiled engine, one core", lambda i: [measure(band_mean(x)) for x in i]),
        ("features", batch, lambda i: [embed(encoder, i) for encoder in encoders]),
    ]
    rows = []
    for stage, engine, job in jobs:
        job(images[:piece])  # allocates and compiles
        for start in range(0, number, piece):
            block = images[start : start + piece]
            rows.append((stage, engine, len(block), timeit(partial(job, block), number=1)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _with_source(stamps: Sequence[Image], number: int) -> list[Image]:
    """The first stamps that hold a source at the centre: the others cost next to nothing."""
    holding = (stamp for stamp in stamps if not segment(band_mean(stamp), neighbours=False).reason)
    if found := list(itertools.islice(holding, number)):
        return found
    raise ValueError("no stamp to time with holds a source at its centre")


def growing_sizes(n_galaxies: int, smallest: int, number: int = 4) -> NDArray[np.int64]:
    """Numbers of galaxies to time at, evenly in logarithms, never above the sample.

    They begin at `SMALLEST_N`, in a smaller sample at an eighth of it, and never below
    `smallest`, with which a stage cannot run.
    """
    wanted = SMALLEST_N if n_galaxies > SMALLEST_N else n_galaxies // 8
    first = min(max(smallest, wanted), n_galaxies)
    return np.unique(np.geomspace(first, n_galaxies, number).round().astype(np.int64))


def time_fits(
    autoencoder: FusionAutoencoder,
    X: pd.DataFrame,
    mixture: OrderedGaussianMixture,
    latent: NDArray[np.floating],
    sizes: Sequence[int] | NDArray[np.int64],
    seed: int,
) -> pd.DataFrame:
    """Time the training and the mixture on random parts of the sample."""
    order = np.random.default_rng(seed).permutation(len(latent))
    brief = clone(autoencoder).set_params(epochs=min(TIMED_EPOCHS, autoencoder.epochs))
    scale = autoencoder.epochs / brief.epochs
    rows = []
    for size in np.tile(sizes, REPEATS):  # in turns: a slow minute weighs on every number
        part = order[: int(size)]
        smaller = X.iloc[part]
        jobs: dict[str, tuple[float, Callable[[], object]]] = {
            "autoencoder": (scale, lambda: clone(brief).fit(smaller)),  # noqa: B023
            "mixture": (1.0, lambda: clone(mixture).fit(latent[part])),  # noqa: B023
        }
        for stage, (factor, job) in jobs.items():
            rows.append((stage, "CPU", int(size), factor * timeit(job, number=1)))
    return pd.DataFrame(rows, columns=COLUMNS)


def per_galaxy(times: pd.DataFrame) -> pd.DataFrame:
    """Engine, and quartiles of the cost per galaxy in ms, by stage; of fits only the largest."""
    largest = times.groupby("stage")["galaxies"].transform("max")
    counted = times[~times["stage"].isin(FITS) | (times["galaxies"] == largest)]
    counted = counted.assign(ms=1000 * counted["seconds"] / counted["galaxies"])
    groups = counted.groupby("stage", sort=False)
    quartiles = groups["ms"].quantile(np.array([0.25, 0.5, 0.75])).unstack()
    return quartiles.set_axis(["low_ms", "median_ms", "high_ms"], axis=1).join(
        groups["engine"].first()
    )


def growth(times: pd.DataFrame) -> pd.DataFrame:
    """Shortest time of each fit at each number of galaxies: columns stage, galaxies, seconds.

    The shortest, since what else the machine does, and the first start, only add.
    """
    fits = times[times["stage"].isin(FITS)]
    return fits.groupby(["stage", "galaxies"])["seconds"].min().reset_index()


def power_of_n(rows: pd.DataFrame) -> float:
    """Slope of seconds against galaxies in logarithms; NaN for fewer than three sizes."""
    if rows["galaxies"].nunique() < 3:
        return float("nan")
    return float(np.polyfit(np.log(rows["galaxies"]), np.log(rows["seconds"]), 1)[0])


def near_linear(powers: pd.Series) -> bool | None:
    """Whether costs grow by about the number of galaxies, from the powers of N of all stages.

    False where one is above `LINEAR`; None where one is below it, since fixed costs
    then still hide the law.
    """
    if (powers > LINEAR[1]).any():
        return False
    return True if (powers >= LINEAR[0]).all() else None
