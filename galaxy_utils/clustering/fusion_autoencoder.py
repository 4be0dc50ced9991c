"""Feature fusion (eq. 3) and the autoencoder that compresses it, as one transformer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from galaxy_utils.features.feature_table import MORPHOLOGY, modality_of

if TYPE_CHECKING:  # torch takes a second to import
    from galaxy_utils.clustering.network import Autoencoder


class FusionAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Concatenate deep features with z-scored morphology and compress them (eq. 3).

    The concatenated features are h = f1 ⊕ f2 ⊕ Z(m): the deep features as they are and the
    z-scored morphological parameters. An autoencoder compresses them to `latent_dim` numbers.
    The paper states input, bottleneck and library; everything else is a parameter here.

    Parameters
    ----------
    columns : callable or None
        Returns the columns of a feature table to use, as in `sklearn.compose.ColumnTransformer`;
        None takes all.
    hidden_dims : tuple of int
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int
        Width of the bottleneck.
    activation : {"gelu", "relu", "tanh"}
        Non-linearity of the hidden layers.
    loss_weighting : {"plain", "balanced"}
        Plain: mean squared error over all inputs. Balanced: the error of each modality is
        divided by its variance, so that five columns count as much as a thousand.
    standardise_deep : bool
        Also z-score the deep features, which eq. 3 does not.
    epochs, batch_size : int
        Length of the training, and galaxies per step.
    learning_rate, weight_decay : float
        Of AdamW; the rate falls to zero along a cosine.
    holdout_fraction : float
        Share of the galaxies that are never trained on, to measure the reconstruction.
    random_state : int
        Seed of the weights, the hold-out and the order of the batches.

    Attributes
    ----------
    modalities_ : dict of str to slice
        Columns of the concatenated features that belong to each modality.
    network_ : Autoencoder
        The trained network.
    history_ : DataFrame
        Columns epoch, set ("training", mean over the batches, or "held out"), modality, error;
        the error is the mean squared one in units of the modality's variance.
    held_out_ : ndarray of bool, shape (n_samples,)
        Training galaxies that were held out.
    explained_ : dict of str to float
        Share of each modality's variance that is reconstructed for held-out galaxies.

    References
    ----------
    Ngiam et al. (2011), ICML 28, 689; Loshchilov & Hutter (2019), ICLR.
    """

    def __init__(
        self,
        columns: Callable[[pd.DataFrame], Sequence[str]] | None = None,
        *,
        hidden_dims: Sequence[int] = (512, 128),
        latent_dim: int = 64,
        activation: str = "gelu",
        loss_weighting: str = "plain",
        standardise_deep: bool = False,
        epochs: int = 60,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-4,
        holdout_fraction: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.columns = columns
        self.hidden_dims = hidden_dims
        self.latent_dim = latent_dim
        self.activation = activation
        self.loss_weighting = loss_weighting
        self.standardise_deep = standardise_deep
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.holdout_fraction = holdout_fraction
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Train on a table of finite features.

        The columns of a feature table are grouped into modalities by their names; an array is one
        modality, z-scored as morphology is.
        """
        import torch

        from galaxy_utils.clustering.network import Autoencoder, train

        blocks = self._blocks(X, reset=True)
        self.scalers_ = {
            name: StandardScaler().fit(block)
            for name, block in blocks.items()
            if name == MORPHOLOGY or self.standardise_deep
        }
        self.modalities_, start = {}, 0
        for name, block in blocks.items():
            self.modalities_[name] = slice(start, start + block.shape[1])
            start += block.shape[1]
        values = torch.from_numpy(self._join(blocks))
        torch.manual_seed(self.random_state)
        rng = np.random.default_rng(self.random_state)
        self.held_out_ = np.zeros(len(values), dtype=bool)
        number = max(1, round(self.holdout_fraction * len(values)))
        self.held_out_[rng.permutation(len(values))[:number]] = True
        self.network_: Autoencoder = Autoencoder(
            values.shape[1], self.hidden_dims, self.latent_dim, self.activation
        )
        self.history_ = train(
            self.network_, values, self.held_out_, self.modalities_, rng,
            loss_weighting=self.loss_weighting, epochs=self.epochs, batch_size=self.batch_size,
            learning_rate=self.learning_rate, weight_decay=self.weight_decay,
        )  # fmt: skip
        last = self.history_.query("epoch == @self.epochs and set == 'held out'")
        self.explained_ = dict(zip(last["modality"], 1.0 - last["error"], strict=True))
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the bottleneck, shape (n_samples, latent_dim)."""
        import torch

        values = torch.from_numpy(self.concatenate(X))
        with torch.inference_mode():
            return np.asarray(self.network_.encoder(values).numpy())

    def concatenate(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the input of the network, h of eq. 3, deep features first; see `modalities_`."""
        check_is_fitted(self)
        return self._join(self._blocks(X, reset=False))

    def reconstruct(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return what encoding and decoding make of `concatenate(X)`."""
        import torch

        values = torch.from_numpy(self.concatenate(X))
        with torch.inference_mode():
            return np.asarray(self.network_(values).numpy())

    def _blocks(self, X: ArrayLike, *, reset: bool) -> dict[str, NDArray[Any]]:
        """Group the columns by modality, deep features first."""
        if not isinstance(X, pd.DataFrame):
            types, fewest = [np.float64, np.float32], 2 if reset else 1
            values = validate_data(self, X, dtype=types, ensure_min_samples=fewest, reset=reset)
            return {MORPHOLOGY: values}
        if self.columns is not None:
            X = X[list(self.columns(X))]
        validate_data(self, X, skip_check_array=True, reset=reset)
        names = np.array([modality_of(str(name)) for name in X.columns])
        order = sorted(dict.fromkeys(names.tolist()), key=lambda name: name == MORPHOLOGY)
        blocks = {name: X.loc[:, names == name].to_numpy() for name in order}
        for name, block in blocks.items():
            if not np.isfinite(block).all():
                rows = X.index[~np.isfinite(block).all(axis=1)].astype(str).tolist()
                raise ValueError(
                    f"features {name!r} are not finite for {len(rows)} galaxies "
                    f"({', '.join(rows[:3])}{', …' if len(rows) > 3 else ''}); drop them first"
                )
        return blocks

    def _join(self, blocks: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        scaled = [
            self.scalers_[name].transform(block) if name in self.scalers_ else block
            for name, block in blocks.items()
        ]
        return np.hstack(scaled).astype(np.float32)

    @property
    def _n_features_out(self) -> int:
        return int(self.latent_dim)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # the network computes in single precision
        return tags
