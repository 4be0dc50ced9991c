"""The feature table: one row per galaxy, morphology and deep features as columns.

The morphological parameters have their own names (`concentration`, ...); the numbers of a
network are called `<backbone>-<crop>:<number>`, for example `efficientnet_lite0-full:0007`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MORPHOLOGY = "morphology"
"""Modality of all columns that are not deep features."""


def modality_of(column: str) -> str:
    """Return the modality of a column: `<backbone>-<crop>` or "morphology"."""
    name, separator, _ = column.partition(":")
    return name if separator else MORPHOLOGY


def make_feature_table(
    measured: pd.DataFrame, deep: Mapping[str, NDArray[np.floating]]
) -> pd.DataFrame:
    """Put measured parameters and deep features side by side."""
    blocks = [measured]
    for name, values in deep.items():
        if len(values) != len(measured):
            raise ValueError(
                f"features {name!r}: {len(values)} rows for {len(measured)} galaxies; expected "
                "one row per galaxy"
            )
        columns = [f"{name}:{number:04d}" for number in range(values.shape[1])]
        blocks.append(pd.DataFrame(values, measured.index, columns))
    return pd.concat(blocks, axis=1)


@dataclass(frozen=True)
class DeepColumns:
    """Select the deep features of one crop from a feature table, in the table's order."""

    crop: str

    def __call__(self, table: pd.DataFrame) -> list[str]:
        """Return the names of the columns."""
        pattern = re.compile(rf"-{re.escape(self.crop)}:\d+$")
        return [name for name in table.columns if pattern.search(name)]


@dataclass(frozen=True)
class MeasuredColumns:
    """Select all measured parameters of a feature table."""

    def __call__(self, table: pd.DataFrame) -> list[str]:
        """Return the names of the columns."""
        return [name for name in table.columns if modality_of(str(name)) == MORPHOLOGY]


@dataclass(frozen=True)
class FusionColumns:
    """Select measured parameters and the deep features of one crop."""

    measured: Sequence[str]
    crop: str

    def __call__(self, table: pd.DataFrame) -> list[str]:
        """Return the names of the columns."""
        measured = [name for name in self.measured if name in table.columns]
        return [*measured, *DeepColumns(self.crop)(table)]
