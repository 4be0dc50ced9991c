"""Wall times on this machine of the stages that begin with pixels."""

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
from PIL import Image as PillowImage

from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.features.backbones import EmbeddingSpec
from galaxy_utils.features.inference import embed, load_encoder
from galaxy_utils.morphology.measurement import measure
from galaxy_utils.morphology.segmentation import segment

PIECE = 4
"""Images, at least, that are timed together."""

FRAME = 256
"""Side of the paper's cutouts, in pixels."""

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
