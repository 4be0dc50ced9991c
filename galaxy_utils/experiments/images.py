"""Images of a run's galaxies, measured as the run measured them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from galaxy_utils.data.images import Image, ImageError, band_mean
from galaxy_utils.data.sample import Sample
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.measurement import measure
from galaxy_utils.morphology.photometry import SHAPE, measure_photometry


@dataclass(frozen=True)
class ImageMeasurement:
    """Measure images into a feature table."""

    networks: Sequence[str]
    shape: bool = False

    def __call__(self, images: Mapping[str, Image]) -> pd.DataFrame:
        """Return the feature table of images by objid; NaN where something was not measured."""
        from galaxy_utils.features.backbones import EmbeddingSpec  # torch: only where needed
        from galaxy_utils.features.inference import embed, load_encoder

        index = pd.Index(images, name="objid")
        found = [measure(band_mean(image)) for image in images.values()]
        values = {name: [getattr(row, name) for row in found] for name in FIVE}
        if self.shape:
            appearances = [measure_photometry(image) for image in images.values()]
            values |= {name: [getattr(row, name) for row in appearances] for name in SHAPE}
        encoders = {name: load_encoder(EmbeddingSpec.named(name)) for name in self.networks}
        deep = {name: embed(encoder, images.values()) for name, encoder in encoders.items()}
        return make_feature_table(pd.DataFrame(values, index, dtype=float), deep)


def has_image(sample: Sample, objid: str) -> bool:
    """Tell whether there is an image of a galaxy."""
    try:
        return objid in sample.cutouts or sample.path(objid).exists()
    except ImageError:
        return False
