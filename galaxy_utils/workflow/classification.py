"""The commands `model` and `classify`: fit the alternative, and classify a folder of images."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import Pipeline

from galaxy_utils.atlas import atlas_html, catalogue_csv, collect_classified
from galaxy_utils.clustering.classifier import GalaxyClassifier
from galaxy_utils.clustering.zoo import TRAINING, ZOO_FEATURES, read_prior, zoo_columns
from galaxy_utils.config import make_parameters, split_names
from galaxy_utils.data.galaxy_zoo import galaxy_types
from galaxy_utils.data.sample import Sample
from galaxy_utils.data.split import fold_of
from galaxy_utils.evaluation.drift import Drift, measure_drift
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.features.galaxies import Galaxies, fingerprint_of, open_galaxies
from galaxy_utils.features.measuring import measure_galaxies, whole_measurement
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.morphology.purging import purge
from galaxy_utils.morphology.quality import ERROR, quality_of
from galaxy_utils.provenance import write_atomically
from galaxy_utils.run_folder import CLASSIFIED, DATA, ROOT, output_folder

MODEL = DATA / "model"
"""Where the committed model lies."""


def fit_committed(folder: Path = MODEL) -> tuple[Path, pd.DataFrame]:
    """Fit the alternative to all measured galaxies of the sample and keep it."""
    from galaxy_utils.experiments.selection import alternative_pipeline
    from galaxy_utils.experiments.store import read_result, rows_digest

    p = make_parameters("best")
    galaxies = open_galaxies(p.sample)
    measured = galaxies.measurements(p.engine)
    forest = IsolationForest(
        n_estimators=200, contamination=p.isolation_contamination, random_state=p.seed
    )
    purged = purge(
        measured, forest, p.concentration_minimum, p.concentration_maximum, p.asymmetry_maximum
    )
    objids = measured["objid"].astype(str)
    deep = {name: galaxies.embedding(name) for name in _configurations(p.backbones, p.crop)}
    X = make_feature_table(measured[[*FIVE, *SHAPE]].set_axis(objids), deep)
    kept = purged["kept"].to_numpy(bool) & np.isfinite(X.to_numpy(np.float64)).all(axis=1)
    types = galaxy_types(galaxies.sample.catalogue.set_axis(objids)["gz1_class"])
    fitted = alternative_pipeline(p, p.seed).fit(X[kept])
    names = ("mixture_fit", "n_components", "n_init", "reg_covar", "anomaly_percent", "seed")
    about = {
        "pipeline": "profile best", "sample": p.sample, "galaxies": int(kept.sum()),
        "digest": fingerprint_of(galaxies)["digest"], "backbones": p.backbones,
        "crop": p.crop, "engine": p.engine, **{name: getattr(p, name) for name in names},
        "search": rows_digest(read_result("search")),
    }  # fmt: skip
    pipeline = Pipeline([("space", fitted.space_), ("mixture", fitted.mixture_)])
    zoo, about["zoo"] = _fit_zoo(galaxies.embedding(ZOO_FEATURES), types)
    model = GalaxyClassifier.from_fitted(pipeline, X[kept], types[kept], about, zoo)
    return model.save(folder), model.clusters()


def _fit_zoo(X: NDArray[np.float32], types: pd.Series) -> tuple[Pipeline, dict[str, Any]]:
    """Fit the classifier of Galaxy Zoo classes, and measure it on fields that it did not see."""
    from galaxy_utils.evaluation.selection import supervised_upper_bound

    rows = types.notna().to_numpy() & np.isfinite(X).all(axis=1)
    known, pipeline = types[rows].astype(str), supervised_upper_bound()
    fields = PredefinedSplit(fold_of(known.index))
    predicted = cross_val_predict(pipeline, X[rows], known, cv=fields)
    about = {
        "features": ZOO_FEATURES, "galaxies": len(known),
        "shares": known.value_counts(normalize=True).round(6).to_dict(),
        "accuracy": round(accuracy_score(known, predicted), 4),
        "balanced_accuracy": round(balanced_accuracy_score(known, predicted), 4),
    }  # fmt: skip
    return pipeline.fit(X[rows], known.to_numpy(str)), about


def _configurations(backbones: str, crop: str) -> list[str]:
    return [f"{backbone}-{crop}" for backbone in split_names(backbones)]


def classify_folder(
    sample: Sample,
    out: Path | None = None,
    cores: int | None = None,
    prior: str = TRAINING,
    errors: bool = False,
) -> tuple[Path, pd.DataFrame, Drift]:
    """Measure the images of a folder and put them through the committed model.

    `prior` is that of the Galaxy Zoo classes, see `read_prior`; standard errors are measured if
    asked for.
    """
    assert sample.folder is not None
    model, images = GalaxyClassifier.load(MODEL), sample.folder.resolve()
    folder = out or ROOT / "runs" / CLASSIFIED / _named_after(images)
    read_prior(prior, list(model.about["zoo"]["shares"]))  # refuse it before measuring
    galaxies = Galaxies(sample, None, folder / "measured", cores)
    stages = [model.about["engine"], "photometry", "frames", *["errors"] * errors]
    stages += [*_configurations(model.about["backbones"], model.about["crop"]), ZOO_FEATURES]
    with output_folder(folder, "classification"):
        with whole_measurement(sample, stages):
            measured, X = measure_for(model, sample, folder / "measured", cores)
            deep = galaxies.embedding(ZOO_FEATURES)
            measured = _with_quality(galaxies, measured, errors)
        table, space = model.classify(measured, X)
        drift = measure_drift(model, table, space, model.about["seed"])
        deep[measured[list(FIVE)].isna().all(axis=1)] = np.nan  # no galaxy was found to name
        zoo, _ = zoo_columns(model.zoo, deep, model.about["zoo"], prior)
        known = sample.catalogue.drop(columns="objid").reset_index(drop=True)
        table = pd.concat([table, zoo, known.dropna(axis="columns", how="all")], axis=1)
        _write_tables(folder, table)
        atlas = collect_classified(sample, table, space, model, drift)
        write_atomically(folder / "index.html", atlas_html(atlas, "galaxies.csv"))
    return folder / "index.html", table, drift


def _with_quality(galaxies: Galaxies, measured: pd.DataFrame, errors: bool) -> pd.DataFrame:
    """Add standard errors, if they are wanted, and the column `quality`."""
    if errors:
        found = measure_galaxies(galaxies.sample, "errors", galaxies.folder, galaxies.n_processes)
        measured = measured.join(found.drop(columns="objid").add_suffix(ERROR))
    return measured.assign(quality=quality_of(measured.assign(frame=galaxies.frames())))


def measure_for(
    model: GalaxyClassifier, sample: Sample, journal: Path, cores: int | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure of a sample what a model takes.

    Returns what was measured of each galaxy, and the feature table of the same rows.
    """
    galaxies = Galaxies(sample, None, journal, cores)
    measured = galaxies.measurements(model.about["engine"])
    names = _configurations(model.about["backbones"], model.about["crop"])
    deep = {name: galaxies.embedding(name) for name in names}
    return measured, make_feature_table(measured[model.measured], deep)


def _named_after(images: Path) -> str:
    digest = hashlib.sha256(str(images.resolve()).encode()).hexdigest()
    stem = "".join(c if c.isalnum() or c in "._-" else "_" for c in images.resolve().name)
    return f"{stem.lstrip('.') or 'images'}-{digest[:8]}"


def _write_tables(folder: Path, table: pd.DataFrame) -> None:
    unfinished = folder / "galaxies.parquet.partial"
    table.to_parquet(unfinished, index=False)
    unfinished.replace(folder / "galaxies.parquet")
    write_atomically(folder / "galaxies.csv", catalogue_csv(table))
