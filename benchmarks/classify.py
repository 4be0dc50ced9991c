"""Time how long `galaxy-book classify` takes.

    python benchmarks/classify.py [--number 100] [--images data/sdss5000/images] [--cores 2]

Real cutouts where the folder holds some, drawn mock galaxies elsewhere. They are
put through the committed model from nothing: five parameters, deep features,
cluster, drift, tables and page. Wall time, so that nothing else should run. A small
folder goes first: what the larger one takes beyond it is the time of its images, the
rest is the start (loading of networks and model).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from galaxy_utils.data.sample import folder_sample
from galaxy_utils.simulate.drawing import mock_sample
from galaxy_utils.workflow.classification import classify_folder
from galaxy_utils.workflow.timing import hardware

DEFAULT_IMAGES = Path(__file__).parents[1] / "data" / "sdss5000" / "images"
FEW = 4
"""Images of the first, small folder, whose time is nearly that of the start alone."""


def fill(folder: Path, images: Path, number: int, cores: int) -> None:
    """Put cutouts evenly over a folder, or mock galaxies, into a new folder."""
    paths = sorted(images.glob("*.jpg")) if images.is_dir() else []
    folder.mkdir()
    if not paths:
        print(f"no cutouts in {images}: mock galaxies")
        mock_sample(folder, number, 0, cores=cores)
        return
    for row in np.unique(np.linspace(0, len(paths) - 1, number).round().astype(int)):
        shutil.copy(paths[row], folder)


def seconds(folder: Path, out: Path, cores: int) -> float:
    """Classify a folder anew; return wall seconds."""
    started = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        classify_folder(folder_sample(folder), out, cores=cores)
    return time.perf_counter() - started


def main() -> None:
    """Print images a second and what 1,000 images take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--images", type=Path, default=DEFAULT_IMAGES)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    torch.set_num_threads(options.cores)
    if hasattr(os, "sched_setaffinity"):  # OpenVINO takes as many threads as there are cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with TemporaryDirectory() as root:
        times = []
        for number in (FEW, options.number + FEW):
            folder = Path(root) / str(number)
            fill(folder, options.images, number, options.cores)
            times.append(seconds(folder, Path(root) / f"out{number}", options.cores))
    each = (times[1] - times[0]) / options.number
    whole = times[0] + (1000 - FEW) * each
    print(f"{hardware()}; {options.cores} cores: {1 / each:.1f} images a second after a start of "
          f"{max(times[0] - FEW * each, 0):.0f} s; 1,000 images take {whole:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
