"""A foreground colour that was estimated in R'G'B', carried into a frame's own planes where alpha is partial and nowhere else.

The difference to the frame's colour is linear, so it goes into the frame's own matrix and is added to the samples as they are: what is
not partial keeps its bits.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.colour import PQ
from livematte.frame import Frame, shrink, to_integers

Array = NDArray[np.float32]
Box = tuple[int, int, int, int]  # left, top, right, bottom


def recoloured(frame: Frame, fgr_rgb: Array, pha: Array) -> Frame:
    """The frame, opaque, with the straight foreground colour where 0 < pha < 1; all other samples are the frame's own, bit for bit.

    fgr_rgb: (H, W, 3) float32 R'G'B' in [0, 1]; pha: (H, W) float32 in [0, 1]; both at the frame's size, ValueError otherwise. A chroma
    sample moves by the mean over the pixels that it covers. PQ frames stay as they are: R'G'B' shows them toned down, and a colour
    estimated there does not fit their own codes."""
    if pha.shape != frame.size[::-1] or fgr_rgb.shape != (*pha.shape, 3):
        raise ValueError(f"got a colour of {fgr_rgb.shape} and alpha of {pha.shape}, wanted {frame.size[::-1]}, the frame's size")
    partly = (pha > 0) & (pha < 1)
    box = box_around(partly, frame)
    if box is None or frame.colour.transfer == PQ:
        return frame.with_planes(frame.planes)
    left, top, right, bottom = box
    fgr = frame.with_planes(tuple(np.array(plane) for plane in frame.planes))
    here = fgr.crop(*box)
    delta = (np.clip(fgr_rgb[top:bottom, left:right], 0, 1) - here.rgb()) * partly[top:bottom, left:right, None]
    _add(here, np.atleast_3d(frame.delta_planes(delta)))
    return fgr


def box_around(where: NDArray[np.bool_], frame: Frame, *, margin: int = 8) -> Box | None:
    """The pixels of a frame that hold all of `where`, (H, W), and `margin` more on each side, on whole chroma samples; None for none."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(where).view(np.uint8))
    if not width:
        return None
    across, down = frame.format.sub
    left, top = max(0, x - margin) // across * across, max(0, y - margin) // down * down
    return left, top, min(frame.size[0], x + width + margin), min(frame.size[1], y + height + margin)


def _add(frame: Frame, channels: Array) -> None:
    """Adds differences (H, W, C) in code values, in the order of to_planes, to a frame's planes, in place."""
    fmt = frame.format
    split = [np.ascontiguousarray(channels[..., i]) for i in range(channels.shape[2])]
    if fmt.family in ("yuv", "semi"):
        split[1:] = [shrink(channel, fmt.sub) for channel in split[1:]]
    if fmt.family == "semi":
        split[1:] = [np.dstack(split[1:])]
    for plane, difference in zip(frame.planes, split, strict=True):
        # p010 and its like are read without their low bits: rounding happens above these, as in to_planes.
        plane[...] = to_integers((plane + difference) * np.float32(1 / (1 << fmt.shift)), fmt.bits) << fmt.shift
