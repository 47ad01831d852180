"""A person made to belong to what stands behind them: their exposure and white balance drawn towards it, its light over their edge."""

from __future__ import annotations

import threading

import cv2
import numpy as np

from livematte.errors import SettingsError
from livematte.frame import Frame, Matte, Plane
from livematte.match import Match
from livematte.planes import Array, grid
from livematte.toning import toned
from livematte.wrap import ROWS, Behind, small_rgb, wrapped


class Belonging:
    """step(frame, matte, bgr) gives the matte whose foreground belongs. light_wrap, match: amounts from 0, which leaves every bit, to 1.

    For several threads: a live job's stand-in is made beside its pictures, and, as nobody is in it, changes nothing."""

    def __init__(self, *, light_wrap: float = 0.0, match: float = 0.0) -> None:
        for name, amount in (("light wrap", light_wrap), ("match", match)):
            if not 0 <= amount <= 1:
                raise SettingsError(f"got {name} {amount:g}, wanted 0 (off) to 1")
        self._amount = light_wrap
        self._match = Match(match) if match else None
        self._behind: Behind | None = None
        self._lock = threading.Lock()

    def step(self, frame: Frame, matte: Matte, bgr: tuple[Plane, ...]) -> Matte:
        """Takes frames in order. frame: whose time counts; bgr: what stands behind, planes like the frame's."""
        if not (self._amount or self._match):
            return matte
        fgr, inside = matte.fgr, _inside(matte.pha, frame)
        if not inside.any():
            return matte
        with self._lock:
            if self._behind is None or not self._behind.is_of(fgr, bgr):
                self._behind = Behind(fgr, bgr)
            behind, person = self._behind, small_rgb(fgr)
            planes = fgr.planes
            if self._match:
                planes = toned(fgr, self._match.step(frame, inside, person, behind.rgb), box=_box(inside, fgr))
            if self._amount:
                planes = wrapped(fgr.with_planes(planes), inside, person, behind, amount=self._amount)
        return Matte(matte.pha, fgr.with_planes(planes, pha=fgr.pha))

    def reset(self) -> None:
        """A scene starts: what comes next is matched at once, not over time."""
        with self._lock:
            if self._match:
                self._match.reset()


def _inside(pha: Array, frame: Frame) -> Array:
    """Alpha (h, w) of small_rgb's size."""
    step, size = grid(frame, ROWS)
    return cv2.resize(pha[: size[1] * step, : size[0] * step], size, interpolation=cv2.INTER_AREA)


def _box(inside: Array, frame: Frame) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the pixels that hold any of the person, and some more. What lies beside the last cells is theirs."""
    (step, size), (x, y, width, height) = grid(frame, ROWS), cv2.boundingRect((inside > 0).view(np.uint8))
    ends = [whole if at >= cells else at * step for at, cells, whole in zip((x + width, y + height), size, frame.size, strict=True)]
    return x * step, y * step, ends[0], ends[1]
