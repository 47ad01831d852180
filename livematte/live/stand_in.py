"""The stand-in: the chosen background with nobody in it, in every view, ready before it is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from livematte.colour import BT601, Colour
from livematte.frame import Frame, Matte, Size, pixel_format
from livematte.live.clock import TIME_BASE
from livematte.look import Look

_NEUTRAL = 0.2  # R'G'B' of the picture that a blur makes of nothing


class StandIn:
    """A picture for each view, made from an empty frame by the very code that makes all others. Blur and a cutout stand over nothing: what
    they make of the empty frame is a dark grey, or nothing at all."""

    def __init__(self, canvas: Size, views: Iterable[str]) -> None:
        self._views = sorted(set(views))
        self._empty = _empty(canvas)
        self._matte = Matte(np.zeros(self._empty.planes[0].shape, np.float32), self._empty)
        self._made = dict.fromkeys(self._views, self._empty)

    def make(self, look: Look, pts: int = 0) -> None:
        """The stand-in is that of `look` from now on. pts: the job's time, for a background that moves. LivematteError where the
        background cannot be shown; the stand-in is then as it was."""
        frame = replace(self._empty, pts=pts)
        matte = Matte(self._matte.pha, frame)
        self._made = {name: look.view(name, frame, matte) for name in self._views}

    def picture(self, view: str, pts: int) -> Frame:
        return replace(self._made[view], pts=pts)


def _empty(size: Size) -> Frame:
    known = pixel_format("yuv420p")
    assert known is not None
    grey = np.full((size[1], size[0], 3), _NEUTRAL, np.float32)
    frame = Frame((grey[..., 0],), known[0], time_base=TIME_BASE, colour=Colour(matrix=BT601, full_range=False))
    return replace(frame, planes=frame.from_rgb(grey))
