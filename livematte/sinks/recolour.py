"""Frames in another Y'CbCr matrix or range than their own, for outputs whose tags stay as they began, or that have none.

Between any two kinds of Y'CbCr lies one linear map, which leaves grey grey: new chroma comes of chroma alone, and luma changes by what
the chroma says. So planes are mapped as they are, each rounded once. libswscale's own way between two matrices is off by 3 codes of 255.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livematte import colour as colours
from livematte.colour import Colour
from livematte.frame import Frame, Plane, pixel_format, to_integers


class Codes(NamedTuple):
    """What code values mean. matrix: as in Colour, never unspecified."""

    matrix: int
    full_range: bool


def codes_of(frame: Frame) -> Codes:
    """A frame's own; of R'G'B', those that it gets on its way to Y'CbCr."""
    if frame.format.family == "gbr":
        return Codes(Colour().matrix_for(frame.size[1]), False)
    return Codes(frame.colour.matrix_for(frame.size[1]), frame.full_range)


def recoloured(frame: Frame, codes: Codes) -> Frame:
    """The frame in these codes, tagged so; itself where it is in them."""
    if codes_of(frame) == codes:
        return frame
    tags = replace(frame.colour, matrix=codes.matrix, full_range=codes.full_range)
    if frame.format.family == "gbr":
        known = pixel_format("yuv444p" if frame.format.bits == 8 else f"yuv444p{frame.format.bits}le")
        assert known is not None
        empty = Frame(frame.planes[:1], known[0], colour=tags)
        return replace(frame, planes=empty.from_rgb(frame.rgb()), format=known[0], colour=tags)
    planes = _luma_only(frame, codes) if frame.format.family == "gray" else _mapped(frame, codes)
    return replace(frame, planes=planes, colour=tags)


def _mapped(frame: Frame, codes: Codes) -> tuple[Plane, ...]:
    import cv2

    m, offset = _between(codes_of(frame), codes, frame.depth)
    semi = frame.format.family == "semi"
    chroma = (frame.planes[1] if semi else cv2.merge(frame.planes[1:])).astype(np.float32)
    new = cv2.transform(chroma, np.hstack([m[1:, 1:], offset[1:, None]]))
    change = cv2.transform(chroma, np.hstack([m[:1, 1:], offset[:1, None]]))
    luma = frame.planes[0].astype(np.float32) * m[0, 0] + cv2.resize(change, frame.size, interpolation=cv2.INTER_LINEAR)
    parts = [new] if semi else [new[..., 0], new[..., 1]]
    return _rounded(luma, frame), *(_rounded(part, frame) for part in parts)


def _luma_only(frame: Frame, codes: Codes) -> tuple[Plane, ...]:
    m, offset = _between(codes_of(frame), codes, frame.depth)
    neutral = np.float32(1 << (frame.depth - 1))
    return (_rounded(frame.planes[0].astype(np.float32) * m[0, 0] + (m[0, 1:].sum() * neutral + offset[0]), frame),)


def _rounded(values: NDArray[np.float32], frame: Frame) -> Plane:
    shift = frame.format.shift
    return to_integers(values * np.float32(1 / (1 << shift)), frame.format.bits) << shift


@lru_cache(maxsize=32)
def _between(source: Codes, target: Codes, depth: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(M, offset): codes in `target` = M @ codes in `source` + offset."""
    decode, zero = (part.astype(np.float64) for part in colours.yuv_to_rgb(*source, depth))
    encode, base = (part.astype(np.float64) for part in colours.rgb_to_yuv(*target, depth))
    return (encode @ decode).astype(np.float32), (encode @ zero + base).astype(np.float32)
