"""Pictures of a frame and its matte: what `--view` chooses."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from livematte import colour as colours
from livematte.composite import composite, cutout
from livematte.frame import Frame, Matte, Plane, Size, to_integers
from livematte.planes import Array, Background, black, blended, over, solid

View = Literal["composite", "cutout", "alpha", "foreground", "triptych"]


def view(name: View, frame: Frame, matte: Matte, background: Background | None = None, *, premultiplied: bool = False) -> Frame:
    """What the output shows of a frame. Only a cutout holds alpha; all but the triptych have the frame's size.

    composite: the person over `background` (ValueError without one). cutout: the person with alpha, straight or premultiplied. alpha: a
    grey picture of it. foreground: the person over white. triptych: original, foreground and alpha side by side, labelled."""
    if name == "cutout":
        return cutout(matte, premultiplied=premultiplied)
    if name == "alpha":
        return frame.with_planes(_grey(frame, matte.pha))
    if name == "foreground":
        return frame.with_planes(_on_white(matte))
    if name == "triptych":
        return _triptych(frame, matte)
    if background is None:
        raise ValueError("got no background, wanted one for the view 'composite'; try the view 'cutout'")
    return composite(frame, matte, background)


def _grey(frame: Frame, pha: Array) -> tuple[Plane, ...]:
    """Alpha as grey: 0 at black's code, 1 at white's, no chroma."""
    zero, scale, _ = colours.code_range(frame.full_range, frame.format.bits)
    fmt = frame.format
    luma = to_integers(pha * np.float32(scale) + np.float32(zero), fmt.bits) << fmt.shift
    if fmt.family == "gbr":
        return luma, luma, luma
    middle = fmt.dtype(black(frame)[-1])
    return luma, *(np.broadcast_to(middle, plane.shape) for plane in frame.planes[1:])


def _on_white(matte: Matte) -> tuple[Plane, ...]:
    return blended(matte.fgr, solid(matte.fgr, (1, 1, 1)), matte.pha)


def _triptych(frame: Frame, matte: Matte) -> Frame:
    panels = {"original": frame.planes, "foreground": _on_white(matte), "alpha": _grey(frame, matte.pha)}
    labelled = [_labelled(_aligned(planes, frame), text, frame) for text, planes in panels.items()]
    return frame.with_planes(tuple(np.concatenate(row, axis=1) for row in zip(*labelled, strict=True)))


def _aligned(planes: tuple[Plane, ...], frame: Frame) -> tuple[Plane, ...]:
    """Panels begin at whole chroma samples: the luma of an odd width repeats its last column."""
    spare = -frame.size[0] % frame.format.sub[0]
    if not spare:
        return planes
    return cv2.copyMakeBorder(planes[0], 0, 0, 0, spare, cv2.BORDER_REPLICATE), *planes[1:]


def _labelled(planes: tuple[Plane, ...], text: str, frame: Frame) -> tuple[Plane, ...]:
    """White letters with a black rim in the bottom left corner, in luma only: chroma is too coarse for letters."""
    white, rim = _letters(text, (planes[0].shape[1], planes[0].shape[0]))
    zero, scale, _ = colours.code_range(frame.full_range, frame.depth)
    count = 3 if frame.format.family == "gbr" else 1
    return *(_written(p, white, rim, int(zero), int(zero + scale)) for p in planes[:count]), *planes[count:]


def _written(plane: Plane, white: Array, rim: Array, low: int, high: int) -> Plane:
    """A copy of the plane with letters in its last rows."""
    plane = plane.copy()
    part = plane[-white.shape[0] :]
    for pha, code in ((rim, low), (white, high)):
        part[...] = over(np.broadcast_to(plane.dtype.type(code), part.shape), part, pha)
    return plane


@lru_cache(maxsize=12)
def _letters(text: str, size: Size) -> tuple[Array, Array]:
    """(the letters, the letters with their rim) as alpha: the lowest rows of a picture of `size`, full width, float32."""
    width, height = size
    rows = max(1, height // 12)
    scale, thick = rows / 36, max(1, rows // 24)
    drawn = []
    for stroke in (thick, 3 * thick):
        mask = np.zeros((rows, width), np.uint8)
        cv2.putText(mask, text, (rows // 3, rows * 2 // 3), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, stroke, cv2.LINE_AA)
        drawn.append(mask.astype(np.float32) * np.float32(1 / 255))
    return drawn[0], drawn[1]
