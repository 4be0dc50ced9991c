from .ablation import ablation_pipelines as ablation_pipelines
from .ablation import resample_scores as resample_scores
from .ablation import score_pipelines as score_pipelines
from .calibration import calibration as calibration
from .drift import FEWEST_FOR_DRIFT as FEWEST_FOR_DRIFT
from .drift import Drift as Drift
from .drift import measure_drift as measure_drift
from .metrics import AGREEMENT as AGREEMENT
from .metrics import agreement as agreement
from .metrics import contingency as contingency
from .metrics import internal_scores as internal_scores
from .metrics import mixture_scores as mixture_scores
from .metrics import recall as recall
from .n_components import CRITERIA as CRITERIA
from .n_components import SIGNIFICANCE as SIGNIFICANCE
from .n_components import can_be_significant as can_be_significant
from .n_components import choose_n_components as choose_n_components
from .n_components import likelihood_criteria as likelihood_criteria
from .n_components import more_stable as more_stable
from .n_components import saturation as saturation
from .nulls import COPULA as COPULA
from .nulls import NULLS as NULLS
from .nulls import REAL as REAL
from .nulls import SHUFFLED_PAIRS as SHUFFLED_PAIRS
from .nulls import SINGLE_GAUSSIAN as SINGLE_GAUSSIAN
from .nulls import best_partition as best_partition
from .nulls import compare_scores as compare_scores
from .nulls import compare_with_null as compare_with_null
from .nulls import shuffled_pairs as shuffled_pairs
from .outliers import CHANCE as CHANCE
from .outliers import CONTROL as CONTROL
from .outliers import CORRUPTIONS as CORRUPTIONS
from .outliers import MIXTURE_LIKELIHOOD as MIXTURE_LIKELIHOOD
from .outliers import describe_outliers as describe_outliers
from .outliers import detection_scores as detection_scores
from .outliers import detection_table as detection_table
from .outliers import inject as inject
from .outliers import outlier_scores as outlier_scores
from .partitions import SMALLEST_PERCENT as SMALLEST_PERCENT
from .partitions import compare_partitions as compare_partitions
from .partitions import partition_agreement as partition_agreement
from .partitions import partition_sizes as partition_sizes
from .perturbations import ANOTHER_SEED as ANOTHER_SEED
from .perturbations import HIGH_QUALITY as HIGH_QUALITY
from .perturbations import LOW_QUALITY as LOW_QUALITY
from .perturbations import PERTURBATIONS as PERTURBATIONS
from .perturbations import UNCHANGED as UNCHANGED
from .perturbations import changes_with_intervals as changes_with_intervals
from .perturbations import cluster_changes as cluster_changes
from .perturbations import feature_shifts as feature_shifts
from .perturbations import parameter_shifts as parameter_shifts
from .perturbations import seed_changes as seed_changes
from .perturbations import significantly_different as significantly_different
from .probes import probe_scores as probe_scores
from .probes import probes as probes
from .proxy import CONSELICE_2003_TABLE_6 as CONSELICE_2003_TABLE_6
from .proxy import PROXY_CLASSES as PROXY_CLASSES
from .proxy import SMALLEST_CLASS as SMALLEST_CLASS
from .proxy import ProxyRules as ProxyRules
from .proxy import compare_with_baselines as compare_with_baselines
from .proxy import matched_accuracy as matched_accuracy
from .proxy import permuted_accuracy as permuted_accuracy
from .proxy import rules_around as rules_around
from .proxy import rules_at_quantiles as rules_at_quantiles
from .proxy import sweep_rules as sweep_rules
from .proxy import without_small_classes as without_small_classes
from .recovery import FEWEST_IN_BIN as FEWEST_IN_BIN
from .recovery import PURGED as PURGED
from .recovery import assign_families as assign_families
from .recovery import recovery_in_bins as recovery_in_bins
from .recovery import recovery_scores as recovery_scores
from .representations import cluster_scores as cluster_scores
from .representations import correlate as correlate
from .representations import neighbour_agreement as neighbour_agreement
from .representations import neighbour_examples as neighbour_examples
from .representations import predict_types as predict_types
from .representations import rotate_image as rotate_image
from .resampling import N_RESAMPLES as N_RESAMPLES
from .resampling import bootstrap as bootstrap
from .resampling import interval as interval
from .resampling import permutation as permutation
from .selection import SMALLEST_CLUSTER as SMALLEST_CLUSTER
from .selection import SPEC_FIELDS as SPEC_FIELDS
from .selection import candidate_spaces as candidate_spaces
from .selection import compare_with_classes as compare_with_classes
from .selection import distilled_spec as distilled_spec
from .selection import eligible as eligible
from .selection import measured_kmeans as measured_kmeans
from .selection import score_candidates as score_candidates
from .selection import supervised_upper_bound as supervised_upper_bound
from .selection import voting_members as voting_members
from .selection import voting_mixture as voting_mixture
from .stability import stability as stability
from .stretch import COMPRESSED as COMPRESSED
from .stretch import KINDS as KINDS
from .stretch import LINEAR as LINEAR
from .stretch import measure_stretches as measure_stretches
from .stretch import stretch_table as stretch_table
from .subsampling import SHARE as SHARE
from .subsampling import paired_tests as paired_tests
from .subsampling import subsample as subsample

__all__ = [
    "AGREEMENT",
    "ANOTHER_SEED",
    "CHANCE",
    "COMPRESSED",
    "CONSELICE_2003_TABLE_6",
    "CONTROL",
    "COPULA",
    "CORRUPTIONS",
    "CRITERIA",
    "Drift",
    "FEWEST_FOR_DRIFT",
    "FEWEST_IN_BIN",
    "HIGH_QUALITY",
    "KINDS",
    "LINEAR",
    "LOW_QUALITY",
    "MIXTURE_LIKELIHOOD",
    "NULLS",
    "N_RESAMPLES",
    "PERTURBATIONS",
    "PROXY_CLASSES",
    "PURGED",
    "ProxyRules",
    "REAL",
    "SHARE",
    "SHUFFLED_PAIRS",
    "SIGNIFICANCE",
    "SINGLE_GAUSSIAN",
    "SMALLEST_CLASS",
    "SMALLEST_CLUSTER",
    "SMALLEST_PERCENT",
    "SPEC_FIELDS",
    "UNCHANGED",
    "ablation_pipelines",
    "agreement",
    "assign_families",
    "best_partition",
    "bootstrap",
    "calibration",
    "can_be_significant",
    "candidate_spaces",
    "changes_with_intervals",
    "choose_n_components",
    "cluster_changes",
    "cluster_scores",
    "compare_partitions",
    "compare_scores",
    "compare_with_baselines",
    "compare_with_classes",
    "compare_with_null",
    "contingency",
    "correlate",
    "describe_outliers",
    "detection_scores",
    "detection_table",
    "distilled_spec",
    "eligible",
    "feature_shifts",
    "inject",
    "internal_scores",
    "interval",
    "likelihood_criteria",
    "matched_accuracy",
    "measure_drift",
    "measure_stretches",
    "measured_kmeans",
    "mixture_scores",
    "more_stable",
    "neighbour_agreement",
    "neighbour_examples",
    "outlier_scores",
    "paired_tests",
    "parameter_shifts",
    "partition_agreement",
    "partition_sizes",
    "permutation",
    "permuted_accuracy",
    "predict_types",
    "probe_scores",
    "probes",
    "recall",
    "recovery_in_bins",
    "recovery_scores",
    "resample_scores",
    "rotate_image",
    "rules_around",
    "rules_at_quantiles",
    "saturation",
    "score_candidates",
    "score_pipelines",
    "seed_changes",
    "shuffled_pairs",
    "significantly_different",
    "stability",
    "stretch_table",
    "subsample",
    "supervised_upper_bound",
    "sweep_rules",
    "voting_members",
    "voting_mixture",
    "without_small_classes",
]
