"""Views show the same galaxy: what may change changes, and nothing else."""

from __future__ import annotations

import pytest
import torch

from galaxy_utils.features.augmentation import Augmentation, random_views
from galaxy_utils.features.galaxy_convnext import MEAN, STD, Shape

SHAPE = Shape("atto", 48, 48)
NOTHING = Augmentation(zoom=0, shift=0, blur=0, noise=0, gain=0, colour=0, stretch=0)


def _blob(x: float = 0, y: float = 0, width: float = 4, side: int = 80) -> torch.Tensor:
    """A red elongated Gaussian of a frame, (1, 3, side, side)."""
    axis = torch.arange(side) - (side - 1) / 2
    height = torch.exp(
        -0.5 * (((axis[:, None] - y) / width) ** 2 + ((axis - x) / (2 * width)) ** 2)
    )
    bands = torch.stack([height, 0.5 * height, 0.25 * height])
    return (200 * bands).round().to(torch.uint8)[None]


def _counts(seen: torch.Tensor) -> torch.Tensor:
    return seen * STD + MEAN


def _many(how: Augmentation, number: int = 64, **blob: float) -> torch.Tensor:
    frames = _blob(**blob).repeat(number, 1, 1, 1)
    return _counts(random_views(frames, SHAPE, how, torch.Generator().manual_seed(3)))


def _moments(counts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Flux, distance from the middle, and mean square radius, of the first band."""
    axis = torch.arange(48) - 23.5
    band = counts[:, 0].clamp(min=0)
    flux = band.sum((1, 2))
    x, y = ((band * a).sum((1, 2)) / flux for a in (axis, axis[:, None]))
    square = (band * (axis**2 + axis[:, None] ** 2)).sum((1, 2)) / flux
    return flux, torch.hypot(x, y), square


def _plain(frames: torch.Tensor) -> torch.Tensor:
    """The view that nothing was done to: the middle of the frame."""
    return frames[:, :, 16:64, 16:64].float() / 255


def test_without_changes_a_view_is_turned_or_mirrored_alone() -> None:
    flux, distance, square = _moments(_many(NOTHING))
    plain = _moments(_plain(_blob()))
    assert flux == pytest.approx(float(plain[0]), rel=0.02)
    assert distance.max() < 0.1
    assert square == pytest.approx(float(plain[2]), rel=0.03)
    several = _many(NOTHING)
    assert (several[0] - several[1]).abs().max() > 0.1  # turned by different angles


def test_both_hands_occur() -> None:
    two = (_blob().float() + _blob(x=10, y=8, width=2).float()).clamp(max=255).to(torch.uint8)
    lone = (_blob().float() + _blob(x=10, y=-8, width=2).float()).clamp(max=255).to(torch.uint8)
    seen = _counts(
        random_views(two.repeat(200, 1, 1, 1), SHAPE, NOTHING, torch.Generator().manual_seed(0))
    )
    ways = [torch.rot90(_plain(f), k, (2, 3)) for f in (two, lone)
            for k in range(4)]  # fmt: skip
    nearest = torch.stack([((seen - way) ** 2).sum((1, 2, 3)) for way in ways]).argmin(0)
    assert 40 < int((nearest < 4).sum()) < 160


@pytest.mark.parametrize(
    ("how", "moment"),
    [
        (Augmentation(0.2, 0, 0, 0, 0, 0, 0), 2),
        (Augmentation(0, 4, 0, 0, 0, 0, 0), 1),
        (Augmentation(0, 0, 3, 0, 0, 0, 0), 2),
        (Augmentation(0, 0, 0, 0, 0.2, 0, 0), 0),
    ],
)  # fmt: skip
def test_each_change_changes_what_it_says(how: Augmentation, moment: int) -> None:
    still, moved = (_moments(_many(h, width=2))[moment].std() for h in (NOTHING, how))
    assert moved > 3 * still


def test_colours_change_less_than_brightness() -> None:
    seen = _many(Augmentation(0, 0, 0, 0, gain=0.2, colour=0.02, stretch=0))
    bands = seen.sum((2, 3)).log()
    assert (bands[:, 0] - bands[:, 1]).std() < 0.3 * bands[:, 0].std()


def test_noise_is_as_strong_as_asked() -> None:
    seen = _many(Augmentation(0, 0, 0, 0.1, 0, 0, 0))
    corner = seen[:, :, :4, :4].flatten(1).std(1)
    assert 0.005 < float(corner.mean()) < 0.1 and corner.max() > 3 * corner.min()


def test_the_same_generator_gives_the_same_views() -> None:
    assert torch.equal(_many(Augmentation()), _many(Augmentation()))
    assert float(_many(Augmentation()).min()) >= -1e-6 and float(_many(Augmentation()).max()) < 1.01
