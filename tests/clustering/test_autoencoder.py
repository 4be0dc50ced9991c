"""Fusion (eq. 3), the losses, and what the bottleneck keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from galaxy_utils.clustering import autoencoder
from galaxy_utils.clustering.autoencoder import ACTIVATIONS, Autoencoder, reconstruct, train
from galaxy_utils.clustering.fusion import Fused, Trained, Training, cumulative_variance, fuse

RANK = 8
TRAINING = Training(
    hidden_dims=(64,), latent_dim=RANK, epochs=60, batch_size=64, learning_rate=3e-3
)


def low_rank(number: int = 300) -> Fused:
    """Make three modalities that are linear images of the same eight numbers."""
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(number, RANK))
    blocks = [factors @ rng.normal(size=(RANK, width)) / RANK**0.5 for width in (40, 24, 5)]
    return fuse({"a": blocks[0].astype(np.float32), "b": blocks[1].astype(np.float32)}, blocks[2])


@pytest.fixture(scope="module")
def fused() -> Fused:
    return low_rank()


@pytest.fixture(scope="module")
def trained(fused: Fused) -> Trained:
    return train(fused, TRAINING)


# Eq. 3


def test_eq3_by_hand() -> None:
    deep = {"b": np.array([[5, 6], [7, 8], [9, 10]], np.float32), "a": np.ones((3, 1), np.float32)}
    morphology = np.array([[1.0, 10], [2, 20], [3, 60]])
    fused = fuse(deep, morphology)
    z = [-(1.5**0.5), 0, 1.5**0.5]  # 1, 2, 3 with mean 2 and variance 2/3
    y = (np.array([10, 20, 60]) - 30) / np.sqrt((400 + 100 + 900) / 3)
    expected = [[5, 6, 1, z[0], y[0]], [7, 8, 1, z[1], y[1]], [9, 10, 1, z[2], y[2]]]
    np.testing.assert_allclose(fused.values, expected, rtol=1e-6)
    assert fused.values.dtype == np.float32
    assert fused.modalities == {"b": slice(0, 2), "a": slice(2, 3), "morphology": slice(3, 5)}


def test_deep_features_are_standardised_on_request() -> None:
    deep = {"a": np.array([[1.0], [2], [3]], np.float32)}
    fused = fuse(deep, np.array([[1.0], [2], [3]]), standardise_deep=True)
    np.testing.assert_allclose(fused.values[:, 0], fused.values[:, 1], rtol=1e-6)


@pytest.mark.parametrize(
    ("deep", "morphology", "name"),
    [
        ([[1.0], [np.nan]], [[1.0], [2]], "'a'"),
        ([[1.0], [np.inf]], [[1.0], [2]], "'a'"),
        ([[1.0], [2], [3]], [[1.0], [2]], "'a'"),
        ([[1.0], [2]], [[1.0], [np.nan]], "'morphology'"),
    ],
    ids=["NaN", "infinite", "rows", "NaN in morphology"],
)
def test_unusable_features_are_refused_by_name(
    deep: list[list[float]], morphology: list[list[float]], name: str
) -> None:
    with pytest.raises(ValueError, match=name):
        fuse({"a": np.array(deep, np.float32)}, np.array(morphology))


# Losses


class _Shift(torch.nn.Module):
    """A reconstruction that is wrong by a known amount in each column."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + torch.tensor([1.0, 1, 1, 2])


def test_plain_and_balanced_loss_by_hand() -> None:
    values = torch.tensor([[0.0, 0, 0, 0], [2, 4, 6, 8]])
    modalities = {"a": slice(0, 3), "b": slice(3, 4)}
    variances = autoencoder._variances(values, modalities)
    assert variances["a"] == pytest.approx((1 + 4 + 9) / 3)
    assert variances["b"] == pytest.approx(16)
    errors = autoencoder._errors(_Shift(), values, modalities, variances)  # type: ignore[arg-type]
    assert errors["a"] == pytest.approx(1 / (14 / 3))
    assert errors["b"] == pytest.approx(4 / 16)
    plain = autoencoder._loss(errors, modalities, variances, "plain")
    assert plain == pytest.approx((3 * 1 + 1 * 4) / 4)  # the mean square over all four columns
    balanced = autoencoder._loss(errors, modalities, variances, "balanced")
    assert balanced == pytest.approx((3 / 14 + 1 / 4) / 2)


@settings(deadline=None, max_examples=10)
@given(scale=st.floats(0.01, 100))
def test_a_modalitys_unit_does_not_move_the_balanced_error(scale: float) -> None:
    values = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32))
    modalities = {"a": slice(0, 3)}
    wrong = torch.nn.Linear(3, 3, bias=False).requires_grad_(False)
    plain = autoencoder._errors(
        wrong, values, modalities, autoencoder._variances(values, modalities)
    )
    scaled = autoencoder._errors(
        wrong, scale * values, modalities, autoencoder._variances(scale * values, modalities)
    )
    assert float(scaled["a"]) == pytest.approx(float(plain["a"]), rel=1e-4)


# Training


def test_eight_numbers_are_found_again_in_a_bottleneck_of_eight(trained: Trained) -> None:
    assert set(trained.explained) == {"a", "b", "morphology"}
    assert min(trained.explained.values()) > 0.95


def test_a_narrower_bottleneck_loses_what_it_must(fused: Fused) -> None:
    explained = train(fused, replace(TRAINING, latent_dim=2, epochs=15)).explained
    assert max(explained.values()) < 0.8


def test_explained_is_judged_on_the_held_out_galaxies(fused: Fused, trained: Trained) -> None:
    assert trained.held_out.sum() == 30
    again = reconstruct(fused, TRAINING, trained.weights)
    unseen = fused.values[trained.held_out]
    for name, columns in fused.modalities.items():
        residual = (again - fused.values)[trained.held_out, columns]
        expected = np.mean(residual**2) / unseen[:, columns].var(axis=0).mean()
        assert 1 - trained.explained[name] == pytest.approx(expected, rel=1e-3)


def test_one_held_out_galaxy_has_no_variance_to_explain(fused: Fused) -> None:
    few = replace(fused, values=fused.values[:12])
    assert np.isnan(list(train(few, replace(TRAINING, epochs=2)).explained.values())).all()


def test_the_history_has_every_epoch_set_and_modality(trained: Trained) -> None:
    history = trained.history
    assert len(history) == 60 * 2 * 3
    assert set(history["set"]) == {"training", "held out"}
    assert list(history["epoch"].unique()) == list(range(1, 61))
    error = history.groupby("epoch")["error"].mean()
    assert error[60] < 0.2 * error[1]


def test_the_latent_space_follows_the_seed(fused: Fused) -> None:
    short = replace(TRAINING, epochs=2)
    first, again = train(fused, short), train(fused, short)
    other = train(fused, replace(short, seed=1))
    np.testing.assert_array_equal(first.latent, again.latent)
    np.testing.assert_array_equal(first.held_out, again.held_out)
    assert first.latent.shape == (300, RANK)
    assert np.isfinite(first.latent).all()
    assert not np.allclose(first.latent, other.latent)
    assert (first.held_out != other.held_out).any()


def test_the_optimiser_is_torchs_adamw_on_a_cosine(
    fused: Fused, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Theirs:
        def __init__(self, parameters: Iterable[Tensor], weight_decay: float) -> None:
            rate = TRAINING.learning_rate
            self.optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay)
            self.schedule = CosineAnnealingLR(self.optimiser, TRAINING.epochs)
            self.rate = rate

        def step(self, loss: Tensor, learning_rate: float) -> None:
            if learning_rate != self.rate:  # an epoch has ended
                self.schedule.step()
                self.rate = learning_rate
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()

    monkeypatch.setattr(autoencoder, "_AdamW", Theirs)
    np.testing.assert_array_equal(train(fused, TRAINING).latent, trained.latent)


def test_held_out_galaxies_teach_nothing(fused: Fused) -> None:
    short = replace(TRAINING, epochs=2)
    first = train(fused, short)
    spoilt = fused.values.copy()
    spoilt[first.held_out] = 7.0
    second = train(Fused(spoilt, fused.modalities), short)
    for name, weights in first.weights.items():
        np.testing.assert_array_equal(second.weights[name], weights)


def test_balanced_loss_serves_the_small_modality(fused: Fused) -> None:
    faint = fused.values.copy()
    faint[:, fused.modalities["morphology"]] *= 0.01
    narrow = replace(TRAINING, latent_dim=4, epochs=15)
    small = Fused(faint, fused.modalities)
    plain = train(small, narrow).explained["morphology"]
    balanced = train(small, replace(narrow, loss_weighting="balanced")).explained["morphology"]
    assert balanced > plain + 0.1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_decoder_mirrors_the_encoder_around_a_linear_bottleneck(activation: str) -> None:
    network = Autoencoder(20, [12, 6], 3, activation)
    encoder = [layer for layer in network.encoder if isinstance(layer, torch.nn.Linear)]
    decoder = [layer for layer in network.decoder if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in encoder] == [12, 6, 3]
    assert [layer.out_features for layer in decoder] == [6, 12, 20]
    assert isinstance(network.encoder[-1], torch.nn.Linear)
    assert isinstance(network.decoder[-1], torch.nn.Linear)
    assert isinstance(network.encoder[1], ACTIVATIONS[activation])
    assert network(torch.zeros(2, 20)).shape == (2, 20)


# Principal components


@pytest.mark.parametrize("shape", [(60, 12), (12, 60)], ids=["tall", "wide"])
def test_cumulative_variance_is_that_of_pca(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=shape) * np.geomspace(1, 0.01, shape[1]) + 5
    found = cumulative_variance(values)
    expected = np.cumsum(PCA().fit(values).explained_variance_ratio_)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert found.shape == (12,)
    assert found[-1] == pytest.approx(1)
