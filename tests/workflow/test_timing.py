"""Wall times and how they grow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from galaxy_utils.clustering.fusion_autoencoder import FusionAutoencoder
from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.data.hubble import hubble_deep_field
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.workflow import timing
from galaxy_utils.workflow.timing import (
    PIECE,
    REPEATS,
    TIMED_EPOCHS,
    _with_source,
    enlarged,
    growing_sizes,
    growth,
    hardware,
    near_linear,
    per_galaxy,
    power_of_n,
    time_fits,
    time_pixels,
)

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(80, 11)), columns=[*(f"a-eq1:{n}" for n in range(6)), *FIVE])
LATENT = RNG.normal(size=(80, 3))
AUTOENCODER = FusionAutoencoder(hidden_dims=(8,), latent_dim=2, epochs=3, batch_size=40)
MIXTURE = OrderedGaussianMixture(2, n_init=1, random_state=0)


def rows_of(sizes: list[int], power: float, factor: float = 1.0) -> pd.DataFrame:
    times = factor * np.array(sizes, dtype=float) ** power
    return pd.DataFrame({"galaxies": sizes, "seconds": times})


@settings(deadline=None, max_examples=20)
@given(power=st.floats(-1, 3), factor=st.floats(1e-6, 1e3))
def test_the_power_is_found_whatever_the_unit_of_time(power: float, factor: float) -> None:
    rows = rows_of([100, 250, 1000, 5000], power, factor)
    assert power_of_n(rows) == pytest.approx(power, abs=1e-6)


def test_the_power_of_n_to_the_three_halves() -> None:
    assert power_of_n(rows_of([100, 400, 1600], 1.5)) == pytest.approx(1.5)


def test_one_size_has_no_power() -> None:
    assert np.isnan(power_of_n(rows_of([100], 1)))
    assert np.isnan(power_of_n(rows_of([100, 100], 1)))


def test_the_hardware_is_named() -> None:
    assert " cores, " in hardware()


STAMPS = [hubble_deep_field()[64:128, 64 * i : 64 * i + 64] for i in range(3)]


def test_everything_that_begins_with_pixels_is_timed() -> None:
    stamps = [enlarged(stamp) for stamp in STAMPS]
    rows = time_pixels(stamps, ["efficientnet_lite0-eq1"], 9)
    assert list(rows["stage"]) == ["morphology"] * 3 + ["features"] * 3
    assert list(rows["galaxies"]) == [PIECE, PIECE, 1] * 2
    assert (rows["seconds"] > 0).all()


def test_a_stamp_without_a_source_is_not_timed() -> None:
    empty = np.zeros((64, 64, 3), np.uint8)
    stamps = [enlarged(empty), *(enlarged(stamp) for stamp in STAMPS)]
    assert not any(stamp.max() == 0 for stamp in _with_source(stamps, 9))
    with pytest.raises(ValueError, match="no stamp to time with"):
        _with_source([empty], 1)


def test_fits_are_timed_at_every_size_and_scaled_to_all_epochs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted: list[int] = []
    monkeypatch.setattr(
        timing,
        "timeit",
        lambda job, number: (
            fitted.append(len(job().labels_)) if hasattr(job(), "labels_") else None,
            1.0,
        )[1],
    )
    autoencoder = clone(AUTOENCODER).set_params(epochs=2 * TIMED_EPOCHS)
    rows = time_fits(autoencoder, X, MIXTURE, LATENT, [20, 80], 0)
    assert fitted == [20, 80] * REPEATS
    assert list(rows["stage"]) == ["autoencoder", "mixture"] * 2 * REPEATS
    assert list(rows.loc[rows["stage"] == "mixture", "galaxies"]) == fitted
    assert list(rows["seconds"]) == [2.0, 1.0] * 2 * REPEATS


PIECES = pd.DataFrame(
    {
        "stage": "features",
        "engine": "none",
        "galaxies": 50,
        "seconds": np.tile([0.5, 1.0, 1.5, 2.0], 25),
    }
)


def test_the_cost_of_a_galaxy_worked_by_hand() -> None:
    cost = per_galaxy(PIECES).loc["features"]
    assert cost["median_ms"] == pytest.approx(25)
    assert (cost["low_ms"], cost["high_ms"]) == pytest.approx((17.5, 32.5))
    assert cost["engine"] == "none"


def test_of_fits_only_the_largest_tell_the_cost() -> None:
    fits = pd.DataFrame(
        {
            "stage": "mixture",
            "engine": "CPU",
            "galaxies": [100, 1000, 1000, 1000],
            "seconds": [9.0, 1.0, 2.0, 3.0],
        }
    )
    assert per_galaxy(fits).loc["mixture", "median_ms"] == pytest.approx(2)


def fits_of(sizes: list[int], power: float) -> pd.DataFrame:
    rows = rows_of(sizes, power).assign(stage="mixture", engine="CPU")
    return pd.concat([rows, rows.assign(seconds=99 * rows["seconds"]), rows])


def test_only_what_is_timed_at_numbers_of_its_own_makes_a_curve() -> None:
    curve = growth(pd.concat([PIECES, fits_of([500, 1000, 5000], 1.5)]))
    assert set(curve["stage"]) == {"mixture"}
    assert list(curve["galaxies"]) == [500, 1000, 5000]
    assert power_of_n(curve) == pytest.approx(1.5)


def test_sizes_grow_and_stay_within_the_sample() -> None:
    assert list(growing_sizes(4950, 66)) == [500, 1074, 2305, 4950]
    assert list(growing_sizes(160, 66)) == [66, 89, 119, 160]
    assert list(growing_sizes(40, 66)) == [40]


def test_two_sizes_make_no_slope() -> None:
    rows = pd.DataFrame({"galaxies": [10, 20], "seconds": [1.0, 2.0]})
    assert np.isnan(power_of_n(rows))


@pytest.mark.parametrize(
    ("powers", "expected"),
    [((0.9, 1.1), True), ((1.0, 1.4), False), ((0.5, 1.4), False), ((0.5, 1.0), None)],
)
def test_fixed_costs_do_not_refute_linear_growth(
    powers: tuple[float, float], expected: bool | None
) -> None:
    assert near_linear(pd.Series(powers)) is expected
