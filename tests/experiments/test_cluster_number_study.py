"""The study of the number of clusters: its units, and the tables made of its rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import COVARIANCES
from galaxy_utils.evaluation.nulls import REAL
from galaxy_utils.experiments.n_components import (
    CLUSTER_NUMBER,
    NUMBERS,
    Inputs,
    choose_n_components,
    confirmed_shares,
)

CENTRES = np.array([[0.0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0]])
BLOBS = CENTRES[np.repeat([0, 1, 2], 60)] + np.random.default_rng(0).normal(size=(180, 4))


def test_every_kind_of_data_is_drawn_as_often() -> None:
    units = pd.DataFrame(CLUSTER_NUMBER.units(5, 0))
    for what, group in units.groupby("what"):
        assert (group.groupby("data")["draw"].nunique() == 5).all(), what
    assert set(units.loc[units["what"] == "likelihood", "highest"]) == {NUMBERS[-1]}
    drawn = units[(units["what"] == "stability") & (units["data"] == REAL)]
    assert set(drawn["start"]) == {0}, "repeats of the galaxies speak of the same clusters"


@pytest.mark.parametrize("draws", [2, 3, 10])
def test_what_a_page_shows_is_measured_with_any_number_of_draws(draws: int) -> None:
    units = pd.DataFrame(CLUSTER_NUMBER.units(draws, 0))
    likelihood = units[units["what"] == "likelihood"]
    assert set(likelihood["covariance"]) == set(COVARIANCES)
    assert likelihood["highest"].min() >= 6  # beyond the paper's four


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Rows of one repeat."""
    inputs = Inputs(BLOBS, OrderedGaussianMixture(3, n_init=2), 0.85)
    units = [
        unit | {"highest": 4}
        for unit in CLUSTER_NUMBER.units(1, 0)
        if unit.get("covariance", "full") == "full"
    ]
    return pd.DataFrame([u | row for u in units for row in CLUSTER_NUMBER.measure(inputs, u)])


def test_injected_groups_are_chosen_stable_and_calibrated(rows: pd.DataFrame) -> None:
    likelihood = rows[rows["what"] == "likelihood"]
    chosen = choose_n_components(likelihood, ["data"]).set_index(["data", "score"])["k"]
    assert chosen[REAL, "bic"] == 3 and chosen["one Gaussian", "bic"] == 1
    at = rows[(rows["what"] == "stability") & (rows["k"] == 3)].set_index("data")
    jaccard = at[at["score"] == "jaccard"]
    assert jaccard.loc[REAL, "cluster"].tolist() == [0, 1, 2]
    assert jaccard.loc[REAL, "value"].min() > 0.95
    mean, lowest = (at[at["score"] == name]["value"] for name in ("jaccard_mean", "jaccard_lowest"))
    assert mean["one Gaussian"] == pytest.approx(jaccard.loc["one Gaussian", "value"].mean())
    assert lowest["one Gaussian"] == jaccard.loc["one Gaussian", "value"].min() < 0.75
    assert (rows[rows["what"] == "stability"]["k"].min(), rows["k"].max()) == (2, 4)
    other_seed = at[at["score"] == "seed_ari"]["value"]
    assert other_seed[REAL] == 1 > other_seed["one Gaussian"], "the seed is another one"
    assert confirmed_shares(rows).loc[REAL, "gap"] == pytest.approx(0, abs=1)


def test_the_confirmed_share_by_hand() -> None:
    table = pd.DataFrame([
        {"what": "calibration", "data": REAL, "draw": draw, "score": score,
         "value": v}
        for draw, pair in enumerate([(98, 80), (96, 90)])
        for score, v in zip(("confident_promised", "confident_agree"), pair, strict=True)
    ])  # fmt: skip
    found = confirmed_shares(table).loc[REAL]
    assert found.to_dict() == {"promised": 97, "agree": 85, "gap": -12, "low": -18, "high": -6}
