"""Alpha over space: the matte made smaller or larger, its edge made softer. All lengths are in pixels of the frame."""

from __future__ import annotations

from math import ceil, floor

import cv2
import numpy as np

from livematte.frame import Matte
from livematte.planes import Array, extended


def shape(matte: Matte, *, choke: float = 0, feather: float = 0) -> Matte:
    """The matte with its edge moved inwards by `choke` pixels (outwards where negative) and softened over about `feather` pixels.

    Fractions of a pixel count. Where the picture ends the person is taken to go on. 0 and 0 give the same matte; where alpha is the same
    all around, it stays as it is, exactly. Where the edge moves out, fgr is the person's colour carried outwards, so no rim of the room
    comes with it: there, fgr is no longer the source's."""
    if not choke and not feather:
        return matte
    box = _box(matte.pha, ceil(abs(choke)) + _radius(feather))
    if box is None:
        return matte
    part = matte.pha[box]
    if choke:
        part = _moved(part, choke)
    if feather:
        part = _softened(part, feather)
    pha = matte.pha.copy()
    pha[box] = part
    fgr = matte.fgr
    if feather or choke < 0:
        fgr = fgr.with_planes(extended(matte), pha=fgr.pha)
    return Matte(pha, fgr)


def _radius(feather: float) -> int:
    return ceil(1.5 * feather)  # three sigma


def _box(pha: Array, reach: int) -> tuple[slice, slice] | None:
    """(rows, columns) outside of which alpha is 0 and stays 0; None where it is 0 all over."""
    x, y, width, height = cv2.boundingRect((pha > 0).view(np.uint8))
    if not width:
        return None
    reach += 1
    return slice(max(0, y - reach), y + height + reach), slice(max(0, x - reach), x + width + reach)


def _moved(pha: Array, choke: float) -> Array:
    """Erosion (dilation where choke < 0) by a disc; between whole radii a mean of the two around."""
    amount = abs(choke)
    low, rest = floor(amount), amount - floor(amount)
    near = _by_disc(pha, low, choke > 0)
    if not rest:
        return near
    far = _by_disc(pha, low + 1, choke > 0)
    return np.asarray(near + np.float32(rest) * (far - near), np.float32)


def _by_disc(pha: Array, radius: int, inwards: bool) -> Array:
    if not radius:
        return pha
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return (cv2.erode if inwards else cv2.dilate)(pha, disc)


def _softened(pha: Array, feather: float) -> Array:
    size = 2 * _radius(feather) + 1
    soft = cv2.GaussianBlur(pha, (size, size), feather / 2, borderType=cv2.BORDER_REPLICATE)
    soft[soft > 1 - 1e-5] = 1  # a float sum over a plateau misses 1 by some 1e-7, and the person would not be bit-identical
    return soft
