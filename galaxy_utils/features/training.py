"""Train the galaxy encoder without labels: two views of a galaxy belong together.

Each epoch draws its randomness from the seed and its own number, so that a killed
training resumes from its checkpoint to the same weights.
"""

from __future__ import annotations

import math
import os
import sys
import time
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from tqdm import tqdm

from galaxy_utils.errors import UserError
from galaxy_utils.features._torchvision import import_torchvision
from galaxy_utils.features.augmentation import Augmentation, random_views
from galaxy_utils.features.galaxy_convnext import GalaxyConvNeXt, Shape


@dataclass(frozen=True, config={"extra": "forbid"})
class TrainingPlan:
    """Everything that decides the weights, but for the images (SimCLR, Chen et al. 2020)."""

    shape: Shape = field(default_factory=Shape)
    augmentation: Augmentation = field(default_factory=Augmentation)
    temperature: float = 0.2
    projection: int = 128
    epochs: int = 100
    batch_size: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: int = 10
    drop_path: float = 0.1
    seed: int = 0


class _Learner(nn.Module):
    """The network with the projection head, which is dropped after training."""

    def __init__(self, plan: TrainingPlan) -> None:
        super().__init__()
        import_torchvision()  # lightly imports it
        from lightly.models.modules.heads import SimCLRProjectionHead

        self.network = GalaxyConvNeXt(plan.shape, plan.drop_path)
        width = plan.shape.dimension
        self.head = SimCLRProjectionHead(width, max(width, plan.projection), plan.projection)

    def forward(self, batch: Tensor) -> Tensor:
        projected: Tensor = self.head(self.network(batch))
        return projected


def learning_rate(plan: TrainingPlan, epoch: float) -> float:
    """Linear rise, then half a cosine down to 0; `epoch` counts with its fraction.

    (lightly's `cosine_warmup_schedule` begins one step later, which would change the weights.)
    """
    if epoch < plan.warmup:
        return plan.learning_rate * epoch / plan.warmup
    share = (epoch - plan.warmup) / max(plan.epochs - plan.warmup, 1)
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1)))


def train_encoder(
    frames: Tensor, plan: TrainingPlan, folder: Path, device: str | None = None
) -> tuple[GalaxyConvNeXt, pd.DataFrame]:
    """Train, or resume a killed training of the same plan from its checkpoint in the folder.

    `frames` are the central parts of the composites, uint8, shape (n, 3, height, width).
    Returns the network, on the processor and in evaluation mode, and the log: one row per
    epoch with epoch, loss, learning_rate, seconds.
    """
    if len(frames) < plan.batch_size:
        raise UserError(
            f"training: {len(frames)} images are fewer than a batch of {plan.batch_size}; "
            "take more images or a smaller batch_size"
        )
    training = _Training(plan, device or ("cuda" if torch.cuda.is_available() else "cpu"))
    training.resume(folder / "checkpoint.pt", len(frames))
    frames = frames.to(training.device)
    done = len(training.log)
    bar = tqdm(
        range(done, plan.epochs), initial=done, total=plan.epochs, desc="training", unit="epoch",
        mininterval=0.1 if sys.stderr.isatty() else 10.0,
    )  # fmt: skip
    for epoch in bar:
        training.run_epoch(frames, epoch)
        bar.set_postfix(loss=f"{training.log[-1]['loss']:.3f}", refresh=False)
        training.save(folder / "checkpoint.pt", len(frames))
    return training.learner.network.cpu().eval(), pd.DataFrame(training.log)


class _Training:
    """State of a training between two epochs."""

    def __init__(self, plan: TrainingPlan, device: str) -> None:
        import_torchvision()  # lightly imports it
        from lightly.loss.ntx_ent_loss import NTXentLoss

        self.plan, self.device = plan, device
        with torch.random.fork_rng():
            torch.manual_seed(plan.seed)
            self.learner = _Learner(plan).to(device)
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(self.learner, plan.weight_decay),
            lr=plan.learning_rate,
            betas=(0.9, 0.98),
        )
        self.loss = NTXentLoss(temperature=plan.temperature)
        self.log: list[dict[str, float]] = []

    def run_epoch(self, frames: Tensor, epoch: int) -> None:
        started, losses = time.perf_counter(), []
        generator = torch.Generator(self.device).manual_seed(self.plan.seed * 1_000_003 + epoch)
        self.learner.train()
        size = self.plan.batch_size
        with torch.random.fork_rng(devices=[0] if self.device == "cuda" else []):
            torch.manual_seed(self.plan.seed * 1_000_003 + epoch)
            order = torch.randperm(len(frames), generator=generator, device=self.device)
            batches = order[: len(order) // size * size].split(size)
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
        """Update the weights by the loss of two views of each galaxy of a batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        shape, augmentation = self.plan.shape, self.plan.augmentation
        views = [random_views(frames, shape, augmentation, generator) for _ in range(2)]
        batch = torch.cat(views).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            projected = self.learner(batch)
        loss: Tensor = self.loss(*projected.float().chunk(2))
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        self.optimizer.step()
        return loss.detach()

    def save(self, path: Path, n_galaxies: int) -> None:
        """Write a checkpoint atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "plan": asdict(self.plan), "galaxies": n_galaxies, "log": self.log,
            "learner": self.learner.state_dict(), "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        partial = path.with_name(path.name + ".partial")
        torch.save(content, partial)
        os.replace(partial, path)

    def resume(self, path: Path, n_galaxies: int) -> None:
        """Load a checkpoint, if there is one."""
        if not path.exists():
            return
        content = torch.load(path, map_location=self.device, weights_only=True)
        if content["plan"] != asdict(self.plan) or content["galaxies"] != n_galaxies:
            raise UserError(
                f"{path}: begun with another plan or other galaxies; "
                "give another --out, or remove the file to begin anew"
            )
        self.learner.load_state_dict(content["learner"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.log = content["log"]


def _parameter_groups(learner: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Norms, biases and layer scales do not decay."""
    decayed = [p for p in learner.parameters() if p.ndim > 1 and p.shape[-1] != 1]
    chosen = {id(p) for p in decayed}
    others = [p for p in learner.parameters() if id(p) not in chosen]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
