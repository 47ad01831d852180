"""Flicker that motion does not explain: each frame against the one before, brought to where things are now.

    e = mean of |(pha_t - W pha_{t-1}) - (true_t - W true_{t-1})|,   W along the truth's own motion, where something was to be seen before

after the flow-warping error of Lai et al. (ECCV 2018), taken against the truth's as Erofeev et al. (BMVC 2015) take theirs.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_LONGEST = 640  # pixels at which motion is looked for and the error is taken
_STRAYS = 1.0  # pixels by which a way there and back may miss: more is something that was hidden


def warping(pha: Floats, pha_before: Floats, true: Floats, true_before: Floats) -> float:
    """x 1e3. All (H, W) float32 in [0, 1], of two frames in a row; 0 where pha is true in both."""
    pha, pha_before, true, true_before = (_reduced(each) for each in (pha, pha_before, true, true_before))
    back, forth = _motion(true, true_before), _motion(true_before, true)
    y, x = np.mgrid[: true.shape[0], : true.shape[1]].astype(np.float32)
    at_x, at_y = x + back[..., 0], y + back[..., 1]
    home = cv2.remap(forth, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = np.abs(home + back).max(axis=2) <= _STRAYS
    if not seen.any():
        return 0.0
    change = (pha - _moved(pha_before, at_x, at_y)) - (true - _moved(true_before, at_x, at_y))
    return float(np.abs(change[seen]).mean(dtype=np.float64)) * 1e3


def _reduced(pha: Floats) -> Floats:
    height, width = pha.shape
    ratio = min(1.0, _LONGEST / max(height, width))
    if ratio == 1:
        return pha
    return np.asarray(cv2.resize(pha, (round(width * ratio), round(height * ratio)), interpolation=cv2.INTER_AREA))


def _motion(of: Floats, to: Floats) -> Floats:
    """(H, W, 2): by how much each pixel of the one lies elsewhere in the other. Dense inverse search (Kroeger et al., ECCV 2016)."""
    seek = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(seek.calc(_as_bytes(of), _as_bytes(to), None))


def _as_bytes(pha: Floats) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(pha, alpha=255))


def _moved(pha: Floats, at_x: Floats, at_y: Floats) -> Floats:
    return np.asarray(cv2.remap(pha, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
