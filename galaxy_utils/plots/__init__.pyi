from .bars import plot_counts as plot_counts
from .clusters import plot_dimensional_complexity as plot_dimensional_complexity
from .clusters import plot_umap as plot_umap
from .clusters import plot_violins as plot_violins
from .galaxies import plot_galaxies as plot_galaxies
from .heatmaps import plot_confusion as plot_confusion
from .heatmaps import plot_heatmap as plot_heatmap
from .intervals import plot_intervals as plot_intervals
from .lines import plot_lines as plot_lines
from .parameters import plot_distributions as plot_distributions
from .parameters import plot_planes as plot_planes
from .parity import plot_parity as plot_parity
from .pipeline import plot_pipeline as plot_pipeline
from .preprocessing import plot_segmentation as plot_segmentation
from .preprocessing import plot_standardisation as plot_standardisation
from .repeats import plot_repeats as plot_repeats
from .scatter import plot_scatter as plot_scatter
from .style import QUANTITY_LABELS as QUANTITY_LABELS
from .style import single_panel as single_panel
from .training import plot_training_curves as plot_training_curves

__all__ = [
    "QUANTITY_LABELS",
    "plot_confusion",
    "plot_counts",
    "plot_dimensional_complexity",
    "plot_distributions",
    "plot_galaxies",
    "plot_heatmap",
    "plot_intervals",
    "plot_lines",
    "plot_parity",
    "plot_pipeline",
    "plot_planes",
    "plot_repeats",
    "plot_scatter",
    "plot_segmentation",
    "plot_standardisation",
    "plot_training_curves",
    "plot_umap",
    "plot_violins",
    "single_panel",
]
