"""Every bit of the column `quality` is set by what it means, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.quality import ERROR, QUALITY, quality_of
from galaxy_utils.morphology.reasons import Reason

README = Path(__file__).resolve().parents[2] / "README.md"
NAN = float("nan")


def quality_names(value: int) -> list[str]:
    """Name the bits that are set in a value of the column `quality`."""
    return [name for place, name in enumerate(QUALITY) if value >> place & 1]


def _good(**changed: object) -> pd.DataFrame:
    row: dict[str, object] = dict.fromkeys(FIVE, 0.5) | {f"{name}{ERROR}": 0.1 for name in FIVE}
    row |= {"flag": 0, "reason": "", "frame": "neither", "masked_share": 0.0}
    row |= {"colour_gr": 0.5, "colour_ri": 0.2, "colour_ri_error": 0.1}
    return pd.DataFrame([row | changed])


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, []),
        ({"frame": "no image", "reason": "no image file", "flag": 4, **dict.fromkeys(FIVE, NAN)},
         ["unreadable", "not_measured"]),
        ({"m20": NAN}, ["incomplete"]),
        ({"flag": 1}, ["flagged"]),
        ({"flag": 2}, ["flagged"]),
        ({"smoothness": 0.0, "reason": str(Reason.UNSMOOTHED)}, ["unsmoothed"]),
        ({"masked_share": 0.01}, ["masked"]),
        ({"frame": "bright star"}, ["saturated"]),
        ({"frame": "trail"}, ["saturated"]),
        ({"colour_gr": 0.0, "colour_ri": 0.0}, ["no_colours"]),
        ({"colour_gr": NAN, "colour_ri": NAN}, ["no_colours"]),
        ({"colour_gr": 0.0}, []),
        ({"flag": 1, "frame": "trail", "m20": NAN}, ["incomplete", "flagged", "saturated"]),
    ],
)  # fmt: skip
def test_a_bit_means_one_thing(changed: dict[str, object], names: list[str]) -> None:
    (value,) = quality_of(_good(**changed))
    assert quality_names(int(value)) == names


def test_an_error_that_is_missing_is_told_where_errors_were_measured() -> None:
    one = _good(gini_error=NAN)
    assert quality_names(int(quality_of(pd.concat([one, _good()], ignore_index=True))[0])) == [
        "no_errors"
    ]
    without = _good().drop(columns=[f"{name}{ERROR}" for name in FIVE])
    assert quality_of(without).tolist() == [0]


def test_values_are_powers_of_two_and_the_readme_explains_them() -> None:
    table = [
        f"| {1 << place} | `{name}` | {meaning} |"
        for place, (name, meaning) in enumerate(QUALITY.items())
    ]
    assert "\n".join(table) in README.read_text(encoding="utf-8")
    assert quality_names(sum(1 << place for place in range(len(QUALITY)))) == list(QUALITY)
    assert np.issubdtype(quality_of(_good()).dtype, np.integer)
