"""The studies of pages 14 and 16 on galaxies with planted groups."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from galaxy_utils.config import Parameters
from galaxy_utils.evaluation.nulls import (
    NULLS,
    REAL,
    SHUFFLED_PAIRS,
    SINGLE_GAUSSIAN,
    compare_scores,
)
from galaxy_utils.experiments.nulls import CHAIN, CIRCULARITY
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.measurement import FIVE

N = 240
GROUP = np.repeat([0, 1, 2], [100, 80, 60])
PARAMETERS = Parameters(
    hidden_dims="32", latent_dim=4, epochs=40, batch_size=32, judged_components=3, n_init=2
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks on many threads wait for each other more than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


def planted(apart: float) -> tuple[pd.DataFrame, pd.Series, Parameters]:
    """Three groups in deep features and parameters alike, as the studies take them."""
    rng = np.random.default_rng(0)
    deep = apart * np.eye(3, 12)[GROUP] + rng.normal(size=(N, 12))
    five = apart * np.eye(3, 5)[GROUP] + rng.normal(size=(N, 5))
    measured = pd.DataFrame(five, columns=list(FIVE))
    types = pd.Series(np.array(["a", "b", "c"], dtype=object)[GROUP])
    return make_feature_table(measured, {"net-eq1": deep.astype(np.float32)}), types, PARAMETERS


def test_units_are_paired_by_their_seeds() -> None:
    units = CHAIN.units(2, 5)
    assert [unit["data"] for unit in units[:4]] == [REAL, *NULLS, SHUFFLED_PAIRS]
    assert {(unit["draw"], unit["seed"]) for unit in units} == {(0, 5), (1, 6)}
    left_out = [unit["left_out"] for unit in CIRCULARITY.units(1, 0)]
    assert left_out == ["nothing", "all five", *FIVE]


@pytest.mark.parametrize(("apart", "exceeds"), [(8.0, True), (0.0, False)])
def test_planted_groups_exceed_one_gaussian_and_one_gaussian_does_not(
    apart: float, exceeds: bool
) -> None:
    inputs, rows = planted(apart), []
    for seed in range(3):
        for name in (REAL, SINGLE_GAUSSIAN):
            unit = {"data": name, "draw": seed, "seed": seed}
            rows += [unit | row for row in CHAIN.measure(inputs, unit)]
    table = pd.DataFrame(json.loads(json.dumps(rows)))
    found = compare_scores(table[table["score"] != "partition"])
    row = found.set_index(["partition", "space", "score"]).loc["fused", "latent", "silhouette"]
    assert row["exceeds_null"] == exceeds
    real = table[table["data"] == REAL]
    silhouettes = real.query("partition == 'fused' and space == 'latent' and score == 'silhouette'")
    assert silhouettes["value"].nunique() == 3  # every seed trains another autoencoder
    texts = real[real["score"] == "partition"]
    assert sorted(texts["partition"]) == sorted(["deep", "fused", "morphology"] * 3)
    against_types = real[(real["space"] == "types") & (real["score"] == "ari")]
    expected = [adjusted_rand_score(GROUP, list(text)) for text in texts["text"]]
    assert against_types["value"].tolist() == pytest.approx(expected)
    assert not (table.loc[table["data"] != REAL, "space"] == "types").any()


def by_classes(inputs: Any, left_out: str) -> dict[str, dict[str, float]]:
    rows = pd.DataFrame(CIRCULARITY.measure(inputs, {"left_out": left_out, "seed": 0}))
    return {
        str(k): dict(zip(v["score"], v["value"], strict=True)) for k, v in rows.groupby("classes")
    }


@pytest.mark.parametrize("left_out", ["all five", "gini"])
def test_what_is_left_out_is_not_used(left_out: str) -> None:
    table, types, parameters = planted(2)
    columns = list(FIVE) if left_out == "all five" else [left_out]
    other = table.copy()
    other[columns] = np.random.default_rng(1).normal(size=(N, len(columns)))
    before, after = (by_classes((X, types, parameters), left_out) for X in (table, other))
    assert before["types"] == after["types"]
    if left_out == "all five":
        assert before["rules"] != after["rules"]  # rules read the new numbers, the clusters do not
    assert by_classes((other, types, parameters), "nothing")["types"] != after["types"]


def test_clusters_are_compared_with_their_own_permutations() -> None:
    found = by_classes(planted(4), "nothing")["rules"]
    assert 0 < found["permuted"] <= found["permuted_highest"]
    assert found["permuted_highest"] < found["accuracy"]  # the groups are planted
