"""The table of the study of outliers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation.outliers import (
    CONTROL,
    CORRUPTIONS,
    MIXTURE_LIKELIHOOD,
    detection_scores,
)
from galaxy_utils.experiments.outliers import CHANCE, detection_table


def _detections(n: int, injected: int) -> pd.DataFrame:
    """One detector ranks half of the injected behind as many others, another one is blind."""
    kinds = pd.Series([None] * n, dtype=object)
    kinds[:injected] = [CORRUPTIONS[i % 3] for i in range(injected)]
    kinds[injected : 2 * injected] = CONTROL
    paper = np.random.default_rng(0).random(n)
    paper[: injected // 2] += 5
    paper[-(injected // 2) :] += 10
    blind = np.random.default_rng(1).random(n)
    rows = detection_scores(kinds, pd.DataFrame({MIXTURE_LIKELIHOOD: paper, "blind": blind}))
    return rows.assign(draw=0, planted=injected)


def test_precision_is_compared_with_chance() -> None:
    table = detection_table(_detections(4000, 40), 4000)
    assert table.loc[MIXTURE_LIKELIHOOD, "precision"] == 0.5
    assert table.index[0] == MIXTURE_LIKELIHOOD and table.index[-1] == CHANCE
    assert table.loc[CHANCE, ["precision", "highest", "auc"]].tolist() == [0.01, 0.01, 0.5]


def test_the_range_over_draws_is_that_of_the_precision() -> None:
    rows = _detections(4000, 40)
    low = rows.assign(draw=1, value=0.5 * rows["value"])
    paper = detection_table(pd.concat([rows, low]), 4000).loc[MIXTURE_LIKELIHOOD]
    assert paper[["lowest", "precision", "highest"]].tolist() == [0.25, 0.375, 0.5]


def test_the_control_is_unremarkable() -> None:
    table = detection_table(_detections(4000, 40), 4000)
    assert table.loc[MIXTURE_LIKELIHOOD, f"auc {CONTROL}"] == pytest.approx(0.5, abs=0.1)
