"""How far an alpha clip is from the truth: the four measures of arXiv 2108.11515, section 5, at its scales.

Every function takes pha and true, both (T, H, W) floats in [0, 1] of one clip, and gives a float of 0 for equal clips, larger for worse
ones. ValueError for another shape. Published scripts stretch each picture of alpha to its own minimum and maximum before Grad; that
would hide an alpha that never reaches 1, and is not done here. Where both reach 0 and 1, nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SIGMA = 1.4
_LEAST = 0.01  # of a Gaussian derivative: where it falls below, the filter ends


def mad(pha: Floats, true: Floats) -> float:
    """Mean absolute difference, x 1e3: 0 to 1,000."""
    _check(pha, true)
    return float(np.abs(pha - true).mean(dtype=np.float64)) * 1e3


def mse(pha: Floats, true: Floats) -> float:
    """Mean squared difference, x 1e3: 0 to 1,000."""
    _check(pha, true)
    return float(np.square(pha - true).mean(dtype=np.float64)) * 1e3


def grad(pha: Floats, true: Floats) -> float:
    """Squared differences of the gradients' magnitudes (Rhemann et al., CVPR 2009), summed over a picture, x 1e-3; mean over the pictures.

    Gradients are by Gaussian derivatives of sigma 1.4 pixels, each filter of length 1. A sum grows with the picture's size: compare only
    what is of one size."""
    _check(pha, true)
    sums = [float(np.square(magnitude(p) - magnitude(t)).sum(dtype=np.float64)) for p, t in zip(pha, true, strict=True)]
    return sum(sums) / len(sums) * 1e-3


def dtssd(pha: Floats, true: Floats) -> float:
    """Root of the mean squared difference between the changes from one picture to the next (Erofeev et al., BMVC 2015), mean over the
    pairs, x 1e2: flicker, and motion that is missed. A clip of one picture has none, and gives 0."""
    _check(pha, true)
    if len(pha) == 1:
        return 0.0
    pairs = zip(pha[:-1], pha[1:], true[:-1], true[1:], strict=True)
    roots = [sqrt(float(np.square((p - before) - (t - then)).mean(dtype=np.float64))) for before, p, then, t in pairs]
    return sum(roots) / len(roots) * 1e2


Measure = Callable[[Floats, Floats], float]
MEASURES: dict[str, Measure] = {"MAD": mad, "MSE": mse, "Grad": grad, "dtSSD": dtssd}


def magnitude(picture: Floats) -> Floats:
    """Of the gradient at each pixel of (H, W) float32; edges are repeated outwards."""
    smooth, slope = _filters()
    across = _filtered(_filtered(picture, slope, 1), smooth, 0)
    down = _filtered(_filtered(picture, smooth, 1), slope, 0)
    return np.sqrt(np.square(across) + np.square(down))


def _filtered(picture: Floats, taps: Floats, axis: int) -> Floats:
    """Along one axis. By sums of shifted pictures: OpenCV's filters differ in the last bit with where a picture lies in memory."""
    half = len(taps) // 2
    wide = np.pad(picture, [(half, half) if i == axis else (0, 0) for i in range(2)], mode="edge")
    length = picture.shape[axis]
    out = np.zeros_like(picture)
    for start, tap in enumerate(taps):
        out += tap * (wide[start : start + length] if axis == 0 else wide[:, start : start + length])
    return out


def _filters() -> tuple[Floats, Floats]:
    """(a Gaussian, its derivative), each of Euclidean length 1."""
    half = ceil(_SIGMA * sqrt(-2 * log(sqrt(2 * pi) * _SIGMA * _LEAST)))
    x = np.arange(-half, half + 1, dtype=np.float64)
    smooth = np.exp(-np.square(x) / (2 * _SIGMA**2))
    slope = x * smooth
    return (smooth / np.linalg.norm(smooth)).astype(np.float32), (slope / np.linalg.norm(slope)).astype(np.float32)


def _check(pha: Floats, true: Floats) -> None:
    if pha.ndim != 3 or not pha.size or pha.shape != true.shape:
        raise ValueError(f"got alpha of shape {pha.shape} and truth of shape {true.shape}, wanted one shape (T, H, W)")
