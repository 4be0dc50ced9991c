"""Quality flags, and the reasons why a galaxy or one of its parameters was not measured."""

from __future__ import annotations

from enum import StrEnum

SUSPECT, BAD, CATASTROPHIC = 1, 2, 4
"""statmorph's quality flags other than 0: a warning; a failed step; nothing can be trusted."""


class Reason(StrEnum):
    """Why a galaxy was not measured, or a parameter of it has no meaning."""

    NOT_AN_IMAGE = "the image is empty or has not two axes"
    NOT_FINITE = "the image has pixels that are not finite"
    TOO_LARGE = "the image has pixels beyond 1e30 counts"
    CONSTANT = "the image is constant"
    NO_DATA = "there are no data where the galaxy should be: padding, or the edge of a survey"
    TOO_MUCH_MISSING = "too much of the galaxy has no data"
    NOTHING_DETECTED = "no source detected"
    NOTHING_CENTRAL = "no source at the centre"
    INVERTED = "no source brighter than the sky, but a darker one: probably inverted (--inverted)"
    NO_NOISE = "the sky has no noise, as in a model: radii and asymmetry have no meaning"
    HOT_PIXEL = "one pixel has more than half of the source's light"
    NO_RADIUS = "no circle holds 20 % or 80 % of the light"
    NO_CONCENTRATION = "concentration has no meaning: r20 and r80 are the same radius"
    NO_M20 = "m20 has no meaning: a fifth of the light has all of the second moment"
    UNSMOOTHED = "smoothness is 0 by construction: r_petro below 8 px"
    NO_LIGHT_IN_A_BAND = "no light above the sky in one of the bands"
