"""Clusters of simulated galaxies are compared with what the galaxies were drawn as."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation.recovery import (
    BINS,
    PURGED,
    assign_families,
    recovery_in_bins,
    recovery_scores,
)

FAMILIES = pd.Series(["elliptical"] * 60 + ["spiral"] * 60 + [None] * 20, dtype=object)
LABELS = np.repeat([0, 1, 2], [60, 60, 20])
SPACE = np.random.default_rng(0).normal(size=(140, 3)) + 6 * LABELS[:, None]


def test_families_are_recovered_and_permuted_ones_are_not() -> None:
    scores = recovery_scores(FAMILIES, LABELS, LABELS == 2, SPACE, 0)
    assert scores["ari"] == scores["balanced_accuracy"] == 1 and abs(scores["null_ari"]) < 0.05
    assert scores["ceiling"] > 0.95
    nothing = recovery_scores(FAMILIES, np.arange(140) % 3, LABELS == 2, SPACE[::-1], 0)
    assert abs(nothing["ari"]) < 0.05
    noise = np.random.default_rng(1).normal(size=(140, 60))  # enough to learn by heart
    assert abs(recovery_scores(FAMILIES, LABELS, LABELS == 2, noise, 0)["ceiling"]) < 0.15


def test_false_outliers_and_missed_artefacts_add_up() -> None:
    outliers = np.arange(140) % 20 == 0  # one of the twenty artefacts, and six galaxies
    scores = recovery_scores(FAMILIES, LABELS, outliers, SPACE, 0)
    assert scores["false_anomalies"] == pytest.approx(6 / 7)
    assert scores["missed_artefacts"] == pytest.approx(19 / 20)
    none = recovery_scores(FAMILIES, LABELS, np.zeros(140, bool), SPACE, 0)
    assert np.isnan(none["false_anomalies"]) and np.isnan(none["missed_artefacts"])
    clean = recovery_scores(FAMILIES[:120], LABELS[:120], outliers[:120], SPACE[:120], 0)
    assert clean["false_anomalies"] == 1 and np.isnan(clean["missed_artefacts"])


def test_recovery_follows_the_quantity_that_spoils_it() -> None:
    rng, quantity = np.random.default_rng(0), np.linspace(0, 1, 600)
    family = np.array(["spiral", "lenticular", "edge_on"] * 200)
    cluster = np.where(quantity < 0.5, np.arange(600) % 3, rng.integers(0, 3, 600))
    names = np.array(["spiral", "lenticular", "edge_on"])
    galaxies = pd.DataFrame({"family": family, "cluster": cluster, "named": names[cluster]})
    bins = recovery_in_bins(galaxies.assign(size=quantity), "size")
    overall = bins[bins["family"] == "all"].sort_values("middle")
    assert len(overall) == BINS and (overall["number"] == 150).all()
    assert overall["part"].iloc[0] == 1 and abs(overall["part"].iloc[-1]) < 0.1
    spirals = bins[bins["family"] == "spiral"].sort_values("middle")["part"]
    assert spirals.iloc[0] == 1 and spirals.iloc[-1] == pytest.approx(1 / 3, abs=0.15)
    assert overall["middle"].iloc[0] == pytest.approx(0.125, abs=0.01)


def test_bins_of_few_galaxies_are_left_out() -> None:
    galaxies = pd.DataFrame({"family": ["spiral"] * 200 + ["merger"] * 40, "cluster": 0})
    galaxies = galaxies.assign(named="spiral", size=np.random.default_rng(0).random(240))
    bins = recovery_in_bins(galaxies, "size")
    assert set(bins["family"]) == {"all", "spiral"}
    assert (bins.loc[bins["family"] == "spiral", "part"] == 1).all()


def _truth() -> pd.DataFrame:
    family = ["spiral"] * 6 + ["merger"] * 4 + ["star"] * 2 + ["trail"]
    return pd.DataFrame({
        "objid": [f"mock_{n}" for n in range(13)], "family": family,
        "is_artefact": np.arange(13) >= 10,
    })  # fmt: skip


def test_every_galaxy_has_a_cluster_and_a_family_or_was_purged() -> None:
    truth = _truth()
    clusters = truth[["objid"]].assign(cluster=[3.0] * 6 + [0.0] * 4 + [7.0] * 3, odd=0.0)
    clusters.loc[10, "odd"] = 1.0
    found = assign_families(truth, clusters.iloc[:12].sample(frac=1, random_state=0))
    assert found["cluster"].tolist() == ["3"] * 6 + ["0"] * 4 + ["7"] * 2 + [PURGED]
    assert found["found"].tolist()[:10] == truth["family"].tolist()[:10]
    assert found["found"][10:].isna().all()  # a cluster of artefacts is matched to no family
    assert found["odd"].tolist() == [False] * 10 + [True, False, False]


def test_families_that_share_a_cluster_are_matched_once() -> None:
    clusters = _truth()[["objid"]].assign(cluster=[0.0] * 10 + [1.0] * 3, odd=0.0)
    assert assign_families(_truth(), clusters)["found"].nunique() == 1
