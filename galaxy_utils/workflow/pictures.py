"""Cutouts that a run needs or shows, fetched from SkyServer."""

from __future__ import annotations

from pathlib import Path

from galaxy_utils.config import Parameters, read_parameters
from galaxy_utils.data.download import Downloads
from galaxy_utils.data.manifest import FAILURES, MANIFEST, lacks_images
from galaxy_utils.data.paper_sample import is_complete
from galaxy_utils.data.skyserver import SERVER, fetch_known, fetch_sample
from galaxy_utils.errors import UserError
from galaxy_utils.features.galaxies import EXAMPLES, evenly, open_galaxies
from galaxy_utils.features.measured_table import read_measured
from galaxy_utils.features.named_samples import (
    PRECOMPUTED,
    SKYSERVER,
    skyserver_folder,
    skyserver_sample,
)
from galaxy_utils.run_folder import CATALOGUE, RunFolder


def fetch_missing(parameters: Parameters) -> None:
    """Fetch the images that a run needs and that nobody put there, before anything runs."""
    if parameters.sample == SKYSERVER:
        sample = skyserver_sample(parameters.n_galaxies)
        folder = skyserver_folder(sample)
        if not is_complete(folder):
            _report_failures(fetch_sample(sample, folder, SERVER), folder)
    elif parameters.sample in PRECOMPUTED and parameters.from_pixels:
        _fetch_precomputed(parameters, PRECOMPUTED[parameters.sample] / "images")


def _fetch_precomputed(parameters: Parameters, images: Path) -> None:
    opened = open_galaxies(parameters.sample).sample
    wanted = evenly(opened.catalogue, parameters.n_galaxies or len(opened.catalogue))
    others_own = opened.has_images and not (images / MANIFEST).exists()
    if others_own or not lacks_images(images, wanted["objid"]):
        return
    try:
        _report_failures(fetch_known(wanted, images, SERVER), images)
    except UserError as error:
        raise UserError(
            f"{error}. Or put the cutouts into {images} as <objid>.jpg yourself, or leave "
            "from_pixels (profile full) out"
        ) from error


def _report_failures(done: Downloads, folder: Path) -> None:
    if done.failures:
        print(f"{len(done.failures)} images could not be had: see {folder / FAILURES}", flush=True)


def shown_objids(folder: RunFolder) -> list[str]:
    """Galaxies whose pictures the pages of a finished run show, or would show, each once.

    Examples (pages 01 to 03), and those that stand for clusters, classes and anomalies (09).
    """
    from galaxy_utils.clustering.taxonomy import random_members, representatives

    _, p = read_parameters(folder.path / "parameters.yml")
    everyone = open_galaxies(p.sample, p.n_galaxies).sample.catalogue
    catalogue = folder.read_table(CATALOGUE).query("kept").reset_index(drop=True)
    grid = representatives(catalogue, p.grid_size // 2)
    strips = random_members(catalogue, seed=p.seed)
    objids = [*evenly(everyone, EXAMPLES)["objid"], *grid["objid"], *strips["objid"]]
    return [objid for objid in dict.fromkeys(map(str, objids)) if objid]


def fetch_pictures(
    sample: str, run: str, everything: bool, server: str = SERVER
) -> tuple[Downloads, Path]:
    """Fetch cutouts of a precomputed sample: those that a run shows, or all.

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
    folder = RunFolder.named(run)
    if everything:
        return fetch_known(catalogue, images, server), images
    finished = (folder.path / CATALOGUE).exists()
    if not finished or read_parameters(folder.path / "parameters.yml")[1].sample != sample:
        raise UserError(
            f"run {run} is not a finished run of {sample}, so which pictures its pages show is not "
            f"known; make it first (make book RUN={run}), name another one with RUN, or fetch all "
            "with ALL=1"
        )
    shown = catalogue[catalogue["objid"].isin(shown_objids(folder))]
    return fetch_known(shown, images, server), images
