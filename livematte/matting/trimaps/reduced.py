"""A matte that was found at a smaller size, brought to the picture's own along the picture's edges.

Within a window of the small picture alpha is taken for linear in the colour, pha = gain · rgb + offset, as in closed-form matting; gain
and offset are enlarged, and applied to the colours of the large picture (fast guided filter, arXiv 1505.00996, with colour).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.matting.trimaps.solvers import BACKGROUND, FOREGROUND, UNKNOWN, Array, Trimap

_EPSILON = 1e-4  # of the range squared: less follows a camera's noise


def enlarged(pha_sm: Array, rgb_sm: Array, rgb: Array) -> Array:
    """Alpha (h, w) of rgb_sm (h, w, 3) as alpha of the same picture rgb (H, W, 3), all float32 in [0, 1]."""
    size = (rgb.shape[1], rgb.shape[0])
    model = _mean(_linear(pha_sm, rgb_sm))
    gain, offset = np.split(cv2.resize(model, size, interpolation=cv2.INTER_LINEAR), [3], axis=2)
    return np.clip(np.einsum("hwc,hwc->hw", gain, rgb) + offset[..., 0], 0, 1)


def _linear(pha: Array, rgb: Array) -> Array:
    """(h, w, 4): gain and offset of the best fit in the window about each pixel."""
    mean_rgb, mean_pha = _mean(rgb), _mean(pha)
    with_pha = _mean(rgb * pha[..., None]) - mean_rgb * mean_pha[..., None]
    pairs = [_mean(rgb[..., i] * rgb[..., j]) - mean_rgb[..., i] * mean_rgb[..., j] for i in range(3) for j in range(3)]
    covariance = np.stack(pairs, axis=2).reshape(*pha.shape, 3, 3) + np.float32(_EPSILON) * np.eye(3, dtype=np.float32)
    gain = np.linalg.solve(covariance, with_pha[..., None])[..., 0]
    offset = mean_pha - np.einsum("hwc,hwc->hw", gain, mean_rgb)
    return np.dstack([gain, offset])


def _mean(values: Array) -> Array:
    return np.asarray(cv2.blur(values, (3, 3), borderType=cv2.BORDER_REFLECT))


def smaller(picture: Array, size: tuple[int, int]) -> Array:
    """Means over what each pixel covers. size: (width, height)."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def smaller_trimap(trimap: Trimap, size: tuple[int, int], *, share: float = 1.0) -> Trimap:
    """Known where at least that share of what a pixel covers is of one kind, the larger of both. A kind that is too thin for that counts
    wherever it is touched."""
    fgr, bgr = (_share(trimap == kind, size, share) for kind in (FOREGROUND, BACKGROUND))
    out = np.full(fgr.shape, UNKNOWN, np.uint8)
    out[(bgr > 0) & (bgr >= fgr)] = BACKGROUND
    out[(fgr > 0) & (fgr > bgr)] = FOREGROUND
    return out


def _share(kind: NDArray[np.bool_], size: tuple[int, int], least: float) -> Array:
    """Of each small pixel that is of a kind; 0 where it is less than that, unless it is so everywhere."""
    covered = smaller(kind.astype(np.float32), size)
    enough = np.where(covered > least - 1e-3, covered, np.float32(0))
    return enough if enough.any() else covered
