"""The commands `model` and `classify`: the committed model, and folders put through it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from galaxy_utils.clustering import classification, consensus
from galaxy_utils.clustering.model import (
    MEASURED,
    Model,
    describe,
    fit_model,
    load_model,
    save_model,
)
from galaxy_utils.config import Parameters, make_parameters, split_names
from galaxy_utils.data.images import Image, ImageError
from galaxy_utils.data.sample import Sample, folder_sample, read_catalogue
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.search import Ingredients
from galaxy_utils.evaluation.validation import SEEN_TYPES
from galaxy_utils.experiments.store import read_study
from galaxy_utils.experiments.study import rows_digest
from galaxy_utils.features.galaxies import evenly, fingerprint_of, open_galaxies
from galaxy_utils.features.table import measure_appearances, measure_embedding, measure_morphology
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.morphology.purging import PhysicalLimits, purge
from galaxy_utils.run_folder import CLASSIFIED, DATA, ROOT

MODEL = DATA / "model"
"""Where the committed model lies."""


def fit_committed(folder: Path = MODEL) -> tuple[Path, pd.DataFrame]:
    """Fit the recipe of the profile `best` to what the measured table holds, and keep it.

    Parameters
    ----------
    folder : Path
        Where to.

    Returns
    -------
    about : Path
        The JSON file written.
    clusters : DataFrame
        As of `model.describe`.
    """
    p = make_parameters("best")
    galaxies = open_galaxies(p.sample)
    table = galaxies.measurements(p.engine)
    limits = PhysicalLimits(p.concentration_minimum, p.concentration_maximum, p.asymmetry_maximum)
    forest = IsolationForest(
        n_estimators=200, contamination=p.isolation_contamination, random_state=p.seed
    )
    purged = purge(table, limits, forest if p.isolation_contamination > 0 else None)
    kept = purged["kept"].to_numpy(bool)
    blocks = {b: galaxies.embedding(f"{b}-{p.framing}") for b in split_names(p.backbones)}
    deep = np.hstack(list(blocks.values()))
    values = table[list(MEASURED)].to_numpy(np.float64)
    kept = kept & np.isfinite(values).all(axis=1) & np.isfinite(deep).all(axis=1)
    blocks = {b: vectors[kept] for b, vectors in blocks.items()}
    votes = _votes(values[kept], blocks, p)
    catalogue = galaxies.sample.catalogue[kept]
    types = catalogue["gz1_class"].map(SEEN_TYPES).fillna("").to_numpy(str)
    objids = catalogue["objid"].to_numpy(str)
    settings = {name: getattr(p, name) for name in (
        "deep_components", "mixture_fit", "n_components", "n_init", "reg_covar",
        "anomaly_percent", "seed",
    )}  # fmt: skip
    model = fit_model(values[kept], deep[kept], votes, objids, types, settings)
    about = {
        "recipe": "profile best", "sample": p.sample, "galaxies": len(objids),
        "digest": fingerprint_of(galaxies)["digest"], "settings": settings, "seed": p.seed,
        "backbones": p.backbones, "framing": p.framing, "engine": p.engine,
        "search": rows_digest(read_study("search")),
    }  # fmt: skip
    return save_model(folder, model, about), describe(model)


def _votes(
    values: NDArray[np.float64], blocks: dict[str, NDArray[np.float32]], p: Parameters
) -> NDArray[np.float64]:
    """Votes on the training galaxies by recipes that are made from them alone."""
    from galaxy_utils.clustering.votes import best_votes  # not where others are only classified

    nothing = np.full(len(values), None, dtype=object)
    found = Ingredients(
        values[:, : len(FIVE)], values[:, len(FIVE) :], {p.framing: blocks}, nothing,
        np.zeros(len(values), dtype=bool),
    )  # fmt: skip
    chosen, recipe = best_votes(found), replace(Recipe.of(p), n_components=p.n_components)
    return consensus.taught_votes(found, consensus.teachers(chosen, p.framing), recipe, p.seed)


def classify_folder(
    images: Path, out: Path | None = None, catalogue: Path | None = None, cores: int | None = None
) -> tuple[Path, pd.DataFrame, classification.Drift]:
    """Measure a folder of images and put it through the committed model.

    Parameters
    ----------
    images : Path
        Folder of JPEG, PNG, TIFF or FITS cutouts.
    out : Path, optional
        Where to; a folder in `runs/classified/` named after `images` if not given.
    catalogue : Path, optional
        As in `sample.folder_sample`.
    cores : int, optional
        Processes; all cores if not given.

    Returns
    -------
    page : Path
        The HTML page; galaxies.parquet and galaxies.csv lie beside it.
    table : DataFrame
        As of `classification.classify`, one row an image.
    drift : Drift
        As of `classification.judge_drift`.

    Raises
    ------
    UserError
        If there is no image, or the model cannot be read.
    """
    model, about = load_model(MODEL)
    sample = folder_sample(images, catalogue)
    folder = out or ROOT / "runs" / CLASSIFIED / _named_after(images)
    folder.mkdir(parents=True, exist_ok=True)
    table, drift = classify_sample(sample, folder / "measured", model, about, cores)
    classification.write_tables(folder, table)
    pictures = {objid: _picture(sample, objid) for objid in table["objid"]}
    matched = catalogue_note(images, catalogue)
    text = classification.page(images.resolve().name, table, drift, about, pictures, matched)
    (folder / "index.html").write_text(text, encoding="utf-8")
    return folder / "index.html", table, drift


def catalogue_note(images: Path, catalogue: Path | None = None) -> str:
    """How many rows of the catalogue have an image.

    Parameters
    ----------
    images, catalogue
        As in `classify_folder`.

    Returns
    -------
    str
        A sentence, with a warning where no row has one; empty without a catalogue.
    """
    path = catalogue or images / "catalogue.csv"
    if not path.exists():
        return ""
    listed = read_catalogue(path)["objid"]
    found = int(listed.isin(folder_sample(images).catalogue["objid"]).sum())
    note = f"{found} of {len(listed)} catalogue rows have an image."
    if found:
        return note
    return f"Warning: {note} Its column objid must hold the names of the files without suffix."


def classify_sample(
    sample: Sample, journal: Path, model: Model, about: dict[str, Any], cores: int | None = None
) -> tuple[pd.DataFrame, classification.Drift]:
    """Measure a sample and put it through a model.

    Parameters
    ----------
    sample : Sample
        With images.
    journal : Path
        Where finished measurements are kept, and taken up from.
    model : Model
        The taxonomy.
    about : dict
        What it was fitted with.
    cores : int, optional
        Processes; all cores if not given.

    Returns
    -------
    table : DataFrame
        As of `classification.classify`, with the columns of the catalogue.
    drift : Drift
        As of `classification.judge_drift`.
    """
    workers = cores or os.cpu_count() or 1
    measured = measure_morphology(sample, journal, workers, about["engine"])
    shape = measure_appearances(sample, journal, workers)
    measured = measured.assign(**{name: shape[name].to_numpy(float) for name in SHAPE})
    deep = np.hstack([
        measure_embedding(sample, f"{b}-{about['framing']}", journal).astype(np.float32)
        for b in split_names(about["backbones"])
    ])  # fmt: skip
    table, space = classification.classify(model, measured, deep)
    known = sample.catalogue.drop(columns="objid").reset_index(drop=True)
    drift = classification.judge_drift(model, table, space, about["seed"])
    return pd.concat([table, known.dropna(axis="columns", how="all")], axis=1), drift


def _picture(sample: Sample, objid: str) -> Image | None:
    try:
        return sample.image(objid)
    except ImageError:
        return None


def _named_after(images: Path) -> str:
    digest = hashlib.sha256(str(images.resolve()).encode()).hexdigest()
    stem = "".join(c if c.isalnum() or c in "._-" else "_" for c in images.resolve().name)
    return f"{stem.lstrip('.') or 'images'}-{digest[:8]}"


def few_of(sample: Sample, number: int) -> Sample:
    """Some galaxies of a sample, evenly over its order.

    Parameters
    ----------
    sample : Sample
        Any.
    number : int
        How many, at most.

    Returns
    -------
    Sample
        The same images, a shorter catalogue.
    """
    return replace(sample, catalogue=evenly(sample.catalogue, number))


def oddest(table: pd.DataFrame, number: int) -> pd.DataFrame:
    """The oddest galaxies of each cluster.

    Parameters
    ----------
    table : DataFrame
        Of `classification.classify`.
    number : int
        Of each cluster, at most.

    Returns
    -------
    DataFrame
        Rows of the table by cluster, and title.
    """
    mine = table[table["cluster"].notna()].sort_values(["cluster", "percentile"])
    mine = mine.groupby("cluster").head(number).reset_index(drop=True)
    titles = [
        f"cluster {cluster}, odder than {100 - percentile:.0f} %"
        for cluster, percentile in zip(mine["cluster"], mine["percentile"], strict=True)
    ]
    return mine.assign(title=titles)


def clusters_side_by_side(clusters: list[dict[str, Any]], table: pd.DataFrame) -> pd.DataFrame:
    """What is in each cluster of the model, one column a cluster: narrow enough for a page.

    Parameters
    ----------
    clusters : list of dict
        As in the model's JSON file, see `model.describe`.
    table : DataFrame
        Of `classification.classify`.

    Returns
    -------
    DataFrame
        Column of what; `cluster 0` and so on, as text.
    """
    found = pd.DataFrame(clusters).round(dict.fromkeys(MEASURED, 2))
    found["these"] = [int((table["cluster"] == number).sum()) for number in found["cluster"]]
    names = {
        "galaxies": "known galaxies", "commonest": "commonest type", "share": "its share, %",
        **{name: name for name in MEASURED}, "these": "galaxies of this page",
    }  # fmt: skip
    shown = found.set_index("cluster")[list(names)].rename(columns=names).astype(object).T
    shown.columns = [f"cluster {number}" for number in shown.columns]
    return shown.rename_axis("of").reset_index()


def short(table: pd.DataFrame) -> pd.DataFrame:
    """A few columns of what was found, for the eye.

    Parameters
    ----------
    table : DataFrame
        Of `oddest`.

    Returns
    -------
    DataFrame
        objid, cluster, responsibility, odder than (percent), nearest type.
    """
    return pd.DataFrame(
        {
            "objid": table["objid"],
            "cluster": table["cluster"],
            "responsibility": table["largest"].round(2),
            "odder than, %": (100 - table["percentile"]).round(1),
            "nearest type": table["nearest_1_type"],
        }
    )
