"""Alpha at a network's size as the coefficients that refine.py makes the full size of: what RVM's refiner gives, of any network's alpha.

Guided upsampling (He et al., arXiv 1505.00996): near each sample alpha is A · mean(R, G, B) + b, with the least-squares A of its 3x3
window, b = pha - A · mean, so that the samples themselves come out as they went in, and A times the picture's own detail is added between
them. Foreground colour by blur fusion (Forte, arXiv 2006.14970), twice:
    F = F' + pha (src - pha F' - (1 - pha) B'),   F' = blur(pha src) / blur(pha),   B' = blur((1 - pha) src) / blur(1 - pha)
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
# On drawn scenes at 1080p with a camera's noise (0.01), true alpha at 512x288: mean absolute difference of the band that is undecided,
# x 1e3, bilinear 14.7; windows of 3x3 10.4 with 3e-4, 10.0 with 1e-3; of 5x5 12.7 and 11.2; with b the window's mean, as it is published,
# 25: a window is wider than hair.
_SIDE = 3
_EPS = 1e-3
# Radii at 512x288, from the coarse blur to the fine one. The colour's error falls from 20.7 to 6.6 of 1000 where alpha is partial; at half
# the size a blur takes a third of the time, and errs by 0.2 more.
_COARSE, _FINE = 20, 6
_HALF = 2
_LEAST = 1e-5  # a weight below which a mean says nothing


def from_alpha(src_sm: Array, pha_sm: Array, fgr_sm: Array | None = None) -> Array:
    """Coefficients (8, h, w) float32: A for R, G, B (0) and alpha, then b likewise.

    src_sm: (3, h, w) float32 R'G'B' in [0, 1]; pha_sm: (h, w) float32 in [0, 1]; fgr_sm: the network's own foreground colour, like src_sm,
    else it is estimated. Where alpha is 0 or 1 all about a sample, it comes out as exactly that, whatever the picture."""
    src = np.ascontiguousarray(src_sm.transpose(1, 2, 0))
    coef = np.zeros((8, *pha_sm.shape), np.float32)
    coef[3], coef[7] = _guided(cv2.transform(src, np.full((1, 3), 1 / 3, np.float32)), pha_sm)
    if fgr_sm is None:
        cv2.split(foreground(src, pha_sm) - src, list(coef[4:7]))
    else:
        np.subtract(fgr_sm, src_sm, out=coef[4:7])
    return coef


def foreground(src: Array, pha: Array) -> Array:
    """The straight foreground colour (h, w, 3) in [0, 1], where alpha is not 0. src: (h, w, 3); pha: (h, w)."""
    height, width = pha.shape
    size = (max(1, width // _HALF), max(1, height // _HALF))
    small, weight = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (src, pha))
    fgr, bgr = _mean(small, weight, _COARSE), _mean(small, 1 - weight, _COARSE)
    fgr = _fused(small, weight, fgr, bgr)
    fgr, bgr = _mean(fgr, weight, _FINE), _mean(bgr, 1 - weight, _FINE)
    return _fused(src, pha, *(cv2.resize(colour, (width, height), interpolation=cv2.INTER_LINEAR) for colour in (fgr, bgr)))


def _fused(src: Array, pha: Array, fgr: Array, bgr: Array) -> Array:
    """The smooth foreground, corrected by what the picture shows of it."""
    pha = pha[..., None]
    return np.clip(fgr + pha * (src - bgr - pha * (fgr - bgr)), 0, 1)


def _mean(picture: Array, weight: Array, radius: int) -> Array:
    """Of the colours around each sample, weighted. radius: in samples of twice the size."""
    side = (2 * (radius // _HALF) + 1,) * 2
    total = cv2.boxFilter(picture * weight[..., None], -1, side, borderType=cv2.BORDER_REPLICATE)
    return total / (cv2.boxFilter(weight, -1, side, borderType=cv2.BORDER_REPLICATE) + np.float32(_LEAST))[..., None]


def _guided(grey: Array, pha: Array) -> tuple[Array, Array]:
    """(A, b) of alpha, both (h, w)."""
    stack = cv2.merge([grey, pha, grey * pha, grey * grey])
    mean_grey, mean_pha, product, square = cv2.split(cv2.boxFilter(stack, -1, (_SIDE, _SIDE), borderType=cv2.BORDER_REPLICATE))
    slope = (product - mean_grey * mean_pha) / (np.maximum(square - mean_grey * mean_grey, 0) + np.float32(_EPS))
    window = np.ones((_SIDE, _SIDE), np.uint8)
    slope[(cv2.erode(pha, window) >= 1) | (cv2.dilate(pha, window) <= 0)] = 0
    return slope, pha - slope * grey
