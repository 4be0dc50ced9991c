"""The number of components against the number of galaxies: injected groups stay the same number."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.evaluation.nulls import COPULA, REAL
from galaxy_utils.experiments.sample_size import SAMPLE_SIZE, SHARES, chosen_by_size

CENTRES = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
RNG = np.random.default_rng(0)
BLOBS = CENTRES[np.tile([0, 1, 2], 200)] + RNG.normal(size=(600, 3))
COLLAPSED = RNG.normal(size=(600, 3)) ** 3  # one group that is no Gaussian


def chosen(X: np.ndarray) -> pd.DataFrame:
    inputs = X, OrderedGaussianMixture(2)
    units = [unit for unit in SAMPLE_SIZE.units(1, 0) if unit["share"] in (SHARES[0], 1.0)]
    rows = [unit | row for unit in units for row in SAMPLE_SIZE.measure(inputs, unit)]
    return chosen_by_size(pd.DataFrame(rows))


def test_groups_that_exist_are_as_many_in_small_and_in_large_samples() -> None:
    found = chosen(BLOBS)
    assert set(found["score"]) == {"bic", "icl"}
    assert sorted(found["n"].unique()) == [120, 600]
    assert (found.loc[found["data"] == REAL, "k"] == 3).all()


def test_one_group_that_is_no_gaussian_takes_more_components_the_more_galaxies_there_are() -> None:
    found = chosen(COLLAPSED)
    by_bic = found[(found["data"] == REAL) & (found["score"] == "bic")].set_index("n")["k"]
    assert by_bic[600] > by_bic[120]
    null = found[(found["data"] == COPULA) & (found["score"] == "bic")].set_index("n")["k"]
    assert null[600] > 1, "the null has its marginals"
