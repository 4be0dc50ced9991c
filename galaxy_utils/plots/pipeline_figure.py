"""The pipeline of a run as a graph of named stages: what the paper draws as figure 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from galaxy_utils.config import split_names
from galaxy_utils.features.preprocessing import CROPS, SIGMA, Crop

ZOOMS = {1: "whole frame", 2: "central half", 4: "central quarter"}
"""What of a frame's height and width a network sees, by `Crop.zoom`."""

MORPHOLOGY, INPUT, MIXTURE = (
    "morphological\nparameters",
    "kept images",
    "Gaussian\nmixture",
)


@dataclass(frozen=True)
class Stage:
    """One box of the figure.

    Parameters
    ----------
    title, detail : str
        What it is, and with which values in this run.
    column, row : int
        Its place, from the left and from the top.
    after : tuple of str
        Titles of the stages whose results it takes.
    """

    title: str
    detail: str
    column: int
    row: int
    after: tuple[str, ...] = ()


def stages(run: Mapping[str, Any]) -> tuple[Stage, ...]:
    """Stages of a run, from its parameters.

    Parameters
    ----------
    run : mapping
        All parameters of the run.

    Returns
    -------
    tuple of Stage
        Each after those that it takes something from.
    """
    networks = _networks(run)
    return (*_to_networks(run), *networks, *_from_joining(run, [n.title for n in networks]))


def _to_networks(run: Mapping[str, Any]) -> tuple[Stage, ...]:
    five = run["measured"] if run["space"] == "components" else "five"
    limits = "limits" + (", Isolation Forest" if run["isolation_contamination"] else "")
    raw = "C, A, S, Gini, $M_{20}$\nof raw pixels"
    return (
        Stage("images", run["sample"], 0, 0),
        Stage(MORPHOLOGY, raw, 1, 0, ("images",)),
        Stage("data purging", limits, 2, 0, (MORPHOLOGY,)),
        Stage(_scaling(run), f"{five},\nof kept galaxies", 3, 0, ("data purging",)),
        Stage(INPUT, _input(CROPS[run["framing"]]), 2, 1, ("data purging",)),
    )


def _scaling(run: Mapping[str, Any]) -> str:
    ranks = run["space"] == "components" and run["scale"] == "rank"
    return "ranks made normal" if ranks else "z-scores"


def _input(crop: Crop) -> str:
    scale = f"eq. 1, sigma {SIGMA:g} px" if crop.z_scored else "network's own scale"
    turns = f"\n{crop.n_rotations} turns averaged" if crop.n_rotations > 1 else ""
    return f"{ZOOMS[crop.zoom]},\n{scale}{turns}"


def _networks(run: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The networks beside each other: none sees what another made."""
    return tuple(
        Stage(name, f"network {row}, frozen", 3, row, (INPUT,))
        for row, name in enumerate(split_names(run["backbones"]), start=1)
    )


def _from_joining(run: Mapping[str, Any], networks: list[str]) -> tuple[Stage, ...]:
    space = _space(run, (*networks, _scaling(run)))
    taught = ",\ntaught by votes" if run["mixture_fit"] == "votes" else ""
    lowest = f"lowest {run['anomaly_percent']:g} % anomalous"
    return (
        *space,
        Stage(MIXTURE, f"{run['n_components']} components{taught}", 5, 1, (space[-1].title,)),
        Stage("taxonomy\nand anomalies", lowest, 5, 2, (MIXTURE,)),
    )


def _space(run: Mapping[str, Any], inputs: tuple[str, ...]) -> tuple[Stage, ...]:
    """What the mixture sees: the bottleneck, or components beside the parameters."""
    if run["space"] == "components":
        whitened = f"{run['deep_components']} whitened components\nbeside the parameters"
        return (Stage("joined space", whitened, 4, 1, inputs),)
    scaled = ",\ndeep features z-scored too" if run["standardise_deep"] else ""
    return (
        Stage("joined vector", f"eq. 3{scaled}", 4, 1, inputs),
        Stage("autoencoder", f"{run['latent_dim']}-D bottleneck", 5, 0, ("joined vector",)),
    )
