"""The whole chain on galaxies whose groups we planted, and on ones without."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from galaxy_utils.clustering.fusion import Training
from galaxy_utils.evaluation import chain
from galaxy_utils.evaluation.chain import COPULA, GALAXIES, PERMUTED, Recipe
from galaxy_utils.features.features import Features

N = 240
GROUP = np.repeat([0, 1, 2], N // 3)
RECIPE = Recipe(
    Training(hidden_dims=(32,), latent_dim=4, epochs=40, batch_size=32), n_components=3, n_init=2
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks on many threads wait for each other more than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


def planted(apart: float) -> Features:
    """Three groups seen in deep features and parameters alike."""
    rng = np.random.default_rng(0)
    deep = apart * np.eye(3, 12)[GROUP] + rng.normal(size=(N, 12))
    five = apart * np.eye(3, 5)[GROUP] + rng.normal(size=(N, 5))
    types = np.array(["a", "b", "c"], dtype=object)[GROUP]
    return Features(five, {"net": deep.astype(np.float32)}, types)


def test_planted_groups_are_found_by_every_partition() -> None:
    outcome = chain.run_chain(planted(8), RECIPE, 0)
    assert set(outcome.spaces) == set(chain.SPACES) and set(outcome.fits) == set(chain.PARTITIONS)
    for name, fit in outcome.fits.items():
        assert adjusted_rand_score(GROUP, fit.cluster) > 0.9, name


def test_the_same_seed_gives_the_same_chain() -> None:
    one, two = (chain.encode(planted(3), RECIPE, 5) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - chain.encode(planted(3), RECIPE, 6)).max() > 1e-3


def test_nulls_keep_the_shape_and_lose_what_they_say() -> None:
    features = planted(8)
    made = {name: draw(0) for name, draw in chain.structureless(features).items()}
    for data in made.values():
        assert data.five.shape == features.five.shape
        assert data.deep["net"].shape == features.deep["net"].shape
    dealt = made[PERMUTED]
    np.testing.assert_allclose(dealt.deep["net"], features.deep["net"], rtol=1e-6)
    np.testing.assert_allclose(np.sort(dealt.five, axis=0), np.sort(features.five, axis=0))
    assert abs(np.corrcoef(dealt.deep["net"][:, 0], dealt.five[:, 0])[0, 1]) < 0.3
    assert np.corrcoef(features.deep["net"][:, 0], features.five[:, 0])[0, 1] > 0.8


def test_planted_groups_stand_out_of_one_gaussian_and_one_gaussian_does_not() -> None:
    shown = {("latent", "silhouette"): "silhouette"}
    for apart, stands_out in ((8.0, True), (0.0, False)):
        features = planted(apart)
        rows = []
        for seed in range(3):
            for kind in (GALAXIES, "one Gaussian"):
                unit = {"data": kind, "draw": seed, "seed": seed}
                rows += [unit | row for row in chain._measure_chain((features, RECIPE), unit)]
        table = pd.DataFrame(rows)
        table = table[table["score"] != "partition"]
        found = chain.beside_nulls(table, "fused", shown)
        assert bool(found["stands_out"].iloc[0]) == stands_out


@pytest.mark.parametrize("left", ["all five", "gini"])
def test_what_is_left_out_is_not_seen(left: str) -> None:
    features = planted(4)
    unit = {"left_out": left, "draw": 0, "seed": 0}
    before = chain._measure_left_out((features, RECIPE), unit)
    columns = slice(0, 5) if left == "all five" else slice(3, 4)
    features.five[:, columns] = np.random.default_rng(1).normal(
        size=features.five[:, columns].shape
    )
    after = chain._measure_left_out((features, RECIPE), unit)
    types = [
        [row["value"] for row in rows if row["classes"] == "types"] for rows in (before, after)
    ]
    assert types[0] == types[1]  # rules read the new numbers, the clusters do not


def test_clusters_are_held_against_their_own_permutations() -> None:
    rows = chain._measure_left_out((planted(4), RECIPE), {"left_out": "nothing", "seed": 0})
    found = {row["score"]: row["value"] for row in rows if row["classes"] == "rules"}
    assert 0 < found["permuted"] <= found["permuted_highest"]
    assert found["permuted_highest"] < found["accuracy"]  # the groups are planted


def score_table(real: list[float], dealt: list[float]) -> pd.DataFrame:
    values = {GALAXIES: real, PERMUTED: dealt, COPULA: [0.0] * len(real)}
    return pd.DataFrame([
        {"data": name, "draw": draw, "partition": made, "space": space, "score": score, "value": v}
        for name, drawn in values.items() for draw, v in enumerate(drawn)
        for made in chain.PARTITIONS for space in chain.SPACES
        for score in ("silhouette", "davies_bouldin")
    ])  # fmt: skip


def test_the_gain_of_fusion_is_paired() -> None:
    gain = chain.fusion_gain(score_table([0.3, 0.5, 0.4], [0.2, 0.4, 0.31]))
    assert gain["low"] < gain["difference"] < gain["high"]
    assert gain["difference"] == pytest.approx(0.29 / 3) and gain["low"] > 0
    assert chain.fusion_gain(score_table([0.3, 0.5], [0.4, 0.3]))["low"] < 0


def test_the_fair_table_takes_the_hardest_null_off() -> None:
    table = score_table([0.3, 0.5], [0.1, 0.2])  # the copula gives 0, dealt modalities more
    fair = chain.fair_table(table).set_index(["space", "partition", "score"])
    row = fair.loc[("latent", "fused", "silhouette")]
    assert row["null"] == PERMUTED and row["gain"] == pytest.approx(0.25)
    assert (row["low"], row["high"]) == pytest.approx((0.2, 0.3))
    lower = fair.loc[("latent", "fused", "davies_bouldin")]
    assert lower["null"] == COPULA and lower["gain"] == pytest.approx(-0.4)
    only = chain.fair_table(table, [COPULA]).set_index(["space", "partition", "score"])
    assert only.loc[("deep", "fused", "silhouette"), "gain"] == pytest.approx(0.4)


def fair_rows(fused: tuple[float, float], deep: tuple[float, float]) -> pd.DataFrame:
    ranges = {"fused": fused, "deep": deep, "morphology": (np.nan, np.nan)}
    return pd.DataFrame([
        {"space": "latent", "partition": made, "score": "silhouette", "gain": sum(ends) / 2,
         "low": ends[0], "high": ends[1]}
        for made, ends in ranges.items()
    ])  # fmt: skip


def test_a_winner_is_above_its_null_and_outside_the_scatter_of_the_others() -> None:
    assert chain.winners(fair_rows((0.2, 0.3), (-0.1, 0.1))) == {"latent": "fused"}
    assert chain.winners(fair_rows((0.0, 0.1), (0.2, 0.3))) == {"latent": "deep"}
    assert chain.winners(fair_rows((-0.1, 0.3), (-0.3, -0.2))) == {"latent": None}  # not above 0
    assert chain.winners(fair_rows((0.2, 0.3), (0.1, 0.25))) == {"latent": None}  # not apart
    assert chain.winners(fair_rows((-0.2, -0.1), (-0.5, -0.3))) == {"latent": None}


def test_a_score_that_depends_on_the_scale_is_not_judged() -> None:
    table = score_table([0.3, 0.5], [0.1, 0.1])
    bic = table[table["score"] == "davies_bouldin"].assign(score="bic", value=lambda t: -t["value"])
    shown = {("latent", "silhouette"): "silhouette", ("latent", "bic"): "BIC"}
    found = chain.beside_nulls(pd.concat([table, bic]), "fused", shown).set_index("label")
    assert found["verdict"].to_dict() == {"silhouette": "stands out", "BIC": "not judged"}
    assert not found.loc["BIC", "stands_out"] and not found.loc["BIC", "judged"]


@given(st.lists(st.integers(0, 35), min_size=1))
def test_a_partition_survives_as_text(numbers: list[int]) -> None:
    assert chain.from_text(chain.as_text(np.array(numbers))).tolist() == numbers
