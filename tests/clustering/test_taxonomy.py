"""Names of clusters by rule, and what the names promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.taxonomy import (
    PAPER_PROFILES,
    check_cluster_names,
    describe_clusters,
    eta_squared,
    odds_ratio,
    random_members,
    representatives,
)
from galaxy_utils.morphology.columns import FIVE


def test_eta_squared_by_hand() -> None:
    values = pd.Series([1.0, 3, 5, 7])
    # Squares about the mean 4: cluster means 2, 2, 6, 6 give 16, the values 20.
    assert eta_squared(values, pd.Series([0, 0, 1, 1])) == pytest.approx(0.8)
    assert eta_squared(values, pd.Series([0, 1, 1, 0])) == pytest.approx(0)
    assert eta_squared(values, pd.Series([0, 1, 2, 3])) == pytest.approx(1)


def catalogue_of(profiles: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    """Make ten galaxies per profile, at +-1 where it is high or low, among moderate ones."""
    height = {"High": 1.0, "Moderate": 0.0, "Low": -1.0}
    ripple = np.linspace(-0.2, 0.2, 10)
    rows = [
        {"cluster": number}
        | {name: height[level] + offset for name, level in zip(FIVE, profile, strict=True)}
        for number, profile in enumerate(profiles.values())
        for offset in ripple
    ]
    crowd = [{"cluster": 9, **dict.fromkeys(FIVE, x)} for x in np.linspace(-0.2, 0.2, 300)]
    return pd.DataFrame([*rows, *crowd])


def test_the_papers_four_profiles_get_their_names() -> None:
    described = describe_clusters(catalogue_of(PAPER_PROFILES)).set_index("cluster")
    assert list(described["name"]) == [*PAPER_PROFILES, "unnamed"]
    assert list(described["galaxies"]) == [10, 10, 10, 10, 300]
    assert list(described["shared"]) == [5, 5, 5, 5, 3]
    assert described.loc[2, "concentration_level"] == "High"
    assert described.loc[2, "concentration"] == pytest.approx(1)


@pytest.mark.parametrize(("differing", "name"), [(1, "early type"), (2, "unnamed")])
def test_four_levels_make_a_name_three_do_not(differing: int, name: str) -> None:
    profile = ("High", *["Moderate"] * differing, *PAPER_PROFILES["early type"][1 + differing :])
    described = describe_clusters(catalogue_of({"odd": profile}))
    assert described["name"][0] == name
    assert described["shared"][0] == 5 - differing


def test_a_level_begins_beyond_three_tenths_of_a_robust_deviation() -> None:
    # Median 0, median absolute deviation 1: the edges lie at +-0.44478.
    crowd = [dict.fromkeys(FIVE, value) | {"cluster": 0} for value in np.resize([-1.0, 1], 200)]
    crowd += [dict.fromkeys(FIVE, 0.0) | {"cluster": 0}]
    edge = dict(zip(FIVE, [0.444, 0.446, -0.444, -0.446, 0], strict=True))
    mirrored = {name: -value for name, value in edge.items()}  # keeps the median
    rows = [*crowd, edge | {"cluster": 1}, mirrored | {"cluster": 2}]
    described = describe_clusters(pd.DataFrame(rows)).set_index("cluster")
    levels = [described.loc[1, f"{name}_level"] for name in FIVE]
    assert levels == ["Moderate", "High", "Moderate", "Low", "Moderate"]


def test_representatives_are_the_surest_and_the_oddest() -> None:
    catalogue = pd.DataFrame(
        {
            "objid": list("abcdefg"),
            "gz1_class": ["spiral"] * 6 + [np.nan],
            "cluster": [0, 0, 0, 0, 1, 0, 1],
            "anomaly": [False, False, False, False, False, True, True],
            "max_probability": [0.9, 0.99, 0.99, 0.5, 0.7, 1.0, 1.0],
            "log_likelihood": [-1.0, -3, -2, -1, -1, -9, -8],
        }
    )
    chosen = representatives(catalogue, 3)
    groups = {name: list(rows["objid"]) for name, rows in chosen.groupby("group", sort=False)}
    assert groups == {
        "cluster 0": ["c", "b", "a"],
        "cluster 1": ["e", "", ""],
        "anomaly": ["f", "g", ""],
    }
    assert list(chosen["gz1_class"].tail(3)) == ["spiral", "", ""]


def test_random_members_are_of_their_group_and_follow_the_seed() -> None:
    table = pd.DataFrame({"objid": [f"g{i:03d}" for i in range(300)], "cluster": [0, 0, 1] * 100})
    table["gz1_class"] = np.resize(["spiral_cw", "spiral_acw", "edge_on", "dont_know"], 300)
    table.loc[299, ["cluster", "gz1_class"]] = 2, "merger"
    drawn = random_members(table, 4, seed=1)
    groups = {key: list(rows["objid"]) for key, rows in drawn.groupby(["grouping", "group"])}
    clusters = [("clusters", f"cluster {number}") for number in range(3)]
    classes = [("Galaxy Zoo classes", name) for name in ("edge_on", "merger", "spiral")]
    assert list(groups) == classes + clusters
    assert groups[clusters[2]] == groups[classes[1]] == ["g299", "", "", ""]
    by_name = table.set_index("objid")
    assert all(by_name.loc[groups[clusters[1]], "cluster"] == 1)
    assert set(by_name.loc[groups[classes[2]], "gz1_class"]) <= {"spiral_cw", "spiral_acw"}
    assert len(set(groups[clusters[0]])) == 4 and drawn.equals(random_members(table, 4, seed=1))
    assert not drawn.equals(random_members(table, 4, seed=2))
    nobody = random_members(table.assign(gz1_class=None), 4, seed=1)
    assert set(nobody["grouping"]) == {"clusters"}


def test_the_odds_ratio_of_a_table_worked_by_hand() -> None:
    inside, outside = pd.Series([True] * 3 + [False]), pd.Series([True] + [False] * 3)
    assert odds_ratio(inside, outside) == pytest.approx((3.5 / 1.5) / (1.5 / 3.5))
    assert np.isfinite(odds_ratio(inside | True, outside & False))


@pytest.mark.parametrize(("mergers", "holds"), [(30, True), (5, False)])
def test_a_name_holds_where_people_saw_what_it_promises(mergers: int, holds: bool) -> None:
    described = pd.DataFrame({"cluster": [0, 1], "name": ["interacting", "unnamed"]})
    classes = ["merger"] * mergers + ["elliptical"] * (40 - mergers)
    classes += ["merger"] * 10 + ["elliptical"] * 30
    catalogue = pd.DataFrame({"cluster": [0] * 40 + [1] * 40, "gz1_class": classes})
    assert check_cluster_names(described, catalogue) == {
        "interacting": holds, "late type": False, "early type": False, "transitional": False
    }  # fmt: skip
    unknown = check_cluster_names(described, catalogue.assign(gz1_class=None))
    assert unknown["interacting"] is None and unknown["late type"] is False


def test_a_name_without_classes_holds_by_its_levels() -> None:
    described = pd.DataFrame({"cluster": [0], "name": ["transitional"]})
    catalogue = pd.DataFrame({"cluster": [0], "gz1_class": ["merger"]})
    assert check_cluster_names(described, catalogue)["transitional"] is True


def test_a_parameter_that_is_nearly_constant_has_no_level() -> None:
    rng = np.random.default_rng(0)
    catalogue = pd.DataFrame({name: rng.normal(size=90) for name in FIVE})
    catalogue["smoothness"] = np.where(np.arange(90) < 60, 0.0, 1.0)
    catalogue["cluster"] = np.repeat([0, 1, 2], 30)
    described = describe_clusters(catalogue)
    assert set(described["smoothness_level"]) == {"no level"}
    assert set(described["gini_level"]) <= {"High", "Moderate", "Low"}
