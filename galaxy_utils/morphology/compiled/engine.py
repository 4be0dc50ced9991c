"""The compiled engine: statmorph's values of the five parameters, by kernels of our own.

The definitions are statmorph 0.7.2's, step by step. The loops over pixels are
machine code (numba); circles and ellipses are summed from running sums along
rows, so that only the pixels on their edge cost; a rotation by 180 degrees is a
shift with four constant weights; the centre is searched on the same simplex
path, ended where the path no longer matters.

All lengths are in pixels and all fluxes in counts. Positions (x, y) are
(column, row) of the stamp, whole numbers at the centres of pixels.

References
----------
Conselice (2003), ApJS 147, 1; Lotz, Primack & Madau (2004), AJ 128, 163;
Lotz et al. (2006), ApJ 636, 592; Freeman et al. (2013), MNRAS 434, 282;
Rodriguez-Gomez et al. (2019), MNRAS 483, 4140.
"""

from __future__ import annotations

import math

import numpy as np

from galaxy_utils.morphology.compiled import (
    asymmetry,
    gini_m20,
    multimode,
    petrosian,
    smoothness,
    stamps,
)
from galaxy_utils.morphology.compiled.compilation import Floats, Integers, raise_flag
from galaxy_utils.morphology.compiled.petrosian import EXTENT_CAS, Aperture
from galaxy_utils.morphology.compiled.stamps import Sky, Stamp
from galaxy_utils.morphology.reasons import BAD, CATASTROPHIC, Reason

Values = dict[str, float]


def measure_source(
    image: Floats, labels: Integers, label: int, noise: float
) -> tuple[Values, int, str]:
    """Values of one source of a segmented image, its flag, and why nothing was measured."""
    flag = np.zeros(1, np.int32)
    stamp = stamps.cut_stamp(image, labels, label)
    start = _start(stamp, flag)
    if start is None:
        return {}, CATASTROPHIC, ""
    sky = stamps.find_sky(stamp.labels, flag)
    centre, values = _cas(stamp, sky, start, flag)
    if min(values["r20"], values["r80"]) <= 0.0:
        return {}, CATASTROPHIC, Reason.NO_RADIUS.value
    values["concentration"] = 5.0 * math.log10(values["r80"] / values["r20"])
    values |= _gini_m20(stamp, start, centre, noise, flag)
    return values, int(flag[0]), ""


def _start(stamp: Stamp, flag: Integers) -> tuple[float, float] | None:
    """Centroid of the source, None where it has no light; outside, the middle of the stamp."""
    rows, columns = stamp.image.shape
    flux, x, y = stamps.centroid(stamp.image, stamp.source)
    if flux <= 0.0:
        return None
    if y < 0.0 or y >= rows or x < 0.0 or x >= columns:
        x, y = columns / 2.0, rows / 2.0
        raise_flag(flag, BAD)
    if stamp.image[int(y), int(x)] == 0.0:
        raise_flag(flag, BAD)
    return x, y


def _cas(
    stamp: Stamp, sky: Sky, start: tuple[float, float], flag: Integers
) -> tuple[tuple[float, float], Values]:
    """Centre of least asymmetry, and what is measured in circles about it."""
    rotated = asymmetry.rotate(stamp.image, stamp.good)
    sky_level = asymmetry.sky_asymmetry(sky.of(stamp.image))
    radius = petrosian.petrosian_radius(stamp, Aperture(*start), flag)
    centre = asymmetry.asymmetry_centre(stamp, rotated, start, radius, sky_level, flag)
    r_petro = petrosian.petrosian_radius(stamp, Aperture(*centre), flag)
    r20, r80 = (
        petrosian.radius_of_light(stamp, centre, EXTENT_CAS * r_petro, share, flag)
        for share in (0.2, 0.8)
    )
    values = {
        "asymmetry": asymmetry.asymmetry_about(
            rotated, *centre, EXTENT_CAS * radius, sky_level, flag
        ),
        "smoothness": smoothness.smoothness_within(stamp, *centre, r_petro, sky, flag),
        "rpetro_circ": r_petro,
        "r20": r20,
        "r80": r80,
    }
    if sky.side and abs(sky.of(stamp.image).mean()) > sky.of(stamp.image).std():
        raise_flag(flag, BAD)  # the sky is further from 0 than its own scatter
    return centre, values


def _gini_m20(
    stamp: Stamp,
    centroid: tuple[float, float],
    centre: tuple[float, float],
    noise: float,
    flag: Integers,
) -> Values:
    """What is measured on the Gini-M20 segmentation map."""
    shape = stamps.elongation_and_angle(stamp.image, stamp.source, *centre, flag)
    radius = petrosian.petrosian_radius(stamp, Aperture(*centre, *shape), flag)
    region = gini_m20.gini_region(stamp.image, Aperture(*centroid, *shape), radius, flag)
    multimode.compare_regions(region, multimode.mid_region(stamp, region, flag), flag)
    return {
        "gini": gini_m20.gini_coefficient(np.sort(np.abs(stamp.image[region])), flag),
        "m20": gini_m20.moment_of_light(stamp.image, region, flag),
        "rpetro_ellip": radius,
        "sn_per_pixel": gini_m20.signal_to_noise(
            stamp.image[region & (stamp.good > 0.0)], noise, flag
        ),
    }
