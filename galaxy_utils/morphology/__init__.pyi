from . import parity as parity
from . import saturation as saturation
from .measurement import ENGINES as ENGINES
from .measurement import FIVE as FIVE
from .measurement import MORPHOLOGY_COLUMNS as MORPHOLOGY_COLUMNS
from .measurement import Morphology as Morphology
from .measurement import measure as measure
from .measurement import measure_source as measure_source
from .measurement import warm_up as warm_up
from .parity import agreement as agreement
from .parity import explain_differences as explain_differences
from .photometry import PHOTOMETRY_COLUMNS as PHOTOMETRY_COLUMNS
from .photometry import SHAPE as SHAPE
from .photometry import Photometry as Photometry
from .photometry import measure_photometry as measure_photometry
from .purging import PhysicalLimits as PhysicalLimits
from .purging import count_reasons as count_reasons
from .purging import purge as purge
from .saturation import frame_defect as frame_defect
from .segmentation import Segmentation as Segmentation
from .segmentation import SegmentationSettings as SegmentationSettings
from .segmentation import clipped_sky as clipped_sky
from .segmentation import segment as segment

__all__ = [
    "ENGINES",
    "FIVE",
    "MORPHOLOGY_COLUMNS",
    "PHOTOMETRY_COLUMNS",
    "SHAPE",
    "Morphology",
    "Photometry",
    "PhysicalLimits",
    "Segmentation",
    "SegmentationSettings",
    "agreement",
    "clipped_sky",
    "count_reasons",
    "explain_differences",
    "frame_defect",
    "measure",
    "measure_photometry",
    "measure_source",
    "parity",
    "purge",
    "saturation",
    "segment",
    "warm_up",
]
