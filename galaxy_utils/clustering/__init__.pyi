from .algorithms import NOISE as NOISE
from .algorithms import TwoTierClustering as TwoTierClustering
from .algorithms import introduction_algorithms as introduction_algorithms
from .algorithms import limit_cluster_size as limit_cluster_size
from .classifier import GalaxyClassifier as GalaxyClassifier
from .fusion_autoencoder import FusionAutoencoder as FusionAutoencoder
from .mixture import OrderedGaussianMixture as OrderedGaussianMixture
from .mixture import lowest as lowest
from .pipelines import CANDIDATE_CROPS as CANDIDATE_CROPS
from .pipelines import COVARIANCES as COVARIANCES
from .pipelines import MEASURED as MEASURED
from .pipelines import PAPER as PAPER
from .pipelines import SCALES as SCALES
from .pipelines import PipelineSpec as PipelineSpec
from .pipelines import paper_pipeline as paper_pipeline
from .taxonomy import LEVEL_WIDTH as LEVEL_WIDTH
from .taxonomy import ODDS_LIMIT as ODDS_LIMIT
from .taxonomy import check_cluster_names as check_cluster_names
from .taxonomy import describe_clusters as describe_clusters
from .taxonomy import eta_squared as eta_squared
from .taxonomy import representatives as representatives
from .voting import VotingMixture as VotingMixture

__all__ = [
    "COVARIANCES",
    "CANDIDATE_CROPS",
    "FusionAutoencoder",
    "GalaxyClassifier",
    "LEVEL_WIDTH",
    "MEASURED",
    "NOISE",
    "ODDS_LIMIT",
    "OrderedGaussianMixture",
    "PAPER",
    "PipelineSpec",
    "SCALES",
    "TwoTierClustering",
    "VotingMixture",
    "check_cluster_names",
    "describe_clusters",
    "eta_squared",
    "introduction_algorithms",
    "limit_cluster_size",
    "lowest",
    "paper_pipeline",
    "representatives",
]
