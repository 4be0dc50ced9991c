"""Eq. 1 over all bands of a picture, compiled."""

from __future__ import annotations

import numpy as np

from galaxy_utils.compilation import Floats, Singles, compiled, compiled_sums
from galaxy_utils.gini_m20 import gaussian_kernel


@compiled
def _mirrored(index: int, size: int) -> int:
    """Place of a pixel beyond the edge: the image goes on as its mirror, edge pixels twice."""
    index %= 2 * size
    return min(index, 2 * size - 1 - index)


@compiled_sums
def _add_pair(total: Floats, before: Floats, after: Floats, weight: float) -> None:
    for k in range(total.size):
        total[k] += weight * (before[k] + after[k])


@compiled
def smooth_bands(image: Floats, sigma: float) -> Floats:
    """Smooth each band, rows first; a row holds its pixels' bands side by side."""
    rows, columns, bands = image.shape
    kernel = gaussian_kernel(sigma)
    reach, width = kernel.size - 1, columns * bands
    lines, smooth = image.reshape(rows, width), np.empty((rows, width))
    padded = np.empty((columns + 2 * reach) * bands)
    for row in range(rows):
        down = padded[reach * bands : reach * bands + width]
        down[:] = kernel[0] * lines[row]
        for tap in range(1, reach + 1):
            before, after = _mirrored(row - tap, rows), _mirrored(row + tap, rows)
            _add_pair(down, lines[before], lines[after], kernel[tap])
        for column in range(1, reach + 1):
            for at in (-column, columns - 1 + column):
                source = _mirrored(at, columns)
                for band in range(bands):
                    padded[(reach + at) * bands + band] = down[source * bands + band]
        along = smooth[row]
        along[:] = kernel[0] * down
        for tap in range(1, reach + 1):
            low, high = (reach - tap) * bands, (reach + tap) * bands
            _add_pair(along, padded[low : low + width], padded[high : high + width], kernel[tap])
    return smooth.reshape(rows, columns, bands)


@compiled_sums
def z_scores(values: Floats) -> tuple[Singles, float]:
    """Values less their mean, over their standard deviation; and that deviation."""
    flat, squares = values.ravel(), 0.0
    middle = flat.sum() / flat.size
    for value in flat:
        squares += (value - middle) ** 2
    spread = np.sqrt(squares / flat.size)
    scores = np.empty(flat.size, np.float32)
    for k in range(flat.size):
        scores[k] = (flat[k] - middle) / spread
    return scores.reshape(values.shape), spread
