"""How far an alpha clip is from the truth: the measures of arXiv 2108.11515, section 5, at its scales, and of the outline.

Functions of pha and true take both as (T, H, W) floats in [0, 1] of one clip, and give a float of 0 for equal clips, larger for worse
ones. ValueError for another shape. Published scripts stretch each picture of alpha to its own minimum and maximum before Grad; that
would hide an alpha that never reaches 1, and is not done here. Where both reach 0 and 1, nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, hypot, log, pi, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SIGMA = 1.4
_LEAST = 0.01  # of a Gaussian derivative: where it falls below, the filter ends
_LEVELS = np.arange(1, 11, dtype=np.float32) / np.float32(10)  # of alpha, at which connectivity is looked at
_LOOSE = 0.15  # alpha above the level up to which a pixel is connected: less does not count
_NEAR = 0.008  # of a picture's diagonal: outlines that are no further apart are the same


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


def conn(pha: Floats, true: Floats) -> float:
    """Differences in how firmly pixels hang together with the largest body that both agree on (Rhemann et al., CVPR 2009), summed over a
    picture, x 1e-3; mean over the pictures. Alpha is looked at in steps of 0.1. A sum, as grad is."""
    _check(pha, true)
    sums = []
    for p, t in zip(pha, true, strict=True):
        level = _connected_to(p, t)
        sums.append(float(np.abs(_looseness(p, level) - _looseness(t, level)).sum(dtype=np.float64)))
    return sum(sums) / len(sums) * 1e-3


def outline(pha: Floats, true: Floats) -> float:
    """100 x (1 - F) of the outlines at alpha 0.5 (Perazzi et al., CVPR 2016): F is the harmonic mean of the shares of either's that lie
    within 0.8 % of the picture's diagonal of the other's; mean over the pictures. Two pictures without any outline agree."""
    _check(pha, true)
    scores = [_agreement(_outline_of(p), _outline_of(t)) for p, t in zip(pha, true, strict=True)]
    return 100 * (1 - sum(scores) / len(scores))


def fgr_mad(fgr: Floats, true_fgr: Floats, true: Floats) -> float:
    """Mean absolute difference of the foreground's colour where the true alpha is above 0, x 1e3. fgr, true_fgr: (T, H, W, 3) in [0, 1]."""
    return _of_colour(np.abs, fgr, true_fgr, true)


def fgr_mse(fgr: Floats, true_fgr: Floats, true: Floats) -> float:
    """As fgr_mad, of the squared difference."""
    return _of_colour(np.square, fgr, true_fgr, true)


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


def _connected_to(pha: Floats, true: Floats) -> Floats:
    """The highest level at which each pixel still belongs to the largest body of both, 0 to 1."""
    level = np.full(pha.shape, -1, np.float32)
    before = np.float32(0)
    both = np.minimum(pha, true)
    for step in _LEVELS:
        left = (level < 0) & ~_largest_body(both >= step - np.float32(1e-6))
        level[left] = before
        before = step
    level[level < 0] = 1
    return level


def _largest_body(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    if count == 1:
        return np.zeros(mask.shape, bool)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _looseness(pha: Floats, level: Floats) -> Floats:
    above = pha - level
    return np.where(above >= np.float32(_LOOSE), above, np.float32(0))


def _outline_of(pha: Floats) -> NDArray[np.bool_]:
    """The pixels of a body that border on what is none; the picture's edge is no outline."""
    body = (pha >= np.float32(0.5)).astype(np.uint8)
    return body.astype(bool) & (cv2.erode(body, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE) == 0)


def _agreement(pha: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    if not pha.any() or not true.any():
        return float(pha.any() == true.any())
    reach = _NEAR * hypot(*pha.shape)
    precision, recall = _share_near(pha, true, reach), _share_near(true, pha, reach)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _share_near(points: NDArray[np.bool_], others: NDArray[np.bool_], reach: float) -> float:
    distance = cv2.distanceTransform((~others).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float((distance[points] <= reach).mean())


def _of_colour(measure: Callable[[Floats], Floats], fgr: Floats, true_fgr: Floats, true: Floats) -> float:
    if fgr.ndim != 4 or fgr.shape[3] != 3 or fgr.shape != true_fgr.shape or fgr.shape[:3] != true.shape:
        raise ValueError(f"got colours {fgr.shape} and {true_fgr.shape} with alpha {true.shape}, wanted (T, H, W, 3) twice and (T, H, W)")
    there = true > 0
    return float(measure(fgr[there] - true_fgr[there]).mean(dtype=np.float64)) * 1e3 if there.any() else 0.0


def _check(pha: Floats, true: Floats) -> None:
    if pha.ndim != 3 or not pha.size or pha.shape != true.shape:
        raise ValueError(f"got alpha of shape {pha.shape} and truth of shape {true.shape}, wanted one shape (T, H, W)")
