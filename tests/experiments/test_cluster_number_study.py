"""The study of the number of clusters: its units, and the tables made of its rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import COVARIANCES
from galaxy_utils.evaluation import nulls
from galaxy_utils.evaluation.nulls import COPULA, REAL
from galaxy_utils.experiments.n_components import (
    CLUSTER_NUMBER,
    NUMBERS,
    Inputs,
    calibration_curves,
    calibration_errors,
    chosen_numbers,
    compare_with_most_stable_null,
    confirmed_shares,
    more_stable_numbers,
)

CENTRES = np.array([[0.0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0]])
BLOBS = CENTRES[np.repeat([0, 1, 2], 60)] + np.random.default_rng(0).normal(size=(180, 4))


def test_every_kind_of_data_is_drawn_as_often() -> None:
    units = pd.DataFrame(CLUSTER_NUMBER.units(5, 0))
    for (what, _), group in units.groupby(["what", "space"]):
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
    """Rows of the units that concern the latent space of the first repeat."""
    inputs = Inputs({"latent": BLOBS}, OrderedGaussianMixture(3, n_init=2), 0.85)
    units = [
        unit | {"highest": 4}
        for unit in CLUSTER_NUMBER.units(1, 0)
        if unit["space"] == "latent" and unit.get("covariance", "full") == "full"
    ]
    return pd.DataFrame([u | row for u in units for row in CLUSTER_NUMBER.measure(inputs, u)])


def test_injected_groups_are_chosen_stable_and_calibrated(rows: pd.DataFrame) -> None:
    chosen = chosen_numbers(rows).set_index(["data", "score"])["k"]
    assert chosen[REAL, "bic"] == 3 and chosen["one Gaussian", "bic"] == 1
    assert chosen.dtype == int
    at = rows[(rows["what"] == "stability") & (rows["k"] == 3)].set_index("data")
    jaccard = at[at["score"] == "jaccard"]
    assert jaccard.loc[REAL, "cluster"].tolist() == [0, 1, 2]
    assert jaccard.loc[REAL, "value"].min() > 0.95
    mean, lowest = (at[at["score"] == name]["value"] for name in ("jaccard_mean", "jaccard_lowest"))
    assert mean["one Gaussian"] == pytest.approx(jaccard.loc["one Gaussian", "value"].mean())
    assert lowest["one Gaussian"] == jaccard.loc["one Gaussian", "value"].min() < 0.75
    assert (rows[rows["what"] == "stability"]["k"].min(), rows["k"].max()) == (2, 4)
    assert confirmed_shares(rows).loc[REAL, "gap"] == pytest.approx(0, abs=1)
    assert set(rows.loc[rows["what"] == "saturation", "dimension"]) == {2, 4}


def test_each_criterion_chooses_in_each_repeat() -> None:
    table = pd.DataFrame([
        {"what": "likelihood", "space": "latent", "covariance": "full", "data": REAL,
         "draw": draw, "k": k, "score": score, "value": abs(k - best) * sign}
        for draw, best in ((0, 2), (1, 4)) for k in range(1, 6)
        for score, sign in (("bic", 1), ("icl", 1), ("held_out", -1))
    ])  # fmt: skip
    found = chosen_numbers(table)
    for score in ("bic", "icl", "held_out"):
        assert found.loc[found["score"] == score, "k"].tolist() == [2, 4]


def test_a_number_that_is_more_stable_on_a_null_too_is_marked() -> None:
    rng = np.random.default_rng(0)
    means = {REAL: {2: 0.9, 3: 0.9, 4: 0.7}, COPULA: {2: 0.9, 3: 0.7, 4: 0.7}}
    table = pd.DataFrame([
        {"what": "stability", "space": "latent", "covariance": "full", "data": data,
         "draw": draw, "k": k, "score": score, "value": rng.normal(mean, 0.03)}
        for data, by_k in means.items() for k, mean in by_k.items() for draw in range(10)
        for score in ("jaccard_mean", "jaccard_lowest", "seed_ari", "jaccard")
    ])  # fmt: skip
    found = more_stable_numbers(table, 4, "full")
    assert (found["p"] < 0.001).all() and found["on_null"].to_dict() == {2: True, 3: False}
    assert more_stable_numbers(table, 7, "full").empty


@pytest.mark.parametrize(
    ("own", "relation"), [((0.8, 0.9), "more"), ((0.1, 0.2), "less"), ((0.1, 0.9), "neither")]
)
def test_more_and_less_stable_than_the_most_stable_null(
    own: tuple[float, float], relation: str
) -> None:
    ranges = {REAL: own, "one Gaussian": (0.2, 0.3), COPULA: (0.4, 0.6)}
    table = pd.DataFrame([
        {"covariance": "full", "space": "latent", "data": name, "mean": sum(ends) / 2,
         "min": ends[0], "max": ends[1]}
        for name, ends in ranges.items()
    ]).set_index(["covariance", "space", "data"])  # fmt: skip
    found = compare_with_most_stable_null(table).loc[("full", "latent")]
    assert found["relation"] == relation and found["galaxies"] == sum(own) / 2
    assert found["name"] == COPULA and found["null"] == pytest.approx(0.5)


def test_the_calibration_error_by_hand() -> None:
    curves = pd.DataFrame(
        {"data": REAL, "draw": [0, 0, 1], "predicted": [0.1, 0.9, 0.5],
         "observed": [0.2, 0.5, 0.5], "pairs": [30, 10, 7]}
    )  # fmt: skip
    error = calibration_errors(curves).loc[REAL]
    assert error["max"] == pytest.approx((30 * 0.1 + 10 * 0.4) / 40)
    assert error["min"] == 0 and error["mean"] == pytest.approx(error["max"] / 2)


def test_the_confirmed_share_by_hand() -> None:
    table = pd.DataFrame([
        {"what": "calibration", "data": REAL, "draw": draw, "bin": -1, "score": score,
         "value": v}
        for draw, pair in enumerate([(98, 80), (96, 90)])
        for score, v in zip(("confident_promised", "confident_agree"), pair, strict=True)
    ])  # fmt: skip
    found = confirmed_shares(table).loc[REAL]
    assert found.to_dict() == {"promised": 97, "agree": 85, "gap": -12, "low": -18, "high": -6}


def test_curves_come_galaxies_first_and_nulls_in_their_order() -> None:
    order = [REAL, *nulls.NULLS]
    rows = [
        {"what": "calibration", "data": name, "draw": draw, "bin": 9, "score": score, "value": 0.9}
        for name in reversed(order) for draw in range(2)
        for score in ("predicted", "observed", "pairs")
    ]  # fmt: skip
    assert list(calibration_curves(pd.DataFrame(rows))["data"].unique()) == order
