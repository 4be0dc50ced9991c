"""The command `train`: from a folder of cutouts to the weights of the galaxy encoder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from torch import Tensor

from galaxy_utils.data.images import Image, ImageError
from galaxy_utils.data.sample import Sample
from galaxy_utils.data.split import is_held_out
from galaxy_utils.errors import UserError
from galaxy_utils.features.contrastive import Plan, train_encoder
from galaxy_utils.features.galaxy_convnext import LOG_FILE, save_encoder
from galaxy_utils.provenance import PACKAGE, git_commit, versions, write_atomically


def read_plan(path: Path) -> Plan:
    """Read a training plan.

    Parameters
    ----------
    path : Path
        A YAML file with fields of `contrastive.Plan`.

    Returns
    -------
    Plan
        Fields that are not in the file have their defaults.

    Raises
    ------
    UserError
        If the file cannot be read or has fields that do not exist.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"training plan {path}: cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise UserError(f"training plan {path}: expected names and values, one a line")
    return Plan.from_fields(content)


def needed_side(plan: Plan) -> int:
    """How much of a frame the views of a plan may reach.

    Parameters
    ----------
    plan : Plan
        Its field, zoom and shift.

    Returns
    -------
    int
        Side of the middle square, in pixels: the field zoomed out by three
        standard deviations, and the shift; even.
    """
    reach = plan.shape.field * float(np.exp(3 * plan.augmentation.zoom))
    return 2 * int(np.ceil(reach / 2 + plan.augmentation.shift))


def middle(image: Image, side: int) -> Image:
    """The middle of a frame; where the frame is smaller, black around it.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Colour composite.
    side : int
        Of the square that is wanted, in pixels.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)
        Its middle is the frame's.
    """
    found = np.zeros((side, side, 3), np.uint8)
    cut = [min(side, length) for length in image.shape[:2]]
    (top, left), (row, column) = (
        [(length - c) // 2 for length, c in zip(size, cut, strict=True)]
        for size in (image.shape[:2], (side, side))
    )
    piece = image[top : top + cut[0], left : left + cut[1]]
    found[row : row + cut[0], column : column + cut[1]] = piece
    return found


def read_middles(sample: Sample, objids: list[str], side: int) -> tuple[Tensor, dict[str, str]]:
    """Read the middles of the cutouts of a sample.

    Parameters
    ----------
    sample : Sample
        With images.
    objids : list of str
        Which galaxies.
    side : int
        See `middle`.

    Returns
    -------
    frames : Tensor of uint8, shape (n, 3, side, side)
        Of the galaxies that could be read, in order.
    failures : dict of str to str
        Objid to reason of the others.
    """
    frames, failures = [], {}
    for objid in objids:
        try:
            frames.append(middle(sample.image(objid), side).transpose(2, 0, 1))
        except ImageError as error:
            failures[objid] = str(error)
    stacked = np.stack(frames) if frames else np.empty((0, 3, side, side), np.uint8)
    return torch.from_numpy(np.ascontiguousarray(stacked)), failures


def train_on_sample(
    sample: Sample, plan: Plan, out: Path, device: str | None = None
) -> tuple[Path, pd.DataFrame, dict[str, str]]:
    """Train the encoder on all galaxies of a sample that are not held out.

    Parameters
    ----------
    sample : Sample
        With images; their labels are not read.
    plan : Plan
        How.
    out : Path
        For weights, log and checkpoint; a killed training goes on there.
    device : str, optional
        As in `contrastive.train_encoder`.

    Returns
    -------
    weights : Path
        The file written.
    log : DataFrame
        As of `contrastive.train_encoder`.
    failures : dict of str to str
        Objid to reason of images that could not be read.

    Raises
    ------
    UserError
        If the sample has too few images.
    """
    objids = sample.catalogue["objid"].astype(str)
    held_out = is_held_out(objids)
    frames, failures = read_middles(sample, list(objids[~held_out]), needed_side(plan))
    network, log = train_encoder(frames, plan, out, device)
    about = _about(plan, len(frames), int(held_out.sum()), log)
    path = save_encoder(out, network, about)
    text = log.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_atomically(out / LOG_FILE, text)
    return path, log, failures


def _about(plan: Plan, trained: int, held_out: int, log: pd.DataFrame) -> dict[str, Any]:
    return {
        "shape": asdict(plan.shape), "plan": asdict(plan), "galaxies": trained,
        "held_out": held_out, "epochs": len(log),
        "minutes": round(float(log["seconds"].sum()) / 60, 1),
        "device": "cuda" if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads",
        "code": git_commit(PACKAGE), "versions": versions(),
    }  # fmt: skip
