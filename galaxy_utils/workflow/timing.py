"""Wall times and memory of the stages on this machine, and what they extrapolate to."""

from __future__ import annotations

import dataclasses
import itertools
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import psutil
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage

from galaxy_utils.clustering.autoencoder import train
from galaxy_utils.clustering.fusion import Fused, Trained, Training
from galaxy_utils.clustering.taxonomy import fit_mixture
from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.features.backbones import BACKBONES, EmbeddingSpec
from galaxy_utils.features.inference import embed, load_encoder
from galaxy_utils.morphology.measurement import Morphology, measure, measure_source
from galaxy_utils.morphology.segmentation import Segmentation, segment

REPEATS = 2
PIECE = 4
"""Images, at least, that are timed together: of the fast stages and of their peers alike, since
a median of single images is lower than one of means."""

FRAME = 256
"""Side of the paper's cutouts, in pixels."""

TIMED_EPOCHS = 2
"""Epochs that are timed; every epoch costs the same, so the whole is scaled from them."""

SMALLEST_N = 500
"""Smallest number of galaxies on the plot of cost against N, where the sample has as many."""

FITS = ("autoencoder", "mixture")
"""Stages that need all galaxies at once; the others take one after another."""

SURVEYS = (10**6, 10**8, 2 * 10**10)
"""Numbers of galaxies to extrapolate to; the last is what LSST expects."""

LINEAR = (0.8, 1.2)
"""Powers of N that are called near linear."""

CPU = "CPU"
MEGABYTE = 2**20
DAY = 86_400.0

MixtureJob = Callable[[NDArray[np.floating]], object]

PixelJob = Callable[[list[Any]], object]


def hardware() -> str:
    """Name the processor, the memory and the accelerator.

    Returns
    -------
    str
        For example "Intel Xeon, 2 cores, 24 GB, no GPU".
    """
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    memory = round(psutil.virtual_memory().total / 2**30)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{processor}, {os.cpu_count()} cores, {memory} GB, {gpu}"


class PeakMemory:
    """Largest memory of this process while a block runs, looked at every 20 ms."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.megabytes = max(self.megabytes, process.memory_info().rss / MEGABYTE)
            if self._done.wait(0.02):
                return

    def __enter__(self) -> PeakMemory:
        """Begin to look."""
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look a last time."""
        self._done.set()
        self._watcher.join()


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


def time_in_pieces(
    stage: str,
    engine: str,
    job: PixelJob,
    images: Iterable[Image],
    number: int,
    piece: int,
    prepare: Callable[[Image], object] | None = None,
    warm: int = 1,
) -> pd.DataFrame:
    """Time a stage over a stream of images, a piece at a time.

    Parameters
    ----------
    stage, engine : str
        What is timed, and what runs it.
    job : callable
        Takes a list of images.
    images : iterable of ndarray of uint8, shape (height, width, 3)
        At least `number` of them.
    number : int
        How many images.
    piece : int
        Images that are timed together.
    prepare : callable, optional
        Turns an image into what the job takes, outside the time.
    warm : int
        Images that the job is given before, outside the time: it compiles and allocates.

    Returns
    -------
    DataFrame
        One row a piece: stage, engine, galaxies, seconds, memory_mb (largest
        memory of the whole process meanwhile).
    """
    stream: Iterator[object] = map(prepare, images) if prepare else iter(images)
    job(list(itertools.islice(stream, warm)))
    rows = []
    for start in range(0, number, piece):
        block = list(itertools.islice(stream, min(piece, number - start)))
        with PeakMemory() as memory:
            started = time.perf_counter()
            job(block)
            spent = time.perf_counter() - started
        rows.append((stage, engine, len(block), spent, memory.megabytes))
    return pd.DataFrame(rows, columns=["stage", "engine", "galaxies", "seconds", "memory_mb"])


def time_pixels(
    stamps: Sequence[Image], configurations: Sequence[str], number: int
) -> pd.DataFrame:
    """Time everything that begins with pixels, with the plain ways beside the fast ones.

    Parameters
    ----------
    stamps : sequence of ndarray of uint8, shape (height, width, 3)
        Images, taken round and round.
    configurations : sequence of str
        Embeddings, `<backbone>-<framing>`; one stage together.
    number : int
        Images of every stage, the same for all.

    Returns
    -------
    DataFrame
        As of `time_in_pieces`, the stages `morphology`, `statmorph`,
        `engine_alone` and `statmorph_alone` (the same from the found source on),
        `features`, `plain_features` (PyTorch, one image at a time, no thread
        reading ahead), `rotation` (one of the steps that the search for the
        asymmetry's centre repeats, by tensors). All take the same images in
        the same pieces.
    """
    stamps = _with_source(stamps, number)
    encoders = [load_encoder(EmbeddingSpec.named(name)) for name in configurations]
    plain = [_eager(EmbeddingSpec.named(name)) for name in configurations]
    piece = max(PIECE, min(encoders[0].batch_size, number // 2))
    batch = f"{encoders[0].engine}, batches of {min(piece, encoders[0].batch_size)}"
    jobs: list[tuple[str, str, PixelJob]] = [
        ("morphology", "compiled engine, one core", _measure_all),
        ("statmorph", "statmorph, one core", _measure_by_statmorph),
        ("features", batch, lambda images: [embed(e, images) for e in encoders]),
        ("plain_features", "PyTorch, one by one", lambda images: [run(images) for run in plain]),
        ("rotation", "PyTorch, batched tensors", _rotate),
    ]
    alone: dict[str, Callable[[Any], object]] = {
        "engine_alone": measure_source,
        "statmorph_alone": partial(measure_source, engine="statmorph"),
    }
    tables = [
        time_in_pieces(stage, engine, job, itertools.cycle(stamps), number, piece,
                       warm=1 if stage == "statmorph" else piece)
        for stage, engine, job in jobs
    ] + [
        time_in_pieces(stage, CPU, lambda i, run=run: [run(one) for one in i],  # type: ignore[misc]
                       itertools.cycle(stamps), number, piece, _segmented)
        for stage, run in alone.items()
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _with_source(stamps: Sequence[Image], number: int) -> list[Image]:
    """The first stamps that hold a source at the centre: the others cost next to nothing."""
    holding = (stamp for stamp in stamps if not _segmented(stamp).reason)
    if found := list(itertools.islice(holding, number)):
        return found
    raise ValueError("no stamp to time with holds a source at its centre")


def _segmented(image: Image) -> Segmentation:
    return segment(band_mean(image), neighbours=False)


def _measure_all(images: list[Image]) -> list[Morphology]:
    return [measure(band_mean(image)) for image in images]


def _measure_by_statmorph(images: list[Image]) -> list[Morphology]:
    return [measure(band_mean(image), engine="statmorph") for image in images]


def _rotate(images: list[Image]) -> float:
    """Residuals of a batch turned by 180 degrees about a centre between pixels."""
    batch = torch.from_numpy(np.stack([band_mean(image) for image in images])[:, None]).float()
    turn = torch.tensor([[-1.0, 0.0, 0.001], [0.0, -1.0, 0.001]]).expand(len(batch), 2, 3)
    grid = torch.nn.functional.affine_grid(turn, list(batch.shape), align_corners=False)
    turned = torch.nn.functional.grid_sample(batch, grid, align_corners=False)
    return float((batch - turned).abs().sum())


def _eager(spec: EmbeddingSpec) -> PixelJob:
    network = BACKBONES[spec.backbone].build(None).eval()

    def run(images: list[Image]) -> list[torch.Tensor]:
        """Features as a plain loop gives them."""
        with torch.inference_mode():
            return [network(spec.prepare(image)[None]) for image in images]

    return run


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
        From `SMALLEST_N` (or `smallest`, where that is more) to the sample,
        each once; the sample alone where it is not larger than `smallest`. A
        sample below `SMALLEST_N` starts at an eighth of its size.
    """
    wanted = SMALLEST_N if n_galaxies > SMALLEST_N else n_galaxies // 8
    first = min(max(smallest, wanted), n_galaxies)
    return np.unique(np.geomspace(first, n_galaxies, number).round().astype(np.int64))


def time_fits(
    fused: Fused,
    training: Training,
    latent: NDArray[np.floating],
    mixture: MixtureJob,
    sizes: Sequence[int] | NDArray[np.int64],
    seed: int,
) -> pd.DataFrame:
    """Time the training and the mixture on random parts of the sample.

    Parameters
    ----------
    fused : Fused
        Input of the autoencoder.
    training : Training
        Its settings; `TIMED_EPOCHS` are timed and scaled to all of them.
    latent : ndarray of float, shape (n, dimension)
        Input of the mixture.
    mixture : callable
        As made by `mixture_job`.
    sizes : sequence of int
        Numbers of galaxies; each is timed `REPEATS` times.
    seed : int
        Of the choice of galaxies.

    Returns
    -------
    DataFrame
        Columns as of `time_in_pieces`, one row a fit.
    """
    order = np.random.default_rng(seed).permutation(len(latent))
    scale = training.epochs / min(TIMED_EPOCHS, training.epochs)
    rows = []
    for size in np.tile(sizes, REPEATS):  # in turns: a slow minute weighs on every number
        part = order[: int(size)]
        smaller = dataclasses.replace(fused, values=fused.values[part])
        jobs: dict[str, tuple[float, Callable[[], object]]] = {
            "autoencoder": (scale, lambda: train_briefly(smaller, training)),  # noqa: B023
            "mixture": (1.0, lambda: mixture(latent[part])),  # noqa: B023
        }
        for stage, (factor, job) in jobs.items():
            with PeakMemory() as memory:
                started = time.perf_counter()
                job()
                spent = time.perf_counter() - started
            rows.append((stage, CPU, int(size), factor * spent, memory.megabytes))
    return pd.DataFrame(rows, columns=["stage", "engine", "galaxies", "seconds", "memory_mb"])


def per_galaxy(times: pd.DataFrame) -> pd.DataFrame:
    """Cost of one galaxy in each stage.

    Parameters
    ----------
    times : DataFrame
        As of `time_in_pieces` or `time_fits`; of fits only the largest counts.

    Returns
    -------
    DataFrame
        Indexed by stage: engine, galaxies (in all), median_ms, low_ms and
        high_ms (quartiles), per_second, memory_mb.
    """
    rows = {}
    for stage, group in times.groupby("stage", sort=False):
        fits = stage in FITS
        counted = group[group["galaxies"] == group["galaxies"].max()] if fits else group
        low, middle, high = np.percentile(
            1000 * counted["seconds"] / counted["galaxies"], [25, 50, 75]
        )
        rows[stage] = {
            "engine": counted["engine"].iloc[0],
            "galaxies": int(counted["galaxies"].max() if fits else counted["galaxies"].sum()),
            "median_ms": middle,
            "low_ms": low,
            "high_ms": high,
            "per_second": 1000 / middle,
            "memory_mb": float(counted["memory_mb"].max()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def growth(times: pd.DataFrame) -> pd.DataFrame:
    """Whole time of a fit against the number of galaxies.

    Parameters
    ----------
    times : DataFrame
        As of `time_fits`: every number timed by itself.

    Returns
    -------
    DataFrame
        Columns stage, galaxies, seconds: the shortest of the repeats, since what
        else the machine does, and the first start, only add.
    """
    fits = times[times["stage"].isin(FITS)]
    return fits.groupby(["stage", "galaxies"])["seconds"].min().reset_index()


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


def near_linear(powers: pd.Series) -> bool | None:
    """Whether costs grow by about the number of galaxies.

    Parameters
    ----------
    powers : Series of float
        Fitted powers of N, one a stage.

    Returns
    -------
    bool or None
        False where one is above `LINEAR`; None where one is below it, since
        fixed costs then still hide the law; else True.
    """
    if (powers > LINEAR[1]).any():
        return False
    return True if (powers >= LINEAR[0]).all() else None


def extrapolate(
    curves: pd.DataFrame, cost: pd.DataFrame, numbers: Sequence[int] = SURVEYS
) -> pd.DataFrame:
    """Carry the cost of each stage on to the size of surveys, on this one machine.

    Parameters
    ----------
    curves : DataFrame
        As of `growth`.
    cost : DataFrame
        As of `per_galaxy`; the stages that begin with pixels take one galaxy
        after another, so theirs grows by proportion.
    numbers : sequence of int
        Numbers of galaxies.

    Returns
    -------
    DataFrame
        Indexed by stage: power as fitted (NaN where proportion is assumed),
        then days for each number, by a power of at least one. The laws were
        fitted over one decade; far beyond it they are no more than a scale.
    """
    rows = {}
    for stage in ("morphology", "features"):
        one = float(cost.loc[stage, "median_ms"]) / 1000  # type: ignore[arg-type]
        rows[stage] = {"power": float("nan")} | {n: one * n / DAY for n in numbers}
    for name, curve in curves.groupby("stage", sort=False):
        power = power_of_n(curve)
        last = curve.iloc[-1]
        law = max(power, 1.0)  # fixed costs flatten the fit; no stage reads fewer galaxies
        days = {n: last["seconds"] * (n / last["galaxies"]) ** law / DAY for n in numbers}
        rows[str(name)] = {"power": power} | days
    return pd.DataFrame.from_dict(rows, orient="index")


def duration(days: float) -> str:
    """Write a time in the unit that fits it.

    Parameters
    ----------
    days : float
        The time.

    Returns
    -------
    str
        In minutes, hours, days or years, to two digits.
    """
    for unit, size in (("years", 365.25), ("days", 1.0), ("hours", 1 / 24)):
        if days >= size:
            return f"{float(f'{days / size:.2g}'):,g} {unit}"
    return f"{days * 1440:.2g} minutes"
