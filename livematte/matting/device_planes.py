"""The arithmetic of refine.py and planes.over on tensors: the same formulas, at every pixel, in strips.

Memory on the device, in bytes a pixel of 4:2:0 at 8 bits: 1.5 for the frame's planes, in which the foreground is written in place, 2 for
its chroma as floats, 4 for alpha; then 1.5 for a background and 1.5 for the composite. All else lives as long as a strip, at most 90
bytes for each of its pixels. So 4K takes 280 MB: 90 for the frame and 190 for a strip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from livematte import colour as colours
from livematte.colour import PQ
from livematte.engines.transfers import upload
from livematte.frame import Frame, PixelFormat, Size

STRIP_PIXELS = 1 << 21  # a 1080p frame is one strip: at that size a kernel takes longer than its start
_SHADES = 4096  # steps of the table by which PQ is toned down; between them a straight line, off by 1e-6 at most


class Taps(NamedTuple):
    """Along one axis, from which two samples each pixel is interpolated, and the second's weight."""

    low: Tensor
    high: Tensor
    weight: Tensor

    def part(self, pixels: slice) -> Taps:
        return Taps(self.low[pixels], self.high[pixels], self.weight[pixels])


def taps(pixels: int, count: int, scale: float, device: torch.device) -> Taps:
    """As bilinear resizing places samples (align_corners False) on an axis: `count` samples, each over `scale` pixels."""
    places = np.clip((np.arange(pixels) + 0.5) / scale - 0.5, 0, count - 1)
    low = np.floor(places).astype(np.float32)
    weight = upload((places - low).astype(np.float32), device)
    first = upload(low, device).to(torch.int64)
    return Taps(first, (first + 1).clamp_(max=count - 1), weight)


def stretched(channels: Tensor, rows: Taps, columns: Taps) -> Tensor:
    """Channels (C, h, w) at the taps' places. Equal samples give themselves, exactly."""
    tall = channels.index_select(1, rows.low).lerp_(channels.index_select(1, rows.high), rows.weight[:, None])
    return tall.index_select(2, columns.low).lerp_(tall.index_select(2, columns.high), columns.weight)


def covered(channels: Tensor, sub: Size) -> Tensor:
    """frame.shrink for (C, h, w): the mean of each (sub[1], sub[0]) block, the last row and column repeated where the size is odd."""
    if sub == (1, 1):
        return channels
    height, width = channels.shape[-2:]
    below, right = -height % sub[1], -width % sub[0]
    if below or right:
        channels = F.pad(channels, (0, right, 0, below), mode="replicate")
    channels = reduce(torch.add, [channels[..., i :: sub[0]] for i in range(sub[0])])
    channels = reduce(torch.add, [channels[..., i :: sub[1], :] for i in range(sub[1])])
    return channels * (1 / (sub[0] * sub[1]))


def mixed(matrix: Tensor, channels: Sequence[Tensor]) -> Tensor:
    """matrix (K, C, 1, 1) times C channels (h, w): (K, h, w)."""
    out = matrix[:, 0] * channels[0]
    for i, channel in enumerate(channels[1:], 1):
        out.addcmul_(matrix[:, i], channel)
    return out


def values(samples: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """A plane's code values as floats; int16 holds the bits of a uint16."""
    return (samples.to(torch.int32).bitwise_and_(0xFFFF) if samples.dtype == torch.int16 else samples).to(dtype)


def add_to(samples: Tensor, difference: Tensor, fmt: PixelFormat) -> None:
    """Adds to a plane's samples in place, rounded to nearest and clamped; where the difference is 0 they stay as they are."""
    # p010 and its like are read without their low bits: rounding happens above these, as in to_planes.
    moved = (values(samples) + difference).mul_(1 / (1 << fmt.shift)).add_(0.5).floor_().clamp_(0, (1 << fmt.bits) - 1)
    moved = moved.mul_(1 << fmt.shift).to(torch.int32).to(samples.dtype)
    samples.copy_(torch.where(difference == 0, samples, moved))


def over(fgr: Tensor, bgr: Tensor, pha: Tensor, *, shift: int) -> Tensor:
    """planes.over, in its float64 and rounding as it does. fgr, bgr: one plane, (h, w) or (h, w, 2). pha: (h, w), at its resolution."""
    out = torch.empty_like(fgr, memory_format=torch.contiguous_format)
    for rows in strips(fgr.shape[0], fgr[0].numel(), 1):
        behind = values(bgr[rows], torch.float64)
        mix = values(fgr[rows], torch.float64).sub_(behind).mul_(pha[rows] if fgr.ndim == 2 else pha[rows, :, None]).add_(behind)
        if shift:
            mix.mul_(1 / (1 << shift))
        mix.add_(0.5)
        if shift:
            mix.clamp_(max=65535 >> shift)
        out[rows] = mix.to(torch.int32).bitwise_left_shift_(shift)
    return out


def strips(height: int, width: int, step: int) -> Iterator[slice]:
    """Rows that together hold about STRIP_PIXELS at a time, whole steps of them."""
    rows = max(1, STRIP_PIXELS // width // step) * step
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def crop(planes: Sequence[Tensor], region: tuple[int, int, int, int], fmt: PixelFormat) -> list[Tensor]:
    """Frame.crop, as views."""
    (left, top, right, bottom), (across, down) = region, fmt.sub
    small = slice(top // down, -(-bottom // down)), slice(left // across, -(-right // across))
    return [planes[0][top:bottom, left:right], *(plane[small] for plane in planes[1:])]


class Plan:
    """What all parts of one size share, of frames of one kind: where samples lie on each other, and the matrices of their colour."""

    def __init__(self, frame: Frame, small: Size, size: Size, device: torch.device) -> None:
        """size: of the part, small: of the coefficients, both (width, height)."""
        self._fmt, self._size = frame.format, size
        self._columns, self._rows = (taps(size[i], small[i], size[i] / small[i], device) for i in (0, 1))
        chroma, sub = frame.format.plane_size(1, size), frame.format.sub
        self._chroma_columns, self._chroma_rows = (taps(size[i], chroma[i], sub[i], device) for i in (0, 1))
        self._to_rgb, self._black, self._to_planes = (upload(m.astype(np.float32), device)[..., None, None] for m in _matrices(frame))
        self._shades = upload(colours.hdr_to_sdr(np.linspace(0, 1, _SHADES + 1, dtype=np.float32), PQ), device)
        self._pq = frame.colour.transfer == PQ

    def refine(self, planes: Sequence[Tensor], coef: Tensor, pha: Tensor) -> None:
        """Writes the part's alpha into pha (h, w), and the foreground's colour into its planes. coef: (8, h, w) float32."""
        chroma = self._chroma(planes)
        for rows in strips(self._size[1], self._size[0], self._fmt.sub[1]):
            self._refine_rows(rows, planes, chroma, coef, pha)

    def _refine_rows(self, rows: slice, planes: Sequence[Tensor], chroma: Tensor | None, coef: Tensor, pha: Tensor) -> None:
        """A function of its own, so that a strip's memory is free for the next."""
        rgb = self._rgb(rows, planes, chroma)
        full = stretched(coef, self._rows.part(rows), self._columns)
        gain, offset = full[:4], full[4:]
        here = torch.addcmul(offset[3], gain[3], rgb.mean(0)).clamp_(0, 1)
        pha[rows] = here
        if not self._pq:  # the network saw a PQ picture toned down: its residual does not fit the picture's own codes
            fgr = gain[:3].mul_(rgb).add_(offset[:3]).add_(rgb).clamp_(0, 1)
            self._add(rows, planes, fgr.sub_(rgb).mul_((here > 0) & (here < 1)))

    def _chroma(self, planes: Sequence[Tensor]) -> Tensor | None:
        """Both chroma planes (2, h, w) as they were before anything is written to them; None where there is one sample a pixel."""
        if self._fmt.sub == (1, 1):
            return None
        both = planes[1].movedim(2, 0) if self._fmt.family == "semi" else torch.stack(tuple(planes[1:]))
        return values(both)

    def _rgb(self, rows: slice, planes: Sequence[Tensor], chroma: Tensor | None) -> Tensor:
        """Frame.rgb() of some rows, (3, h, w)."""
        if chroma is None:
            channels = [values(plane[rows]) for plane in planes]
        else:
            # To whole codes, as OpenCV does it: the same above 8 bits, at 8 bits within one.
            channels = [values(planes[0][rows]), *stretched(chroma, self._chroma_rows.part(rows), self._chroma_columns).round_()]
        rgb = mixed(self._to_rgb, channels).add_(self._black).clamp_(0, 1)
        return self._toned_down(rgb) if self._pq else rgb

    def _toned_down(self, rgb: Tensor) -> Tensor:
        """colour.hdr_to_sdr, by its table."""
        places = rgb.mul_(_SHADES)
        low = places.floor().clamp_(max=_SHADES - 1)
        index = low.to(torch.int64)
        return torch.lerp(self._shades[index], self._shades[index + 1], places.sub_(low))

    def _add(self, rows: slice, planes: Sequence[Tensor], delta: Tensor) -> None:
        """Adds an R'G'B' difference (3, h, w) to some rows of the planes, chroma as the mean over what a sample covers."""
        delta = mixed(self._to_planes, delta.unbind())
        add_to(planes[0][rows], delta[0], self._fmt)
        down = self._fmt.sub[1]
        small = slice(rows.start // down, -(-rows.stop // down))
        chroma = covered(delta[1:], self._fmt.sub)
        if self._fmt.family == "semi":
            add_to(planes[1][small], chroma.movedim(0, 2), self._fmt)
        else:
            for plane, difference in zip(planes[1:], chroma, strict=True):
                add_to(plane[small], difference, self._fmt)


def _matrices(frame: Frame) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """(channels to R'G'B' (3, C), what is added to that (3,), a difference of R'G'B' to one of channels (C, 3))."""
    zero, scale, _ = colours.code_range(frame.full_range, frame.depth)
    matrix = frame.colour.matrix_for(frame.size[1])
    if frame.format.family == "gbr":
        order = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float32)
        to_rgb, black, to_planes = order.T / scale, np.full(3, -zero / scale), order * scale
    elif frame.format.family == "gray":
        to_rgb, black = np.full((3, 1), 1 / scale), np.full(3, -zero / scale)
        to_planes = colours.rgb_to_yuv(matrix, frame.full_range, frame.depth)[0][:1]
    else:
        to_rgb, black = colours.yuv_to_rgb(matrix, frame.full_range, frame.depth)
        to_planes, _ = colours.rgb_to_yuv(matrix, frame.full_range, frame.depth)
    return to_rgb, black, to_planes
