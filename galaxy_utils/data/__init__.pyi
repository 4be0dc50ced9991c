from . import survey as survey
from .download import Downloads as Downloads
from .galaxy_zoo import galaxy_types as galaxy_types
from .hubble import hdf_sample as hdf_sample
from .hubble import hubble_deep_field as hubble_deep_field
from .images import Image as Image
from .images import ImageError as ImageError
from .images import band_mean as band_mean
from .images import other_bands as other_bands
from .images import read_image as read_image
from .manifest import FAILURES as FAILURES
from .manifest import MANIFEST as MANIFEST
from .manifest import lacks_images as lacks_images
from .paper_sample import CATALOGUE as CATALOGUE
from .paper_sample import PaperSample as PaperSample
from .paper_sample import is_complete as is_complete
from .sample import CATALOGUE_COLUMNS as CATALOGUE_COLUMNS
from .sample import Sample as Sample
from .sample import folder_sample as folder_sample
from .sample import read_catalogue as read_catalogue
from .sample import read_rows as read_rows
from .skyserver import SERVER as SERVER
from .skyserver import fetch_known as fetch_known
from .skyserver import fetch_sample as fetch_sample
from .split import N_FOLDS as N_FOLDS
from .split import fold_of as fold_of
from .split import is_held_out as is_held_out

__all__ = [
    "CATALOGUE", "CATALOGUE_COLUMNS", "FAILURES", "MANIFEST", "N_FOLDS", "SERVER", "Downloads",
    "Image", "ImageError", "PaperSample", "Sample", "band_mean", "fetch_known", "fetch_sample",
    "fold_of", "folder_sample", "galaxy_types", "hdf_sample", "hubble_deep_field", "is_complete",
    "is_held_out", "lacks_images", "other_bands", "read_catalogue", "read_image", "read_rows",
    "survey",
]  # fmt: skip
