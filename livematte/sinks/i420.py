"""Frames as watchers of a virtual camera take them: I420, BT.601, limited range.

A virtual camera carries no colour tags. Between any two kinds of Y'CbCr lies one linear map, which leaves grey grey: new chroma comes
of chroma alone, and luma changes by what the chroma says. So planes are mapped as they are, each rounded once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte import colour as colours
from livematte.colour import Colour
from livematte.frame import Frame, Plane, Size, pixel_format

_SAME_MATRIX = (5, 6)  # BT.470 BG and BT.601: one matrix, two names
_TAGS = Colour(matrix=colours.BT601, full_range=False)
_FAMILIES = ("yuv", "semi", "gray")


def blank(size: Size) -> Plane:
    """Room for a picture of (width, height), both even: (height * 3 / 2, width) uint8."""
    width, height = size
    return np.empty((height * 3 // 2, width), np.uint8)


def write(frame: Frame, out: Plane) -> None:
    """Puts the frame's colours into `out`, which blank() made for its size; its pha is left aside. HDR is shown as SDR."""
    luma, *chroma = _parts(out)
    if frame.format.family not in _FAMILIES or frame.colour.transfer == colours.PQ:
        _copy(_rendered(frame), luma, chroma)
    elif _is_it(frame):
        _copy(frame.planes, luma, chroma)
    else:
        _map(frame, luma, chroma)


def _parts(out: Plane) -> tuple[Plane, Plane, Plane]:
    """The Y, Cb and Cr planes that lie one after the other in a picture."""
    height, width = out.shape[0] * 2 // 3, out.shape[1]
    flat, luma, chroma = out.reshape(-1), width * height, width * height // 4
    small = (height // 2, width // 2)
    return out[:height], flat[luma : luma + chroma].reshape(small), flat[luma + chroma :].reshape(small)


def _is_it(frame: Frame) -> bool:
    return frame.format.name in ("yuv420p", "nv12") and _keeps_matrix(frame) and not frame.full_range


def _keeps_matrix(frame: Frame) -> bool:
    return frame.format.family == "gray" or frame.colour.matrix_for(frame.size[1]) in _SAME_MATRIX


def _copy(planes: tuple[Plane, ...], luma: Plane, chroma: list[Plane]) -> None:
    luma[...] = planes[0]
    chroma[0][...], chroma[1][...] = (planes[1][..., 0], planes[1][..., 1]) if len(planes) == 2 else planes[1:]


def _rendered(frame: Frame) -> tuple[Plane, ...]:
    """What is not Y'CbCr, and HDR that must be darkened to be shown, by way of R'G'B': some ten times slower."""
    known = pixel_format("yuv420p")
    assert known is not None
    return Frame(frame.planes[:1], known[0], colour=_TAGS).from_rgb(frame.rgb())


def _map(frame: Frame, luma: Plane, chroma: list[Plane]) -> None:
    import cv2

    m, offset = _to_bt601(frame.colour.matrix_for(frame.size[1]), frame.full_range, frame.depth)
    if frame.format.family == "gray":
        chroma[0][...] = chroma[1][...] = 128
    else:
        colour = _chroma(frame, chroma[0].shape)
        # Rounded by add: convertScaleAbs would turn what is below 0 positive.
        mapped = cv2.add(cv2.transform(colour, np.hstack([m[1:, 1:], offset[1:, None]])), 0, dtype=cv2.CV_8U)
        chroma[0][...], chroma[1][...] = mapped[..., 0], mapped[..., 1]
    scale = float(m[0, 0])
    if _keeps_matrix(frame):
        zero = colours.code_range(frame.full_range, frame.depth)[0]
        luma[...] = cv2.convertScaleAbs(frame.planes[0], alpha=scale, beta=16 - scale * zero)
    else:
        change = cv2.transform(colour, np.hstack([m[:1, 1:], offset[:1, None]]))
        change = cv2.resize(change, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
        luma[...] = cv2.addWeighted(frame.planes[0], scale, change, 1, 0, dtype=cv2.CV_8U)


def _chroma(frame: Frame, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Cb and Cr at half the frame's width and height: (h, w, 2) float32, in the frame's code values."""
    import cv2

    both: NDArray[Any] = frame.planes[1] if frame.format.family == "semi" else cv2.merge(frame.planes[1:])
    both = both.astype(np.float32)
    return both if both.shape[:2] == shape else cv2.resize(both, shape[::-1], interpolation=cv2.INTER_AREA)


@lru_cache(maxsize=32)
def _to_bt601(matrix: int, full_range: bool, bits: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(M, offset): limited BT.601 codes of 8 bits = M @ (Y, Cb, Cr in code values) + offset."""
    decode, zero = colours.yuv_to_rgb(matrix, full_range, bits)
    encode, base = colours.rgb_to_yuv(colours.BT601, False, 8)
    m = encode.astype(np.float64) @ decode
    return m, encode.astype(np.float64) @ zero + base
