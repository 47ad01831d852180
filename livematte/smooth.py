"""Alpha over time: where the picture stands still the matte settles, where it moves the matte follows at once.

pha_t = gain · alpha of the network + (1 - gain) · pha_{t-1},   gain = 1 - exp(-dt / seconds), drawn to 1 by motion
"""

from __future__ import annotations

from math import exp

import cv2
import numpy as np

from livematte.frame import Frame, Matte
from livematte.matting.scenes import CutDetector
from livematte.planes import Array

_STEP = 4  # motion is looked at in every fourth row and column
_STILL, _MOVED = 0.01, 0.04  # change of a channel, of its range: below the first there is noise, from the second on motion
_DONE = np.float32(1 / 255)  # a difference that nobody sees ends: nothing lingers


class Smoother:
    """step(frame, matte) gives the matte, smoothed. seconds: the time in which still parts settle, 0 for none; may be set anew."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self._cuts = CutDetector()
        self._last: tuple[float, Array, Array] | None = None  # when, small picture, alpha

    def step(self, frame: Frame, matte: Matte) -> Matte:
        """Takes a source's frames in order; a cut, another size or a step back in time starts anew."""
        if not self.seconds:
            self._last = None
            return matte
        pha, small = matte.pha, _small(frame)
        starts, last, now = self._cuts.starts_scene(frame), self._last, frame.seconds
        if last is not None and not starts and last[1].shape == small.shape and last[2].shape == pha.shape and now >= last[0]:
            gain = _gain(np.abs(small - last[1]).max(axis=2), 1 - exp((last[0] - now) / self.seconds), pha.shape)
            pha = _mixed(pha, last[2], gain)
        self._last = now, small, pha
        return Matte(pha, matte.fgr) if pha is not matte.pha else matte

    def reset(self) -> None:
        self._last = None


def _small(frame: Frame) -> Array:
    """The frame's channels (h, w, C) in [0, 1] at a quarter of the size, without their finest noise."""
    width, height = frame.size
    size = (max(1, width // _STEP), max(1, height // _STEP))
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in frame.planes]
    return np.dstack(planes).astype(np.float32) * np.float32(1 / (1 << frame.depth))


def _gain(change: Array, still: float, shape: tuple[int, ...]) -> Array:
    motion = np.clip((cv2.dilate(change, np.ones((3, 3), np.uint8)) - np.float32(_STILL)) * np.float32(1 / (_MOVED - _STILL)), 0, 1)
    gain = np.float32(still) + np.float32(1 - still) * motion
    return cv2.resize(gain, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def _mixed(pha: Array, before: Array, gain: Array) -> Array:
    mixed = pha - before
    settled = np.abs(mixed) <= _DONE
    mixed *= gain
    mixed += before
    np.copyto(mixed, pha, where=settled | (gain >= 1) | (pha <= _DONE))  # what is surely the room is never held
    np.clip(mixed, 0, 1, out=mixed)
    return mixed
