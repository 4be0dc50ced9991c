"""Train the galaxy encoder without labels: two views of a galaxy belong together.

Each epoch draws its randomness from the seed and its own number, so a training
that was killed goes on from its checkpoint to the same weights.
"""

from __future__ import annotations

import dataclasses
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from galaxy_utils.errors import UserError
from galaxy_utils.features._torchvision import import_torchvision
from galaxy_utils.features.augmentation import Augmentation, plain_views, views
from galaxy_utils.features.galaxy_convnext import GalaxyConvNeXt, Shape

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the weights, beside the images.

    Parameters
    ----------
    shape : Shape
        The network.
    augmentation : Augmentation
        The views.
    loss : str
        `ntxent` (SimCLR) or `vicreg`.
    temperature : float
        Of NT-Xent.
    projection : int
        Width of the head's output, on which the loss is computed.
    epochs, batch_size : int
        Passes over the galaxies; galaxies in one step.
    learning_rate, weight_decay : float
        Of AdamW; the rate rises over `warmup` epochs and falls as a cosine.
    warmup : int
        Epochs.
    drop_path : float
        See `GalaxyConvNeXt`.
    average : float
        Decay of the running mean of the weights, which is what is kept; 0
        keeps the last weights.
    seed : int
        Of everything random.

    References
    ----------
    Chen et al. (2020), SimCLR; Bardes et al. (2022), VICReg.
    """

    shape: Shape = field(default_factory=Shape)
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: str = "ntxent"
    temperature: float = 0.2
    projection: int = 128
    epochs: int = 100
    batch_size: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: int = 10
    drop_path: float = 0.1
    average: float = 0.0
    seed: int = 0

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Plan:
        """Plan of a nested dictionary, as of `asdict`.

        Parameters
        ----------
        fields : dict
            Names of fields to values; those left out keep their defaults.

        Returns
        -------
        Plan
            Checked.

        Raises
        ------
        UserError
            If there is no field of a name.
        """
        nested = {"shape": Shape, "augmentation": Augmentation}
        checked = {k: _of_fields(nested[k], v) if k in nested else v for k, v in fields.items()}
        plan: Plan = _of_fields(cls, checked)
        return plan


def _of_fields(kind: type[Any], values: dict[str, Any]) -> Any:
    """Make a dataclass of a dictionary; unknown names are refused."""
    known = [f.name for f in dataclasses.fields(kind)]
    for name in values:
        if name not in known:
            raise UserError(f"training plan: no field {name!r}; there are: {', '.join(known)}")
    return kind(**values)


class Learner(nn.Module):
    """The network with the head that is thrown away after training.

    Parameters
    ----------
    plan : Plan
        Of the training.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        import_torchvision()
        from lightly.models.modules.heads import SimCLRProjectionHead

        self.network = GalaxyConvNeXt(plan.shape, plan.drop_path)
        width = plan.shape.dimension
        hidden = max(width, plan.projection)
        self.head = SimCLRProjectionHead(width, hidden, plan.projection)

    def forward(self, batch: Tensor) -> Tensor:
        """Project a batch of views; shape (n, projection)."""
        projected: Tensor = self.head(self.network(batch))
        return projected


def _criterion(plan: Plan) -> nn.Module:
    from lightly.loss.ntx_ent_loss import NTXentLoss
    from lightly.loss.vicreg_loss import VICRegLoss

    known = {"ntxent": lambda: NTXentLoss(temperature=plan.temperature), "vicreg": VICRegLoss}
    if plan.loss not in known:
        raise UserError(f"loss {plan.loss!r} is unknown; there are: {', '.join(known)}")
    found: nn.Module = known[plan.loss]()
    return found


def learning_rate(plan: Plan, epoch: float) -> float:
    """Rate at a moment of the training.

    Parameters
    ----------
    plan : Plan
        Highest rate, warm-up, length.
    epoch : float
        Epochs that have passed, with their fraction.

    Returns
    -------
    float
        Linear rise, then half a cosine down to 0.
    """
    if epoch < plan.warmup:
        return plan.learning_rate * epoch / plan.warmup
    passed = (epoch - plan.warmup) / max(plan.epochs - plan.warmup, 1)
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * min(passed, 1)))


def train_encoder(
    frames: Tensor, plan: Plan, folder: Path, device: str | None = None
) -> tuple[GalaxyConvNeXt, pd.DataFrame]:
    """Train, or go on where a killed training of the same plan stopped.

    Parameters
    ----------
    frames : Tensor of uint8, shape (n, 3, height, width)
        Middles of the composites that may be seen.
    plan : Plan
        How.
    folder : Path
        For the checkpoint.
    device : str, optional
        `cuda` where there is one, if not given.

    Returns
    -------
    network : GalaxyConvNeXt
        On the processor, in evaluation mode.
    log : DataFrame
        One row an epoch: epoch, loss, learning_rate, seconds.

    Raises
    ------
    UserError
        If the checkpoint in the folder is of another plan, or there are fewer
        galaxies than one batch.
    """
    if len(frames) < plan.batch_size:
        raise UserError(
            f"training: {len(frames)} images are fewer than a batch of {plan.batch_size}; "
            "take more images or a smaller --batch-size"
        )
    training = _Training(plan, device or ("cuda" if torch.cuda.is_available() else "cpu"))
    training.resume(folder / CHECKPOINT, len(frames))
    frames = frames.to(training.device)
    interval = 0.1 if sys.stderr.isatty() else 10.0
    bar = tqdm(
        range(len(training.log), plan.epochs), initial=len(training.log), total=plan.epochs,
        desc="training", unit="epoch", mininterval=interval,
    )  # fmt: skip
    for epoch in bar:
        training.run_epoch(frames, epoch)
        bar.set_postfix(loss=f"{training.log[-1]['loss']:.3f}", refresh=False)
        training.keep(folder / CHECKPOINT, len(frames))
    return training.kept.cpu().eval(), pd.DataFrame(training.log)


class _Training:
    """State of a training between two epochs."""

    def __init__(self, plan: Plan, device: str) -> None:
        self.plan, self.device = plan, device
        with torch.random.fork_rng():
            torch.manual_seed(plan.seed)
            self.learner = Learner(plan).to(device)
            self.kept = GalaxyConvNeXt(plan.shape).to(device)
        self.kept.load_state_dict(self.learner.network.state_dict())
        self.optimizer = torch.optim.AdamW(
            _groups(self.learner, plan.weight_decay), lr=plan.learning_rate, betas=(0.9, 0.98)
        )
        self.criterion = _criterion(plan)
        self.log: list[dict[str, float]] = []

    def run_epoch(self, frames: Tensor, epoch: int) -> None:
        """One pass over all galaxies."""
        started, losses = time.perf_counter(), []
        generator = torch.Generator(self.device).manual_seed(self.plan.seed * 1_000_003 + epoch)
        self.learner.train()
        with torch.random.fork_rng(devices=[0] if self.device == "cuda" else []):
            torch.manual_seed(self.plan.seed * 1_000_003 + epoch)
            batches = list(_batches(len(frames), self.plan.batch_size, generator))
            for step, rows in enumerate(batches):
                rate = learning_rate(self.plan, epoch + (step + 1) / len(batches))
                losses.append(self._step(frames[rows], rate, generator))
        self.log.append(
            {
                "epoch": epoch,
                "loss": float(torch.stack(losses).mean()),
                "learning_rate": rate,
                "seconds": round(time.perf_counter() - started, 2),
            }
        )

    def _step(self, frames: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        """One batch: two views of each galaxy, one step."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        both = [views(frames, self.plan.shape, self.plan.augmentation, generator) for _ in range(2)]
        batch = torch.cat(both).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            projected = self.learner(batch)
        loss: Tensor = self.criterion(*projected.float().chunk(2))
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        self.optimizer.step()
        self._average()
        return loss.detach()

    @torch.no_grad()
    def _average(self) -> None:
        states = zip(self.kept.parameters(), self.learner.network.parameters(), strict=True)
        for mine, new in states:
            mine.lerp_(new, 1 - self.plan.average)

    def keep(self, path: Path, galaxies: int) -> None:
        """Write a checkpoint that is whole or not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        content = {
            "plan": asdict(self.plan), "galaxies": galaxies, "log": self.log,
            "learner": self.learner.state_dict(), "kept": self.kept.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        torch.save(content, partial)
        os.replace(partial, path)

    def resume(self, path: Path, galaxies: int) -> None:
        """Take up a checkpoint, if there is one."""
        if not path.exists():
            return
        content = torch.load(path, map_location=self.device, weights_only=True)
        if content["plan"] != asdict(self.plan) or content["galaxies"] != galaxies:
            raise UserError(
                f"{path}: begun with another plan or other galaxies; "
                "give another --out, or remove the file to begin anew"
            )
        self.learner.load_state_dict(content["learner"])
        self.kept.load_state_dict(content["kept"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.log = content["log"]


def _groups(learner: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """No decay for norms, biases and layer scales."""
    decayed = [p for p in learner.parameters() if p.ndim > 1 and p.shape[-1] != 1]
    chosen = {id(p) for p in decayed}
    others = [p for p in learner.parameters() if id(p) not in chosen]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _batches(n: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Random batches of equal size; a rest smaller than a batch waits for the next epoch."""
    order = torch.randperm(n, generator=generator, device=generator.device)
    for start in range(0, n - size + 1, size):
        yield order[start : start + size]


@torch.inference_mode()
def encode(
    network: GalaxyConvNeXt, frames: Tensor, shape: Shape, turns: int = 1, mirrored: bool = False,
    batch_size: int = 64,
) -> Tensor:  # fmt: skip
    """Features of frames, averaged over quarter turns and mirror images.

    Parameters
    ----------
    network : GalaxyConvNeXt
        In evaluation mode.
    frames : Tensor of uint8, shape (n, 3, height, width)
        Middles of composites, on the network's device.
    shape : Shape
        What of a frame is seen, and at which size.
    turns : int
        Quarter turns that are averaged over.
    mirrored : bool
        Whether mirror images are averaged over, too.
    batch_size : int
        Frames in one pass.

    Returns
    -------
    Tensor of float32, shape (n, dimension)
        On the processor.
    """
    hands = (False, True) if mirrored else (False,)
    ways = [(turn, hand) for turn in range(turns) for hand in hands]
    found = []
    for chunk in frames.split(batch_size):
        total = sum(network(plain_views(chunk, shape, *way)) for way in ways)
        found.append((total / len(ways)).float().cpu())
    return torch.cat(found)
