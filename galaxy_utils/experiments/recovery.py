"""The experiment `known_truth`: pipelines on simulated galaxies, whose families are known."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from galaxy_utils.clustering.pipelines import PAPER, PipelineSpec
from galaxy_utils.config import MIXTURE, TRAINING, Parameters, split_names
from galaxy_utils.data.galaxy_zoo import galaxy_types
from galaxy_utils.evaluation.metrics import agreement
from galaxy_utils.evaluation.realism import realism
from galaxy_utils.evaluation.selection import supervised_upper_bound
from galaxy_utils.evaluation.stretch import measure_stretches
from galaxy_utils.experiments.experiment import FEW_DRAWS, Experiment
from galaxy_utils.experiments.perturbations import ALTERNATIVE_LABEL, PAPER_LABEL, alternative_spec
from galaxy_utils.experiments.selection import alternative_members, alternative_pipeline
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.features.galaxies import Galaxies, open_galaxies
from galaxy_utils.features.named_samples import mock_folder
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.morphology.purging import purge
from galaxy_utils.run_folder import RunFolder
from galaxy_utils.simulate.drawing import mock_sample
from galaxy_utils.simulate.families import FAMILIES, GZ1_CLASSES, truth

STRETCHED_MANY, STRETCHED_FEW = 400, 16
"""Simulated galaxies that are measured in linear flux, too, in a large and a small experiment."""

REAL = "sdss5000"
"""Real galaxies that the simulated ones are compared with, whatever the run's sample."""

FIVE_ALONE = "five parameters alone"

MEASURED_MIXTURE = "mixture, measured"
"""Peer of the alternative: the same measured parameters and kind of mixture, fitted by likelihood;
no deep features and no consensus."""


@dataclass(frozen=True)
class Simulated:
    """Simulated galaxies and their measurements."""

    truth: pd.DataFrame
    measured: pd.DataFrame
    X: pd.DataFrame
    parameters: Parameters


def read_inputs(
    folder: RunFolder, parameters: Parameters, search: pd.DataFrame | None = None
) -> Simulated:
    """Simulate and measure; whatever was measured before is taken up again."""
    p = parameters
    where = mock_folder(p.seed, p.mock_artefacts)
    sample = mock_sample(where, p.n_mocks, p.seed, p.mock_artefacts)
    galaxies = Galaxies(sample, None, where.with_name(f"{where.name}-measured"))
    measured = galaxies.measurements(p.engine)[["objid", *FIVE, *SHAPE]]
    drawn = truth(p.n_mocks, p.seed, p.mock_artefacts)
    return Simulated(drawn, measured, _feature_table(galaxies, p), p)


def _feature_table(galaxies: Galaxies, p: Parameters) -> pd.DataFrame:
    """Measured parameters, and deep features in both pipelines' crops, of what is not purged."""
    morphology = galaxies.measurements(p.engine)
    members = [spec.crop for spec in alternative_members() if spec.crop != "none"]
    crops = dict.fromkeys((PAPER.crop, alternative_spec().crop, *members))
    names = [f"{backbone}-{crop}" for crop in crops for backbone in split_names(p.backbones)]
    deep = {name: galaxies.embedding(name) for name in names}
    forest = IsolationForest(n_estimators=200, contamination=0.01, random_state=p.seed)
    purged = purge(morphology, forest)
    embedded = [np.isfinite(block).all(axis=1) for block in deep.values()]
    kept = np.logical_and.reduce([purged["kept"].to_numpy(bool), *embedded])
    columns = morphology.set_index("objid").loc[kept, [*FIVE, *SHAPE]].astype(np.float64)
    return make_feature_table(
        columns.fillna(columns.median()), {k: v[kept] for k, v in deep.items()}
    )


def _specs() -> dict[str, PipelineSpec]:
    best = alternative_spec()
    return {
        PAPER_LABEL: PAPER,
        ALTERNATIVE_LABEL: best,
        FIVE_ALONE: replace(best, measured="five", crop="none"),
        MEASURED_MIXTURE: replace(best, crop="none"),
    }


def _recover(data: Simulated, seed: int, each_galaxy: bool) -> list[Row]:
    """Fit every pipeline to all that was not purged, artefacts included."""
    known = data.truth.set_index("objid").loc[data.X.index]
    families = known["family"].mask(known["is_artefact"], None)
    numbers = tuple(dict.fromkeys((data.parameters.study_components, len(FAMILIES))))
    rows: list[Row] = []
    for name, spec in _specs().items():
        space = spec.space(data.parameters, seed).fit(data.X).transform(data.X)
        for k in numbers:
            labels = _cluster(data, name, spec, space, k, seed)
            scores = recovery_scores(families, labels, space, seed)
            found: list[Row] = [{"score": s, "value": v} for s, v in scores.items()]
            if each_galaxy and k == numbers[-1]:
                found += _records(pd.DataFrame({"objid": data.X.index, "cluster": labels}))
            rows += [{"pipeline": name, "k": k, **row} for row in found]
    return rows


def _cluster(
    data: Simulated, name: str, spec: PipelineSpec, space: NDArray[np.floating], k: int, seed: int
) -> NDArray[np.int64]:
    """Return the cluster of each galaxy."""
    parameters = data.parameters.model_copy(update={"study_components": k})
    if name == ALTERNATIVE_LABEL:
        return alternative_pipeline(parameters, seed).fit(data.X).labels_
    mixture: Any = spec.pipeline(parameters, seed)["mixture"]
    labels: NDArray[np.int64] = mixture.fit(space).labels_
    return labels


def recovery_scores(
    families: pd.Series,
    labels: NDArray[np.integer],
    X: NDArray[np.floating],
    seed: int,
) -> dict[str, float]:
    """Compare clusters of simulated galaxies with what they were drawn as.

    `families` is None for artefacts, `X` the space that was clustered. `ceiling` is the adjusted
    Rand index of a linear classifier that is shown the families of the other half.
    """
    rng = np.random.default_rng(seed)
    classes, known = families.to_numpy(object), families.notna().to_numpy()
    permuted = rng.permutation(classes)
    test = rng.random(len(classes)) < 0.5
    return {
        "ari": agreement(classes, labels)["ari"],
        "null_ari": agreement(permuted, labels)["ari"],
        "ceiling": _upper_bound(X, classes, known & ~test, known & test),
    }


def _upper_bound(
    X: NDArray[np.floating],
    classes: NDArray[Any],
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
) -> float:
    if len(set(classes[train])) < 2 or test.sum() < 2:
        return np.nan
    classifier = supervised_upper_bound().fit(X[train], classes[train].astype(str))
    return agreement(classes[test], classifier.predict(X[test]))["ari"]


def _realism(data: Simulated) -> list[Row]:
    """Compare the table that the pipelines get with that of real galaxies, class by class."""
    galaxies = open_galaxies(REAL)
    real = _feature_table(galaxies, data.parameters)
    drawn = data.truth.set_index("objid")
    families = drawn["family"].mask(drawn["is_artefact"]).map(GZ1_CLASSES)
    classes = pd.concat([families, galaxies.sample.catalogue.set_index("objid")["gz1_class"]])
    return _records(realism(data.X, real, galaxy_types(classes), data.parameters.seed))


def _records(table: pd.DataFrame) -> list[Row]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _units(draws: int, seed: int) -> list[Row]:
    number = STRETCHED_MANY if draws >= FEW_DRAWS else STRETCHED_FEW
    pipelines = [{"what": "pipelines", "draw": d, "seed": seed + d} for d in range(draws)]
    stretch: Row = {"what": "stretch", "number": number}
    return [{"what": "measured"}, stretch, {"what": "realism"}, *pipelines]


def _measure(data: Simulated, unit: Row) -> list[Row]:
    if unit["what"] == "measured":
        rows: list[Row] = json.loads(data.measured.to_json(orient="records"))
        return rows
    if unit["what"] == "stretch":
        table = measure_stretches(data.truth.head(unit["number"]), data.parameters.seed)
        return _records(table.astype(object).where(table.notna(), None))
    if unit["what"] == "realism":
        return _realism(data)
    return _recover(data, unit["seed"], each_galaxy=unit["draw"] == 0)


RECOVERY = Experiment(
    "known_truth", _units, _measure,
    ("n_mocks", "mock_artefacts", "backbones", "engine", *TRAINING, *MIXTURE, "anomaly_percent",
     "seed"),
    files=None, upstream=("search",), profile="best", inputs=read_inputs,
)  # fmt: skip
