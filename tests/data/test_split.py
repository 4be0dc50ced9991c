"""Folds depend on the objid alone, and stay what they were when models were chosen."""

from __future__ import annotations

import hashlib

import numpy as np

from galaxy_utils.data.split import N_FOLDS, fold_of, is_held_out


def test_folds_are_those_of_the_hash() -> None:
    objids = [str(587724197200724003 + n) for n in range(12)]
    expected = [int.from_bytes(hashlib.sha256(o.encode()).digest(), "big") % 5 for o in objids]
    assert N_FOLDS == 5
    np.testing.assert_array_equal(fold_of(objids), expected)
    assert fold_of(["hdf_0037_0258", "587724197200724003"]).tolist() == [2, 0]
    np.testing.assert_array_equal(is_held_out(objids[::-1]), np.array(expected[::-1]) == 0)
