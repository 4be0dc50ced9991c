"""Concentration, asymmetry, smoothness, Gini and M20 of one galaxy image."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.reasons import CATASTROPHIC, Reason
from galaxy_utils.morphology.segmentation import Segmentation, SegmentationSettings, segment

EXTRAS = ("rpetro_circ", "rpetro_ellip", "r20", "r80", "sn_per_pixel")
"""What is measured with them: radii in pixels and the mean S/N per pixel."""

ZERO = {
    "concentration": Reason.NO_CONCENTRATION,
    "m20": Reason.NO_M20,
    "smoothness": Reason.UNSMOOTHED,
}
"""What it means that a value is exactly 0: a boxcar of one pixel leaves no smoothness."""

APERTURE = 1.5
"""Radius of the circle that C, A and S are measured in, in Petrosian radii."""

MOST_MISSING = 0.1
"""Share of that circle without data up to which the parameters are trusted."""

ENGINES = ("fast", "statmorph")
"""What can measure: the compiled kernels of this package, or statmorph itself."""


@dataclass(frozen=True)
class Morphology:
    """The five parameters of one galaxy and their quality.

    Lengths are in pixels; what could not be measured is NaN, and `reason`
    says why. `flag` is statmorph's: 0 good, 1 suspect, 2 bad, 4 catastrophic
    (also given where nothing was measured). `kept_share` is that of
    `Segmentation`, `masked_share` that of the frame's pixels without data.
    """

    concentration: float = np.nan
    asymmetry: float = np.nan
    smoothness: float = np.nan
    gini: float = np.nan
    m20: float = np.nan
    flag: int = CATASTROPHIC
    rpetro_circ: float = np.nan
    rpetro_ellip: float = np.nan
    r20: float = np.nan
    r80: float = np.nan
    sn_per_pixel: float = np.nan
    area: int = 0
    n_sources: int = 0
    kept_share: float = np.nan
    masked_share: float = np.nan
    reason: str = ""


MORPHOLOGY_COLUMNS = tuple(field.name for field in fields(Morphology))


def measure(
    image: NDArray[np.float64],
    settings: SegmentationSettings | None = None,
    *,
    engine: str = "fast",
) -> Morphology:
    """Measure concentration, asymmetry, smoothness, Gini and M20 of one image.

    Neighbours are masked. The weight map is the sky noise alone: an 8-bit
    asinh stretch keeps no photon statistics.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Band mean in counts.
    settings : SegmentationSettings, optional
    engine : {"fast", "statmorph"}
        "statmorph" measures with that package. "fast" gives its values, flags and
        reasons some hundred times faster, by compiled kernels; neighbours are not
        deblended from each other, so that `n_sources` counts blended ones as one.

    Returns
    -------
    Morphology
        Never raises for a bad image: what could not be measured is NaN and
        `reason` says why.

    Raises
    ------
    ValueError
        If there is no such engine.

    References
    ----------
    Conselice (2003) for C, A, S; Lotz, Primack & Madau (2004) for Gini and
    M20; Rodriguez-Gomez et al. (2019) for statmorph.
    """
    return measure_source(segment(image, settings, neighbours=engine != "fast"), engine=engine)


def measure_source(segmentation: Segmentation, *, engine: str = "fast") -> Morphology:
    """Measure the central source of a segmented image, see `measure`."""
    if engine not in ENGINES:
        raise ValueError(f"there is no engine {engine!r}; choose one of {', '.join(ENGINES)}")
    found = Morphology(
        area=segmentation.area,
        n_sources=segmentation.n_sources,
        kept_share=segmentation.kept_share,
        masked_share=segmentation.masked_share,
        reason=segmentation.reason,
    )
    if found.reason:
        return found
    run = _measure_fast if engine == "fast" else _measure_with_statmorph
    values, flag, failure = run(segmentation)
    failure = failure or _too_much_missing(segmentation, values.get("rpetro_circ", np.nan))
    return replace(found, reason=failure) if failure else _with_values(found, values, flag)


def _too_much_missing(segmentation: Segmentation, r_petro: float) -> str:
    """Why the values cannot be trusted where part of the galaxy's circle has no data."""
    missing = segmentation.no_data
    if not missing.any() or not np.isfinite(r_petro):
        return ""
    light = np.clip(segmentation.image, 0, None) * segmentation.inside
    rows, columns = np.indices(light.shape)
    row, column = (float((light * axis).sum() / light.sum()) for axis in (rows, columns))
    share = missing[np.hypot(rows - row, columns - column) <= APERTURE * r_petro].mean()
    if share <= MOST_MISSING:
        return ""
    return f"{Reason.TOO_MUCH_MISSING.value}: {100 * share:.0f} %"


def _measure_fast(segmentation: Segmentation) -> tuple[dict[str, float], int, str]:
    """Values, flag, and why nothing was measured (empty where something was)."""
    # numba: a quarter of a second, and every page imports this module
    from galaxy_utils.morphology.compiled import engine

    return engine.measure_source(
        segmentation.image, segmentation.labels, segmentation.central, segmentation.sky_noise
    )


@cache
def _statmorph() -> Any:
    """statmorph, restricted to what `Morphology` holds (no Sersic fit, no MID)."""
    import statmorph  # two seconds with photutils and astropy: only where needed

    class FiveOnly(statmorph.SourceMorphology):  # type: ignore[misc]
        def _calculate_morphology(self) -> None:
            for quantity in (*FIVE, *EXTRAS):
                getattr(self, quantity)

    return FiveOnly


def _measure_with_statmorph(segmentation: Segmentation) -> tuple[dict[str, float], int, str]:
    """Values, flag, and why nothing was measured (empty where something was)."""
    from photutils.segmentation import SegmentationImage

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # statmorph's warnings are its flag
            source = _statmorph()(
                segmentation.image,
                SegmentationImage(np.maximum(segmentation.labels, 0)),
                segmentation.central,
                mask=(segmentation.labels != 0) & ~segmentation.inside,
                weightmap=np.full_like(segmentation.image, segmentation.sky_noise),
            )
    except Exception as error:  # statmorph fails in many ways on a bad frame
        if str(error) == "Root not found within range.":
            return {}, CATASTROPHIC, Reason.NO_RADIUS.value
        return {}, CATASTROPHIC, f"statmorph failed: {type(error).__name__}: {error}"[:200]
    values = {name: float(getattr(source, name)) for name in (*FIVE, *EXTRAS)}
    values = {name: np.nan if x == -99.0 else x for name, x in values.items()}  # statmorph's NaN
    return values, int(source.flag), ""


def _with_values(found: Morphology, values: dict[str, float], flag: int) -> Morphology:
    """Row with its values: NaN and a reason where one is invalid or has no meaning."""
    values = {name: values.get(name, np.nan) for name in (*FIVE, *EXTRAS)}
    invalid = [name for name, value in values.items() if not np.isfinite(value)]
    zeros = [name for name in ZERO if values[name] == 0.0]
    reasons = [f"could not be measured: {', '.join(invalid)}"] if invalid else []
    reasons += [ZERO[name].value for name in zeros]
    blank = dict.fromkeys([*invalid, *(name for name in zeros if name != "smoothness")], np.nan)
    return replace(found, **(values | blank), flag=flag, reason="; ".join(reasons))  # type: ignore[arg-type]


def warm_up() -> None:
    """Compile all kernels of the fast engine (a minute), or load what was compiled before."""
    y, x = np.mgrid[-64.0:64, -64.0:64]
    noise = np.random.default_rng(0).normal(10, 1, x.shape)
    measure(noise + 200 * np.exp(-np.hypot(x, 1.3 * y) / 5))
