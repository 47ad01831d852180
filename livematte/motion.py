"""What moved from one frame to the next, found once for all that looks at mattes over time.

Motion is dense inverse search (Kroeger et al., ECCV 2016) on the small luma, from each frame to the one before.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame, Size
from livematte.matting.draft import Small
from livematte.matting.scenes import CutDetector
from livematte.planes import Array

_LONGEST = 256  # pixels of the luma in which motion is looked for
_SURE, _UNSURE = 0.03, 0.10  # of the luma's range: a change that noise explains, and one that it does not
_PATCH, _LEAST = 8, 12  # pixels on the shorter and on the longer side, below which there is no dense inverse search
_SAMPLED = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


class Moment(NamedTuple):
    """A frame as seen from the last one. passed: seconds since that. starts: nothing of before counts any more, flow is None.

    luma: (h, w) uint8 of the whole frame, whose size is `size`. flow: (h, w, 2) float32, where each of its pixels was, as an offset in its
    pixels. sure: (h, w) float32 in [0, 1], 1 where the same was to be seen there, 0 where it was hidden or is another thing."""

    seconds: float
    passed: float
    starts: bool
    size: Size
    luma: NDArray[np.uint8]
    flow: Array | None = None
    sure: Array | None = None


class Motion:
    """step() takes a source's frames in order. A cut, another size, a time that is not later than the last, or none, starts anew."""

    def __init__(self) -> None:
        self._seek = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._cuts = CutDetector()
        self._last: Moment | None = None

    def step(self, frame: Frame) -> Moment:
        luma, last = luma_of(frame), self._last
        passed = 0.0 if last is None else frame.seconds - last.seconds
        # What has no time has no neighbours in time.
        starts = self._cuts.starts_scene(frame) or last is None or passed <= 0 or last.size != frame.size or frame.pts is None
        moment = Moment(frame.seconds, 0.0 if starts else passed, starts, frame.size, luma)
        if last is not None and not starts:
            flow = sought(self._seek, luma, last.luma)
            moment = moment._replace(flow=flow, sure=_sure(luma, last.luma, flow))
        self._last = moment
        return moment

    def reset(self) -> None:
        self._last = None
        self._cuts = CutDetector()


def sought(seek: cv2.DISOpticalFlow, picture: NDArray[np.uint8], before: NDArray[np.uint8]) -> Array:
    """Where each pixel of a picture, (h, w), was in the one before, as an offset: (h, w, 2) float32. In tiny pictures nothing moves."""
    if min(picture.shape) < _PATCH or max(picture.shape) < _LEAST:
        return np.zeros((*picture.shape, 2), np.float32)
    return np.asarray(seek.calc(picture, before, None))


def regridded(was: Small, to: Small) -> Array:
    """What is known of the same places on the grid of `to`, (h, w) float32. Where nothing is, outside of the old box: what is seen now."""
    if was.box == to.box and was.pha.shape == to.pha.shape:
        return was.pha
    (height, width), (left, top, right, bottom) = to.pha.shape, to.box
    (old_height, old_width), (old_left, old_top, old_right, old_bottom) = was.pha.shape, was.box
    across, down = old_width / (old_right - old_left), old_height / (old_bottom - old_top)
    step_x, step_y = (right - left) / width, (bottom - top) / height
    place = _affine(step_x * across, step_y * down, (left - old_left) * across, (top - old_top) * down)
    moved = cv2.warpAffine(was.pha, place, (width, height), flags=_SAMPLED, borderMode=cv2.BORDER_REPLICATE)
    x, y = left + (np.arange(width) + 0.5) * step_x, top + (np.arange(height) + 0.5) * step_y
    known = ((old_top <= y) & (y <= old_bottom))[:, None] & ((old_left <= x) & (x <= old_right))
    return np.where(known, moved, to.pha)


def on_grid(picture: Array, moment: Moment, to: Small) -> Array:
    """A picture of the luma's size, (h, w) or (h, w, C), on the grid of `to`, bilinearly; in its place to a sample of that grid."""
    (height, width), (left, top, right, bottom) = to.pha.shape, to.box
    columns, wide, first = _stretched(left, right, width, moment.luma.shape[1] / moment.size[0])
    rows, high, upper = _stretched(top, bottom, height, moment.luma.shape[0] / moment.size[1])
    # A resize takes a quarter of an affine map's time, which would be right to a fraction.
    larger = cv2.resize(picture[rows, columns], (wide, high), interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger[upper : upper + height, first : first + width])


def _stretched(begin: float, end: float, count: int, per: float) -> tuple[slice, int, int]:
    """(samples of the luma that hold begin to end, how many they become where that is `count`, which of them is the first of those). per:
    samples of the luma in a pixel."""
    begin, end = begin * per, end * per
    first, after, times = floor(begin), ceil(end - 1e-6), count / (end - begin)
    size = max(count, round((after - first) * times))
    return slice(first, after), size, min(round((begin - first) * times), size - count)


def _affine(step_x: float, step_y: float, first_x: float, first_y: float) -> NDArray[np.float64]:
    """From a grid's samples to those of another. step: between two of the one, in the other's; first: where the one's outer edge lies."""
    return np.array([[step_x, 0, first_x + step_x / 2 - 0.5], [0, step_y, first_y + step_y / 2 - 0.5]])


def luma_of(frame: Frame) -> NDArray[np.uint8]:
    """Of the frame, 8 bits deep. Samples are picked first: noise that this leaves is below what counts as a change."""
    plane = frame.planes[0]
    height, width = plane.shape
    ratio = min(1.0, _LONGEST / max(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    step = max(1, int(min(width / size[0], height / size[1]) // 2))
    small = cv2.resize(np.ascontiguousarray(plane[::step, ::step]), size, interpolation=cv2.INTER_AREA)
    return small if small.dtype == np.uint8 else cv2.convertScaleAbs(small, alpha=255 / (1 << frame.depth))


def _sure(luma: NDArray[np.uint8], before: NDArray[np.uint8], flow: Array) -> Array:
    """How well the motion explains what is seen."""
    came = cv2.remap(before, flow + places(*luma.shape), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    change = cv2.blur(cv2.absdiff(luma, came), (3, 3)).astype(np.float32) * np.float32(1 / 255)
    return np.clip((np.float32(_UNSURE) - change) * np.float32(1 / (_UNSURE - _SURE)), 0, 1)


@lru_cache(maxsize=8)  # of the luma, of some parts
def places(height: int, width: int) -> Array:
    """(h, w, 2) float32: each sample's x and y. Not to be written to."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([x, y])
