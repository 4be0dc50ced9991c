"""Wall times of the stages on this machine."""

from __future__ import annotations

import dataclasses
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage

from galaxy_utils.autoencoder import Fused, Trained, Training, train
from galaxy_utils.embedding import Configuration
from galaxy_utils.inference import embed, load_encoder
from galaxy_utils.morphology import measure
from galaxy_utils.preprocessing import Image, band_mean
from galaxy_utils.taxonomy import fit_mixture

REPEATS = 3
MORPHOLOGY_STAMPS = 12
FRAME = 256
"""Side of the paper's cutouts, in pixels."""

TIMED_EPOCHS = 6
"""Epochs that are timed; every epoch costs the same, so the whole is scaled from them."""

MixtureJob = Callable[[NDArray[np.floating]], object]


def hardware() -> str:
    """Name the processor and the accelerator.

    Returns
    -------
    str
        For example "Intel Xeon, 2 cores, no GPU".
    """
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{processor}, {os.cpu_count()} cores, {gpu}"


def mixture_job(
    n_components: int, covariance_type: str, n_init: int, reg_covar: float, seed: int
) -> MixtureJob:
    """Bind the parameters of the mixture.

    Parameters
    ----------
    n_components, covariance_type, n_init, reg_covar, seed : int, str, int, float, int
        As in `taxonomy.fit_mixture`.

    Returns
    -------
    callable
        Takes the latent space, shape (n, dimension).
    """
    return lambda latent: fit_mixture(
        latent, n_components, covariance_type, n_init, reg_covar, seed
    )


def enlarged(stamp: Image, side: int = FRAME) -> Image:
    """Enlarge a stamp to the size of a cutout.

    Parameters
    ----------
    stamp : ndarray of uint8, shape (height, width, 3)
        A small image.
    side : int
        Side of the result, in pixels.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)
        Resized by bicubic interpolation.
    """
    resized = PillowImage.fromarray(stamp).resize((side, side), PillowImage.Resampling.BICUBIC)
    return np.asarray(resized)


def seconds(job: Callable[[], object], repeats: int = REPEATS) -> NDArray[np.float64]:
    """Time a job several times.

    Parameters
    ----------
    job : callable
        What to time.
    repeats : int
        How often.

    Returns
    -------
    ndarray of float64, shape (repeats,)
        Wall times in seconds.
    """
    times = np.empty(repeats)
    for repeat in range(repeats):
        started = time.perf_counter()
        job()
        times[repeat] = time.perf_counter() - started
    return times


def train_briefly(fused: Fused, training: Training) -> Trained:
    """Train for `TIMED_EPOCHS` only.

    Parameters
    ----------
    fused : Fused
        Input of the autoencoder.
    training : Training
        Its settings.

    Returns
    -------
    Trained
        Not trained to the end.
    """
    return train(fused, dataclasses.replace(training, epochs=min(TIMED_EPOCHS, training.epochs)))


def time_stages(
    stamps: Sequence[Image],
    configurations: Sequence[str],
    fused: Fused,
    training: Training,
    latent: NDArray[np.floating],
    mixture: MixtureJob,
) -> pd.DataFrame:
    """Time every stage of the pipeline, per galaxy.

    Parameters
    ----------
    stamps : sequence of ndarray of uint8, shape (height, width, 3)
        Images to measure and embed.
    configurations : sequence of str
        Embeddings, `<backbone>-<framing>`; timed together as one stage.
    fused : Fused
        Input of the autoencoder.
    training : Training
        Its settings.
    latent : ndarray of float, shape (n, dimension)
        Input of the mixture.
    mixture : callable
        As made by `mixture_job`.

    Returns
    -------
    DataFrame
        Columns key, stage, device, median_ms, lowest_ms, highest_ms (per galaxy).
    """
    encoders = [load_encoder(Configuration.named(name)) for name in configurations]
    few = [band_mean(stamp) for stamp in stamps[:MORPHOLOGY_STAMPS]]
    for encoder in encoders:  # the first pass allocates
        embed(encoder, stamps[:8])
    jobs: dict[str, tuple[str, Callable[[], object], int]] = {
        "morphology": ("five parameters, one core", lambda: [measure(i) for i in few], len(few)),
        "features": (
            "deep features", lambda: [embed(e, stamps) for e in encoders], len(stamps)
        ),
        "autoencoder": (
            "autoencoder, training", lambda: train_briefly(fused, training), len(fused.values)
        ),
        "mixture": ("Gaussian mixture, all starts", lambda: mixture(latent), len(latent)),
    }  # fmt: skip
    rows = []
    for key, (stage, job, galaxies) in jobs.items():
        ms = 1000 * seconds(job) / galaxies
        if key == "autoencoder":
            ms *= training.epochs / min(TIMED_EPOCHS, training.epochs)
        device = encoders[0].engine if key == "features" else "CPU"
        rows.append((key, stage, device, float(np.median(ms)), float(ms.min()), float(ms.max())))
    columns = ["key", "stage", "device", "median_ms", "lowest_ms", "highest_ms"]
    return pd.DataFrame(rows, columns=columns)


def time_against_n(
    fused: Fused,
    training: Training,
    latent: NDArray[np.floating],
    mixture: MixtureJob,
    sizes: Sequence[int],
    seed: int,
) -> pd.DataFrame:
    """Time the autoencoder and the mixture on random parts of the sample.

    Parameters
    ----------
    fused, training, latent, mixture
        As in `time_stages`.
    sizes : sequence of int
        Numbers of galaxies.
    seed : int
        Of the choice of galaxies.

    Returns
    -------
    DataFrame
        Columns stage, galaxies, seconds (one repetition; the autoencoder for
        `TIMED_EPOCHS`).
    """
    order = np.random.default_rng(seed).permutation(len(latent))
    rows = []
    for size in sizes:
        part = order[: int(size)]
        smaller = dataclasses.replace(fused, values=fused.values[part])
        rows.append(("autoencoder", size, seconds(lambda: train_briefly(smaller, training), 1)[0]))  # noqa: B023
        rows.append(("mixture", size, seconds(lambda: mixture(latent[part]), 1)[0]))  # noqa: B023
    return pd.DataFrame(rows, columns=["stage", "galaxies", "seconds"])


def growing_sizes(n_galaxies: int, smallest: int, number: int = 4) -> NDArray[np.int64]:
    """Numbers of galaxies to time at, evenly in logarithms, never above the sample.

    Parameters
    ----------
    n_galaxies : int
        Size of the sample.
    smallest : int
        Below this a stage cannot run.
    number : int
        How many sizes.

    Returns
    -------
    ndarray of int64, shape (<= number,)
        Rising, each once; the sample alone where it is not larger than `smallest`.
    """
    first = min(max(smallest, n_galaxies // 8), n_galaxies)
    return np.unique(np.geomspace(first, n_galaxies, number).round().astype(np.int64))


def power_of_n(rows: pd.DataFrame) -> float:
    """Slope of the cost in logarithms.

    Parameters
    ----------
    rows : DataFrame
        Columns galaxies, seconds.

    Returns
    -------
    float
        1 is linear; NaN for fewer than three sizes.
    """
    if rows["galaxies"].nunique() < 3:
        return float("nan")
    return float(np.polyfit(np.log(rows["galaxies"]), np.log(rows["seconds"]), 1)[0])
