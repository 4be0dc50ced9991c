"""Folds of galaxies that stay the same in every sample."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

N_FOLDS = 5


class SdssField(NamedTuple):
    """A field of the SDSS imaging survey, 13.5 by 9 arcmin: what one camera column saw at once."""

    run: int
    camcol: int
    field: int


def sdss_field(objid: str) -> SdssField | None:
    """Decode the field in which SDSS found an object; None where the text can be no objid.

    Version and rerun are left out: they tell how a field was processed, not which one it is. From
    the most significant bit (https://www.sdss.org/dr17/help/glossary/#objid): 1 unused, 4 version,
    11 rerun, 16 run, 3 camera column, 1 first field, 12 field, 16 object.
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


def fold_of(objids: Iterable[str]) -> NDArray[np.int64]:
    """Fold of every galaxy, from 0 to `N_FOLDS` - 1, by a hash of its SDSS field.

    It is the same for a galaxy whatever sample it is in. Galaxies of one field, and with them two
    cutouts of the same system, share a fold.
    """
    return np.array([_hash(group_of(objid)) for objid in objids], dtype=np.int64)


def is_held_out(objids: Iterable[str]) -> NDArray[np.bool_]:
    """Galaxies (about one in five) that the galaxy encoder was not trained on, by their objid.

    The weights in `data/encoder` were trained before galaxies were split by field, so that some
    held-out galaxies have a twin (`galaxy_utils.data.twins`) in the training sample.
    """
    return np.array([_hash(objid) == 0 for objid in objids])


def _hash(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % N_FOLDS
