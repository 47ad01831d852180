"""Matting by a level of one channel: what is on one side of it is the person. The oldest way, for a dark figure before a bright wall, a
silhouette, a picture on paper; where a screen's colour is known, keyer.py does better.

Otsu, "A threshold selection method from gray-level histograms" (IEEE Trans. SMC 9, 1979): the level that leaves the largest variance
between the two sides' means.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte import colour as colours
from livematte.errors import SettingsError
from livematte.frame import Frame, Matte, Size
from livematte.matting.keying.colour import border
from livematte.matting.scenes import CutDetector

Array = NDArray[np.float32]
How = Literal["otsu", "global", "adaptive"]
Space = Literal["luma", "red", "green", "blue", "hue", "saturation", "value", "lightness", "lab-a", "lab-b"]

_BINS = 256
_DETAIL = 320  # pixels on the longest side of the picture whose histogram is taken
_SETTLES = 0.5  # seconds in which Otsu's level follows the picture to 1/e
_COLOURED = ("hue", "saturation", "lab-a", "lab-b")


class ThresholdMatter:
    """A Matter. how: "global", at `level` of the channel's range; "otsu", at a level found in the picture; "adaptive", at `offset` above
    the mean of the square around each pixel, whose side is `window` of the picture's height.

    space: the channel, each of [0, 1]: luma as it is coded, red, green, blue (R'G'B'), hue (0 red, 1/3 green, 2/3 blue), saturation and
    value (HSV), lightness, lab-a and lab-b (CIE L*a*b*, a and b from -128 to 127). The person is what is above the level; with "otsu" the
    side that less of the picture's border is on in a scene's first frame. invert: the other one.

    Alpha is 0 or 1, but for a pixel's width at the edge; fgr is the source. Otsu's level follows the picture in half a second.
    SettingsError for other values, and for a grey picture whose channel is one of colour."""

    def __init__(
        self,
        how: How = "otsu",
        *,
        space: Space = "luma",
        level: float = 0.5,
        invert: bool = False,
        window: float = 0.1,
        offset: float = 0.03,
    ) -> None:
        for name, value, known in (("how", how, get_args(How)), ("space", space, get_args(Space))):
            if value not in known:
                raise SettingsError(f"got {name} {value!r}, wanted one of {', '.join(known)}")
        self._how, self._space, self._invert = how, space, invert
        self._fixed, self._window, self._offset = _share("level", level), _share("window", window), _share("offset", offset)
        self._cuts = CutDetector(light=True)
        self._level: float | None = None  # Otsu's, so far
        self._above = True
        self._when = 0.0
        self._primed = False

    def step(self, frame: Frame) -> Matte:
        if frame.format.family == "gray" and self._space in _COLOURED:
            raise SettingsError(f"got a grey picture, wanted one in colour for the channel {self._space}; try luma")
        starts = self._cuts.starts_scene(frame) and not self._primed
        self._primed = False
        if self._how == "otsu":
            self._follow(frame, anew=starts or frame.pts is None)
        level, above = (self._fixed if self._level is None else self._level), self._above != self._invert
        return Matte.later(lambda: self._matte(frame, level, above=above))

    def reset(self) -> None:
        self._cuts = CutDetector(light=True)
        self._level = None
        self._primed = False

    def prime(self, frames: Sequence[Frame]) -> None:
        """Starts anew at the scene's first frame."""
        self._level = None
        self._primed = True

    def _follow(self, frame: Frame, *, anew: bool) -> None:
        """Takes the frame's level into account."""
        small = _channel(frame, self._space, _reduced(frame.size))
        found = otsu(small)
        if anew or self._level is None:
            self._level = found
            self._above = float((small[border(*small.shape)] > found).mean()) <= 0.5
        else:
            self._level += (1 - exp(-abs(frame.seconds - self._when) / _SETTLES)) * (found - self._level)
        self._when = frame.seconds

    def _matte(self, frame: Frame, level: float, *, above: bool) -> Matte:
        """The full size, by the thread that asks for it."""
        picture = _channel(frame, self._space, frame.size)
        if self._how == "adaptive":
            side = 2 * round(self._window * frame.size[1] / 2) + 1
            picture = picture - cv2.blur(picture, (side, side), borderType=cv2.BORDER_REFLECT)
            level = self._offset
        pha = _side(picture, level)
        if not above:
            pha = 1 - pha
        if frame.pha is not None:
            pha *= frame.pha
        return Matte(pha, frame.with_planes(frame.planes))


def otsu(picture: Array) -> float:
    """The level of a picture, any shape, in [0, 1], that parts its histogram best; the middle one where several in a row do alike."""
    counts = np.histogram(picture, _BINS, (0, 1))[0] / picture.size
    centres = (np.arange(_BINS) + 0.5) / _BINS
    below = np.cumsum(counts)[:-1]
    sums = np.cumsum(counts * centres)
    apart = np.square(sums[-1] * below - sums[:-1]) / np.maximum(below * (1 - below), 1e-12)
    best = np.flatnonzero(apart >= apart.max() * (1 - 1e-6))
    row = best[: int(np.argmax(np.diff(best, append=2 * _BINS) > 1)) + 1]  # another, further on, may be as good by chance
    return float(row.mean() + 1) / _BINS


def _side(picture: Array, level: float) -> Array:
    """(H, W): the share of each pixel in which the picture, interpolated, is above the level."""
    height, width = picture.shape
    fine = cv2.resize(picture, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    mask = cv2.compare(fine, level, cv2.CMP_GT)
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) * np.float32(1 / 255)


def _channel(frame: Frame, space: str, size: Size) -> Array:
    """(h, w) float32 in [0, 1] at a size."""
    if space == "luma" and frame.format.family != "gbr":
        zero, scale, _ = colours.code_range(frame.full_range, frame.depth)
        plane = frame.planes[0]
        plane = plane if frame.size == size else cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        return np.clip((plane.astype(np.float32) - np.float32(zero)) * np.float32(1 / scale), 0, 1)
    rgb = frame.rgb(size)
    make, index, low, span = _CHANNELS[space]
    made = rgb if make is None else cv2.cvtColor(rgb, make)
    made = made if made.ndim == 2 else made[..., index]
    return np.clip((made - np.float32(low)) * np.float32(1 / span), 0, 1)


# How each is made of R'G'B', which one it is of what is made, and its (lowest value, span).
_CHANNELS: dict[str, tuple[Any, int, float, float]] = {
    "luma": (cv2.COLOR_RGB2GRAY, 0, 0, 1),
    "red": (None, 0, 0, 1),
    "green": (None, 1, 0, 1),
    "blue": (None, 2, 0, 1),
    "hue": (cv2.COLOR_RGB2HSV, 0, 0, 360),
    "saturation": (cv2.COLOR_RGB2HSV, 1, 0, 1),
    "value": (cv2.COLOR_RGB2HSV, 2, 0, 1),
    "lightness": (cv2.COLOR_RGB2LAB, 0, 0, 100),
    "lab-a": (cv2.COLOR_RGB2LAB, 1, -128, 255),
    "lab-b": (cv2.COLOR_RGB2LAB, 2, -128, 255),
}


def _reduced(size: Size) -> Size:
    ratio = min(1.0, _DETAIL / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise SettingsError(f"got {name} {value:g}, wanted 0 to 1")
    return value
