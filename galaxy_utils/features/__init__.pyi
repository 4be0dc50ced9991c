from .backbones import BACKBONES as BACKBONES
from .backbones import EmbeddingSpec as EmbeddingSpec
from .backbones import torchvision_features as torchvision_features
from .galaxies import Galaxies as Galaxies
from .galaxies import evenly as evenly
from .galaxies import fingerprint_of as fingerprint_of
from .galaxies import open_galaxies as open_galaxies
from .galaxy_convnext import ENCODER as ENCODER
from .galaxy_convnext import random_network as random_network
from .galaxy_convnext import read_about as read_about
from .inference import Encoder as Encoder
from .inference import embed as embed
from .inference import engine_name as engine_name
from .inference import load_encoder as load_encoder
from .inference import make_encoder as make_encoder
from .measured_table import ENGINES as ENGINES
from .measured_table import MeasuredTable as MeasuredTable
from .measured_table import measure_sample as measure_sample
from .measured_table import read_measured as read_measured
from .measuring import measure_embedding as measure_embedding
from .measuring import measure_morphology as measure_morphology
from .named_samples import MOCK as MOCK
from .named_samples import NAMED_SAMPLES as NAMED_SAMPLES
from .named_samples import PRECOMPUTED as PRECOMPUTED
from .named_samples import SKYSERVER as SKYSERVER
from .named_samples import measured_folder as measured_folder
from .named_samples import mock_folder as mock_folder
from .named_samples import skyserver_folder as skyserver_folder
from .named_samples import skyserver_recipe as skyserver_recipe
from .preprocessing import CROPS as CROPS
from .preprocessing import SIGMA as SIGMA
from .preprocessing import Crop as Crop
from .preprocessing import centre_crop as centre_crop
from .preprocessing import standardise as standardise
from .pretraining import read_plan as read_plan
from .pretraining import train_on_sample as train_on_sample

__all__ = [
    "BACKBONES", "CROPS", "ENCODER", "ENGINES", "MOCK", "NAMED_SAMPLES", "PRECOMPUTED", "SIGMA",
    "SKYSERVER", "Crop", "EmbeddingSpec", "Encoder", "Galaxies", "MeasuredTable", "centre_crop",
    "embed", "engine_name", "evenly", "fingerprint_of", "load_encoder", "make_encoder",
    "measure_embedding", "measure_morphology", "measured_folder", "mock_folder", "open_galaxies",
    "random_network", "read_about", "read_measured", "read_plan", "skyserver_folder",
    "skyserver_recipe", "standardise", "torchvision_features", "train_on_sample",
    "measure_sample",
]  # fmt: skip
