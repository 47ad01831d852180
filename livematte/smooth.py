"""Alpha over time: where the picture stands still the matte settles, where it moves the matte follows at once.

pha_t = gain · alpha of the network + (1 - gain) · pha_{t-1},   gain = 1 - exp(-dt / seconds), drawn to 1 by motion
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import exp
from typing import Any, Generic, NamedTuple, TypeVar

import cv2
import numpy as np

from livematte.frame import Frame, Matte
from livematte.matting.scenes import CutDetector
from livematte.planes import Array

_STEP = 4  # motion is looked at in every fourth row and column
_STILL, _MOVED = 0.01, 0.04  # change of a channel, of its range: below the first there is noise, from the second on motion
_DONE = np.float32(1 / 255)  # a difference that nobody sees ends: nothing lingers
_AGREE = np.float32(0.1)  # alphas that are no further apart are the same to OneFrameDelay

Tag = TypeVar("Tag")


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


class Held(NamedTuple, Generic[Tag]):
    """A frame with its matte, and whatever its owner wants to have back with it."""

    frame: Frame
    matte: Matte
    tag: Tag


class OneFrameDelay(Generic[Tag]):
    """MODNet's one-frame delay (arXiv 2011.11961, section 3.4): where the frames before and after agree and the one between does not,
    it flickers, and takes their mean. Each frame comes out when the next is there.

    raises: also where that is more than the frame's own alpha; a live job must not show what its network took away."""

    def __init__(self, *, raises: bool = True) -> None:
        self._raises = raises
        self._cuts = CutDetector()
        self._before: Array | None = None  # the alpha of the frame before the one that waits; None where that starts a scene
        self._waiting: Held[Tag] | None = None

    def push(self, frame: Frame, matte: Matte, tag: Tag) -> Held[Tag] | None:
        """Takes a source's frames in order. Gives the frame before this one; None for the first. Nothing is compared across a cut."""
        ready = self._waiting
        starts = self._cuts.starts_scene(frame)
        if ready is not None:
            if not starts and self._before is not None:
                ready = ready._replace(matte=_steadied(self._before, ready.matte, matte.pha, raises=self._raises))
            self._before = None if starts else ready.matte.pha
        self._waiting = Held(frame, matte, tag)
        return ready

    def flush(self) -> Held[Tag] | None:
        """The last frame, as it is: nothing comes after it."""
        ready, self._waiting, self._before = self._waiting, None, None
        self._cuts = CutDetector()
        return ready


def one_frame_late(items: Iterable[Any]) -> Iterator[Any]:
    """Frames with their mattes through a OneFrameDelay; anything else keeps its place among them."""
    delay: OneFrameDelay[None] = OneFrameDelay()
    behind: list[Any] = []  # what came after the frame that waits
    for item in items:
        if not isinstance(item, tuple):
            behind.append(item)
            continue
        frame, matte = item
        ready = delay.push(frame, matte, None)
        if ready is not None:
            yield ready.frame, ready.matte
        yield from behind
        behind = []
    last = delay.flush()
    if last is not None:
        yield last.frame, last.matte
    yield from behind


def _steadied(before: Array, matte: Matte, after: Array, *, raises: bool) -> Matte:
    pha = matte.pha
    agree = cv2.absdiff(before, after) <= _AGREE
    flickers = agree & (cv2.absdiff(pha, before) > _AGREE) & (cv2.absdiff(pha, after) > _AGREE)
    if not raises:
        flickers &= pha > before
    if not flickers.any():
        return matte
    return Matte(np.where(flickers, (before + after) * np.float32(0.5), pha), matte.fgr)
