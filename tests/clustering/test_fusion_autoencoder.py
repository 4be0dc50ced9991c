"""The fusion of eq. 3 and its autoencoder, as a transformer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from galaxy_utils.clustering.fusion_autoencoder import FusionAutoencoder
from galaxy_utils.features.feature_table import FusionColumns, make_feature_table
from galaxy_utils.morphology.columns import FIVE

SMALL = {"hidden_dims": (24,), "latent_dim": 6, "epochs": 12, "batch_size": 64}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """300 galaxies whose 40 deep features and five parameters share six latent numbers."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(300, 6))
    deep = {
        f"net{n}-full": (latent @ rng.normal(size=(6, 20)) / 2).astype(np.float32) for n in (1, 2)
    }
    deep["net1-quarter"] = rng.normal(size=(300, 20)).astype(np.float32)
    measured = pd.DataFrame(10 + latent @ rng.normal(size=(6, 5)), columns=list(FIVE))
    measured["axis_ratio"] = 0.5
    return make_feature_table(measured, deep)


@pytest.fixture
def model() -> FusionAutoencoder:
    return FusionAutoencoder(FusionColumns(FIVE, "full"), **SMALL)


@parametrize_with_checks([FusionAutoencoder(hidden_dims=(8,), latent_dim=2, epochs=2)])
def test_it_follows_the_conventions_of_scikit_learn(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def test_deep_features_stay_as_they_are_and_morphology_is_z_scored(
    model: FusionAutoencoder, table: pd.DataFrame
) -> None:
    joined = model.fit(table).concatenate(table)
    assert model.modalities_ == {
        "net1-full": slice(0, 20), "net2-full": slice(20, 40), "morphology": slice(40, 45)
    }  # fmt: skip
    assert (joined[:, 20:40] == table.filter(regex="net2-full").to_numpy()).all()
    np.testing.assert_allclose(joined[:, 40:].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(joined[:, 40:].std(axis=0), 1, atol=1e-5)


def test_new_galaxies_are_scaled_as_the_training_galaxies_were(
    model: FusionAutoencoder, table: pd.DataFrame
) -> None:
    model.fit(table[:200])
    shifted = (table[list(FIVE)] - table[:200][list(FIVE)].mean()) / table[:200][list(FIVE)].std(
        ddof=0
    )
    np.testing.assert_allclose(
        model.concatenate(table)[200:, 40:], shifted.to_numpy()[200:], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        model.transform(table)[250:], model.transform(table[250:]), rtol=1e-4, atol=1e-5
    )


def test_training_explains_held_out_galaxies(model: FusionAutoencoder, table: pd.DataFrame) -> None:
    model.set_params(epochs=150, learning_rate=0.01, loss_weighting="balanced").fit(table)
    assert min(model.explained_.values()) > 0.5
    trained = model.history_.query("set == 'training'").pivot_table("error", "epoch", "modality")
    assert len(trained) == 150 and (trained.iloc[-1] < 0.5 * trained.iloc[0]).to_numpy().all()
    out = model.held_out_
    assert out.sum() == 30
    error = np.square(model.reconstruct(table)[out] - model.concatenate(table)[out])
    five = model.modalities_["morphology"]
    variance = model.concatenate(table)[out, five].var(axis=0).mean()
    assert 1 - error[:, five].mean() / variance == pytest.approx(
        model.explained_["morphology"], abs=1e-4
    )


def test_the_seed_decides_everything(model: FusionAutoencoder, table: pd.DataFrame) -> None:
    one = model.fit_transform(table)
    assert (clone(model).fit_transform(table) == one).all()
    assert not (clone(model).set_params(random_state=1).fit_transform(table) == one).any()


def test_galaxies_with_missing_features_are_named(
    model: FusionAutoencoder, table: pd.DataFrame
) -> None:
    table = table.set_axis([f"g{row}" for row in range(len(table))])
    table.loc["g7", "gini"] = np.nan
    with pytest.raises(ValueError, match=r"'morphology' are not finite for 1 galaxies \(g7\)"):
        model.fit(table)


def test_another_table_is_refused(model: FusionAutoencoder, table: pd.DataFrame) -> None:
    model.fit(table)
    with pytest.raises(ValueError, match="now missing:\n- gini"):
        model.transform(table.drop(columns="gini"))
