"""Cutouts that a run needs or shows, fetched from SkyServer."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from galaxy_utils.config import Parameters, read_parameters
from galaxy_utils.data.download import Downloads
from galaxy_utils.data.manifest import FAILURES, MANIFEST, lacks_images
from galaxy_utils.data.paper_sample import is_complete
from galaxy_utils.data.sample import Sample
from galaxy_utils.data.skyserver import SERVER, fetch_known, fetch_sample
from galaxy_utils.errors import UserError
from galaxy_utils.features.galaxies import evenly, open_galaxies
from galaxy_utils.features.measured_table import read_measured
from galaxy_utils.features.named_samples import (
    PRECOMPUTED,
    SKYSERVER,
    skyserver_folder,
    skyserver_recipe,
)
from galaxy_utils.run_folder import CATALOGUE, KEPT, RunFolder


def fetch_missing(parameters: Parameters, server: str | None = None) -> None:
    """Fetch the images that a run needs and that nobody put there, before anything runs."""
    if parameters.sample == SKYSERVER:
        sample = skyserver_recipe(parameters.n_galaxies)
        folder = skyserver_folder(sample)
        if not is_complete(folder):
            _say_failures(fetch_sample(sample, folder, server or SERVER), folder)
    elif parameters.sample in PRECOMPUTED and parameters.from_pixels:
        opened = open_galaxies(parameters.sample).sample
        wanted = evenly(opened.catalogue, parameters.n_galaxies or len(opened.catalogue))
        images = PRECOMPUTED[parameters.sample] / "images"
        if _fetched_here(opened, images) and lacks_images(images, wanted["objid"]):
            _say_failures(_fetch_carried(wanted, images, server or SERVER), images)


def _fetch_carried(wanted: pd.DataFrame, images: Path, server: str) -> Downloads:
    try:
        return fetch_known(wanted, images, server)
    except UserError as error:
        raise UserError(
            f"{error}. Or put the cutouts into {images} as <objid>.jpg yourself, or leave "
            "from_pixels (profile full) out"
        ) from error


def _say_failures(done: Downloads, folder: Path) -> None:
    if done.failures:
        print(f"{len(done.failures)} images could not be had: see {folder / FAILURES}", flush=True)


def _fetched_here(opened: Sample, images: Path) -> bool:
    """Whether the images are ours to complete: somebody's own folder stays as it is."""
    return not opened.has_images or (images / MANIFEST).exists()


def shown_objids(folder: RunFolder) -> list[str]:
    """Galaxies whose pictures the pages of a finished run show, or would show, each once.

    Examples (pages 01 to 03), purged galaxies (04), and those that stand for clusters and
    anomalies (09).
    """
    from galaxy_utils.clustering.taxonomy import representatives

    _, p = read_parameters(folder.path / "parameters.yml")
    everyone = open_galaxies(p.sample, p.n_galaxies).sample.catalogue
    purged = folder.read_table(KEPT)
    dropped = purged[~purged["kept"]].sort_values(["drop_reason", "isolation_score"])
    dropped = dropped.groupby("drop_reason").head(p.n_examples)
    catalogue = folder.read_table(CATALOGUE)
    grid = representatives(catalogue[catalogue["kept"]], p.grid_size // 2)
    objids = [*evenly(everyone, p.n_examples)["objid"], *dropped["objid"], *grid["objid"]]
    return [objid for objid in dict.fromkeys(map(str, objids)) if objid]


def fetch_pictures(
    sample: str, run: str, everything: bool, server: str = SERVER
) -> tuple[Downloads, Path]:
    """Fetch cutouts of a carried sample: those that a run shows, or all.

    Parameters
    ----------
    sample : str
        Key of `PRECOMPUTED`.
    run : str
        Name of a finished run of this sample.
    everything : bool
        All galaxies, whatever the run shows.
    server : str
        As `skyserver.SERVER`.

    Returns
    -------
    done : Downloads
        What was done.
    images : Path
        Where the cutouts lie.

    Raises
    ------
    UserError
        If there is no such sample or run, or the server cannot be reached.
    """
    if sample not in PRECOMPUTED:
        raise UserError(
            f"sample {sample!r}: pictures are fetched for {', '.join(PRECOMPUTED)}; the images of "
            f"{SKYSERVER} come with make skyserver, your own are where you put them"
        )
    images = PRECOMPUTED[sample] / "images"
    catalogue = read_measured(PRECOMPUTED[sample]).catalogue
    if not everything:
        _check_run_of(sample, RunFolder.named(run))
        catalogue = catalogue[catalogue["objid"].isin(shown_objids(RunFolder.named(run)))]
    return fetch_known(catalogue, images, server), images


def _check_run_of(sample: str, folder: RunFolder) -> None:
    made = (folder.path / CATALOGUE).exists()
    if not made or read_parameters(folder.path / "parameters.yml")[1].sample != sample:
        raise UserError(
            f"run {folder.path.name} is not a finished run of {sample}, so which pictures its "
            f"pages show is not known; make it first (make book RUN={folder.path.name}), name "
            "another one with RUN, or fetch all with ALL=1"
        )
