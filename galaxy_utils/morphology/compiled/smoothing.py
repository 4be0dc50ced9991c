"""Gaussian smoothing and the z-score of eq. 1, compiled."""

from __future__ import annotations

import numpy as np

from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Shares,
    Singles,
    compiled,
    compiled_sums,
)


@compiled
def gaussian_kernel(sigma: float) -> Floats:
    """Half a Gaussian from the middle on, cut at 4 sigma, with zeros that make up whole fours."""
    reach = int(4.0 * sigma + 0.5)
    half = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    kernel = np.zeros((reach + 3) // 4 * 4 + 1)
    kernel[: half.size] = half / (2.0 * half.sum() - half[0])
    return kernel


@compiled_sums
def smooth_row(smooth: Shares, values: Shares, here: int, step: int, kernel: Shares) -> None:
    """Fill in a row from its neighbours on both sides, a step apart, four pairs at once."""
    columns = smooth.size
    for k in range(columns):
        smooth[k] = kernel[0] * values[here + k]
    for tap in range(1, kernel.size, 4):
        low, high = here - tap * step, here + tap * step
        a, e = values[low:], values[high:]
        b, f = values[low - step :], values[high + step :]
        c, g = values[low - 2 * step :], values[high + 2 * step :]
        d, h = values[low - 3 * step :], values[high + 3 * step :]
        w, x, y, z = kernel[tap], kernel[tap + 1], kernel[tap + 2], kernel[tap + 3]
        for k in range(columns):
            smooth[k] += (
                w * (a[k] + e[k]) + x * (b[k] + f[k]) + y * (c[k] + g[k]) + z * (d[k] + h[k])
            )


@compiled
def smooth_bands(padded: Floats, kernel: Floats) -> Floats:
    """Smooth each band of a picture that goes on beyond its edges as far as the kernel reaches."""
    reach, bands = kernel.size - 1, padded.shape[2]
    rows, columns = padded.shape[0] - 2 * reach, padded.shape[1] - 2 * reach
    values, width = padded.ravel(), padded.shape[1] * bands
    down, smooth = np.empty(width), np.empty((rows, columns * bands))
    for row in range(rows):
        smooth_row(down, values, (reach + row) * width, width, kernel)
        smooth_row(smooth[row], down, reach * bands, bands, kernel)
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
