"""The commands `model` and `classify`: fit the alternative, and classify a folder of images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import Pipeline

from galaxy_utils.clustering.classifier import GalaxyClassifier
from galaxy_utils.config import make_parameters, split_names
from galaxy_utils.data.galaxy_zoo import galaxy_types
from galaxy_utils.data.images import Image, thumbnail
from galaxy_utils.data.sample import Sample
from galaxy_utils.evaluation.drift import Drift, measure_drift
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.features.galaxies import Galaxies, fingerprint_of, open_galaxies
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.morphology.purging import purge
from galaxy_utils.provenance import write_atomically
from galaxy_utils.run_folder import CLASSIFIED, DATA, ROOT, output_folder

MODEL = DATA / "model"
"""Where the committed model lies."""

PAGE = Path(__file__).with_name("classified.html")
"""Template of the page of thumbnails."""

THUMBNAIL = 128
"""Side of a thumbnail in pixels: the central half of an SDSS cutout."""


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
    model = GalaxyClassifier.from_fitted(pipeline, X[kept], types[kept], about)
    return model.save(folder), model.clusters()


def _configurations(backbones: str, crop: str) -> list[str]:
    return [f"{backbone}-{crop}" for backbone in split_names(backbones)]


def classify_folder(
    sample: Sample, out: Path | None = None, cores: int | None = None
) -> tuple[Path, pd.DataFrame, Drift]:
    """Measure the images of a folder and put them through the committed model."""
    assert sample.folder is not None
    model, images = GalaxyClassifier.load(MODEL), sample.folder.resolve()
    folder = out or ROOT / "runs" / CLASSIFIED / _named_after(images)
    with output_folder(folder, "classification"):
        measured, X = measure_for(model, sample, folder / "measured", cores)
        table, space = model.classify(measured, X)
        drift = measure_drift(model, table, space, model.about["seed"])
        known = sample.catalogue.drop(columns="objid").reset_index(drop=True)
        table = pd.concat([table, known.dropna(axis="columns", how="all")], axis=1)
        _write_tables(folder, table)
        found = Galaxies(sample, None, folder / "measured").pictures(table["objid"])
        pictures = dict(zip(table["objid"], found, strict=True))
        text = render_page(images.name, table, drift, model.about, pictures, sample.notes)
        write_atomically(folder / "index.html", text)
    return folder / "index.html", table, drift


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
    text = without_formulae(table).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_atomically(folder / "galaxies.csv", text)


def without_formulae(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that a spreadsheet would run as a formula."""
    safe = table.copy()
    for name in table.select_dtypes(["object", "string"]):
        text = table[name].astype(str)
        safe[name] = table[name].where(~text.str.match(r"[=+@\t\r]|-\D"), "'" + text)
    return safe


def render_page(
    name: str,
    table: pd.DataFrame,
    drift: Drift,
    about: Mapping[str, Any],
    pictures: Mapping[str, Image | None],
    notes: Sequence[str] = (),
) -> str:
    """Render thumbnails by cluster, least likely galaxies first, below the verdict on drift."""
    from jinja2 import Environment

    template = Environment(autoescape=True).from_string(PAGE.read_text(encoding="utf-8"))
    has = table["cluster"].notna()
    return template.render(
        name=name, total=len(table), classified=int(has.sum()), about=about, notes=notes,
        anomalies=int(table.loc[has, "is_anomaly"].sum()), drift=drift.sentence(),
        outside=drift.outside, shifts=drift.parameters.to_dict("records"),
        groups=[_group(table, cluster, pictures) for cluster in about["clusters"]]
        + [_unmeasured(table[~has], pictures)],
    )  # fmt: skip


def _group(
    table: pd.DataFrame, cluster: Mapping[str, Any], pictures: Mapping[str, Image | None]
) -> dict[str, Any]:
    mine = table[table["cluster"] == cluster["cluster"]].sort_values("percentile")
    return {
        "title": f"Cluster {cluster['cluster']}: {len(mine)} galaxies",
        "text": f"{cluster['galaxies']} known galaxies, {cluster['share']:.0f} % of them "
                f"{cluster['commonest']} according to Galaxy Zoo. The least likely come first.",
        "galaxies": [
            {"objid": row["objid"], "odd": bool(row["is_anomaly"]),
             "picture": thumbnail(pictures.get(str(row["objid"])), THUMBNAIL),
             "text": f"p = {row['largest']:.2f}; less likely than "
                     f"{100 - row['percentile']:.0f} % of the known galaxies"}
            for _, row in mine.iterrows()
        ],
    }  # fmt: skip


def _unmeasured(table: pd.DataFrame, pictures: Mapping[str, Image | None]) -> dict[str, Any]:
    return {
        "title": f"Without a cluster: {len(table)}",
        "text": "What could not be measured, and why.",
        "galaxies": [
            {"objid": row["objid"], "odd": False, "text": row["reason"],
             "picture": thumbnail(pictures.get(str(row["objid"])), THUMBNAIL)}
            for _, row in table.iterrows()
        ],
    }  # fmt: skip
