"""One galaxy of a run: what it measures, and which cluster it is in, when its image changes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import PipelineSpec, paper_pipeline
from galaxy_utils.config import Parameters, split_names
from galaxy_utils.data.images import Image
from galaxy_utils.evaluation.perturbations import perturb
from galaxy_utils.experiments.images import ImageMeasurement
from galaxy_utils.features.run_table import galaxies_of, read_feature_table
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.run_folder import ENCODER, MIXTURE, RunFolder

TURNS, BLURS, NOISES = (0, 1, 2, 3), (0.0, 1.0, 2.0), (0.0, 1.0, 2.0)
"""Quarters; pixels; units of the sky's noise."""

ORDINARY = 6
"""Galaxies of which the first that changes cluster when rotated is taken."""


@dataclass(frozen=True)
class PerturbedGalaxy:
    """Copies of an image for every setting of turns, blur and noise, the last the fastest."""

    copies: list[Image]
    measured: pd.DataFrame  # columns `FIVE`, NaN where a copy could not be measured
    probabilities: NDArray[np.float64]  # shape (n_copies, n_clusters), NaN likewise
    n_changing: int  # of the ordinary galaxies: those whose cluster a rotation changes
    n_ordinary: int
    source: str  # what the picture is
    turns: tuple[int, ...] = TURNS
    blurs: tuple[float, ...] = BLURS
    noises: tuple[float, ...] = NOISES


def perturb_one_galaxy(folder: RunFolder, parameters: Parameters) -> PerturbedGalaxy:
    """Change the image of a galaxy in steps, and put every copy through the run's own pipeline.

    The galaxy is one of the `ORDINARY` nearest to the medians of the five parameters: the first
    whose cluster changes when it is rotated, or the first. Without a photograph its simulated twin
    is taken.
    """
    X = read_feature_table(folder, parameters)
    five = X[list(FIVE)]
    distances = (((five - five.median()) / five.std()) ** 2).sum(axis=1)
    objids = distances.sort_values(kind="stable").index[:ORDINARY]
    found, source = galaxies_of(folder, parameters).pictures_or_twins(objids, parameters.seed)
    images = [image for image in found if image is not None]
    pipeline = run_pipeline(folder, parameters, X)
    networks = [f"{name}-{parameters.crop}" for name in split_names(parameters.backbones)]
    measurement = ImageMeasurement(networks, shape=SHAPE[0] in X)

    def assign(copies: list[Image]) -> tuple[pd.DataFrame, NDArray[np.float64]]:
        table = measurement({str(number): copy for number, copy in enumerate(copies)})[X.columns]
        complete = np.isfinite(table.to_numpy()).all(axis=1)
        shares = np.full((len(table), parameters.n_components), np.nan)
        if complete.any():
            shares[complete] = pipeline.predict_proba(table[complete])
        return table[list(FIVE)].reset_index(drop=True), shares

    rotated = [np.ascontiguousarray(np.rot90(image, k)) for image in images for k in TURNS]
    shares = assign(rotated)[1].reshape(len(images), len(TURNS), -1)
    clusters = shares.argmax(axis=2)
    changing = np.isfinite(shares).all(axis=(1, 2)) & (clusters != clusters[:, :1]).any(axis=1)
    image = images[int(changing.argmax())]
    copies = [
        perturb(image, np.random.default_rng(parameters.seed), *setting)
        for setting in product(TURNS, BLURS, NOISES)
    ]
    return PerturbedGalaxy(copies, *assign(copies), int(changing.sum()), len(images), source)


def run_pipeline(folder: RunFolder, parameters: Parameters, X: pd.DataFrame) -> Pipeline:
    """Rebuild the pipeline of a run from what its pages kept: steps "space" and "mixture"."""
    p = parameters
    if p.space == "components":
        spec = PipelineSpec(p.measured, p.scale, p.crop, p.deep_components, "pca")
        space = spec.space(p, p.seed).fit(X)
    else:
        import torch

        space = paper_pipeline(p)[0].set_params(epochs=0).fit(X)  # the scales of its input
        weights = folder.read_arrays(ENCODER)
        tensors = {name: torch.from_numpy(values) for name, values in weights.items()}
        space.network_.encoder.load_state_dict(tensors)
    mixture = OrderedGaussianMixture(p.n_components, covariance_type=p.covariance_type)
    kept = folder.read_arrays(MIXTURE)
    mixture.weights_, mixture.means_ = kept["weights"], kept["means"]
    mixture.covariances_ = spread = kept["covariances"]
    matrices = p.covariance_type in ("full", "tied")
    mixture.precisions_cholesky_ = (
        np.linalg.cholesky(np.linalg.inv(spread)) if matrices else spread**-0.5
    )
    return Pipeline([("space", space), ("mixture", mixture)])
