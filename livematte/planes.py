"""Arithmetic on planes: the blend that the whole program turns on, flat colours, and colour carried into holes.

over() is exact: it computes in float64, in tiles that stay in a core's cache, and only where alpha is undecided. Tiles cost 0.3 ms
a 1080p plane to look at and spare three quarters of the arithmetic (one pass over all in float32: as long, and inexact near ties).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte import colour as colours
from livematte.frame import Frame, Matte, PixelFormat, Plane, Size, shrink, to_integers

Array = NDArray[np.float32]

_TILE_ROWS, _TILE_COLUMNS = 64, 256
# Between these a foreground colour fades in: below the first an alpha of 8 bits is 0, below the second it is mostly the room's.
_FADE = (1 / 510, 1 / 64)
_SURE_WEIGHT = 1 / 4  # below this a cell of fill() leans on wider ones


class Background(Protocol):
    """What stands behind a person."""

    def planes(self, frame: Frame, matte: Matte) -> tuple[Plane, ...]:
        """What stands behind this frame: planes of its format and size, in its colours. Read-only by agreement."""
        ...


def over(fgr: Plane, bgr: Plane, pha: Array, *, shift: int = 0, fade: tuple[float, float] = (0, 1)) -> Plane:
    """Straight foreground over background.

    fgr, bgr: (h, w) or (h, w, 2) uint8 or uint16, one plane. pha: (h, w) float32 in [0, 1], at the plane's resolution. Gives the
    plane's dtype, rounded to nearest, ties up: equal planes give themselves, pha 1 gives fgr, pha 0 gives bgr, each bit for bit.
    Exact up to 14 bits; at 16 bits the float64 sum may take a value within 2^-37 of a tie for the tie.
    shift: empty bits below each sample (PixelFormat.shift); what is rounded to nearest is the sample without them.
    fade: the alpha up to which bgr stands alone, and that from which on fgr does; between them a straight line."""
    if fgr.ndim == 3:  # two channels side by side are one plane of twice the width
        flat = (fgr.shape[0], 2 * fgr.shape[1])
        both = cv2.merge((pha, pha)).reshape(flat)
        return over(fgr.reshape(flat), bgr.reshape(flat), both, shift=shift, fade=fade).reshape(fgr.shape)
    out = np.empty(fgr.shape, fgr.dtype)
    for tile in _tiles(*fgr.shape):
        low, high, _, _ = cv2.minMaxLoc(pha[tile])
        if high <= fade[0]:
            out[tile] = bgr[tile]
        elif low >= fade[1]:
            out[tile] = fgr[tile]
        else:
            _blend(out[tile], fgr[tile], bgr[tile], _faded(pha[tile], fade), shift)
    return out


def _tiles(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    for y in range(0, height, _TILE_ROWS):
        for x in range(0, width, _TILE_COLUMNS):
            yield slice(y, y + _TILE_ROWS), slice(x, x + _TILE_COLUMNS)


def _faded(pha: Array, fade: tuple[float, float]) -> Array:
    low, high = fade
    if low == 0 and high == 1:
        return pha
    return np.clip((pha - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)


def _blend(out: Plane, fgr: Plane, bgr: Plane, pha: Array, shift: int) -> None:
    values, behind = fgr.astype(np.float64), bgr.astype(np.float64)
    values -= behind
    values *= pha
    values += behind
    if shift:
        values *= 1 / (1 << shift)
    values += 0.5
    if shift:
        np.minimum(values, 65535 >> shift, out=values)
    np.copyto(out, values, casting="unsafe")
    if shift:
        np.left_shift(out, shift, out=out)


def pha_for(pha: Array, fmt: PixelFormat, index: int) -> Array:
    """Alpha (H, W) at the resolution of plane `index`: the mean over the luma samples that each of its samples covers."""
    return pha if index == 0 else shrink(pha, fmt.sub)


def blended(fgr: Frame, bgr: tuple[Plane, ...], pha: Array, *, fade: tuple[float, float] = (0, 1)) -> tuple[Plane, ...]:
    """over() for every plane of a frame. bgr: planes like the frame's. pha: (H, W) float32 in [0, 1] at the frame's size."""
    fmt = fgr.format
    small = pha_for(pha, fmt, 1)
    pairs = enumerate(zip(fgr.planes, bgr, strict=True))
    return tuple(over(f, b, small if i else pha, shift=fmt.shift, fade=fade) for i, (f, b) in pairs)


def solid(frame: Frame, rgb: tuple[float, float, float]) -> tuple[Plane, ...]:
    """One SDR R'G'B' colour in [0, 1] as planes like the frame's, without the memory of a picture."""
    dots = frame.from_rgb(np.array([[rgb]], np.float32))
    return tuple(np.broadcast_to(dot, plane.shape) for dot, plane in zip(dots, frame.planes, strict=True))


def black(frame: Frame) -> tuple[float, ...]:
    """The code of black in each of the frame's channels: Y Cb Cr, G B R or Y."""
    zero = colours.code_range(frame.full_range, frame.depth)[0]
    middle = float(1 << (frame.depth - 1))
    return {"gbr": (zero, zero, zero), "gray": (zero,)}.get(frame.format.family, (zero, middle, middle))


def extended(matte: Matte) -> tuple[Plane, ...]:
    """The foreground's planes with its colour carried on over what lies outside, so that nothing of the room is left there.

    Below alpha 1/64 the colour fades into the carried one: what a network takes for the foreground there is mostly the room. Where alpha
    rounds to 0 in 8 bits, none of it is left. That changes a composite by at most 1/220 of the two colours' difference."""
    fgr = matte.fgr
    picked = matte.pha[::4, ::4]
    weight = np.where(picked > _FADE[0], picked, np.float32(0))
    far = spread(fgr, weight, step=4, cells=-(-fgr.size[1] // 16))
    return blended(fgr, far, matte.pha, fade=_FADE)


def spread(frame: Frame, weight: Array, *, step: int, cells: int) -> tuple[Plane, ...]:
    """The frame's colours, smoothed, as far as they weigh; where nothing weighs, the colours around it. Planes like the frame's.

    weight: float32 of the samples at every step-th row and column; samples are picked, never averaged, before they are weighed, so what
    weighs 0 leaves no trace. cells: rows of the small picture in which all is computed."""
    zeros = black(frame)
    weighed = [(c - np.float32(zero)) * weight for c, zero in zip(_picked(frame, step), zeros, strict=True)]
    height = min(cells, weight.shape[0])
    width = max(1, round(weight.shape[1] * height / weight.shape[0]))
    stack = np.dstack([cv2.resize(c, (width, height), interpolation=cv2.INTER_AREA) for c in (*weighed, weight)])
    return enlarged(fill(stack) + np.array([*zeros, 0], np.float32), frame)


def _picked(frame: Frame, step: int) -> list[Plane]:
    """Every step-th sample in each direction, of each channel; chroma from where the luma lies."""
    across, down = (step // s for s in frame.format.sub)
    first, *rest = (p[::step, ::step] if i == 0 else p[::down, ::across] for i, p in enumerate(frame.planes))
    return [first, *([rest[0][..., 0], rest[0][..., 1]] if frame.format.family == "semi" else rest)]


def grid(frame: Frame, rows: int) -> tuple[int, Size]:
    """(step, size) of a small picture of blocks of step x step samples, which hold whole chroma samples: `rows` of them or some more."""
    least = max(frame.format.sub)
    step = max(least, frame.size[1] // rows // least * least)
    return step, (max(1, frame.size[0] // step), max(1, frame.size[1] // step))


def means(frame: Frame, step: int, size: Size) -> Array:
    """The means over the blocks of a grid, in code values: (h, w, C) float32, in the order that Frame.own_rgb takes."""
    channels = [_means(plane, _steps(frame.format, i, step), size) for i, plane in enumerate(frame.planes)]
    if frame.format.family == "gbr":
        channels = [channels[2], channels[0], channels[1]]
    return np.atleast_3d(cv2.merge(channels)).astype(np.float32)


def _steps(fmt: PixelFormat, index: int, step: int) -> Size:
    """(across, down) of a block in the samples of plane `index`."""
    return (step, step) if index == 0 or fmt.family == "gbr" else (step // fmt.sub[0], step // fmt.sub[1])


def _means(plane: Plane, block: Size, size: Size) -> Plane:
    plane = plane[: size[1] * block[1], : size[0] * block[0]]
    while plane.shape[0] % (2 * size[1]) == plane.shape[1] % (2 * size[0]) == 0:  # halves and thirds take half the time of sixths
        plane = cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return plane if plane.shape[1::-1] == size else cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def fill(stack: Array) -> Array:
    """Divides weighted colours by their weight, and carries colour from wider and wider cells to where there is little (pull-push).

    stack: (h, w, C + 1) float32, the last channel the weight in [0, 1], the others colour times weight. Gives the same shape with
    weight 1, or zeros where nothing weighs anywhere."""
    weight = stack[..., -1:]
    near = np.asarray(stack / np.maximum(weight, np.float32(1e-6)), np.float32)
    height, width = stack.shape[:2]
    if height == width == 1:
        return near
    half = cv2.resize(stack, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    wide = cv2.resize(fill(half), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide + (near - wide) * np.minimum(weight * np.float32(1 / _SURE_WEIGHT), 1), np.float32)


def enlarged(stack: Array, frame: Frame) -> tuple[Plane, ...]:
    """A small picture's channels (h, w, ≥ C) in code values, in the planes' order, stretched to planes like the frame's."""
    fmt = frame.format
    groups = {"semi": [slice(0, 1), slice(1, 3)], "gray": [slice(0, 1)]}.get(fmt.family, [slice(i, i + 1) for i in range(3)])
    # 8 bits are rounded once, at the end: rounded before as well, a dark wall shows the small picture's cells.
    small = np.maximum(stack, 0) if fmt.bits == 8 else to_integers(stack * np.float32(1 / (1 << fmt.shift)), fmt.bits)
    planes = []
    for i, group in enumerate(groups):
        plane = cv2.resize(np.ascontiguousarray(small[..., group]), fmt.plane_size(i, frame.size), interpolation=cv2.INTER_LINEAR)
        planes.append(cv2.convertScaleAbs(plane) if fmt.bits == 8 else plane << fmt.shift if fmt.shift else plane)
    return tuple(planes)
