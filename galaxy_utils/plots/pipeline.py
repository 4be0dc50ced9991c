"""The pipeline of a run as boxes and arrows: figure 1 of the paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from galaxy_utils.config import split_names
from galaxy_utils.features.preprocessing import CROPS, SIGMA, Crop
from galaxy_utils.plots import style

ZOOMS = {1: "full frame", 2: "central half", 4: "central quarter"}
"""What of a frame's height and width a network gets, by `Crop.zoom`."""

MORPHOLOGY, INPUT = "morphological\nparameters", "kept images"
FEATURES, MIXTURE = "concatenated\nfeatures", "Gaussian\nmixture"


@dataclass(frozen=True)
class Stage:
    """One box: its text, its place, and the titles of the stages that it takes something from."""

    title: str
    detail: str
    column: int
    row: int
    after: tuple[str, ...] = ()


def plot_pipeline(run: Mapping[str, Any]) -> Figure:
    """The pipeline of a run (all its parameters), with arrows from stage to stage."""
    stages = pipeline_stages(run)
    rows = 1 + max(stage.row for stage in stages)
    figure, axis = style.single_panel(width=style.WIDEST, height=1.3 * rows)
    boxes = {stage.title: _draw_box(axis, stage) for stage in stages}
    centres = {stage.title: (stage.column, stage.row) for stage in stages}
    for stage in stages:
        for origin in stage.after:  # from edge to edge, on the line of the centres
            ends = {"patchA": boxes[origin], "patchB": boxes[stage.title]}
            arrow = {"arrowstyle": "-|>", "color": style.GREY} | ends
            axis.annotate("", centres[stage.title], centres[origin], arrowprops=arrow, zorder=0)
    axis.set(xlim=(-0.5, max(s.column for s in stages) + 0.5), ylim=(rows - 0.55, -0.45))
    axis.set_axis_off()
    return figure


def _draw_box(axis: Axes, stage: Stage) -> FancyBboxPatch:
    x, y = stage.column, stage.row
    box = FancyBboxPatch((x - 0.43, y - 0.36), 0.86, 0.72, boxstyle="round,pad=0.02",
                         facecolor="#E8F1F8", edgecolor=style.PALETTE[0])  # fmt: skip
    axis.add_patch(box)
    axis.text(
        x, y - 0.15, stage.title, ha="center", va="center", fontsize=style.SMALLEST, weight="bold"
    )
    axis.text(x, y + 0.16, stage.detail, ha="center", va="center", fontsize=style.SMALLEST - 0.5)
    return box


def pipeline_stages(run: Mapping[str, Any]) -> tuple[Stage, ...]:
    """Stages of a run, each after those that it takes something from."""
    components = run["space"] == "components"
    purging = "limits" + (", Isolation Forest" if run["isolation_contamination"] else "")
    scaling = "ranks made normal" if components and run["scale"] == "rank" else "z-scores"
    parameters = run["measured"] if components else "five"
    networks = split_names(run["backbones"])
    return (
        Stage("images", run["sample"], 0, 0),
        Stage(MORPHOLOGY, "C, A, S, Gini, $M_{20}$\nof raw pixels", 1, 0, ("images",)),
        Stage("data purging", purging, 2, 0, (MORPHOLOGY,)),
        Stage(scaling, f"{parameters},\nof kept galaxies", 3, 0, ("data purging",)),
        Stage(INPUT, _input(CROPS[run["crop"]]), 2, 1, ("data purging",)),
        *(Stage(n, f"network {i}, frozen", 3, i, (INPUT,)) for i, n in enumerate(networks, 1)),
        *_clustering(run, (*networks, scaling)),
    )


def _input(crop: Crop) -> str:
    scale = f"eq. 1, sigma {SIGMA:g} px" if crop.z_scored else "network's own scale"
    rotations = f"\n{crop.n_rotations} rotations averaged" if crop.n_rotations > 1 else ""
    return f"{ZOOMS[crop.zoom]},\n{scale}{rotations}"


def _clustering(run: Mapping[str, Any], inputs: tuple[str, ...]) -> tuple[Stage, ...]:
    """From the features to the taxonomy, through the bottleneck or without it."""
    if run["space"] == "components":
        whitened = f"{run['deep_components']} whitened components\nand the parameters"
        space = [Stage(FEATURES, whitened, 4, 1, inputs)]
    else:
        scaled = ",\ndeep features z-scored too" if run["standardise_deep"] else ""
        bottleneck = Stage("autoencoder", f"{run['latent_dim']}-D bottleneck", 5, 0, (FEATURES,))
        space = [Stage(FEATURES, f"eq. 3{scaled}", 4, 1, inputs), bottleneck]
    distilled = ",\ndistilled" if run["mixture_fit"] == "consensus" else ""
    anomalies = f"lowest {run['anomaly_percent']:g} % anomalous"
    return (
        *space,
        Stage(MIXTURE, f"{run['n_components']} components{distilled}", 5, 1, (space[-1].title,)),
        Stage("taxonomy\nand anomalies", anomalies, 5, 2, (MIXTURE,)),
    )
