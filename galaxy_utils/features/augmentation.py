"""Random views of a galaxy: rotated, mirrored, shifted, zoomed, blurred, noisier."""

from __future__ import annotations

import math

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from galaxy_utils.features.galaxy_convnext import Shape, normalise

KERNEL_RADIUS = 6
"""Half the side of the largest blurring kernel, in pixels."""


@dataclass(frozen=True, config={"extra": "forbid"})
class Augmentation:
    """How much views may differ; 0 leaves a property as it is."""

    zoom: float = 0.15
    shift: float = 3.0
    blur: float = 1.5
    noise: float = 0.04
    gain: float = 0.2
    colour: float = 0.08
    stretch: float = 0.15


def random_views(
    frames: Tensor, shape: Shape, augmentation: Augmentation, generator: torch.Generator
) -> Tensor:
    """One random view, (n, 3, side, side), of each frame of counts, (n, 3, height, width).

    The generator must be on the frames' device.
    """
    counts = _resample(frames.float() / 255, shape, augmentation, generator)
    counts = _blur(counts, augmentation.blur, generator)
    counts = _stretch(counts, augmentation, generator)
    return normalise(_add_noise(counts, augmentation.noise, generator))


def _resample(
    counts: Tensor, shape: Shape, augmentation: Augmentation, generator: torch.Generator
) -> Tensor:
    """Rotate, mirror, zoom and shift in one resampling."""
    n, device = len(counts), counts.device
    angle = 2 * math.pi * torch.rand(n, generator=generator, device=device)
    parity = torch.randint(0, 2, (n,), generator=generator, device=device) * 2 - 1
    side = counts.shape[-1]
    zoom = torch.exp(augmentation.zoom * torch.randn(n, generator=generator, device=device))
    scale = (shape.field / side) / zoom
    uniform = torch.rand(n, 2, generator=generator, device=device)
    shift = (2 * uniform - 1) * 2 * augmentation.shift / side
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = [
        torch.stack([parity * cosine, -sine, shift[:, 0]], 1),
        torch.stack([parity * sine, cosine, shift[:, 1]], 1),
    ]
    size = [n, 3, shape.side, shape.side]
    grid = nn.functional.affine_grid(torch.stack(rows, 1), size, align_corners=False)
    return nn.functional.grid_sample(counts, grid, align_corners=False)


def _blur(counts: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """Convolve each view with a Gaussian of its own, as the seeing does."""
    n, device = len(counts), counts.device
    sigma = largest * torch.rand(n, 1, generator=generator, device=device) + 1e-3
    offset = torch.arange(-KERNEL_RADIUS, KERNEL_RADIUS + 1, device=device)
    kernel = torch.softmax(-0.5 * (offset / sigma) ** 2, dim=1).repeat_interleave(3, 0)
    kernel = kernel[:, None, None, :]
    bands = counts.reshape(1, n * 3, *counts.shape[2:])
    bands = nn.functional.conv2d(bands, kernel, padding=(0, KERNEL_RADIUS), groups=n * 3)
    bands = nn.functional.conv2d(bands, kernel.mT, padding=(KERNEL_RADIUS, 0), groups=n * 3)
    return bands.reshape(counts.shape)


def _stretch(counts: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Change brightness, colours and the exponent of the display."""
    normal = torch.randn(len(counts), 5, 1, 1, generator=generator, device=counts.device)
    gain = torch.exp(augmentation.gain * normal[:, :1] + augmentation.colour * normal[:, 1:4])
    exponent = torch.exp(augmentation.stretch * normal[:, 4:])
    return (gain * counts.clamp(min=1e-4) ** exponent).clamp(0, 1)


def _add_noise(counts: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """Add sky noise that is smooth over two pixels, as the image itself is."""
    n, bands, height, width = counts.shape
    device = counts.device
    level = largest * torch.rand(n, 1, 1, 1, generator=generator, device=device)
    noise = torch.randn((n, bands, height // 2, width // 2), generator=generator, device=device)
    noise = nn.functional.interpolate(noise, size=(height, width), mode="bilinear")
    return (counts + level * noise).clamp(0, 1)
