"""A moving test picture: colour bars that wander, a grey ramp, and a disc that goes round. The same at every run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from livematte.colour import BT709, Colour
from livematte.errors import SourceError
from livematte.frame import Frame, Plane, Size, pixel_format, shrink, to_integers
from livematte.sources.base import WHOLE, Cut, SourceInfo
from livematte.sources.cut import checked, indices
from livematte.sources.reader import Reader

SIZE: Size = (1280, 720)
RATE = Fraction(30)
SECONDS = 10
# White, yellow, cyan, green, magenta, red, blue at 75 % in BT.709, limited range (SMPTE RP 219).
_BARS = np.array(
    [[180, 128, 128], [168, 44, 136], [145, 147, 44], [133, 63, 52], [63, 193, 204], [51, 109, 212], [28, 212, 120]], np.float32
)
_DISC = np.array([200, 110, 150], np.float32)


class PatternSource(Reader):
    """`pattern` or `pattern:WIDTHxHEIGHT`: 10 seconds, 30 frames per second, yuv420p BT.709. SourceError for a size that is none."""

    def __init__(self, spec: str = "pattern", *, cut: Cut = WHOLE) -> None:
        size = _size(spec)
        self._chosen = indices(checked(cut), rate=RATE, count=int(SECONDS * RATE))
        if not self._chosen:
            raise SourceError(f"start {cut.start:g} s lies beyond the end of the pattern, which is {SECONDS} s long")
        count = len(self._chosen)
        self._info = SourceInfo(spec, size, RATE, 1 / RATE, frames=count, seconds=float(count / RATE))

    @property
    def info(self) -> SourceInfo:
        return self._info

    def _read(self) -> Iterator[Frame]:
        known = pixel_format("yuv420p")
        assert known is not None
        bars = _bars(self._info.size)
        for pts, index in enumerate(self._chosen):
            planes = _planes(index, self._info.size, bars)
            yield Frame(planes, known[0], pts=pts, time_base=1 / RATE, duration=1, colour=Colour(BT709, BT709, BT709, False))


def _size(spec: str) -> Size:
    if spec == "pattern":
        return SIZE
    match = re.fullmatch(r"pattern:(\d{2,5})x(\d{2,5})", spec)
    if match is None or not (16 <= int(match[1]) <= 16384 and 16 <= int(match[2]) <= 16384):
        raise SourceError(f"got {spec}, wanted pattern:WIDTHxHEIGHT from 16x16 to 16384x16384, such as pattern:640x360")
    return int(match[1]), int(match[2])


def _bars(size: Size) -> tuple[Plane, ...]:
    """Y, Cb, Cr (H, W) float32 at full size: bars above, a ramp from black to white below."""
    width, height = size
    columns = _BARS[np.arange(width) * len(_BARS) // width]
    planes = []
    for channel in range(3):
        plane = np.repeat(columns[None, :, channel], height, axis=0)
        plane[height * 3 // 4 :] = np.linspace(16, 235, width, dtype=np.float32) if channel == 0 else 128
        planes.append(plane)
    return tuple(planes)


def _planes(index: int, size: Size, bars: tuple[Plane, ...]) -> tuple[Plane, ...]:
    width, height = size
    turn = 2 * np.pi * index / 90
    x, y = width / 2 + width / 4 * np.cos(turn), height / 2 + height / 4 * np.sin(turn)
    radius = min(size) / 6
    columns, rows = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    disc = np.clip(radius - np.hypot(columns - np.float32(x), rows - np.float32(y)) + np.float32(0.5), 0, 1)
    planes = []
    for channel, plane in enumerate(bars):
        moved = np.roll(plane, index * width // 300, axis=1)
        moved += disc * (_DISC[channel] - moved)
        planes.append(to_integers(moved if channel == 0 else shrink(moved, (2, 2)), 8))
    return tuple(planes)
