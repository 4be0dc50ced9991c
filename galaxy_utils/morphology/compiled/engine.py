"""A second engine for the five morphological parameters: statmorph's values, compiled.

The definitions are statmorph 0.7.2's, step by step, so that the two engines
can stand in for each other: what a pixel is, which of them are masked, where
the centre lies, which root of a curve of growth is the Petrosian radius. The
route is another one. Everything is machine code (numba); circles and ellipses
are summed from running sums along rows, so that only the pixels on their edge
cost; a turn by 180 degrees is a shift with four constant weights; the centre
is searched on the same simplex path, ended where the path no longer matters.

The pieces: `stamps` cuts out and masks, `apertures` sums over ellipses,
`petrosian` finds radii, `asymmetry`, `smoothness` and `gini_m20` measure,
`multimode` checks; `compilation` says how they become machine code.

All lengths are in pixels and all fluxes in counts. Positions (x, y) are
(column, row) of the stamp, whole numbers at the centres of pixels.

References
----------
Conselice (2003), ApJS 147, 1; Lotz, Primack & Madau (2004), AJ 128, 163;
Lotz et al. (2006), ApJ 636, 592; Freeman et al. (2013), MNRAS 434, 282;
Rodriguez-Gomez et al. (2019), MNRAS 483, 4140.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from galaxy_utils.morphology.compiled.asymmetry import (
    asymmetry_about,
    asymmetry_centre,
    sky_asymmetry,
    turn,
)
from galaxy_utils.morphology.compiled.compilation import Floats, Integers, compiled
from galaxy_utils.morphology.compiled.gini_m20 import (
    gini_coefficient,
    gini_region,
    moment_of_light,
    rising_sizes,
    signal_to_noise,
)
from galaxy_utils.morphology.compiled.multimode import compare_regions, mid_region
from galaxy_utils.morphology.compiled.petrosian import (
    EXTENT_CAS,
    Aperture,
    petrosian_radius,
    radius_of_light,
)
from galaxy_utils.morphology.compiled.smoothness import smoothness_within
from galaxy_utils.morphology.compiled.stamps import (
    Sky,
    Stamp,
    centroid,
    cut_stamp,
    elongation_and_angle,
    find_sky,
    rising_values,
)
from galaxy_utils.morphology.measurement import (
    EXTRAS,
    FIVE,
    Morphology,
    Segmentation,
    SegmentationSettings,
    examine,
    from_values,
)
from galaxy_utils.morphology.reasons import NO_RADIUS, STATMORPH_INVALID

FAILURES = ("", NO_RADIUS)
"""What statmorph would have said, by the kernel's code, where it cannot go on."""


@compiled
def check_sky(stamp: Stamp, sky: Sky, flag: Integers) -> None:
    """Flag an image whose sky is further from 0 than its own scatter."""
    box = stamp.image[sky.row : sky.row + sky.side, sky.column : sky.column + sky.side].copy()
    if sky.side and abs(box.mean()) > box.std():
        flag[0] = max(flag[0], 2)


@compiled
def _start(stamp: Stamp, flag: Integers) -> tuple[float, float]:
    """Centroid of the source; the middle of the stamp, flagged, where it lies outside."""
    rows, columns = stamp.image.shape
    _, x, y = centroid(stamp.image, stamp.source)
    if y < 0.0 or y >= rows or x < 0.0 or x >= columns:
        x, y = columns / 2.0, rows / 2.0
        flag[0] = max(flag[0], 2)
    if stamp.image[int(y), int(x)] == 0.0:
        flag[0] = max(flag[0], 2)
    return x, y


@compiled
def _cas(
    stamp: Stamp, labels: Integers, x: float, y: float, row: Floats, flag: Integers
) -> tuple[float, float, bool]:
    """Fill in C, A, S and the circular radii; returns the centre and whether it went well."""
    sky, turned = find_sky(labels, flag), turn(stamp)
    dark = sky_asymmetry(stamp, sky)
    about = petrosian_radius(stamp, Aperture(x, y, 1.0, 0.0, 1.0, 0.0), flag)
    cx, cy = asymmetry_centre(stamp, turned, x, y, about, dark, flag)
    petrosian = petrosian_radius(stamp, Aperture(cx, cy, 1.0, 0.0, 1.0, 0.0), flag)
    r20 = radius_of_light(stamp, cx, cy, EXTENT_CAS * petrosian, 0.2, flag)
    r80 = radius_of_light(stamp, cx, cy, EXTENT_CAS * petrosian, 0.8, flag)
    row[0] = 5.0 * np.log10(r80 / r20)
    row[1] = asymmetry_about(turned, cx, cy, EXTENT_CAS * about, dark, flag)
    row[2] = smoothness_within(stamp, cx, cy, petrosian, sky, flag)
    row[5], row[7], row[8] = petrosian, r20, r80
    check_sky(stamp, sky, flag)
    return cx, cy, r20 > 0.0 and r80 > 0.0


@compiled
def _gini_m20(
    stamp: Stamp,
    centroid: tuple[float, float],
    centre: tuple[float, float],
    noise: float,
    row: Floats,
    flag: Integers,
) -> None:
    """Fill in Gini, M20, the elliptical radius and the signal-to-noise ratio."""
    elongation, theta = elongation_and_angle(stamp, centre[0], centre[1], flag)
    aperture = Aperture(centre[0], centre[1], elongation, theta, 1.0, 0.0)
    row[6] = petrosian_radius(stamp, aperture, flag)
    at_centroid = Aperture(centroid[0], centroid[1], elongation, theta, 1.0, 0.0)
    region = gini_region(stamp, at_centroid, row[6], flag)
    ordered = rising_values(stamp.image, region)
    row[3] = gini_coefficient(rising_sizes(ordered), flag)
    row[4] = moment_of_light(stamp.image, region, ordered, flag)
    row[9] = signal_to_noise(stamp, region, noise, flag)
    compare_regions(region, mid_region(stamp, region, flag), flag)


@compiled
def measure_source(
    image: Floats, labels: Integers, label: int, noise: float, row: Floats
) -> tuple[int, int]:
    """Measure one source of a segmented image.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Counts, sky subtracted.
    labels : ndarray of int32, shape (height, width)
        Segmentation map.
    label : int
        Number of the source.
    noise : float
        Standard deviation of the sky, counts.
    row : ndarray of float64, shape (10,)
        Filled with C, A, S, Gini, M20, the circular and the elliptical
        Petrosian radius, r20, r80 and the signal-to-noise ratio per pixel;
        -99 where something cannot be measured.

    Returns
    -------
    tuple of int
        The flag, and the index into `FAILURES`.
    """
    flag = np.zeros(1, np.int32)
    row[:] = STATMORPH_INVALID
    stamp = cut_stamp(image, labels, label)
    if centroid(stamp.image, stamp.source)[0] <= 0.0:
        return 4, 0
    x, y = _start(stamp, flag)
    top, end_row, left, end_column = stamp.limits
    around = labels[top:end_row, left:end_column]
    cx, cy, whole = _cas(stamp, around, x, y, row, flag)
    if not whole:
        return 4, 1
    _gini_m20(stamp, (x, y), (cx, cy), noise, row, flag)
    return flag[0], 0


COLUMNS = (*FIVE, *EXTRAS)
"""Names of the columns that the compiled functions fill."""


def measure_segmented(segmentation: Segmentation, found: Morphology) -> Morphology:
    """Measure the central source of a segmented image, as `morphology.measure_central` does.

    Parameters
    ----------
    segmentation : Segmentation
        With a central source.
    found : Morphology
        Its area and the number of sources, from `morphology.examine`.

    Returns
    -------
    Morphology
        The row, complete; never raises.
    """
    row = np.empty(len(COLUMNS))
    image = np.ascontiguousarray(segmentation.image)
    labels = np.ascontiguousarray(segmentation.labels)
    flag, failure = measure_source(image, labels, segmentation.central, segmentation.sky_noise, row)
    values = dict(zip(COLUMNS, row.tolist(), strict=True))
    return from_values(values, flag, FAILURES[failure], found)


def measure_fast(
    image: NDArray[np.float64], settings: SegmentationSettings | None = None
) -> Morphology:
    """Measure one image as `measurement.measure` does, some hundred times faster.

    The same quantities, flags and reasons but for `n_sources`: neighbours that
    are masked all the same are not deblended from each other here, so that it
    counts blended ones as one.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Band mean in counts.
    settings : SegmentationSettings, optional
        How sources are found.

    Returns
    -------
    Morphology
        The row, as from `measure`.
    """
    segmentation, found = examine(image, settings, neighbours=False)
    return found if segmentation is None else measure_segmented(segmentation, found)


def warm_up() -> None:
    """Compile all that `measure_fast` calls, or load what was compiled before.

    The first time after an installation or a change of the code it takes about
    a minute; the result is kept on disk beside the modules.
    """
    y, x = np.mgrid[-64.0:64, -64.0:64]
    noise = np.random.default_rng(0).normal(10, 1, x.shape)
    measure_fast(noise + 200 * np.exp(-np.hypot(x, 1.3 * y) / 5))


def measure_each(
    images: Iterable[NDArray[np.float64]], settings: SegmentationSettings | None = None
) -> Iterator[Morphology]:
    """Measure a sample of any length, an image at a time.

    Parameters
    ----------
    images : iterable of ndarray of float64, shape (height, width)
        Band means in counts, of any shapes; taken when their turn comes, and
        let go of after it.
    settings : SegmentationSettings, optional
        How sources are found.

    Yields
    ------
    Morphology
        One an image, in their order, as from `measure_fast`.
    """
    for image in images:
        yield measure_fast(image, settings)


def measure_batch(
    images: Iterable[NDArray[np.float64]], settings: SegmentationSettings | None = None
) -> list[Morphology]:
    """Measure a block of images, see `measure_each`; only the rows stay in memory."""
    return list(measure_each(images, settings))
