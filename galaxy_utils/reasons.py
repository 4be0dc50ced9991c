"""Why a galaxy was not measured, in words: the one vocabulary of both engines."""

from __future__ import annotations

from collections.abc import Iterable

STATMORPH_INVALID = -99.0
"""statmorph's value for what it could not measure; it leaves neither engine."""

NOT_FINITE = "the image has pixels that are not finite"
CONSTANT = "the image is constant"
NOTHING_DETECTED = "no source detected"
NOTHING_CENTRAL = "no source at the centre"
UNSMOOTHED = "smoothness is 0 by construction: r_petro below 8 px"
NO_RADIUS = "statmorph failed: AssertionError: Root not found within range."


def failed(error: Exception) -> str:
    """Put an exception of statmorph into words, at most 200 characters."""
    return f"statmorph failed: {type(error).__name__}: {error}"[:200]


def not_measured(names: Iterable[str]) -> str:
    """Name the quantities that are invalid; empty where none is."""
    listed = ", ".join(names)
    return f"statmorph could not measure {listed}" if listed else ""
