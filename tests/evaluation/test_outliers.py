"""Outliers are described by what took no part in finding them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation.outliers import FLAGGED, MERGER, UNTYPED, describe_outliers


def _quality(n: int, rng: np.random.Generator) -> pd.DataFrame:
    names = ["sn_per_pixel", "n_sources", "rpetro_circ"]
    return pd.DataFrame(rng.normal(10, 1, (n, 3)), columns=names).assign(flag=0)


def test_outliers_differ_in_what_was_made_to_differ_and_in_nothing_else() -> None:
    rng = np.random.default_rng(0)
    outliers = np.arange(400) < 40
    quality = _quality(400, rng)
    quality["flag"] = (rng.random(400) < np.where(outliers, 0.8, 0.1)).astype(int)
    quality.loc[outliers, "rpetro_circ"] += 5
    types = pd.Series(np.where(outliers, "merger", "spiral"), dtype=object)
    types[rng.random(400) < 0.5] = None
    table = describe_outliers(outliers, quality, types).set_index("property")
    differ = {FLAGGED, MERGER, "Petrosian radius (px)"}
    assert set(table.index[table["p_holm"] < 0.05]) == differ
    assert table.loc[FLAGGED, "outliers"] == 100 * (quality["flag"][:40] > 0).mean()
    assert table.loc["Petrosian radius (px)", "outliers"] == quality["rpetro_circ"][:40].median()
    untyped = describe_outliers(outliers, quality, pd.Series([None] * 400, dtype=object))
    assert len(untyped) == 4


def test_mergers_are_counted_among_galaxies_with_a_type() -> None:
    outliers = np.arange(100) < 20
    types = pd.Series(["merger"] * 5 + [None] * 10 + ["spiral"] * 65 + ["merger"] * 20)
    table = describe_outliers(outliers, _quality(100, np.random.default_rng(0)), types)
    merger, untyped = (table.set_index("property").loc[name] for name in (MERGER, UNTYPED))
    assert merger[["outliers", "others"]].tolist() == [50, 25]
    assert untyped[["outliers", "others"]].tolist() == [50, 0]
    assert merger[["low", "high"]].tolist() == pytest.approx([23.66, 76.34], abs=0.01)
    assert merger[["others_low", "others_high"]].tolist() == pytest.approx([16.81, 35.48], abs=0.01)


@pytest.mark.parametrize(("n", "outlying", "flagged", "both"), [(40, 8, 20, 2), (30, 7, 15, 6)])
def test_the_p_value_of_shares_is_exact_and_counts_ties(
    n: int, outlying: int, flagged: int, both: int
) -> None:
    """All that is as far from the expected number as what was found, on either side, counts."""
    outliers = np.arange(n) < outlying
    quality = _quality(n, np.random.default_rng(0))
    quality["flag"] = ((np.arange(n) < both) | (np.arange(n) >= n - (flagged - both))).astype(int)
    table = describe_outliers(outliers, quality, pd.Series([None] * n, dtype=object))
    numbers = np.arange(min(outlying, flagged) + 1)
    chances = [
        math.comb(flagged, k) * math.comb(n - flagged, outlying - k) / math.comb(n, outlying)
        for k in numbers
    ]
    apart = abs(numbers * n - outlying * flagged)  # in whole numbers: no tie is lost to rounding
    assert (apart == apart[both]).sum() == 2
    expected = sum(c for c, d in zip(chances, apart, strict=True) if d >= apart[both])
    assert table.loc[0, "p"] == pytest.approx(expected)
