"""The committed taxonomy is the one that was fitted, and takes other galaxies without refitting."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from galaxy_utils.clustering.model import Model, describe, fit_model, load_model, save_model
from sklearn.metrics import adjusted_rand_score

from galaxy_utils.clustering.fusion import Training
from galaxy_utils.clustering.taxonomy import taught_mixture
from galaxy_utils.config import make_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.search import Ingredients, Variant, make_space
from galaxy_utils.experiments.store import read_study
from galaxy_utils.experiments.study import rows_digest
from galaxy_utils.workflow.classification import MODEL

SETTINGS = {
    "deep_components": 4, "n_components": 3, "n_init": 2, "reg_covar": 1e-4,
    "anomaly_percent": 2.0, "seed": 0,
}  # fmt: skip
VOTES = 0.7 * np.eye(3)[np.arange(300) % 3] + 0.1


def _galaxies(seed: int = 0, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 3
    measured = rng.normal(size=(n, 8)) + 4 * np.eye(3, 8)[group]
    deep = rng.normal(size=(n, 20)) + 4 * np.eye(3, 20)[group]
    types = np.array(["elliptical", "spiral", ""])[group]
    return measured, deep.astype(np.float32), np.array([f"g{i:04d}" for i in range(n)]), types


@pytest.fixture(scope="module")
def model() -> Model:
    measured, deep, objids, types = _galaxies()
    return fit_model(measured, deep, VOTES, objids, types, SETTINGS)


def test_the_training_galaxies_come_out_as_they_were_fitted(model: Model) -> None:
    measured, deep, _, _ = _galaxies()
    space = model.transform(measured, deep)
    np.testing.assert_allclose(space, model.space, atol=1e-5)
    fit = taught_mixture(space, VOTES, "diag", 1e-4)
    mixture = model.mixture()
    np.testing.assert_array_equal(mixture.predict(space), fit.cluster)
    np.testing.assert_allclose(mixture.predict_proba(space), fit.responsibilities, atol=1e-6)
    np.testing.assert_allclose(mixture.score_samples(space), fit.log_likelihood, atol=1e-6)
    odd = mixture.score_samples(space) < model.threshold
    assert odd.mean() == pytest.approx(0.02, abs=0.004)
    assert adjusted_rand_score(mixture.predict(space), np.arange(300) % 3) > 0.9


def test_the_space_is_that_of_the_search(model: Model) -> None:
    measured, deep, _, _ = _galaxies()
    ingredients = Ingredients(
        measured[:, :5], measured[:, 5:], {"quarter": {"net": deep}},
        np.full(300, None, dtype=object), np.zeros(300, dtype=bool),
    )  # fmt: skip
    variant = Variant("five+axis+colours", "rank", "quarter", 4, "pca", "diag")
    expected = make_space(ingredients, variant, Recipe(Training()), 0)
    np.testing.assert_allclose(model.space, expected, atol=2e-3)


def test_other_galaxies_need_no_refit(model: Model) -> None:
    measured, deep, _, _ = _galaxies(seed=5)
    cluster = model.mixture().predict(model.transform(measured, deep))
    assert adjusted_rand_score(cluster, np.arange(300) % 3) > 0.9


def test_neighbours_and_percentiles(model: Model) -> None:
    distances, rows = model.neighbours(model.space[:5].astype(np.float64), 3)
    np.testing.assert_array_equal(rows[:, 0], np.arange(5))
    assert (distances[:, 0] < 1e-6).all() and (np.diff(distances, axis=1) >= 0).all()
    assert model.percentile(np.array([-1e9, 1e9])).tolist() == [0.0, 100.0]


def test_clusters_are_described_by_what_is_in_them(model: Model) -> None:
    table = describe(model)
    assert table["galaxies"].sum() == 300
    seen = set(table["commonest"])
    assert {"elliptical", "spiral"} <= seen


def test_a_model_read_again_is_the_same(model: Model, tmp_path: Path) -> None:
    save_model(tmp_path, model, {"sample": "made up"})
    again, about = load_model(tmp_path)
    for field in fields(Model):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(model, field.name))
    assert about["sample"] == "made up" and len(about["clusters"]) == 3


def test_a_model_that_was_tampered_with_is_refused(model: Model, tmp_path: Path) -> None:
    save_model(tmp_path, model, {})
    content = bytearray((tmp_path / "model.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.npz").write_bytes(content)
    with pytest.raises(UserError, match="checksum"):
        load_model(tmp_path)
    (tmp_path / "model.npz").unlink()
    with pytest.raises(UserError, match="make model"):
        load_model(tmp_path)


def test_the_committed_model_is_whole_and_small() -> None:
    model, about = load_model(MODEL)
    assert (MODEL / "model.npz").stat().st_size < 3e6
    assert len(model.objids) == about["galaxies"] > 4800
    assert about["search"] == rows_digest(read_study("search"))
    settings = make_parameters("best").model_dump()
    assert about["settings"].items() <= settings.items() and about["framing"] == settings["framing"]
    space = model.space.astype(np.float64)
    likelihood = np.sort(model.mixture().score_samples(space))
    np.testing.assert_allclose(likelihood, model.log_likelihoods, atol=1e-3)
    counts = np.bincount(model.mixture().predict(space)).tolist()
    assert counts == [cluster["galaxies"] for cluster in about["clusters"]]
    assert json.dumps(about)
