"""The galaxy whose image is changed is chosen as said, and its pipeline is the run's own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.pipelines import PipelineSpec, paper_pipeline
from galaxy_utils.config import Parameters, make_parameters
from galaxy_utils.experiments import perturbed_galaxy
from galaxy_utils.experiments.perturbed_galaxy import perturb_one_galaxy, run_pipeline
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.run_folder import ENCODER, MIXTURE, RunFolder

N = 120


def settings(**changed: object) -> Parameters:
    small = {"hidden_dims": "16", "latent_dim": 4, "epochs": 3, "backbones": "efficientnet_lite0"}
    return make_parameters("book", {"n_components": 3, "study_components": 3, **small, **changed})


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    group = rng.integers(0, 3, N)[:, None]
    five = pd.DataFrame(rng.normal(size=(N, 5)) + 4 * group, columns=list(FIVE))
    five.index = pd.Index([f"g{number}" for number in range(N)], name="objid")
    deep = rng.normal(size=(N, 20)).astype(np.float32) + 3 * group
    return make_feature_table(five, {"efficientnet_lite0-full": deep.astype(np.float32)})


@pytest.mark.parametrize(
    ("space", "form"),
    [("autoencoder", "full"), ("components", "tied"), ("components", "diag")],
)
def test_the_pipeline_is_rebuilt_from_what_the_pages_kept(
    table: pd.DataFrame, tmp_path: Path, space: str, form: str
) -> None:
    p = settings(space=space, covariance_type=form, deep_components=4)
    folder = RunFolder(tmp_path)
    original = paper_pipeline(p)
    if space == "components":
        spec = PipelineSpec(p.measured, p.scale, p.crop, p.deep_components, "pca", form)
        original = spec.pipeline(p, p.seed)
    original.fit(table)
    if space == "autoencoder":
        weights = original[0].network_.encoder.state_dict()
        np.savez(folder.file(ENCODER), **{name: w.numpy() for name, w in weights.items()})
    mixture = original[-1]
    kept = {name: getattr(mixture, f"{name}_") for name in ("weights", "means", "covariances")}
    np.savez(folder.file(MIXTURE), **kept)
    rebuilt = run_pipeline(folder, p, table)
    for method in ("predict_proba", "score_samples"):
        expected = getattr(original, method)(table)
        np.testing.assert_allclose(getattr(rebuilt, method)(table), expected, rtol=1e-6, atol=1e-9)


class Corner:
    """Measures the brightness of a corner as every feature; black images cannot be measured."""

    def __init__(self, networks: list[str], shape: bool) -> None:
        assert networks == ["efficientnet_lite0-full"] and not shape

    def __call__(self, images: dict[str, np.ndarray]) -> pd.DataFrame:
        values = [float(image[0, 0, 0]) if image.any() else np.nan for image in images.values()]
        columns = [*FIVE, "efficientnet_lite0-full:0"]
        return pd.DataFrame({name: values for name in columns}, pd.Index(images))


class ByBrightness:
    """Two clusters, dark and bright."""

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        bright = (X["gini"] > 100).to_numpy(float)
        return np.column_stack([1 - bright, bright])


def patch(monkeypatch: pytest.MonkeyPatch, images: list[np.ndarray]) -> None:
    values = np.arange(len(images), dtype=float)
    values -= np.median(values)
    columns = [*FIVE, "efficientnet_lite0-full:0"]
    X = pd.DataFrame({name: values for name in columns}, [f"g{v:.0f}" for v in values])
    by_name = dict(zip(X.index, images, strict=True))
    opened = SimpleNamespace(
        pictures_or_twins=lambda objids, seed: ([by_name[objid] for objid in objids], "drawn")
    )
    monkeypatch.setattr(perturbed_galaxy, "read_feature_table", lambda *_: X)
    monkeypatch.setattr(perturbed_galaxy, "galaxies_of", lambda *_: opened)
    monkeypatch.setattr(perturbed_galaxy, "run_pipeline", lambda *_: ByBrightness())
    monkeypatch.setattr(perturbed_galaxy, "ImageMeasurement", Corner)


def grey(value: int) -> np.ndarray:
    return np.full((64, 64, 3), value, np.uint8)


def test_the_first_ordinary_galaxy_that_changes_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lopsided = grey(20)
    lopsided[:, -1] = 200
    images = [lopsided, *[grey(20)] * 5, lopsided, *[grey(20)] * 6]  # the median is row 6
    patch(monkeypatch, images)
    found = perturb_one_galaxy(RunFolder(tmp_path), settings(n_components=2))
    assert (found.n_changing, found.n_ordinary, found.source) == (1, 6, "drawn")
    np.testing.assert_array_equal(found.copies[0], lopsided)
    assert len(found.copies) == len(found.measured) == len(found.probabilities) == 36
    np.testing.assert_array_equal(found.copies[9], np.rot90(lopsided))
    assert found.probabilities[[0, 9]].tolist() == [[1, 0], [0, 1]]
    assert found.measured["gini"][[0, 9]].tolist() == [20, 200]


def test_a_galaxy_that_cannot_be_measured_does_not_count_as_changing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    patch(monkeypatch, [grey(0)] * 3)
    found = perturb_one_galaxy(RunFolder(tmp_path), settings(n_components=2))
    assert (found.n_changing, found.n_ordinary) == (0, 3)
    assert np.isnan(found.probabilities[0]).all() and found.measured.iloc[0].isna().all()
