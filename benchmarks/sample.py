"""Measure whole samples as `galaxy-book measure` does: wall time and peak memory.

    python benchmarks/sample.py [--numbers 500,1500,5000] [--cores 2] [--images FOLDER]
                                [--embedding efficientnet_lite0-full] [--table data/benchmarks.csv]

Each number of galaxies has a process and an empty folder of its own: nothing is
taken up from before, and no sum of pieces is read as growth. Memory is that of
the process and its workers together, looked at five times a second; what they
share counts once where the system tells it. Prints and keeps the results.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
from recording import TABLE, record_benchmark

from galaxy_utils.data.sample import Sample, folder_sample
from galaxy_utils.features.galaxies import evenly
from galaxy_utils.features.measured_table import measure_sample
from galaxy_utils.features.measuring import measure_embedding, measure_morphology
from galaxy_utils.run_folder import DATA

DEFAULT_IMAGES = DATA / "sdss5000" / "images"
WALL, MEMORY, EMBED_WALL = "wall_five", "peak_memory", "wall_embedding"


def held(process: psutil.Process) -> float:
    """Memory of a process and its children, in GB; what they share counts once on Linux."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                used = one.memory_full_info() if sys.platform == "linux" else one.memory_info()
                total += getattr(used, "pss", used.rss) / 2**30
    return total


def seconds(job: Callable[[], object]) -> float:
    """Wall time of a job."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def sample_of(images: Path, number: int) -> Sample:
    """Choose galaxies evenly over a folder."""
    sample = folder_sample(images)
    return replace(sample, catalogue=evenly(sample.catalogue, number))


def measure_here(options: argparse.Namespace) -> None:
    """Measure one sample in this process; print the times as JSON."""
    sample = sample_of(options.images, options.one)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        five = seconds(lambda: measure_morphology(sample, ["fast"], folder, options.cores))
        embedding = seconds(lambda: measure_embedding(sample, options.embedding, folder))
        measure_sample(sample, folder, [options.embedding], options.cores)
    print(json.dumps({"galaxies": len(sample.catalogue), WALL: five, EMBED_WALL: embedding}))


def measure_apart(number: int, options: argparse.Namespace) -> dict[str, float]:
    """Measure one sample in a process of its own, and look at its memory."""
    command = [sys.executable, __file__, "--one", str(number), "--cores", str(options.cores),
               "--images", str(options.images), "--embedding", options.embedding]  # fmt: skip
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak, watched = 0.0, psutil.Process(child.pid)
    while child.poll() is None:
        peak = max(peak, held(watched))
        time.sleep(0.2)
    assert child.stdout is not None
    if child.returncode:
        raise SystemExit(child.returncode)
    return {**json.loads(child.stdout.read().splitlines()[-1]), MEMORY: peak}


def keep(found: dict[str, float], options: argparse.Namespace) -> None:
    """Record what one sample took."""
    from galaxy_utils.workflow.timing import hardware

    number, cores = int(found["galaxies"]), f"{options.cores} processes"
    how = {
        WALL: f"wall time, {cores}, reading included",
        EMBED_WALL: f"wall time, {options.embedding}, reading included",
        MEMORY: f"{cores}, five parameters, axis ratio, colours, frames, {options.embedding}",
    }
    for key, words in how.items():
        record_benchmark(key, number, found[key], words, hardware(), options.table)


def main() -> None:
    """Read the command line; measure each number of galaxies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", default="500,1500,5000")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--images", type=Path, default=DEFAULT_IMAGES)
    parser.add_argument("--embedding", default="efficientnet_lite0-full")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure_here(options)
        return
    for number in options.numbers.split(","):
        keep(measure_apart(int(number), options), options)


if __name__ == "__main__":
    main()
