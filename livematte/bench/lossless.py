"""Pictures as frames, and frames as a lossless clip (FFV1 in Matroska)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from livematte.colour import Colour
from livematte.frame import Frame, PixelFormat, Size, pixel_format
from livematte.pyav import to_av


def frame_of(rgb: NDArray[np.float32], name: str) -> Frame:
    """(H, W, 3) R'G'B' in [0, 1] as a frame of a Y'CbCr format, BT.709, limited range."""
    fmt = _known(name)
    blank = Frame((np.zeros((1, 1), fmt.dtype),) * fmt.plane_count, fmt, colour=Colour(matrix=1, full_range=False))
    return blank.with_planes(blank.from_rgb(rgb))


def grey_of(pha: NDArray[np.float32]) -> Frame:
    """(H, W) alpha in [0, 1] as a grey frame."""
    return Frame(((pha * 255 + 0.5).astype(np.uint8),), _known("gray"))


def _known(name: str) -> PixelFormat:
    known = pixel_format(name)
    assert known is not None
    return known[0]


class Writer:
    """Writes frames one after another, `rate` a second. pixels: their format's name."""

    def __init__(self, path: Path, pixels: str, size: Size, rate: int) -> None:
        self._target: Any = av.open(str(path), "w", format="matroska", options={"fflags": "+bitexact"})  # no number drawn by chance
        self._video = self._target.add_stream("ffv1", rate=rate)
        self._video.width, self._video.height, self._video.pix_fmt = *size, pixels
        if pixels != "gray":
            self._video.codec_context.colorspace, self._video.codec_context.color_range = 1, 1
        self._count, self._rate = 0, rate

    def write(self, frame: Frame) -> None:
        picture = to_av(frame)
        picture.pts, picture.time_base = self._count, Fraction(1, self._rate)
        self._target.mux(self._video.encode(picture))
        self._count += 1

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *exc: object) -> None:
        self._target.mux(self._video.encode(None))
        self._target.close()
