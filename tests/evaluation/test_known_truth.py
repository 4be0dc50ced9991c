"""Recipes are held beside a truth that we set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.fusion import Training
from galaxy_utils.evaluation import known_truth
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.known_truth import Mocks, fates, matched, recovery_rows, score_table
from galaxy_utils.evaluation.robustness import OURS, PAPERS
from galaxy_utils.evaluation.search import Ingredients, Variant

FAMILIES = ("elliptical", "spiral", "edge-on")
RECIPE = Recipe(Training(hidden_dims=(16,), latent_dim=4, epochs=20), n_components=3, n_init=2)
BEST = Variant("five+axis", "z", "quarter", 3, "pca", "diag")
VOTES = {replace(BEST, columns="five", covariance="full"): 0.7, BEST: 0.5}


def _mocks(apart: float, artefacts: int = 10) -> tuple[Mocks, pd.DataFrame]:
    """Three families `apart` standard deviations from each other, artefacts on the far side."""
    rng = np.random.default_rng(4)
    family = np.repeat(np.arange(3), 60)
    centres = apart * np.eye(3)
    far = -20.0 + rng.normal(0, 3, (artefacts, 3))
    core = np.vstack([centres[family] + 0.5 * rng.normal(size=(180, 3)), far])

    def spread(width: int) -> np.ndarray:
        return core @ np.random.default_rng(width).normal(size=(3, width))

    n = len(core)
    types = np.full(n, None, dtype=object)
    types[:180] = np.array(FAMILIES, dtype=object)[family]
    deep = spread(9).astype(np.float32)
    ingredients = Ingredients(
        spread(5), spread(4)[:, :3], {"eq1": {"net": deep}, "quarter": {"net": deep}},
        types, np.zeros(n, dtype=bool),
    )  # fmt: skip
    objids = np.array([f"mock_{i:06d}" for i in range(n)])
    truth = pd.DataFrame(
        {
            "objid": objids,
            "family": [*types[:180], *["star"] * artefacts],
            "is_artefact": np.arange(n) >= 180,
            "magnitude_r": rng.uniform(14, 17.7, n),
            "half_light_radius": rng.uniform(1, 9, n),
            "seeing": 1.3,
            "inclination": rng.uniform(0, 80, n),
        }
    )
    return Mocks(truth, truth, 0, objids, ingredients, RECIPE, BEST, VOTES, 5.0), truth


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    mocks, _ = _mocks(8.0)
    return pd.DataFrame(recovery_rows(mocks, (3, 5), 0, each=True))


def test_planted_families_are_found_and_permuted_ones_are_not(rows: pd.DataFrame) -> None:
    table = score_table(rows).set_index(["recipe", "k"])
    assert table.loc[(OURS, 5), "ari"] > 0.9 and table.loc[(PAPERS, 5), "ari"] > 0.5
    assert (table["ari_permuted"].abs() < 0.05).all()
    assert table.loc[(OURS, 3), "ceiling"] > 0.9
    assert table.loc[(known_truth.MEASURED_K_MEANS, 5), "ari"] > 0.9  # artefacts take clusters


def test_peers_are_made_of_what_is_measured_alone() -> None:
    mocks, _ = _mocks(8.0)
    found = known_truth.recipes(mocks)
    assert set(known_truth.PEERS.values()) <= set(found)
    assert found[known_truth.MEASURED_MIXTURE] == replace(BEST, framing="none")
    bare = replace(mocks, ingredients=replace(mocks.ingredients, deep={}))
    assert set(known_truth.recipes(bare)) == {known_truth.FIVE_ALONE, *known_truth.PEERS.values()}


def _agreements(*seeds: tuple[float, float, float]) -> pd.DataFrame:
    names = (OURS, *known_truth.PEERS.values())
    return pd.DataFrame([
        {"recipe": name, "k": k, "seed": seed, "score": "ari", "value": value}
        for k in (4, 5) for seed, values in enumerate(seeds)
        for name, value in zip(names, values, strict=True)
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (((0.5, 0.4, 0.3), (0.6, 0.5, 0.5)), "do add"),
        (((0.5, 0.6, 0.6), (0.4, 0.5, 0.5)), "add nothing"),
        (((0.5, 0.6, 0.3), (0.4, 0.5, 0.3)), "not shown"),
        (((0.5, 0.4, 0.3), (0.4, 0.5, 0.3)), "not shown"),
    ],
)
def test_what_networks_add_is_said_over_seeds_and_peers(
    seeds: tuple[tuple[float, float, float], ...], said: str
) -> None:
    ahead = known_truth.seeds_ahead(_agreements(*seeds))
    assert ahead["seeds"].tolist() == [2, 2] and list(ahead.index) == [4, 5]
    assert ahead.loc[4, "bare"] == sum(ours > bare for ours, bare, _ in seeds)
    assert said in known_truth.networks_text(ahead)


def test_structureless_mocks_are_not_recovered() -> None:
    mocks, _ = _mocks(0.0, artefacts=0)
    table = score_table(pd.DataFrame(recovery_rows(mocks, (3,), 0, each=False)))
    text = known_truth.score_text(table).set_index("recipe")["missed artefacts (%)"]
    assert text[OURS] == "no artefacts"
    assert text[known_truth.MEASURED_K_MEANS] == "none called"
    assert (table["ari"].abs() < 0.05).all() and (table["ceiling"].abs() < 0.1).all()


def test_every_mock_has_a_fate(rows: pd.DataFrame) -> None:
    _, truth = _mocks(8.0)
    absent = pd.DataFrame({"objid": ["mock_999999"], "family": ["trail"], "is_artefact": [True],
                           "magnitude_r": [15.0]})  # fmt: skip
    table = matched(pd.concat([truth, absent], ignore_index=True), rows, OURS, 5)
    assert len(table) == len(truth) + 1 and table["cluster"].iloc[-1] == known_truth.PURGED
    assert not table["recovered"].iloc[-1] and not table["odd"].iloc[-1]
    found = fates(table).set_index("kind")
    assert found[["purged", "anomaly", "ordinary"]].sum(axis=1).to_numpy() == pytest.approx(100)
    assert found.loc["trail", "purged"] == 100 and found.loc["galaxy", "number"] == 180
    assert found.loc["star", "anomaly"] > 50 and found.loc["galaxy", "anomaly"] < 5


def test_a_cluster_of_artefacts_is_matched_to_no_family(rows: pd.DataFrame) -> None:
    _, truth = _mocks(8.0)
    mine = rows[(rows["recipe"] == OURS) & (rows["k"] == 5) & rows["objid"].notna()].copy()
    families = truth.set_index("objid")["family"].reindex(mine["objid"]).to_numpy()
    artefact = truth.set_index("objid")["is_artefact"].reindex(mine["objid"]).to_numpy(bool)
    codes = {name: min(code, 1) for code, name in enumerate(FAMILIES)}
    mine["cluster"] = [4 if odd else codes[f] for f, odd in zip(families, artefact, strict=True)]
    table = matched(truth, mine, OURS, 5)
    without, alone = known_truth.left_over(table)
    assert len(without) == 1 and alone == 1
    assert not table.loc[table["family"] == without[0], "recovered"].any()


def test_families_that_share_a_cluster_are_named() -> None:
    found = pd.DataFrame({
        "family": ["spiral", "merger", "merger", "star"], "is_artefact": [False] * 3 + [True],
        "found": ["merger", "merger", "merger", None],
        "cluster": ["0", "0", known_truth.PURGED, "1"],
    })  # fmt: skip
    assert known_truth.left_over(found) == (["spiral"], 1)


def _kept(families: list[str], quantity: np.ndarray, cluster: list[int]) -> pd.DataFrame:
    named = pd.Series(cluster).map(known_truth.majority(pd.Series(families), pd.Series(cluster)))
    return pd.DataFrame({"family": families, "magnitude_r": quantity, "inclination": quantity,
                         "cluster": cluster, "named": named})  # fmt: skip


def test_recovery_follows_the_quantity_that_spoils_it() -> None:
    families = ["spiral", "lenticular", "edge_on"] * 200
    quantity = np.linspace(0, 1, 600)
    right = {"spiral": 0, "lenticular": 1, "edge_on": 2}
    rng = np.random.default_rng(0)
    cluster = [
        right[f] if q < 0.5 else int(rng.integers(3))
        for f, q in zip(families, quantity, strict=True)
    ]
    rows = pd.DataFrame(known_truth._parts_of(_kept(families, quantity, cluster), "magnitude_r"))
    agreed = rows[rows["family"] == "all"].sort_values("middle")["part"].to_list()
    assert agreed[0] == 1 and abs(agreed[-1]) < 0.1 and len(agreed) == known_truth.BINS
    spiral = rows[rows["family"] == "spiral"].sort_values("middle")["part"].to_list()
    assert spiral[0] == 1 and spiral[-1] == pytest.approx(1 / 3, abs=0.15)
    assert (rows.loc[rows["family"] == "all", "number"] == 150).all()


def test_inclination_is_asked_of_discs_alone_and_few_galaxies_are_not_shown() -> None:
    families = ["spiral"] * 200 + ["lenticular"] * 40 + ["edge_on"] * 200
    kept = _kept(families, np.random.default_rng(0).uniform(size=440), [0] * 240 + [1] * 200)
    rows = pd.DataFrame(known_truth._parts_of(kept, "inclination"))
    assert set(rows["family"]) == {"all", "spiral"} and (rows["number"] >= 20).all()


def test_families_that_share_a_cluster_do_not_read_zero() -> None:
    families, cluster = pd.Series(["a"] * 3 + ["b"] * 5), pd.Series([0, 1, 1, 0, 0, 0, 2, 2])
    assert known_truth.majority(families, cluster) == {0: "b", 1: "a", 2: "b"}


def test_seeds_are_averaged_and_their_range_is_given(rows: pd.DataFrame) -> None:
    mine = pd.concat([rows.assign(seed=s) for s in (0, 1)], ignore_index=True)
    whole = mine["family"] == "all"
    mine.loc[whole, "part"] = np.where(mine.loc[whole, "seed"] == 0, 0.2, 0.4)
    parts = known_truth.parts_of(mine)
    table = known_truth.parts_table(parts)
    assert (table.loc[table["family"] == "all", OURS] == "0.30 (0.20 to 0.40)").all()
    assert list(table["quantity"].unique()) == [
        q for q in known_truth.CURVES if q in set(parts["quantity"])
    ]
    assert known_truth.ends_of(parts, OURS, "magnitude_r") == pytest.approx((0.3, 0.3))
    alone = pd.concat([parts, parts.assign(family="spiral", part=parts["part"] + 0.5)])
    spirals = known_truth.ends_of(alone, OURS, "magnitude_r", "spiral")
    assert spirals == pytest.approx((0.8, 0.8))
    assert known_truth.ends_of(parts.head(0), OURS, "magnitude_r") is None
    assert known_truth.parts_table(parts.head(0)).empty


def test_families_are_compared_with_the_classes_they_belong_to() -> None:
    n = 50
    galaxies = pd.DataFrame({name: np.arange(n, dtype=float) for name in known_truth.QUANTITIES})
    galaxies["objid"] = [str(i) for i in range(n)]
    classes = pd.Series(["elliptical"] * 25 + ["spiral_cw"] * 25, index=galaxies["objid"])
    truth = pd.DataFrame({"family": ["spiral"] * 25 + ["elliptical"] * 25})
    mocks = galaxies[list(known_truth.QUANTITIES)]
    table = known_truth.beside_classes(mocks, truth, galaxies, classes)
    assert (table["elliptical, galaxies"] == 12).all() and (table["spiral, galaxies"] == 37).all()
    assert (table["elliptical, mocks"] == 37).all() and (table["spiral, mocks"] == 12).all()
    assert not any(c.startswith("merger") for c in table)
    none = known_truth.beside_classes(mocks, truth, galaxies, pd.Series(dtype=object))
    assert list(none) == ["quantity"]
    assert known_truth.contrasts(table) == (-25, 25) and known_truth.contrasts(none) is None


def test_the_table_of_scores_has_one_row_a_recipe_and_number(rows: pd.DataFrame) -> None:
    table = known_truth.score_text(score_table(rows))
    assert list(table)[:3] == ["recipe", "k", "adjusted Rand index"] and table.shape == (10, 9)
    assert table["permuted"].str.fullmatch(r"(-?\d\.\d\d, ){2}-?\d\.\d\d").all()
    peers = table[table["recipe"] == known_truth.MEASURED_K_MEANS]
    assert (peers["missed artefacts (%)"] == "none called").all() and len(peers) == 2


def test_false_anomalies_and_missed_artefacts_add_up() -> None:
    families = np.array(["spiral"] * 8 + [None] * 2, dtype=object)
    odd = np.array([True] + [False] * 7 + [True, False])
    values = np.random.default_rng(0).normal(size=(10, 2))
    found = known_truth._scores(families, values, np.arange(10) % 2, odd, 0)
    assert found["false_anomalies"] == 0.5 and found["missed_artefacts"] == 0.5


def test_recipes_are_compared_on_the_same_mocks() -> None:
    objids = np.array([f"mock_{n}" for n in range(100)])
    right = np.arange(100) % 5
    guessed = np.random.default_rng(1).permutation(right)
    truth = pd.DataFrame({"objid": objids, "family": right.astype(str), "is_artefact": False})
    truth.loc[0, "is_artefact"] = True
    said = {OURS: right, PAPERS: guessed}
    rows = pd.concat([
        pd.DataFrame({"recipe": name, "k": 5.0, "objid": objids, "cluster": c.astype(float)})
        for name, c in said.items()
    ]).sample(frac=1, random_state=0)  # fmt: skip
    found = known_truth.compared(truth, rows, OURS, PAPERS, 0)
    assert found.value > 0.9 and 0.8 < found.low < found.high
    assert known_truth.compared(truth, rows, PAPERS, OURS, 0).sign == -1
    assert known_truth.compared(truth, rows, OURS, OURS, 0).sign == 0


@pytest.mark.parametrize(
    ("artefacts", "percent", "expected"), [(4, 10.0, 50.0), (2, 10.0, 0.0), (0, 10.0, None)]
)
def test_fewer_anomalies_than_artefacts_must_miss_some(
    artefacts: int, percent: float, expected: float | None
) -> None:
    measured = pd.DataFrame({"kept": [1] * 20 + [0] * 5})
    truth = pd.DataFrame({"is_artefact": [n < artefacts or n >= 20 for n in range(25)]})
    assert known_truth.fewest_missed(measured, truth, percent) == expected


def test_mocks_that_cannot_be_measured_are_purged() -> None:
    table = pd.DataFrame(
        {name: np.linspace(1.5, 3, 30) for name in ("concentration", "m20", "gini")}
    ).assign(asymmetry=0.1, smoothness=0.1, flag=0, reason="", objid="x")
    table.loc[3, "concentration"] = np.nan
    table.loc[4, "asymmetry"] = 1.5
    kept = known_truth.purge_mocks(table, 0)
    assert not kept[3] and not kept[4] and kept.sum() >= 26


@pytest.mark.parametrize(("shares", "expected"), [([0.0, 0.4], 1), ([0.2, 0.4], 0), ([], None)])
def test_seeds_with_a_family_that_leads_no_cluster_are_counted(
    shares: list[float], expected: int | None
) -> None:
    rows = pd.DataFrame({
        "recipe": PAPERS, "seed": range(len(shares)), "quantity": "magnitude_r",
        "family": "spiral", "middle": 17.0, "number": 30.0, "part": shares,
    })  # fmt: skip
    assert known_truth.seeds_without(rows, PAPERS) == expected
    assert known_truth.seeds_without(rows, OURS) is None
