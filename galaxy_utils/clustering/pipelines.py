"""Ready-made pipelines: the paper's, and the alternatives that page 20 selects from."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer, StandardScaler

from galaxy_utils.clustering.fusion_autoencoder import FusionAutoencoder
from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.config import TRAINING, Parameters, split_names
from galaxy_utils.features.feature_table import DeepColumns, FusionColumns
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.photometry import SHAPE

MEASURED: dict[str, tuple[str, ...]] = {
    "none": (),
    "five": FIVE,
    "five+axis": (*FIVE, SHAPE[0]),
    "five+axis+colours": (*FIVE, *SHAPE),
}
"""Choices of measured parameters."""

SCALES: dict[str, StandardScaler | QuantileTransformer] = {
    "z": StandardScaler(),
    "rank": QuantileTransformer(n_quantiles=1000, output_distribution="normal", subsample=None),
}
CANDIDATE_CROPS = ("full", "half", "quarter")
COVARIANCES = ("full", "tied", "diag", "spherical")

# Fewer galaxies than quantiles is no fault: every galaxy is then its own quantile.
warnings.filterwarnings("ignore", message="n_quantiles .* is greater than the total number")


@dataclass(frozen=True)
class PipelineSpec:
    """The choices that define one pipeline from a feature table to clusters."""

    measured: str = "five"  # key of `MEASURED`
    scale: str = "z"  # key of `SCALES`
    crop: str = "full"  # of the deep features; "none" uses no network
    components: int = 64  # principal components of the deep features, or width of the bottleneck
    encoder: str = "plain"  # "pca" (whitened), or loss of the paper's autoencoder
    covariance: str = "full"  # of the mixture

    @classmethod
    def from_row(cls, row: pd.Series) -> PipelineSpec:
        """Read a specification from a row of a table with these columns."""
        return cls(
            str(row["measured"]), str(row["scale"]), str(row["crop"]), int(row["components"]),
            str(row["encoder"]), str(row["covariance"]),
        )  # fmt: skip

    def __str__(self) -> str:
        measured = "" if self.measured == "none" else f"{self.measured} ({self.scale}), "
        deep = "" if self.crop == "none" else f"{self.crop} {self.encoder} {self.components}, "
        return f"{measured}{deep}{self.covariance}"

    def space(self, parameters: Parameters, random_state: int) -> Any:
        """Return the transformer from a feature table to the space that is clustered."""
        if self.encoder != "pca":
            columns = FusionColumns(MEASURED[self.measured], self.crop)
            return _autoencoder(parameters, random_state, columns).set_params(
                latent_dim=self.components,
                loss_weighting=self.encoder,
                standardise_deep=False,
            )
        parts: list[tuple[str, Any, Any]] = []
        if self.measured != "none":
            parts.append(("measured", SCALES[self.scale], list(MEASURED[self.measured])))
        if self.crop != "none":
            deep = make_pipeline(
                FunctionTransformer(double_precision),
                PCA(self.components, whiten=True, random_state=random_state),
            )
            parts.append(("deep", deep, DeepColumns(self.crop)))
        return ColumnTransformer(parts)

    def pipeline(self, parameters: Parameters, random_state: int) -> Pipeline:
        """Return the complete pipeline, unfitted, with the steps "space" and "mixture"."""
        mixture = _mixture(parameters, random_state).set_params(covariance_type=self.covariance)
        return Pipeline([("space", self.space(parameters, random_state)), ("mixture", mixture)])


PAPER = PipelineSpec()
"""The paper's pipeline as a specification, at the default parameters."""


def paper_pipeline(parameters: Parameters, random_state: int | None = None) -> Pipeline:
    """Return the paper's pipeline, with the steps "fuse" and "mixture", unfitted.

    It takes a feature table with the five parameters and the deep features of the run's crop.
    The seed is that of the parameters if `random_state` is not given.
    """
    seed = parameters.seed if random_state is None else random_state
    columns = FusionColumns(FIVE, parameters.crop)
    return Pipeline([
        ("fuse", _autoencoder(parameters, seed, columns)),
        ("mixture", _mixture(parameters, seed)),
    ])  # fmt: skip


def _autoencoder(parameters: Parameters, seed: int, columns: FusionColumns) -> FusionAutoencoder:
    training = {name: getattr(parameters, name) for name in TRAINING}
    training["hidden_dims"] = tuple(int(width) for width in split_names(parameters.hidden_dims))
    return FusionAutoencoder(columns, **training, random_state=seed)


def _mixture(parameters: Parameters, seed: int) -> OrderedGaussianMixture:
    p = parameters
    return OrderedGaussianMixture(
        p.study_components,
        covariance_type=p.covariance_type,
        n_init=p.n_init,
        reg_covar=p.reg_covar,
        random_state=seed,
    )


def double_precision(values: Any) -> NDArray[np.float64]:
    """Return the values as float64: single precision is too coarse for principal components."""
    return np.asarray(values, np.float64)
