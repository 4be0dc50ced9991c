"""The bits of the column `quality`: each has one meaning, and this is the place for all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.reasons import CATASTROPHIC, Reason
from galaxy_utils.morphology.saturation import STAR, TRAIL, UNREAD

QUALITY = {
    "unreadable": "there is no file, or it is no image that can be read",
    "not_measured": "none of the five parameters has a value",
    "incomplete": "some of the five parameters have no value",
    "flagged": "statmorph warns (flag 1 or 2), mostly of a faint or disturbed galaxy",
    "unsmoothed": "smoothness is 0 by construction: the Petrosian radius is below 8 px",
    "masked": "part of the frame has no data and was left out",
    "saturated": "a bright star or a trail is in the frame",
    "no_colours": "the image is grey, or a band has no light: colours mean nothing",
    "no_errors": "some parameter has no standard error",
}
"""Meaning by name; the first is worth 1, the next 2, then 4 and so on, and a value is their sum."""

ERROR = "_error"
"""Ending of the column of a standard error, after the name of its parameter."""


def quality_of(measured: pd.DataFrame) -> pd.Series:
    """Add up the bits of each galaxy; one is 0 where the column that it needs is not there.

    `measured` has the five parameters, `flag` and `reason`, and may have `masked_share`, `frame`,
    colours and standard errors.
    """
    missing = measured[list(FIVE)].isna()
    none = pd.Series(False, index=measured.index)
    frame, masked = (measured.get(name, none) for name in ("frame", "masked_share"))
    colours = measured.filter(regex=r"^colour_.*(?<!_error)$")
    colourless = (colours.isna() | (colours == 0)).all(axis=1) if len(colours.columns) else none
    errors = measured.reindex(columns=[f"{name}{ERROR}" for name in FIVE]).isna()
    was_asked = not errors.to_numpy().all()
    bits = {
        "unreadable": frame == UNREAD,
        "not_measured": missing.all(axis=1),
        "incomplete": missing.any(axis=1) & ~missing.all(axis=1),
        "flagged": measured["flag"].between(1, CATASTROPHIC - 1),
        "unsmoothed": measured["reason"].fillna("").str.contains(Reason.UNSMOOTHED, regex=False),
        "masked": masked > 0,
        "saturated": frame.isin([STAR, TRAIL]),
        "no_colours": colourless & ~missing.all(axis=1),
        "no_errors": errors.any(axis=1) & ~missing.all(axis=1) if was_asked else none,
    }
    values = sum(bits[name].to_numpy(int) << place for place, name in enumerate(QUALITY))
    return pd.Series(values, index=measured.index, name="quality", dtype=np.int64)
