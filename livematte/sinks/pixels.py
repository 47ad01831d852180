"""Frames as encoders want them: in another pixel format, with even sides, with square samples, as interleaved RGBA."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame, Plane, Size, pixel_format, to_integers
from livematte.pyav import from_av, to_av

if TYPE_CHECKING:
    import av

# Interleaved formats, by the planar ones from which they are made without loss.
_INTERLEAVED = {"bgra": "gbrap", "argb": "gbrap", "bgr0": "gbrp", "rgb24": "gbrp"}
_ROWS = 64  # of alpha that are worked on at once: the floats of a whole photo are hundreds of megabytes


def picture(frame: Frame, name: str, *, full_range: bool = True) -> av.VideoFrame:
    """The frame as a new PyAV frame in libav format `name`. full_range: False makes full range limited, for codecs that cannot say it."""
    if frame.field_order:
        frame = _converted_by_field(frame, name, limited=not full_range)
    made = to_av(frame, _INTERLEAVED.get(name, name), limited=not full_range)
    return made.reformat(format=name) if name in _INTERLEAVED else made


def _converted_by_field(frame: Frame, name: str, *, limited: bool) -> Frame:
    """An interlaced frame in format `name` where that has more rows of chroma: each of its fields has chroma of its own."""
    known = pixel_format(name)
    if known is None or known[0].family != "yuv" or known[0].sub[1] == frame.format.sub[1] or frame.size[1] % 4:
        return frame
    halves = [replace(frame, planes=tuple(np.ascontiguousarray(p[i::2]) for p in frame.planes), pha=None) for i in (0, 1)]
    fields = [from_av(to_av(half, known[0].name, limited=limited)) for half in halves]
    woven = tuple(np.stack(both, axis=1).reshape(-1, both[0].shape[1]) for both in zip(*(f.planes for f in fields), strict=True))
    return replace(frame, planes=woven, format=known[0], colour=fields[0].colour)


def even(frame: Frame) -> Frame:
    """The frame with its last column and row doubled where its width or height is odd: 4:2:0 streams hold no odd sides."""
    import cv2

    width, height = frame.size
    size = (width + width % 2, height + height % 2)
    if size == frame.size:
        return frame
    planes: list[Plane] = []
    for i, plane in enumerate(frame.planes):
        wide, high = frame.format.plane_size(i, size)
        planes.append(cv2.copyMakeBorder(plane, 0, high - plane.shape[0], 0, wide - plane.shape[1], cv2.BORDER_REPLICATE))
    pha = frame.pha
    if pha is not None:
        pha = cv2.copyMakeBorder(pha, 0, size[1] - height, 0, size[0] - width, cv2.BORDER_REPLICATE)
    return frame.with_planes(tuple(planes), pha=pha)


def square(frame: Frame) -> Frame:
    """The frame with square samples, enlarged along the side that keeps every sample, for files that hold no sample aspect."""
    import cv2

    if frame.sample_aspect == 1:
        return frame
    size = square_size(frame.size, frame.sample_aspect)
    planes = [cv2.resize(p, frame.format.plane_size(i, size), interpolation=cv2.INTER_LINEAR) for i, p in enumerate(frame.planes)]
    pha = None if frame.pha is None else cv2.resize(frame.pha, size, interpolation=cv2.INTER_LINEAR)
    return replace(frame, planes=tuple(planes), pha=pha, sample_aspect=Fraction(1))


def square_size(size: Size, aspect: Fraction) -> Size:
    width, height = size
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def rgba(frame: Frame, *, bits: int | None = None) -> NDArray[Any]:
    """Straight R'G'B'A (H, W, 4), or R'G'B' (H, W, 3) where the frame is opaque: uint8, or uint16 above 8 bits; of the frame's profile.

    bits: 8 or 16; None = as the frame has more than 8 bits or not. HDR is shown as SDR."""
    import cv2

    bits = bits or (8 if frame.format.bits == 8 else 16)
    channels = _as_they_are(frame, bits) or cv2.split(_codes(frame.rgb_pieces(), (*frame.size[::-1], 3), bits))
    if frame.pha is not None:
        channels = [*channels, _codes(_pieces(frame.pha), frame.pha.shape, bits)]
    return cv2.merge(channels)


def _as_they_are(frame: Frame, bits: int) -> list[Plane]:
    """R, G and B where those are the frame's planes, else none."""
    if frame.format.bits != bits or not frame.full_range or frame.colour.hdr or frame.format.family not in ("gbr", "gray"):
        return []
    planes = frame.planes
    return [planes[2], planes[0], planes[1]] if len(planes) == 3 else [planes[0]] * 3


def _pieces(pha: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    return ((top, pha[top : top + _ROWS]) for top in range(0, len(pha), _ROWS))


def _codes(pieces: Iterable[tuple[int, NDArray[np.float32]]], shape: tuple[int, ...], bits: int) -> Plane:
    """An array of that shape from pieces of it, (first row, values in [0, 1]), in so many bits."""
    made = np.empty(shape, np.uint8 if bits == 8 else np.uint16)
    for top, piece in pieces:
        made[top : top + len(piece)] = to_integers(piece * np.float32((1 << bits) - 1), bits)
    return made
