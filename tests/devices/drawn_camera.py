"""A camera whose pictures a test draws: the second virtual camera, which livematte reads as `cam:drawn`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from rig import BLUE, DRAWN, HEIGHT, RATE, WIDTH, Pixels, Shot, planes

from livematte.colour import BT601, Colour
from livematte.frame import Frame, pixel_format
from livematte.sinks.virtual_camera import VirtualCamera
from livematte.sources import SourceInfo

_CELL, _BITS = 16, 10  # as many cells as the left half is wide


def numbered(number: int) -> Pixels:
    """A blue picture with a number in it, not 0, as black and white cells at the top of the left half."""
    pixels = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
    for plane, value in zip(planes(pixels), BLUE, strict=True):
        plane[:] = value
    for bit in range(_BITS):
        pixels[:_CELL, bit * _CELL : (bit + 1) * _CELL] = 235 if number >> bit & 1 else 16
    return pixels


def number_in(shot: Shot) -> int:
    """The number in a picture; 0 in the stand-in, whose luma is dark everywhere."""
    cells = shot.pixels[_CELL // 2, _CELL // 2 : _BITS * _CELL : _CELL]
    return sum(1 << bit for bit, luma in enumerate(cells) if luma > 127)


def clip(path: Path) -> list[Pixels]:
    """The pictures of a video, as small as the camera's."""
    with av.open(str(path)) as container:
        return [_small(frame).to_ndarray().copy() for frame in container.decode(video=0)]


def _small(frame: av.VideoFrame) -> av.VideoFrame:
    return frame.reformat(WIDTH, HEIGHT, "yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")


class DrawnCamera:
    """Gives draw(1), draw(2), … at RATE, from `with` on. sent: when each went out, by time.monotonic()."""

    def __init__(self, draw: Callable[[int], Pixels]) -> None:
        self._draw = draw
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent: dict[int, float] = {}

    def __enter__(self) -> Self:
        info = SourceInfo("drawn", (WIDTH, HEIGHT), Fraction(RATE), Fraction(1, RATE))
        self._camera = VirtualCamera(f"vcam:{DRAWN}", like=info)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()
        self._camera.close()

    def _run(self) -> None:
        known = pixel_format("yuv420p")
        assert known is not None
        colour = Colour(matrix=BT601, full_range=False)
        began = time.monotonic()
        while not self._done.is_set():
            number = len(self.sent) + 1
            frame = Frame(tuple(planes(self._draw(number))), known[0], time_base=Fraction(1, RATE), colour=colour)
            self.sent[number] = time.monotonic()
            self._camera.send(frame)
            self._done.wait(max(0.0, began + number / RATE - time.monotonic()))
