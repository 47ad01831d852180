"""The room out of focus, as a lens shows it: each point becomes a disc, and in light, not in codes, so that a lamp is a bright disc.

light = x / (1 - k m²), with x the linear R'G'B' and m the largest of its channels: a camera keeps a lamp, which is many times brighter than
paper, at white; this gives some of that back (the inverse of a tone curve, after Reinhard et al. 2002, eq. 4). All that is computed in
light is brought back by the same curve, so an even room stays itself. The person is left out, and what they hide is filled from around.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.colour import PQ
from livematte.frame import Frame, Plane
from livematte.planes import Array, enlarged, fill, grid, means

LUMA = np.array([0.25, 0.65, 0.1], np.float32)  # of R'G'B': near enough to any matrix where light is weighed
_ROWS = 180  # that light is worked out in, of any picture: its lamps are then as bright at 360p as at 4K
_CELLS, _MOST_ROWS = 9, 128  # cells in a disc's radius draw it smoothly; beyond so many rows the spectrum takes four times as long
_LAMP = np.float32(0.85)  # k: white shines seven times as bright as it is drawn; at 0.9 its noise began to be seen in its disc
_CLEAR = 10  # a sample with a tenth of the person in it counts for nothing: it would glow


def defocused(frame: Frame, pha: Array, *, radius: float) -> tuple[Plane, ...]:
    """Planes like the frame's: the room, each point spread over a disc. Of a person, where `pha` (H, W) is, nothing is left.

    radius: of the disc, in percent of the picture's height; what is smaller than half a percent is a little more than asked for."""
    light, weight = _light(frame, pha)
    rows = max(1, min(light.shape[0], _MOST_ROWS, round(_CELLS * 100 / radius)))
    size = max(1, round(light.shape[1] * rows / light.shape[0])), rows
    room, light, seen = (cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (_shone(light) * weight, light * weight, weight))
    # What is hidden is filled by what is drawn around it, not by how that shines: a lamp beside a head must not grow behind it.
    filled = fill(np.dstack([light, seen]))[..., :3]
    room += (1 - seen[..., None]) * _shone(np.maximum(filled, 0))
    kernel = disc(radius / 100 * rows, float(frame.sample_aspect))
    blurred = _drawn(cv2.filter2D(room, -1, kernel, borderType=cv2.BORDER_REFLECT))
    return enlarged(frame.own_codes(from_light(blurred, frame)), frame)


def power_of(frame: Frame) -> int:
    """Of which a code's light is the power, nearly: 2; of PQ, which is steeper by two to three times where pictures are, 4.

    Roots are as good as exact where light is only averaged or multiplied, and take a tenth of the time."""
    return 4 if frame.colour.transfer == PQ else 2


def to_light(rgb: Array, frame: Frame) -> Array:
    """R'G'B' in [0, 1], in the frame's own transfer, as light in [0, 1]."""
    light = rgb * rgb
    return light * light if power_of(frame) == 4 else light


def from_light(light: Array, frame: Frame) -> Array:
    """The inverse of to_light."""
    rgb = np.sqrt(light)
    return np.sqrt(rgb) if power_of(frame) == 4 else rgb


def _light(frame: Frame, pha: Array) -> tuple[Array, Array]:
    """(linear R'G'B' (h, w, 3), the room's weight (h, w, 1)) of some 180 rows. A block that holds any of the person weighs as the sample
    that holds the most: means over such a block would be of the person too."""
    step, size = grid(frame, _ROWS)
    rgb = frame.own_rgb(means(frame, step, size))
    most = cv2.dilate(cv2.convertScaleAbs(pha, alpha=255), np.ones((step, step), np.uint8), anchor=(0, 0))[::step, ::step]
    weight = np.maximum(1 - most[: size[1], : size[0], None] * np.float32(_CLEAR / 255), 0)
    return to_light(np.clip(rgb, 0, 1), frame), weight


def _shone(x: Array) -> Array:
    most = _most(x)
    return x / (1 - _LAMP * most * most)


def _drawn(light: Array) -> Array:
    """The inverse of _shone: the root m of k M m² + m = M, and each channel in its proportion to it."""
    most = _most(light)
    return np.maximum(light * (2 / (1 + np.sqrt(1 + 4 * _LAMP * most * most))), 0)  # a disc worked out by its spectrum may fall below 0


def _most(x: Array) -> Array:
    """The largest of three channels, (h, w, 1)."""
    return np.maximum(np.maximum(x[..., :1], x[..., 1:2]), x[..., 2:])


@lru_cache(maxsize=8)
def disc(radius: float, aspect: float) -> NDArray[np.float32]:
    """A kernel of sum 1: a disc of `radius` cells, its rim one cell wide; narrower where a sample is wider than high."""
    across, down = int(np.ceil(radius / aspect + 0.5)), int(np.ceil(radius + 0.5))
    y, x = np.mgrid[-down : down + 1, -across : across + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(y, x * aspect), 0, 1)
    return np.asarray(kernel / kernel.sum(), np.float32)
