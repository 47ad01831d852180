"""Matting by the colour of a screen: what is not of its colour is the person. At the frame's full size, on the CPU, in three steps:
the screen's colour as a field over the picture (screen.py), what that says of each place, small (alpha.py), and the full size of it
(tiles.py), which the thread that asks for it works out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.colour import PQ, UNSPECIFIED
from livematte.errors import SettingsError
from livematte.frame import Frame, Matte, Size
from livematte.matting.keying.alpha import Keyed, Ramp, keyed
from livematte.matting.keying.colour import Key, check_key, find_screen, no_screen, to_ycc
from livematte.matting.keying.screen import Screen
from livematte.matting.keying.tiles import full_size
from livematte.matting.scenes import CutDetector

Array = NDArray[np.float32]

_log = logging.getLogger(__name__)
_LOST = 0.4  # of the screen that a scene began with: somebody who leans into the camera hides half of it
_EVEN = 0.05  # of the picture: what of it must be like a smooth field for its commonest colour to be a screen's
_LEAST_FREE = 0.5  # of a garbage matte, from which on a sample may be screen


class KeyMatter:
    """A Matter. key: "green" or "blue", a screen of about that colour; R'G'B' in [0, 1], one of that hue; "auto", whatever saturated colour
    the picture's border has most of. What the screen's colour really is, and how it varies over the picture, is seen in the picture.

    tolerance, in [0, 0.45]: up to which share of the way from the screen's colour to the person's a pixel is all screen: noise and folds.
    softness, in [0, 1]: over how much of the rest alpha rises; 1: each pixel has its own share, 0: a hard edge.
    despill, in [0, 1]: how much of the screen's light is taken off the person; spill: "edge", where alpha is partial, everything else stays
    the source's, bit for bit; or "all" of the person.
    garbage: (H, W) float32 in [0, 1] at any size, 1 where certainly nobody is; such parts are no screen either. holdout: likewise, where
    certainly all is person.

    strict: a later frame that has lost the screen is an error, as for a camera, whose room must not be shown; else that is told once, at
    WARNING, and the colour of before is keyed.

    SettingsError for other values, a grey picture, and at a first frame that shows no such screen."""

    def __init__(
        self,
        key: Key = "auto",
        *,
        tolerance: float = 0.05,
        softness: float = 1.0,
        despill: float = 1.0,
        spill: Literal["edge", "all"] = "edge",
        garbage: Array | None = None,
        holdout: Array | None = None,
        strict: bool = False,
    ) -> None:
        check_key(key)
        for name, value, most in (("tolerance", tolerance, 0.45), ("softness", softness, 1), ("despill", despill, 1)):
            if not 0 <= value <= most:
                raise SettingsError(f"got {name} {value:g}, wanted 0 to {most:g}")
        if spill not in ("edge", "all"):
            raise SettingsError(f"got spill {spill!r}, wanted edge or all")
        self._key, self._ramp, self._despill, self._everywhere = key, Ramp.of(tolerance, softness), despill, spill == "all"
        self._garbage, self._holdout = (mask if mask is None else _checked(mask) for mask in (garbage, holdout))
        self._cuts = CutDetector(light=True)
        self._screen: Screen | None = None
        self._colour: Array | None = None  # of the scene before
        self._had = 0.0  # of the picture: what of it was screen when the scene began
        self._strict = strict
        self._primed = self._told = False

    def step(self, frame: Frame) -> Matte:
        plain = _plain(frame)
        ycc = _small(plain)
        starts = self._cuts.starts_scene(frame) and not self._primed
        if starts or frame.pts is None or self._screen is None:
            self._begin(frame, ycc)
        else:
            self._look(frame, ycc)
            self._check_seen(frame)
        self._primed = False
        assert self._screen is not None
        key = keyed(ycc, self._screen.field(_size(ycc)), self._ramp)
        return Matte.later(lambda: self._matte(frame, plain, key))

    def reset(self) -> None:
        self._screen = self._colour = None
        self._cuts = CutDetector(light=True)
        self._primed = False

    def prime(self, frames: Sequence[Frame]) -> None:
        """Sees the scene's screen in its frames backwards, so that parts which the person uncovers are known at first."""
        self._begin(frames[0], _small(_plain(frames[0])))
        for frame in reversed(frames[1:]):
            self._look(frame, _small(_plain(frame)))
        self._primed = True

    def _begin(self, frame: Frame, ycc: Array) -> None:
        """Finds the scene's screen."""
        if frame.format.family == "gray":
            raise SettingsError("got a grey picture, wanted one in colour: there is no screen's colour in it to key; try another --model")
        found = find_screen(ycc, self._key, self._free(ycc) >= _LEAST_FREE)
        if found is not None:
            self._screen = Screen(found)
            self._look(frame, ycc)
            if self._screen.seen >= _EVEN:
                self._colour, self._had = found, self._screen.seen
                return
        if self._colour is None or self._strict or frame.pts is None:
            self._screen = None
            raise no_screen(self._key)
        self._warn(frame)
        self._screen, self._had = Screen(self._colour), 0.0
        self._look(frame, ycc)

    def _check_seen(self, frame: Frame) -> None:
        """What is no screen counts as the person: a camera that is turned away from it would show the room."""
        assert self._screen is not None
        if self._screen.seen >= _LOST * self._had:
            return
        if self._strict:
            self._screen = None
            raise no_screen(self._key)
        self._warn(frame)

    def _warn(self, frame: Frame) -> None:
        if not self._told:
            _log.warning("the screen is gone (at %.2f s): its colour is keyed on, and all else counts as the person", frame.seconds)
            self._told = True

    def _look(self, frame: Frame, ycc: Array) -> None:
        assert self._screen is not None
        self._screen.look(ycc, self._free(ycc), seconds=None if frame.pts is None else frame.seconds)

    def _free(self, ycc: Array) -> Array:
        """(h, w) in [0, 1]: what may be screen."""
        free = np.ones(ycc.shape[:2], np.float32)
        for mask in (self._garbage, self._holdout):
            if mask is not None:
                free -= np.minimum(_fitted(mask, _size(ycc)), free)
        return free

    def _matte(self, frame: Frame, plain: Frame, key: Keyed) -> Matte:
        """The full size, by the thread that asks for it."""
        pha, planes = full_size(plain, key, despill=self._despill, everywhere=self._everywhere)
        if self._holdout is not None:
            np.maximum(pha, _fitted(self._holdout, frame.size), out=pha)
        if self._garbage is not None:
            pha *= 1 - _fitted(self._garbage, frame.size)
        if frame.pha is not None:
            pha *= frame.pha
        return Matte(pha, frame.with_planes(planes))


def _plain(frame: Frame) -> Frame:
    """A PQ frame as its own codes are: toned down, they would not mix in a straight line, nor fit back."""
    return replace(frame, colour=replace(frame.colour, transfer=UNSPECIFIED)) if frame.colour.transfer == PQ else frame


def _small(frame: Frame) -> Array:
    """Y Cb Cr (h, w, 3) in which the key is solved: of 1080 lines every fourth."""
    width, height = frame.size
    step = 8 if height >= 1800 else 4 if height >= 480 else 2 if height >= 240 else 1
    return to_ycc(frame.rgb((max(1, width // step), max(1, height // step))))


def _size(picture: Array) -> Size:
    return picture.shape[1], picture.shape[0]


def _fitted(mask: Array, size: Size) -> Array:
    return mask if _size(mask) == size else cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)


def _checked(mask: Array) -> Array:
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype != np.float32 or not mask.size or not (mask.min() >= 0 and mask.max() <= 1):
        raise SettingsError(f"got a mask of {mask.shape} {mask.dtype}, wanted (height, width) float32 in [0, 1]")
    return mask
