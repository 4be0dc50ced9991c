"""Views of a galaxy that are still the same galaxy: turned, moved, zoomed, blurred, noisier."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from galaxy_utils.features.galaxy_convnext import Shape, normalise

KERNEL_RADIUS = 6
"""Half the side of the largest blurring kernel, in pixels."""


@dataclass(frozen=True)
class Augmentation:
    """How much a view may differ; 0 leaves a property as it is.

    Parameters
    ----------
    zoom : float
        Standard deviation of the logarithm of the scale.
    shift : float
        Largest shift along each axis, in pixels of the frame.
    blur : float
        Largest standard deviation of the Gaussian, in pixels of the view.
    noise : float
        Largest standard deviation of the sky noise, counts / 255.
    gain, colour, stretch : float
        Standard deviations of the logarithms of brightness, of each band
        beside it, and of the exponent of the counts.
    """

    zoom: float = 0.15
    shift: float = 3.0
    blur: float = 1.5
    noise: float = 0.04
    gain: float = 0.2
    colour: float = 0.08
    stretch: float = 0.15


def views(frames: Tensor, shape: Shape, how: Augmentation, generator: torch.Generator) -> Tensor:
    """One random view of each frame, any turn and either hand.

    Parameters
    ----------
    frames : Tensor of uint8, shape (n, 3, height, width)
        Middles of composites, on any device.
    shape : Shape
        What of a frame is seen, and at which size.
    how : Augmentation
        How much views differ.
    generator : torch.Generator
        Of the frames' device.

    Returns
    -------
    Tensor of float32, shape (n, 3, side, side)
        What the network takes.
    """
    counts = _blurred(_placed(frames.float() / 255, shape, how, generator), how, generator)
    return normalise(_noisy(_stretched(counts, how, generator), how, generator))


def plain_views(frames: Tensor, shape: Shape, turn: int = 0, mirrored: bool = False) -> Tensor:
    """The view of each frame that nothing was done to, or turned by quarters and mirrored.

    Parameters
    ----------
    frames : Tensor of uint8, shape (n, 3, height, width)
        Middles of composites.
    shape : Shape
        What of a frame is seen, and at which size.
    turn : int
        Quarter turns.
    mirrored : bool
        Left and right exchanged.

    Returns
    -------
    Tensor of float32, shape (n, 3, side, side)
        What the network takes.
    """
    margins = [(side - shape.field) // 2 for side in frames.shape[2:]]
    cut = frames[:, :, margins[0] :, margins[1] :][:, :, : shape.field, : shape.field].float() / 255
    seen = nn.functional.interpolate(
        cut, size=(shape.side, shape.side), mode="bilinear", antialias=True, align_corners=False
    )
    seen = torch.rot90(seen, turn, (2, 3))
    return normalise(seen.flip(3) if mirrored else seen)


def _placed(counts: Tensor, shape: Shape, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Turn, mirror, zoom and shift in one resampling."""
    n, device = len(counts), counts.device
    angle = 2 * math.pi * torch.rand(n, generator=generator, device=device)
    hand = torch.randint(0, 2, (n,), generator=generator, device=device) * 2 - 1
    side = counts.shape[-1]
    zoom = torch.exp(how.zoom * torch.randn(n, generator=generator, device=device))
    scale = (shape.field / side) / zoom
    shift = (2 * torch.rand(n, 2, generator=generator, device=device) - 1) * 2 * how.shift / side
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = [torch.stack([hand * cosine, -sine, shift[:, 0]], 1)]
    rows += [torch.stack([hand * sine, cosine, shift[:, 1]], 1)]
    grid = nn.functional.affine_grid(
        torch.stack(rows, 1), [n, 3, shape.side, shape.side], align_corners=False
    )
    return nn.functional.grid_sample(counts, grid, align_corners=False)


def _blurred(counts: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Seeing: a Gaussian of its own for each view."""
    if not how.blur:
        return counts
    n, device = len(counts), counts.device
    sigma = how.blur * torch.rand(n, 1, generator=generator, device=device) + 1e-3
    offset = torch.arange(-KERNEL_RADIUS, KERNEL_RADIUS + 1, device=device)
    kernel = torch.softmax(-0.5 * (offset / sigma) ** 2, dim=1).repeat_interleave(3, 0)
    flat = counts.reshape(1, n * 3, *counts.shape[2:])
    along = kernel[:, None, None, :]
    padding = (0, KERNEL_RADIUS)
    flat = nn.functional.conv2d(flat, along, padding=padding, groups=n * 3)
    flat = nn.functional.conv2d(flat, along.mT, padding=padding[::-1], groups=n * 3)
    return flat.reshape(counts.shape)


def _stretched(counts: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Brightness, colours and exponent of the display."""
    normal = torch.randn(len(counts), 5, 1, 1, generator=generator, device=counts.device)
    gain = torch.exp(how.gain * normal[:, :1] + how.colour * normal[:, 1:4])
    exponent = torch.exp(how.stretch * normal[:, 4:])
    return (gain * counts.clamp(min=1e-4) ** exponent).clamp(0, 1)


def _noisy(counts: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Sky noise, smooth over a pixel of the frame as the image itself is."""
    if not how.noise:
        return counts
    device = counts.device
    level = how.noise * torch.rand(len(counts), 1, 1, 1, generator=generator, device=device)
    shape = (*counts.shape[:2], counts.shape[2] // 2, counts.shape[3] // 2)
    noise = torch.randn(shape, generator=generator, device=device)
    noise = nn.functional.interpolate(noise, size=counts.shape[2:], mode="bilinear")
    return (counts + level * noise).clamp(0, 1)
