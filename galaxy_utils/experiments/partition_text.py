"""Partitions as text, one letter per galaxy, so that a study can hold them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_LETTERS = np.array(list("0123456789abcdefghijklmnopqrstuvwxyz"))


def partition_as_text(labels: NDArray[np.integer]) -> str:
    """Write cluster numbers, at most 36 of them, as letters."""
    return "".join(_LETTERS[labels])


def read_partitions(rows: pd.DataFrame) -> list[NDArray[np.intp]]:
    """Read the partitions among the rows of an experiment, one per seed."""
    if rows.empty:
        return []
    texts = rows.loc[rows["score"] == "partition", "text"]
    return [np.searchsorted(_LETTERS, np.array(list(text))) for text in texts]
