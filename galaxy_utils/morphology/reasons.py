"""Why a galaxy was not measured, in words: the one vocabulary of both engines."""

from __future__ import annotations

from collections.abc import Iterable

STATMORPH_INVALID = -99.0
"""statmorph's value for what it could not measure; it leaves neither engine."""

NOT_AN_IMAGE = "the image is empty or has not two axes"
NOT_FINITE = "the image has pixels that are not finite"
TOO_LARGE = "the image has pixels beyond 1e30 counts"
CONSTANT = "the image is constant"
NOTHING_DETECTED = "no source detected"
NOTHING_CENTRAL = "no source at the centre"
HOT_PIXEL = "one pixel has more than half of the source's light"
UNSMOOTHED = "smoothness is 0 by construction: r_petro below 8 px"
NO_RADIUS = "no circle holds 20 % or 80 % of the light"
DEGENERATE = {
    "concentration": "concentration has no meaning: r20 and r80 are the same radius",
    "m20": "m20 has no meaning: a fifth of the light has all of the second moment",
}
"""Quantities that are invalid where they are exactly 0, and why."""

_KNOWN = {"Root not found within range.": NO_RADIUS}


def failed(error: Exception) -> str:
    """Put an exception of statmorph into words, at most 200 characters."""
    return _KNOWN.get(str(error), f"statmorph failed: {type(error).__name__}: {error}"[:200])


def not_measured(names: Iterable[str]) -> str:
    """Name the quantities that are invalid; empty where none is."""
    listed = ", ".join(names)
    return f"could not be measured: {listed}" if listed else ""
