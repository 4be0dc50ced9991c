"""The command `train`: from a folder of cutouts to the weights of the galaxy encoder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from galaxy_utils.data.images import Image, ImageError
from galaxy_utils.data.sample import Sample
from galaxy_utils.data.split import is_held_out
from galaxy_utils.errors import UserError
from galaxy_utils.features.galaxy_convnext import LOG_FILE, save_weights
from galaxy_utils.features.training import TrainingPlan, train_encoder
from galaxy_utils.provenance import PACKAGE, git_commit, versions, write_atomically
from galaxy_utils.run_folder import output_folder


def read_plan(path: Path) -> TrainingPlan:
    """Read a training plan from a YAML file; fields that it lacks have their defaults.

    A UserError if the file cannot be read or has fields that do not exist.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return TypeAdapter(TrainingPlan).validate_python(content)
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"training plan {path}: cannot be read ({error})") from None
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise UserError(
            f"training plan {path}: {'; '.join(problems)}; there are: "
            f"{', '.join(asdict(TrainingPlan()))}"
        ) from None


def needed_side(plan: TrainingPlan) -> int:
    """Side in pixels, even, of the central square that the views of a plan may reach.

    That is the field zoomed out by three standard deviations, and the shift.
    """
    reach = plan.shape.field * float(np.exp(3 * plan.augmentation.zoom))
    return 2 * int(np.ceil(reach / 2 + plan.augmentation.shift))


def crop_or_pad(image: Image, side: int) -> Image:
    """The central square of a frame, with black margins where the frame is smaller."""
    margins = [max(side - length, 0) for length in image.shape[:2]]
    padded = np.pad(np.ma.getdata(image), [*((m // 2, m - m // 2) for m in margins), (0, 0)])
    top, left = ((length - side) // 2 for length in padded.shape[:2])
    return padded[top : top + side, left : left + side]


def read_frames(sample: Sample, objids: list[str], side: int) -> tuple[Tensor, dict[str, str]]:
    """Central parts of the readable cutouts, and the reasons of the others by objid."""
    frames, failures = [], {}
    for objid in objids:
        try:
            frames.append(crop_or_pad(sample.image(objid), side).transpose(2, 0, 1))
        except ImageError as error:
            failures[objid] = str(error)
    stacked = np.stack(frames) if frames else np.empty((0, 3, side, side), np.uint8)
    return torch.from_numpy(stacked), failures


def train_on_sample(
    sample: Sample, plan: TrainingPlan, out: Path
) -> tuple[Path, pd.DataFrame, dict[str, str]]:
    """Train the encoder on all galaxies of a sample that are not held out; labels are not read.

    Weights, log and checkpoint are written to `out`, where a killed training resumes. Returns the
    file of the weights, the log (columns epoch, loss, learning_rate, seconds) and why images could
    not be read, by objid. `UserError` if the sample has fewer images than a batch, or `out` holds
    another training or files of others.
    """
    with output_folder(out, "galaxy encoder"):
        objids = sample.catalogue["objid"].astype(str)
        held_out = is_held_out(objids)
        frames, failures = read_frames(sample, list(objids[~held_out]), needed_side(plan))
        network, log = train_encoder(frames, plan, out)
        path = save_weights(out, network, _about(plan, len(frames), int(held_out.sum()), log))
        text = log.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_atomically(out / LOG_FILE, text)
    return path, log, failures


def _about(plan: TrainingPlan, train: int, held_out: int, log: pd.DataFrame) -> dict[str, Any]:
    return {
        "shape": asdict(plan.shape), "plan": asdict(plan), "galaxies": train,
        "held_out": held_out, "epochs": len(log),
        "minutes": round(float(log["seconds"].sum()) / 60, 1),
        "device": "cuda" if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads",
        "code": git_commit(PACKAGE), "versions": versions(),
    }  # fmt: skip
