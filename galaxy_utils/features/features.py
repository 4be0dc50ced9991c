"""The kept galaxies as numbers: what every method starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Features:
    """The kept galaxies as the recipe sees them.

    Parameters
    ----------
    five : ndarray of float64, shape (n, 5)
        The five parameters.
    deep : dict of str to ndarray of float32, shape (n, dimension)
        Features of each backbone.
    types : ndarray of object, shape (n,)
        Type seen by people, None where nobody could tell.
    """

    five: NDArray[np.float64]
    deep: dict[str, NDArray[np.float32]]
    types: NDArray[np.object_]

    def joined(self) -> NDArray[np.float64]:
        """All columns in one matrix, the five last."""
        return np.hstack([*self.deep.values(), self.five]).astype(np.float64)

    def with_columns(self, joined: NDArray[np.float64]) -> Features:
        """The same galaxies with other numbers in the same columns.

        Parameters
        ----------
        joined : ndarray of float64, shape (n, dimension)
            As made by `joined`.

        Returns
        -------
        Features
            Split again.
        """
        deep, start = {}, 0
        for name, block in self.deep.items():
            deep[name] = joined[:, start : start + block.shape[1]].astype(np.float32)
            start += block.shape[1]
        return replace(self, deep=deep, five=joined[:, start:])
