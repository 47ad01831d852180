"""A matte seen small: on the luma of the whole frame (motion.py), at most 256 on the longest side, whatever part its network saw.

What is kept over time on that grid needs no bringing over when the part or its zoom changes, only along the motion.
"""

from __future__ import annotations

import cv2
import numpy as np

from livematte.matting.draft import Small
from livematte.motion import Moment, places
from livematte.planes import Array


def seen(small: Small, moment: Moment) -> Array:
    """A small alpha on the luma's grid, (h, w) float32; 0 outside of its box. Its place is right to half a pixel of that."""
    height, width = moment.luma.shape
    across, down = width / moment.size[0], height / moment.size[1]
    left, right = (min(max(0, round(edge * across)), width) for edge in small.box[::2])
    top, bottom = (min(max(0, round(edge * down)), height) for edge in small.box[1::2])
    out = np.zeros((height, width), np.float32)
    if left < right and top < bottom:
        out[top:bottom, left:right] = cv2.resize(small.pha, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    return out


def along(picture: Array, moment: Moment) -> Array:
    """What a picture of the last frame is in this one, (h, w) or (h, w, C) of the luma's size; 0 where it comes from outside. Of a scene's
    first frame: zeros."""
    if moment.flow is None:
        return np.zeros_like(picture)
    at = moment.flow + places(*moment.luma.shape)
    return np.asarray(cv2.remap(picture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0))
