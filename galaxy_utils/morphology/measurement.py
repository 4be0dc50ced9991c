"""Segmentation and the five morphological parameters of one galaxy image."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from galaxy_utils.morphology import reasons
from galaxy_utils.morphology.reasons import STATMORPH_INVALID

FIVE = ("concentration", "asymmetry", "smoothness", "gini", "m20")
"""The five morphological parameters, in the paper's order."""

EXTRAS = ("rpetro_circ", "rpetro_ellip", "r20", "r80", "sn_per_pixel")
"""What is measured beside them: radii in pixels and the mean S/N per pixel."""

LARGEST_COUNT = 1e30
"""What is larger would leave single precision, in which the compiled engine turns images."""

QUANTISATION_NOISE = 1.0 / np.sqrt(12.0)
"""Standard deviation of the rounding to whole 8-bit counts: no image has less."""


@dataclass(frozen=True)
class SegmentationSettings:
    """How sources are found; the defaults made the committed measurements.

    Parameters
    ----------
    threshold : float
        Detection threshold on the smoothed image, in units of the sky noise.
    minimum_pixels : int
        Fewest connected pixels of a source.
    kernel_fwhm : float
        Full width at half maximum of the smoothing kernel, in pixels.
    contrast : float
        Share of a source's flux that a peak needs to be deblended from it.
    search_radius : float
        How far from the image centre the central source may lie, in pixels.
    """

    threshold: float = 2.0
    minimum_pixels: int = 16
    kernel_fwhm: float = 3.0
    contrast: float = 0.05
    search_radius: float = 8.0


@dataclass(frozen=True)
class Segmentation:
    """Sources of one image.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Band mean with the sky subtracted, in counts.
    labels : ndarray of int32, shape (height, width)
        0 where there is sky, else the number of the source.
    central : int
        Number of the central source, 0 where there is none.
    sky_noise : float
        Sigma-clipped standard deviation of the sky, in counts.
    kept_share : float
        Share of the light of the detection that the central source keeps after
        deblending: 1 where nothing was cut off, NaN without a central source.
    """

    image: NDArray[np.float64]
    labels: NDArray[np.int32]
    central: int
    sky_noise: float
    kept_share: float = np.nan


@dataclass(frozen=True)
class Morphology:
    """The five parameters of one galaxy and what tells their quality.

    Lengths are in pixels; what could not be measured is NaN, and `reason`
    says why. `flag` is statmorph's: 0 good, 1 suspect, 2 bad, 4 catastrophic
    (also given where statmorph could not be run at all). `kept_share` is that
    of `Segmentation`.
    """

    concentration: float = np.nan
    asymmetry: float = np.nan
    smoothness: float = np.nan
    gini: float = np.nan
    m20: float = np.nan
    flag: int = 4
    rpetro_circ: float = np.nan
    rpetro_ellip: float = np.nan
    r20: float = np.nan
    r80: float = np.nan
    sn_per_pixel: float = np.nan
    area: int = 0
    n_sources: int = 0
    kept_share: float = np.nan
    reason: str = ""


MORPHOLOGY_COLUMNS = tuple(field.name for field in fields(Morphology))


@cache
def _five_only() -> Any:
    """Restrict statmorph to what `Morphology` holds (no Sersic fit, no MID)."""
    import statmorph  # two seconds with photutils and astropy: only where needed

    class FiveOnly(statmorph.SourceMorphology):  # type: ignore[misc]
        def _calculate_morphology(self) -> None:
            for quantity in (*FIVE, *EXTRAS):
                getattr(self, quantity)

    return FiveOnly


def central_label(labels: NDArray[np.int32], search_radius: float) -> int:
    """Choose the galaxy that the cutout was made for.

    The rule: the source that covers the central pixel; where none does, the
    one with the pixel nearest to the centre, if that lies within
    `search_radius`.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width)
        Segmentation map.
    search_radius : float
        Largest distance from the centre in pixels.

    Returns
    -------
    int
        Number of the central source; 0 where the rule finds none.
    """
    row, column = labels.shape[0] // 2, labels.shape[1] // 2
    if labels[row, column]:
        return int(labels[row, column])
    rows, columns = np.nonzero(labels)
    if rows.size == 0:
        return 0
    distance = np.hypot(rows - row, columns - column)
    nearest = int(distance.argmin())
    if distance[nearest] > search_radius:
        return 0
    return int(labels[rows[nearest], columns[nearest]])


def segment(
    image: NDArray[np.float64],
    settings: SegmentationSettings | None = None,
    *,
    neighbours: bool = True,
) -> Segmentation:
    """Subtract the sky, detect sources, deblend them and choose the central one.

    The sky is the sigma-clipped median of the frame. Detection runs on the
    image smoothed by a Gaussian. With `neighbours` photutils deblends all of
    them; without, `deblending` does the central one, to the same map of it.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Band mean in counts.
    settings : SegmentationSettings, optional
        Thresholds; the defaults made the committed measurements.
    neighbours : bool
        Whether the other sources are deblended too. Where they are not, the
        central source and what is masked beside it stay the same; blended
        neighbours count as one source.

    Returns
    -------
    Segmentation
        Map of the sources; empty (all zero) where nothing was detected.

    References
    ----------
    Bradley et al., photutils; deblending as in Bertin & Arnouts (1996).
    """
    # numba: a quarter of a second, and every page imports this module
    from galaxy_utils.morphology.compiled.deblending import clipped_sky, detect, smooth

    settings = settings or SegmentationSettings()
    sky, noise = clipped_sky(image)
    noise = max(noise, QUANTISATION_NOISE)
    subtracted = image - sky
    smoothed = smooth(subtracted, settings.kernel_fwhm)
    detected = detect(smoothed, settings.threshold * noise, settings.minimum_pixels)
    labels = detected.copy()
    parent = central_label(detected, settings.search_radius)
    if neighbours and labels.any():
        labels = _deblend_all(smoothed, labels, settings)
    elif parent:
        _deblend_one(smoothed, labels, parent, settings)
    central = central_label(labels, settings.search_radius)
    share = _kept_share(subtracted, labels == central, detected) if central else np.nan
    return Segmentation(subtracted, labels, central, noise, share)


def _kept_share(
    image: NDArray[np.float64], central: NDArray[np.bool_], detected: NDArray[np.int32]
) -> float:
    """Light of the central source over that of the detection it was cut from."""
    parent = detected == detected[central][0]
    return float(image[central].sum() / image[parent].sum())


def _deblend_all(
    smoothed: NDArray[np.float64], labels: NDArray[np.int32], settings: SegmentationSettings
) -> NDArray[np.int32]:
    from photutils.segmentation import SegmentationImage, deblend_sources

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # photutils warns of sources too large to deblend
        deblended = deblend_sources(
            smoothed,
            SegmentationImage(labels),
            n_pixels=settings.minimum_pixels,
            contrast=settings.contrast,
            progress_bar=False,
        )
    return np.asarray(deblended.data, dtype=np.int32)


def _deblend_one(
    smoothed: NDArray[np.float64],
    labels: NDArray[np.int32],
    parent: int,
    settings: SegmentationSettings,
) -> None:
    """Replace one source of the map by its parts, the others keep their numbers."""
    from galaxy_utils.morphology.compiled.deblending import deblend

    box = find_objects(labels, max_label=parent)[parent - 1]
    inside = labels[box] == parent
    parts = deblend(smoothed[box], inside, settings.minimum_pixels, settings.contrast)
    highest = int(labels.max())
    for number in np.unique(parts[inside])[1:]:  # the first part keeps the parent's number
        highest += 1
        labels[box][parts == number] = highest


def measure(image: NDArray[np.float64], settings: SegmentationSettings | None = None) -> Morphology:
    """Measure concentration, asymmetry, smoothness, Gini and M20 of one image.

    Neighbours are masked. The weight map is the sky noise alone: an 8-bit
    asinh stretch keeps no photon statistics.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Band mean in counts.
    settings : SegmentationSettings, optional
        How sources are found.

    Returns
    -------
    Morphology
        Never raises for a bad image: what could not be measured is NaN and
        `reason` says why.

    References
    ----------
    Conselice (2003) for C, A, S; Lotz, Primack & Madau (2004) for Gini and
    M20; Rodriguez-Gomez et al. (2019) for statmorph.
    """
    segmentation, found = examine(image, settings)
    return found if segmentation is None else measure_central(segmentation, found)


def examine(
    image: NDArray[np.float64],
    settings: SegmentationSettings | None = None,
    *,
    neighbours: bool = True,
) -> tuple[Segmentation | None, Morphology]:
    """Segment an image and say what, if anything, keeps it from being measured.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Band mean in counts.
    settings : SegmentationSettings, optional
        How sources are found.
    neighbours : bool
        Whether to deblend the other sources too, see `segment`.

    Returns
    -------
    tuple of (Segmentation or None, Morphology)
        None and the reason, or the segmentation and a row in which only the
        area, the share kept and the number of sources stand yet.
    """
    if reason := _unfit(image):
        return None, Morphology(reason=reason)
    segmentation = segment(image, settings, neighbours=neighbours)
    n_sources = int(np.count_nonzero(np.bincount(segmentation.labels.ravel())[1:]))
    if n_sources == 0:
        return None, Morphology(reason=reasons.NOTHING_DETECTED)
    if segmentation.central == 0:
        return None, Morphology(n_sources=n_sources, reason=reasons.NOTHING_CENTRAL)
    light = segmentation.image[segmentation.labels == segmentation.central]
    found = Morphology(area=light.size, n_sources=n_sources, kept_share=segmentation.kept_share)
    if 0.0 < light.sum() < 2.0 * light.max():
        return None, replace(found, reason=reasons.HOT_PIXEL)
    return segmentation, found


def _unfit(image: NDArray[np.float64]) -> str:
    """Why an image cannot even be segmented; empty where it can."""
    if image.ndim != 2 or image.size == 0:
        return reasons.NOT_AN_IMAGE
    if not np.isfinite(image).all():
        return reasons.NOT_FINITE
    if np.abs(image).max() > LARGEST_COUNT:
        return reasons.TOO_LARGE
    return reasons.CONSTANT if np.ptp(image) == 0.0 else ""


def measure_central(segmentation: Segmentation, found: Morphology) -> Morphology:
    """Measure the central source of a segmented image with statmorph.

    Parameters
    ----------
    segmentation : Segmentation
        With a central source.
    found : Morphology
        Its area and the number of sources, from `examine`.

    Returns
    -------
    Morphology
        The row, complete; never raises.
    """
    from photutils.segmentation import SegmentationImage

    mine = segmentation.labels == segmentation.central
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # statmorph's warnings are its flag
            source = _five_only()(
                segmentation.image,
                SegmentationImage(segmentation.labels),
                segmentation.central,
                mask=(segmentation.labels > 0) & ~mine,
                weightmap=np.full_like(segmentation.image, segmentation.sky_noise),
            )
    except Exception as error:  # statmorph fails in many ways on a bad frame
        return from_values({}, 4, reasons.failed(error), found)
    values = {name: float(getattr(source, name)) for name in (*FIVE, *EXTRAS)}
    return from_values(values, int(source.flag), "", found)


def from_values(
    values: Mapping[str, float], flag: int, failure: str, found: Morphology
) -> Morphology:
    """Make a row of measured values: NaN and a reason for what is invalid.

    Parameters
    ----------
    values : mapping of str to float
        The quantities of `FIVE` and `EXTRAS`, `STATMORPH_INVALID` or not
        finite where there is none.
    flag : int
        As statmorph sets it.
    failure : str
        Why nothing was measured; empty where something was.
    found : Morphology
        The row's area and number of sources.

    Returns
    -------
    Morphology
        The row.
    """
    if failure:
        return replace(found, flag=4, reason=failure)
    invalid = [
        name
        for name, value in values.items()
        if value == STATMORPH_INVALID or not np.isfinite(value)
    ]
    degenerate = {name: text for name, text in reasons.DEGENERATE.items() if values[name] == 0.0}
    # A boxcar of 0.25 r_petro that rounds down to one pixel leaves nothing.
    unsmoothed = reasons.UNSMOOTHED if values["smoothness"] == 0.0 else ""
    said = (reasons.not_measured(invalid), *degenerate.values(), unsmoothed)
    without = {*invalid, *degenerate}
    valid = {name: np.nan if name in without else value for name, value in values.items()}
    return replace(found, **valid, flag=flag, reason="; ".join(filter(None, said)))  # type: ignore[arg-type]
