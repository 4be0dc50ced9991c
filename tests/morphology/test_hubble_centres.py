"""The committed centres of the Hubble Deep Field are those that segmentation finds."""

from __future__ import annotations

from skimage.measure import regionprops

from galaxy_utils.data.hubble import hdf_sample, hubble_deep_field
from galaxy_utils.data.images import band_mean
from galaxy_utils.morphology.segmentation import segment

HALF, LEAST_AREA = 32, 60
"""Pixels: half a side of a stamp, which must fit into the field; and area of a source."""


def test_the_centres_are_those_of_the_segments() -> None:
    image = band_mean(hubble_deep_field())
    regions = regionprops(segment(image).labels, intensity_image=image)
    found = [region.centroid_weighted for region in regions if region.area >= LEAST_AREA]
    inside = {
        f"hdf_{round(row):04d}_{round(column):04d}"
        for row, column in found
        if HALF <= round(row) <= image.shape[0] - HALF
        and HALF <= round(column) <= image.shape[1] - HALF
    }
    assert set(hdf_sample().cutouts) == inside
