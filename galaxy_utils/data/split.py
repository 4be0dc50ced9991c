"""Folds of galaxies that stay the same in every sample."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

N_FOLDS = 5

SPLIT_BY = "field"
"""What `fold_of` keeps together: "objid" for single galaxies, "field" for SDSS fields. The stored
experiments `search`, `folds` and `alternative` were measured with this one; to change it, change
it here and measure them again."""


class SdssField(NamedTuple):
    """A field of the SDSS imaging survey, 13.5 by 9 arcmin: what one camera column saw at once."""

    run: int
    camcol: int
    field: int


def sdss_field(objid: str) -> SdssField | None:
    """Decode the field in which SDSS found an object.

    Parameters
    ----------
    objid : str
        Identifier of a photometric object in decimal digits, of DR7 or any later release.

    Returns
    -------
    SdssField or None
        None where the text cannot be such an identifier. Version and rerun are left out: they
        tell how a field was processed, not which one it is.

    References
    ----------
    SDSS, https://www.sdss.org/dr17/help/glossary/#objid: from the most significant bit, 1 unused,
    4 version, 11 rerun, 16 run, 3 camera column, 1 first field, 12 field, 16 object.
    """
    if not re.fullmatch(r"[1-9][0-9]{17,18}", objid):
        return None
    bits = int(objid)
    found = SdssField(bits >> 32 & 0xFFFF, bits >> 29 & 0x7, bits >> 16 & 0xFFF)
    valid = bits < 1 << 63 and found.run and 1 <= found.camcol <= 6 and found.field
    return found if valid else None


def group_of(objid: str) -> str:
    """Name the SDSS field of a galaxy; where the objid names none, the objid itself."""
    found = sdss_field(objid)
    return objid if found is None else "-".join(map(str, found))


def fold_of(objids: Iterable[str], by: str | None = None) -> NDArray[np.int64]:
    """Fold of every galaxy, by a hash.

    Parameters
    ----------
    objids : iterable of str
        The galaxies.
    by : {"objid", "field"}, optional
        What is hashed: the galaxy's objid, or its SDSS field (`group_of`), so that galaxies of
        one field, and with them two cutouts of the same system, share a fold. `SPLIT_BY` if not
        given.

    Returns
    -------
    ndarray of int64
        From 0 to `N_FOLDS` - 1; the same for a galaxy whatever sample it is in.
    """
    by = by or SPLIT_BY
    if by not in ("objid", "field"):
        raise ValueError(f"by={by!r}: galaxies are split by 'objid' or by 'field'")
    names = map(group_of, objids) if by == "field" else objids
    digests = [int(hashlib.sha256(name.encode()).hexdigest(), 16) for name in names]
    return np.array([digest % N_FOLDS for digest in digests], dtype=np.int64)


def is_held_out(objids: Iterable[str]) -> NDArray[np.bool_]:
    """Galaxies that the galaxy encoder was not trained on: those of fold 0 by objid.

    The weights in `data/encoder` were trained when galaxies were split one by one, so that some
    held-out galaxies have a twin (`galaxy_utils.data.twins`) in the training sample.

    Parameters
    ----------
    objids : iterable of str
        The galaxies.

    Returns
    -------
    ndarray of bool
        About one in five.
    """
    return np.asarray(fold_of(objids, "objid") == 0)
