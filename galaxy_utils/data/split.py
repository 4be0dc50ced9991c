"""Folds of galaxies that stay the same in every sample."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

N_FOLDS = 5


def fold_of(objids: Iterable[str]) -> NDArray[np.int64]:
    """Fold of every galaxy, by a hash of its objid.

    Parameters
    ----------
    objids : iterable of str
        The galaxies.

    Returns
    -------
    ndarray of int64
        From 0 to `N_FOLDS` - 1; the same for a galaxy whatever sample it is in.
    """
    digests = [int(hashlib.sha256(objid.encode()).hexdigest(), 16) for objid in objids]
    return np.array([digest % N_FOLDS for digest in digests], dtype=np.int64)


def is_held_out(objids: Iterable[str]) -> NDArray[np.bool_]:
    """Galaxies that no search or training uses: those of fold 0.

    Parameters
    ----------
    objids : iterable of str
        The galaxies.

    Returns
    -------
    ndarray of bool
        About one in five.
    """
    return np.asarray(fold_of(objids) == 0)
