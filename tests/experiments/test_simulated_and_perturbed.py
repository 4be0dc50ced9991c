"""The experiments on perturbed images and simulated galaxies: units, rows and pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.pipelines import PipelineSpec
from galaxy_utils.clustering.voting import VotingMixture
from galaxy_utils.config import Parameters, make_parameters
from galaxy_utils.evaluation.perturbations import ANOTHER_SEED, PERTURBATIONS, UNCHANGED
from galaxy_utils.experiments import perturbations, recovery
from galaxy_utils.experiments.perturbations import ALTERNATIVE_LABEL, PAPER_LABEL, Inputs
from galaxy_utils.experiments.recovery import (
    FIVE_ALONE,
    MEASURED_MIXTURE,
    Simulated,
)
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.store import Store

SMALL = {"hidden_dims": "16", "epochs": 5, "study_components": 2, "n_init": 1}
PARAMETERS = make_parameters("book", SMALL)
DEEP = ("net-full", "net-quarter")


SPEC = PipelineSpec("five+axis", "z", "quarter", 3, "pca", "diag")
MEMBERS = (
    replace(SPEC, measured="five", components=2, covariance="tied"),
    replace(SPEC, crop="none"),
)


def _pipeline(parameters: Parameters, random_state: int) -> VotingMixture:
    """Two members instead of those of the precomputed search."""
    members = [(str(spec), spec.pipeline(parameters, random_state)) for spec in MEMBERS]
    return VotingMixture(members, SPEC.space(parameters, random_state), weights=[0.6, 0.4])


@pytest.fixture(autouse=True, scope="module")
def _few_members() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for module in (perturbations, recovery):
            patch.setattr(module, "alternative_pipeline", _pipeline)
            patch.setattr(module, "alternative_spec", lambda: SPEC)
        few = {UNCHANGED, "turned by 90°", "mirrored"}
        chosen = {k: v for k, v in PERTURBATIONS.items() if k in few}
        patch.setattr(perturbations, "PERTURBATIONS", chosen)
        yield


def _image_of(objid: str) -> np.ndarray:
    image = np.zeros((8, 8, 3), np.uint8)
    image[0, 0] = int(objid)  # turning and mirroring move the number out of its corner
    return image


def _data(lose: int = 0) -> Inputs:
    """Two groups of galaxies; turning or mirroring an image puts its galaxy into the other."""
    rng = np.random.default_rng(0)
    side = np.repeat([-1.0, 1.0], 60)[:, None]
    index = pd.Index([str(n) for n in range(120)], name="objid")
    names = [*FIVE, *SHAPE]
    measured = pd.DataFrame(5 * side + rng.normal(size=(120, 8)), index, names)
    deep = (5 * side + rng.normal(size=(120, 8))).astype(np.float32)
    X = make_feature_table(measured, dict.fromkeys(DEEP, deep))

    def measure(images: Mapping[str, np.ndarray]) -> pd.DataFrame:
        swapped = np.array([image[0, 0, 0] == 0 for image in images.values()])
        table = X.loc[list(images)].mul(np.where(swapped, -1.0, 1.0), axis=0)
        table.iloc[:lose] = np.nan
        return table

    objids = index[rng.permutation(np.arange(1, 120))[:40]]
    return Inputs(X, PARAMETERS, objids, _image_of, measure)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    journal = tmp_path_factory.mktemp("journal")
    return perturbations.PERTURBED.run(_data(), 4, 0, Store(journal / "units.jsonl"), n_processes=1)


def _mean(rows: pd.DataFrame, score: str) -> pd.DataFrame:
    return rows[rows["score"] == score].pivot_table("value", "of", "change", sort=False)


def test_unchanged_images_stay_and_swapped_ones_leave(rows: pd.DataFrame) -> None:
    changed = _mean(rows, "changed")
    assert sorted(rows["seed"].unique()) == [0, 1]
    assert (changed[UNCHANGED] == 0).all()
    assert (changed[["turned by 90°", "mirrored"]] > 0.7).all(axis=None)
    assert changed.loc[PAPER_LABEL, ANOTHER_SEED] == 0
    assert list(changed.index) == [PAPER_LABEL, ALTERNATIVE_LABEL]
    assert (_mean(rows, "number") == 40).all(axis=None)
    assert list(changed.columns) == [ANOTHER_SEED, UNCHANGED, "turned by 90°", "mirrored"]


def test_galaxies_that_cannot_be_measured_any_more_are_counted() -> None:
    data = _data(lose=10)
    kept = perturbations._perturbed(data, UNCHANGED, data.objids, 0)
    assert list(kept.index) == list(data.objids[10:])


def test_pipelines_without_their_columns_are_left_out() -> None:
    data = _data()
    bare = replace(data, X=data.X[[*FIVE, *(c for c in data.X if "-full:" in c)]])
    assert list(perturbations._pipelines(bare, 0)) == [PAPER_LABEL]


def test_a_small_sample_has_few_galaxies_changed_and_another_seed_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed: list[int] = []
    seeds: list[int] = []
    perturbed, pipelines = perturbations._perturbed, perturbations._pipelines

    def count(data: Inputs, name: str, objids: pd.Index, seed: int) -> pd.DataFrame:
        changed.append(len(objids))
        return perturbed(data, name, objids, seed)

    def note(data: Inputs, seed: int) -> dict[str, Any]:
        seeds.append(seed)
        return {PAPER_LABEL: pipelines(data, seed)[PAPER_LABEL]}

    monkeypatch.setattr(perturbations, "_perturbed", count)
    monkeypatch.setattr(perturbations, "_pipelines", note)
    (unit,) = perturbations.PERTURBED.units(2, 5)
    perturbations.PERTURBED.measure(_data(), unit)
    assert set(changed) == {6} and sorted(seeds) == [5, 1005]


def _simulated(apart: float, artefacts: int = 10) -> Simulated:
    """Three families `apart` standard deviations from each other, artefacts on the far side."""
    rng = np.random.default_rng(4)
    family = np.repeat(np.arange(3), 60)
    far = -20.0 + rng.normal(0, 3, (artefacts, 3))
    core = np.vstack([apart * np.eye(3)[family] + 0.5 * rng.normal(size=(180, 3)), far])
    objids = [f"mock_{n:06d}" for n in range(len(core))]

    def spread(width: int) -> np.ndarray:
        return core @ np.random.default_rng(width).normal(size=(3, width))

    names = np.array(["elliptical", "spiral", "edge_on"], dtype=object)
    truth = pd.DataFrame({
        "objid": objids, "family": [*names[family], *["star"] * artefacts],
        "is_artefact": np.arange(len(core)) >= 180,
    })  # fmt: skip
    measured = pd.DataFrame(np.hstack([spread(5), spread(4)[:, :3]]), columns=[*FIVE, *SHAPE])
    measured.index = pd.Index(objids, name="objid")
    X = make_feature_table(measured, dict.fromkeys(DEEP, spread(9).astype(np.float32)))
    parameters = make_parameters("book", SMALL | {"study_components": 3, "anomaly_percent": 5.0})
    return Simulated(truth, measured.reset_index(), X, parameters)


@pytest.fixture(scope="module")
def recovered() -> pd.DataFrame:
    return pd.DataFrame(recovery._recover(_simulated(8.0), 0, each_galaxy=True))


def test_simulated_families_are_found(recovered: pd.DataFrame) -> None:
    table = recovered.pivot_table("value", ["pipeline", "k"], "score")
    assert set(table.index.get_level_values("pipeline")) == {
        PAPER_LABEL, ALTERNATIVE_LABEL, FIVE_ALONE, MEASURED_MIXTURE,
    }  # fmt: skip
    assert (
        table.loc[(ALTERNATIVE_LABEL, 5), "ari"] > 0.9 and table.loc[(PAPER_LABEL, 5), "ari"] > 0.5
    )
    assert (table["null_ari"].abs() < 0.05).all() and table.loc[
        (ALTERNATIVE_LABEL, 3), "ceiling"
    ] > 0.9


def test_every_galaxy_has_its_cluster(recovered: pd.DataFrame) -> None:
    each = recovered[recovered["objid"].notna()]
    assert (each["k"] == 5).all() and (each.groupby("pipeline").size() == 190).all()


def test_structureless_galaxies_are_not_recovered() -> None:
    rows = pd.DataFrame(recovery._recover(_simulated(0.0, artefacts=0), 0, each_galaxy=False))
    table = rows.pivot_table("value", ["pipeline", "k"], "score")
    assert (table["ari"].abs() < 0.05).all() and (table["ceiling"].abs() < 0.1).all()
    assert "objid" not in rows


def test_measurements_are_stored_with_ten_decimals_and_missing_ones_as_null() -> None:
    data = _simulated(8.0)
    data.measured.loc[0, "gini"] = np.nan
    first, *_ = recovery.RECOVERY.measure(data, {"what": "measured"})
    assert first["gini"] is None
    assert first["m20"] == round(data.measured["m20"][0], 10)


def test_simulated_galaxies_are_compared_with_real_ones_of_their_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = _simulated(8.0)
    real = data.X.iloc[:180].set_axis([f"real_{n}" for n in range(180)]).sample(180, random_state=1)
    real.loc[[f"real_{n}" for n in range(60, 120)]] += 20.0  # spirals of another kind
    classes = np.repeat(["elliptical", "spiral_cw", "edge_on"], 60)
    catalogue = pd.DataFrame({"objid": [f"real_{n}" for n in range(180)], "gz1_class": classes})
    galaxies = SimpleNamespace(sample=SimpleNamespace(catalogue=catalogue))
    monkeypatch.setattr(recovery, "open_galaxies", lambda name: galaxies)
    monkeypatch.setattr(recovery, "_feature_table", lambda galaxies, parameters: real)
    rows = pd.DataFrame(recovery.RECOVERY.measure(data, {"what": "realism"}))
    areas = rows.pivot(index="class", columns="features", values="auc")
    assert set(areas.index) == {"elliptical", "spiral", "edge_on"}
    assert list(areas.columns) == ["deep", "measured"]
    assert (areas.loc["spiral"] > 0.95).all()
    assert (areas.drop("spiral") < 0.6).all(axis=None), "artefacts take no part"


FAMILIES = pd.Series(["elliptical"] * 60 + ["spiral"] * 60 + [None] * 20, dtype=object)
LABELS = np.repeat([0, 1, 2], [60, 60, 20])
SPACE = np.random.default_rng(0).normal(size=(140, 3)) + 6 * LABELS[:, None]


def test_families_are_recovered_and_permuted_ones_are_not() -> None:
    scores = recovery.recovery_scores(FAMILIES, LABELS, SPACE, 0)
    assert scores["ari"] == 1 and abs(scores["null_ari"]) < 0.05
    assert scores["ceiling"] > 0.95
    nothing = recovery.recovery_scores(FAMILIES, np.arange(140) % 3, SPACE[::-1], 0)
    assert abs(nothing["ari"]) < 0.05
    noise = np.random.default_rng(1).normal(size=(140, 60))  # enough to learn by heart
    found = recovery.recovery_scores(FAMILIES, LABELS, noise, 0)
    assert abs(found["ceiling"]) < 0.15
