from .backbones import BACKBONES as BACKBONES
from .backbones import EmbeddingSpec as EmbeddingSpec
from .galaxies import open_galaxies as open_galaxies
from .inference import embed as embed
from .inference import load_encoder as load_encoder
from .preprocessing import CROPS as CROPS
