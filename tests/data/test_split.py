"""Folds depend on the objid or its field alone, as the studies were measured."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from galaxy_utils.data.split import (
    N_FOLDS,
    SdssField,
    fold_of,
    group_of,
    is_held_out,
    sdss_field,
)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") % 5


def test_folds_are_those_of_the_hash() -> None:
    objids = [str(587724197200724003 + n) for n in range(12)]
    expected = [_hash(objid) for objid in objids]
    assert N_FOLDS == 5
    np.testing.assert_array_equal(fold_of(objids), [_hash(group_of(objid)) for objid in objids])
    assert fold_of(["hdf_0037_0258", "587724197200724003"]).tolist() == [2, _hash("1035-1-13")]
    np.testing.assert_array_equal(is_held_out(objids[::-1]), np.array(expected[::-1]) == 0)


def test_an_objid_is_decoded_as_sdss_packs_it() -> None:
    # the example of pydl.pydlutils.sdss.sdss_objid(run=3704, camcol=3, field=91, objnum=146)
    assert sdss_field("1237661382772195474") == SdssField(3704, 3, 91)
    packed = 1 << 59 | 40 << 48 | 1035 << 32 | 5 << 29 | 1 << 28 | 77 << 16 | 4321  # DR7, first
    assert len(str(packed)) == 18
    assert sdss_field(str(packed)) == SdssField(1035, 5, 77)
    reprocessed = packed + (4 << 48)  # another rerun of the same field
    assert group_of(str(packed)) == group_of(str(reprocessed)) == "1035-5-77"


@pytest.mark.parametrize(
    "objid",
    [
        "mock-000012", "hdf_0037_0258", "", "5877241972007240", "587724197200724003 ",
        str(1 << 59 | 40 << 48 | 1035 << 32 | 7 << 29 | 77 << 16),  # there are six columns
        str(1 << 59 | 40 << 48 | 5 << 29 | 77 << 16),  # no run
        str(1 << 63 | 1 << 59 | 1035 << 32 | 5 << 29 | 77 << 16),  # the unused bit
    ],
)  # fmt: skip
def test_what_is_no_objid_is_a_group_of_its_own(objid: str) -> None:
    assert sdss_field(objid) is None
    assert group_of(objid) == objid
    assert fold_of([objid]) == _hash(objid)


def test_a_field_shares_a_fold() -> None:
    field = 587724197200724003 & ~0xFFFF
    objids = [str(field + number) for number in (3, 17, 200, 4000)]
    assert {*fold_of(objids)} == {_hash(group_of(objids[0]))}
    neighbours = [str(field + (step << 16) + 3) for step in range(60)]
    counts = np.bincount(fold_of(neighbours), minlength=N_FOLDS)
    assert counts.min() > 3
