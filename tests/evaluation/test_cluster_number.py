"""Planted groups are found and called real; one Gaussian is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation import nulls
from galaxy_utils.evaluation.chain import COPULA, GALAXIES, Recipe
from galaxy_utils.evaluation.cluster_number import (
    CLUSTER_NUMBER,
    COVARIANCES,
    NUMBERS,
    beside_hardest,
    best_number,
    calibration_curve,
    calibration_error,
    calibration_rows,
    chosen,
    chosen_numbers,
    clusterwise_jaccard,
    kept_promise,
    likelihood_rows,
    saturation_rows,
    stability_at,
    stability_of_clusters,
    stability_rows,
    steadier,
    steadier_numbers,
    steadier_text,
)
from galaxy_utils.experiments.study import Row

CENTRES = np.array([[0.0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0]])
BLOBS = CENTRES[np.repeat([0, 1, 2], 150)] + np.random.default_rng(0).normal(size=(450, 4))


def value_of(rows: list[Row], score: str) -> float:
    return float(next(row["value"] for row in rows if row["score"] == score))


@pytest.mark.parametrize("covariance", ["full", "diag", "spherical"])
@pytest.mark.parametrize("score", ["bic", "icl", "held_out"])
def test_three_groups_are_counted(covariance: str, score: str) -> None:
    rows = likelihood_rows(BLOBS, range(1, 7), covariance, 1e-4, seed=0)
    best = best_number(rows, score)
    if score == "held_out":  # a fourth component may cost next to nothing there
        gain = {row["k"]: row["value"] for row in rows if row["score"] == score}
        assert gain[3] - gain[2] > 0.3 and abs(gain[best] - gain[3]) < 0.05
    else:
        assert best == 3


@pytest.mark.parametrize("seed", range(4))
def test_one_gaussian_is_one_group(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(450, 4))
    rows = likelihood_rows(values, range(1, 7), "full", 1e-4, seed)
    assert best_number(rows, "bic") == best_number(rows, "icl") == 1


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_stable_and_those_of_one_gaussian_are_not(seed: int) -> None:
    real = stability_rows(BLOBS, [3], "full", 1e-4, seed, seed)
    null = stability_rows(nulls.single_gaussian(BLOBS, seed), [3], "full", 1e-4, seed, seed)
    assert value_of(real, "jaccard_lowest") > 0.95
    assert value_of(real, "seed_ari") > 0.98
    assert value_of(null, "jaccard_lowest") < 0.75


def test_a_jaccard_coefficient_by_hand() -> None:
    reference = np.array([0, 0, 0, 1, 1])
    rows, cluster = np.array([0, 1, 1, 3, 4]), np.array([5, 5, 5, 5, 6])
    # Drawn: 0, 1 of cluster 0 and 3, 4 of cluster 1; found: {0, 1, 3} and {4}.
    np.testing.assert_allclose(clusterwise_jaccard(reference, rows, cluster), [2 / 3, 1 / 2])


def test_responsibilities_saturate_with_the_dimension_also_without_groups() -> None:
    rng = np.random.default_rng(3)
    values = rng.standard_t(4, size=(1500, 32))
    rows = saturation_rows(values, Recipe(), 0)
    full = {
        row["dimension"]: row["value"]
        for row in rows
        if row["covariance"] == "full" and row["score"] == "confident"
    }
    assert full[32] > 75 > full[2] + 20


def test_planted_groups_are_calibrated() -> None:
    rows = calibration_rows(BLOBS, Recipe(n_components=3), 0)
    assert value_of([r for r in rows if r["bin"] == -1], "confident_agree") > 99
    assert value_of([r for r in rows if r["bin"] == 9], "observed") > 0.99
    assert value_of([r for r in rows if r["bin"] == 0], "observed") < 0.01


def test_a_promise_that_is_not_kept_is_seen() -> None:
    rng = np.random.default_rng(0)  # one heavy-tailed group in many dimensions: sure, and wrong
    rows = calibration_rows(rng.standard_t(4, size=(900, 32)), Recipe(), 0)
    found = kept_promise(pd.DataFrame([{**CALIBRATION, **row} for row in rows])).loc[GALAXIES]
    assert found["promised"] > 97
    assert found["agree"] < 80 and found["high"] < -15
    planted = calibration_rows(BLOBS, Recipe(n_components=3), 0)
    kept = kept_promise(pd.DataFrame([{**CALIBRATION, **row} for row in planted])).loc[GALAXIES]
    assert kept["gap"] == pytest.approx(0, abs=0.5)


CALIBRATION: Row = {"what": "calibration", "data": GALAXIES, "draw": 0}


def test_the_calibration_error_by_hand() -> None:
    curve = pd.DataFrame(
        {"data": GALAXIES, "draw": [0, 0, 1], "predicted": [0.1, 0.9, 0.5],
         "observed": [0.2, 0.5, 0.5], "pairs": [30, 10, 7]}
    )  # fmt: skip
    error = calibration_error(curve).loc[GALAXIES]
    assert error["high"] == pytest.approx((30 * 0.1 + 10 * 0.4) / 40)
    assert error["low"] == 0 and error["mean"] == pytest.approx(error["high"] / 2)


def test_every_kind_of_data_is_drawn_as_often() -> None:
    units = pd.DataFrame(CLUSTER_NUMBER.units(5, 0))
    for (what, _), group in units.groupby(["what", "space"]):
        assert (group.groupby("data")["draw"].nunique() == 5).all(), what
    likelihood = units[units["what"] == "likelihood"]
    assert set(likelihood["highest"]) == {NUMBERS[-1]}
    drawn = units[(units["what"] == "stability") & (units["data"] == GALAXIES)]
    assert set(drawn["start"]) == {0}, "draws of the galaxies speak of the same clusters"


@pytest.mark.parametrize("draws", [2, 3, 10])
def test_what_a_page_can_be_asked_for_is_measured_with_any_number_of_draws(draws: int) -> None:
    units = pd.DataFrame(CLUSTER_NUMBER.units(draws, 0))
    likelihood = units[units["what"] == "likelihood"]
    assert set(likelihood["covariance"]) == set(COVARIANCES)
    assert likelihood["highest"].min() >= 6  # beyond the paper's four


def stability_table(values: np.ndarray, draws: int) -> pd.DataFrame:
    kinds = {GALAXIES: lambda _: values, "one Gaussian": lambda d: nulls.single_gaussian(values, d)}
    return pd.DataFrame([
        {"what": "stability", "space": "latent", "covariance": "full", "data": name, "draw": draw,
         **row}
        for name, make in kinds.items() for draw in range(draws)
        for row in stability_rows(make(draw), [2, 3], "full", 1e-4, 0, draw)
    ])  # fmt: skip


def stabilities(means: dict[int, float], draws: int, lagging: str = "") -> pd.DataFrame:
    """Galaxies of those means, beside a null that is as stable at any number."""
    rng = np.random.default_rng(0)
    return pd.DataFrame([
        {"what": "stability", "space": "latent", "covariance": "full", "data": data,
         "draw": draw, "k": k, "score": score,
         "value": rng.normal(means[4] if COPULA == data or score == lagging else mean, 0.03)}
        for data in (GALAXIES, COPULA) for k, mean in means.items() for draw in range(draws)
        for score in ("jaccard_mean", "jaccard_lowest", "seed_ari", "jaccard")
    ])  # fmt: skip


MEANS = {2: 0.9, 3: 0.705, 4: 0.7, 5: 0.5}


def test_a_steadier_number_is_one_that_the_draws_can_tell_apart() -> None:
    doubt = steadier(stabilities(MEANS, 10), 4, "full")
    assert list(doubt.index) == [2, 3, 5]
    p = doubt[GALAXIES]
    assert p[2] < 0.001 and p[3] > 0.05 and p[5] > 0.99 and doubt[COPULA].min() > 0.05
    assert steadier_numbers(doubt, 10) == ([2], [])
    assert "do not show" in steadier_text(doubt, 4, 10)
    lagging = steadier(stabilities(MEANS, 10, lagging="seed_ari"), 4, "full")
    assert steadier_numbers(lagging, 10) == ([], [])
    assert steadier_text(lagging, 4, 10).startswith("No other number")


def test_a_number_that_is_steadier_without_clusters_too_says_nothing() -> None:
    doubt = steadier(stabilities(MEANS, 10), 4, "full")
    doubt.loc[2, COPULA] = 0.001
    assert steadier_numbers(doubt, 10) == ([], [2])
    assert "says nothing" in steadier_text(doubt, 4, 10)
    doubt.loc[3, GALAXIES] = 0.01
    assert steadier_numbers(doubt, 10) == ([3], [2])
    assert "same for 2, not for the others" in steadier_text(doubt, 4, 10)


def test_too_few_draws_are_said_to_be_too_few() -> None:
    for draws in (2, 3):
        doubt = steadier(stabilities(MEANS, draws), 4, "full")
        assert steadier_numbers(doubt, draws) is None
        assert "too few" in steadier_text(doubt, 4, draws)


def test_numbers_that_were_not_measured_are_left_out() -> None:
    table = stabilities(MEANS, 10)
    table.loc[(table["k"] == 3) & (table["draw"] == 1), "value"] = np.nan
    assert list(steadier(table, 4, "full").index) == [2, 5]
    assert steadier(table, 3, "full").empty and steadier(table, 7, "full").empty
    assert steadier_numbers(steadier(table, 7, "full"), 10) is None


def test_each_cluster_has_its_stability_beside_nulls() -> None:
    table = stability_table(BLOBS, 2)
    each = stability_of_clusters(table, 3, "full")
    assert list(each.columns) == [0, 1, 2]
    assert (each.loc[("latent", GALAXIES)] > 0.95).all()
    at = stability_at(table, 3, "full")
    lowest = at[at["score"] == "jaccard_lowest"].set_index("data")
    assert (lowest["low"] <= lowest["mean"]).all() and (lowest["mean"] <= lowest["high"]).all()
    null = "one Gaussian"
    assert lowest.loc[null, "mean"] < lowest.loc[GALAXIES, "mean"] - 0.2
    assert each.loc[("latent", null)].min() >= lowest.loc[null, "mean"]


@pytest.mark.parametrize(
    ("own", "relation"), [((0.8, 0.9), "more"), ((0.1, 0.2), "less"), ((0.1, 0.9), "neither")]
)
def test_more_and_less_stable_than_the_hardest_null(
    own: tuple[float, float], relation: str
) -> None:
    ranges = {GALAXIES: own, "one Gaussian": (0.2, 0.3), COPULA: (0.4, 0.6)}
    table = pd.DataFrame([
        {"space": "latent", "data": name, "score": "jaccard_mean", "mean": sum(ends) / 2,
         "low": ends[0], "high": ends[1]}
        for name, ends in ranges.items()
    ])  # fmt: skip
    found = beside_hardest(table)["latent"]
    assert found["relation"] == relation
    assert found["name"] == COPULA and found["null"] == pytest.approx(0.5)


def test_what_draws_choose_is_a_range() -> None:
    rows = [
        {"what": "likelihood", "space": "latent", "covariance": "full", "data": GALAXIES,
         "draw": draw, "k": k, "score": score, "value": abs(k - best) * sign}
        for draw, best in ((0, 2), (1, 4)) for k in range(1, 6)
        for score, sign in (("bic", 1), ("icl", 1), ("held_out", -1))
    ]  # fmt: skip
    found = chosen(pd.DataFrame(rows))
    assert sorted(found.loc[found["score"] == "held_out", "k"]) == [2, 4]
    assert chosen_numbers(found)["bic"].tolist() == ["2 to 4"]


def test_curves_come_galaxies_first_and_nulls_in_their_order() -> None:
    order = [GALAXIES, *nulls.NULLS]
    rows = [
        {"what": "calibration", "data": name, "draw": draw, "bin": 9, "score": score, "value": 0.9}
        for name in reversed(order) for draw in range(2)
        for score in ("predicted", "observed", "pairs")
    ]  # fmt: skip
    assert list(calibration_curve(pd.DataFrame(rows))["data"].unique()) == order
