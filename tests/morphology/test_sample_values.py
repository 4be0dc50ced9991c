"""What the parameters of the sample follow: values that a referee measured, on the same table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew, spearmanr
from sklearn.ensemble import IsolationForest

from galaxy_utils.features.galaxies import open_galaxies
from galaxy_utils.morphology import FIVE, purge


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    galaxies = open_galaxies("sdss5000")
    return galaxies.morphology().assign(gz1_class=galaxies.sample.catalogue["gz1_class"])


@pytest.mark.parametrize(
    ("parameter", "what", "expected"),
    [("concentration", "sn_per_pixel", -0.84), ("gini", "sn_per_pixel", -0.85),
     ("concentration", "rpetro_circ", 0.59)],
)  # fmt: skip
def test_within_ellipticals_shape_follows_the_photograph(
    table: pd.DataFrame, parameter: str, what: str, expected: float
) -> None:
    chosen = table[(table["flag"] == 0) & (table["gz1_class"] == "elliptical")]
    assert spearmanr(chosen[parameter], chosen[what]).statistic == pytest.approx(
        expected, abs=0.005
    )


def test_smoothness_has_its_variance_in_few_galaxies(table: pd.DataFrame) -> None:
    smoothness = table[list(FIVE)].dropna()["smoothness"]
    squares = (smoothness - smoothness.mean()) ** 2
    assert (smoothness < 0).sum() == 232
    assert squares.nlargest(len(squares) // 100).sum() / squares.sum() == pytest.approx(
        0.86, abs=0.005
    )
    robust = 1.4826 * np.median(np.abs(smoothness - smoothness.median()))
    assert (smoothness.std(), robust) == pytest.approx((0.083, 0.0166), rel=0.01)


def test_purging_leaves_the_tail_of_smoothness(table: pd.DataFrame) -> None:
    forest = IsolationForest(n_estimators=200, contamination=0.01, random_state=0)
    kept = table["smoothness"][purge(table, forest)["kept"].to_numpy()]
    assert (kept < 0).sum() == 190
    assert skew(kept) == pytest.approx(-11.0, abs=0.05)
    robust = 1.4826 * np.median(np.abs(kept - kept.median()))
    assert (kept.std(), robust) == pytest.approx((0.046, 0.0164), rel=0.01)
