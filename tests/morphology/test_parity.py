"""The comparison of the two engines, on tables worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.parity import (
    REFERENCE,
    absolute_differences,
    agreement,
)


def pair(**changes: object) -> pd.DataFrame:
    """One galaxy on which both engines agree, but for what is changed of ours."""
    theirs = {"concentration": 3.0, "asymmetry": 0.1, "smoothness": 0.02, "gini": 0.5, "m20": -1.8,
              "rpetro_circ": 20.0, "rpetro_ellip": 22.0, "flag": 0, "reason": ""}  # fmt: skip
    row = theirs | changes | {REFERENCE + name: value for name, value in theirs.items()}
    return pd.DataFrame([row])


def test_a_missing_value_is_a_difference_unless_both_lack_it() -> None:
    assert absolute_differences(pair(gini=np.nan))["gini"].iloc[0] == np.inf
    neither = pair(gini=np.nan).assign(statmorph_gini=np.nan)
    assert (absolute_differences(neither) == 0).all(axis=None)


def test_agreement_counts_good_galaxies_only() -> None:
    table = pd.concat([pair(), pair(m20=-1.77), pair(m20=-1.0)], ignore_index=True)
    flagged = pair(m20=5.0).assign(statmorph_flag=2)
    found = agreement(pd.concat([table, flagged])).set_index("parameter")
    assert list(found.index) == list(FIVE)
    assert (found["galaxies"] == 3).all()
    assert found.loc["m20", "within_small"] == pytest.approx(100 / 3)
    assert found.loc["m20", "largest"] == pytest.approx(0.8)
    assert found.loc["gini", "within_small"] == 100
