"""Compare the compiled morphology engine with statmorph, measured in the same process.

    python benchmarks/morphology.py [--number 200] [--images data/sdss5000/images]
                                    [--table data/benchmarks.csv]

Prints the ratios and keeps them in the table. Real cutouts where the folder
holds some, simulated Sersic galaxies elsewhere.
One thread; CPU time. The two engines take turns on every galaxy, so that
whatever else the machine does weighs on both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from astropy.modeling.models import Sersic2D
from numpy.typing import NDArray
from recording import TABLE, record_benchmark
from threadpoolctl import threadpool_limits

from galaxy_utils.data.images import band_mean, read_image
from galaxy_utils.morphology.measurement import FIVE, measure, measure_source
from galaxy_utils.morphology.segmentation import Segmentation, segment
from galaxy_utils.workflow.timing import hardware

Result = TypeVar("Result")
DEFAULT_IMAGES = Path(__file__).parents[1] / "data" / "sdss5000" / "images"


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """Run a function; return what it returns and its CPU time in milliseconds."""
    start = time.process_time()
    result = function()
    return result, 1e3 * (time.process_time() - start)


def simulated(seed: int) -> NDArray[np.float64]:
    """Make an image of 256 px with one galaxy and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    n, radius, ellipticity = rng.uniform(0.5, 4), rng.uniform(4, 20), rng.uniform(0, 0.7)
    galaxy = Sersic2D(1, radius, n, 128.3, 127.6, ellipticity, rng.uniform(0, np.pi))(x, y)
    return np.round(30 * galaxy / galaxy[128, 140] + rng.normal(10, 2, galaxy.shape))


def read_mean(path: Path) -> NDArray[np.float64]:
    """Read the band mean of an image."""
    return band_mean(read_image(path))


def images(folder: Path, number: int) -> Iterator[Callable[[], NDArray[np.float64]]]:
    """Yield what reads (or makes) each image, evenly over the folder."""
    paths = sorted(folder.glob("*.jpg")) if folder.is_dir() else []
    if not paths:
        print(f"no cutouts in {folder}: simulated galaxies")
        yield from (partial(simulated, seed) for seed in range(number))
        return
    for path in paths[:: max(1, len(paths) // number)][:number]:
        yield partial(read_mean, path)


def line(name: str, milliseconds: list[float]) -> str:
    """One line of the table: mean, median and quartiles."""
    low, middle, high = np.percentile(milliseconds, [25, 50, 75])
    return f"{name:34s}{np.mean(milliseconds):9.2f}{middle:9.2f}{low:9.2f}{high:9.2f}"


def keep(spent: dict[str, list[float]], images_are: str, table: Path) -> None:
    """Record how many times as fast the engine is, from the found source and from the image."""
    total = {stage: float(np.sum(milliseconds)) for stage, milliseconds in spent.items()}
    how, number = f"CPU time, one thread, {images_are}", len(spent["engine"])
    ratio = total["statmorph"] / total["engine"]
    record_benchmark("ratio_five", number, ratio, how, hardware(), table)
    peer = total["read"] + total["photutils"] + total["statmorph"]
    whole = peer / (total["read"] + total["segment"] + total["engine"])
    record_benchmark("ratio_image", len(spent["read"]), whole, how, hardware(), table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--images", type=Path, default=DEFAULT_IMAGES)
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args()
    threadpool_limits(1)
    stages = ("read", "segment", "photutils", "engine", "statmorph")
    spent: dict[str, list[float]] = {stage: [] for stage in stages}
    largest: list[float] = []

    def both(segmentation: Segmentation) -> None:
        ours, fast = timed(lambda: measure_source(segmentation))
        reference, slow = timed(lambda: measure_source(segmentation, engine="statmorph"))
        spent["engine"].append(fast)
        spent["statmorph"].append(slow)
        if ours.flag == reference.flag == 0:
            largest.append(
                max(abs(getattr(ours, name) - getattr(reference, name)) for name in FIVE)
            )

    measure(simulated(0))  # compiles, or reads the compiled code from disk
    for read in images(options.images, options.number):
        image, reading = timed(read)
        segmentation, segmenting = timed(lambda image=image: segment(image, neighbours=False))
        spent["read"].append(reading)
        spent["segment"].append(segmenting)
        spent["photutils"].append(timed(lambda image=image: segment(image))[1])
        if not segmentation.reason:
            both(segmentation)
    print(f"{hardware()}; one thread, CPU ms per galaxy")
    print(f"{'':34s}{'mean':>9s}{'median':>9s}{'25 %':>9s}{'75 %':>9s}")
    for name, milliseconds in spent.items():
        print(line(f"{name} ({len(milliseconds)})", milliseconds))
    print(f"largest difference where both flags are 0: {max(largest, default=np.nan):.2g}")
    keep(spent, "real cutouts" if options.images.is_dir() else "simulated galaxies", options.table)


if __name__ == "__main__":
    main()
