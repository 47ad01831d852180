"""Light wrap: what is bright behind a person shines over their edge, as it does in every lens.

The person's colour becomes a convex combination of itself and of the background's light, blurred,
    fgr' = fgr + w (light - fgr),   w = amount · (1 - the matte blurred by a disc), a half at a straight edge, 0 where the disc is full,
so it is never brighter than the brighter of the two, and what lies deeper stays as it was, bit for bit. The combination is one of light:
with F and B the codes of luma, G = root((1 - w) F² + w B²), and w' = (G - F) / (B - F) is the weight that gives G of codes.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from livematte.frame import Frame, Plane
from livematte.lens import LUMA, disc, from_light, to_light
from livematte.planes import Array, blended, enlarged, fill, grid, means

ROWS = 120  # of the small pictures in which all but the last blend is done
_WIDTH = 3.0  # percent of the picture's height that light reaches inwards
_GLOW = 4.0  # likewise, the radius of the disc that blurs the background
_FULL = np.float32(1e-3)  # a disc that lacks less of the person is full: sums of floats miss 1 by some 1e-6


class Behind:
    """What stands behind a person, seen small. frame: whose format, size and tags it has; bgr: its planes."""

    def __init__(self, frame: Frame, bgr: tuple[Plane, ...]) -> None:
        self._frame, self._planes = frame, bgr

    def is_of(self, frame: Frame, bgr: tuple[Plane, ...]) -> bool:
        """Whether it is the very same: what is worked out of a picture that stays can stay."""
        tags = [(f.format, f.colour, f.sample_aspect) for f in (self._frame, frame)]
        return tags[0] == tags[1] and all(one is other for one, other in zip(self._planes, bgr, strict=True))

    @cached_property
    def rgb(self) -> Array:
        """(h, w, 3) R'G'B' in [0, 1]."""
        return small_rgb(self._frame.with_planes(self._planes))

    @cached_property
    def glow(self) -> Array:
        """The same, its light blurred."""
        kernel = _disc(_GLOW, self.rgb.shape[0], self._frame)
        blurred = cv2.filter2D(to_light(self.rgb, self._frame), -1, kernel, borderType=cv2.BORDER_REFLECT)
        return from_light(np.maximum(blurred, 0), self._frame)

    @cached_property
    def glow_planes(self) -> tuple[Plane, ...]:
        return enlarged(self._frame.own_codes(self.glow), self._frame)


def small_rgb(frame: Frame) -> Array:
    """Some 120 rows of a frame: (h, w, 3) R'G'B' in [0, 1], in its own transfer."""
    return np.clip(frame.own_rgb(means(frame, *grid(frame, ROWS))), 0, 1)


def wrapped(fgr: Frame, inside: Array, person: Array, behind: Behind, *, amount: float) -> tuple[Plane, ...]:
    """The planes of a straight foreground with light over its edge. inside: alpha (h, w), person: R'G'B' (h, w, 3), both of small_rgb's
    size. amount: 0 to 1."""
    weight = np.float32(amount) * _edge(inside, _disc(_WIDTH, inside.shape[0], fgr))
    if weight.max() == 0:
        return fgr.planes
    weight = _of_codes(weight, _carried(person @ LUMA, inside), behind.glow @ LUMA, fgr)
    return blended(fgr.with_planes(behind.glow_planes), fgr.planes, cv2.resize(weight, fgr.size, interpolation=cv2.INTER_LINEAR))


def _disc(radius: float, rows: int, frame: Frame) -> Array:
    """A disc's kernel; radius in percent of the picture's height, which has so many rows."""
    return disc(radius / 100 * rows, float(frame.sample_aspect))


def _edge(inside: Array, kernel: Array) -> Array:
    """How much of the disc around each cell is not the person; exactly 0 where there is nothing else, and where nobody is near. The person
    goes on past the picture's end."""
    soft = cv2.filter2D(inside, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    near = cv2.dilate(inside, np.ones((3, 3), np.uint8)) > 0  # a cell more: weights are enlarged between cells
    return np.where(near, np.clip(1 - _FULL - soft, 0, 1), np.float32(0))


def _carried(luma: Array, inside: Array) -> Array:
    """The person's luma, carried on over what lies outside: there it is the room's."""
    sure = np.maximum(10 * inside - 9, 0)
    return fill(np.dstack([luma * sure, sure]))[..., 0]


def _of_codes(weight: Array, fgr: Array, light: Array, frame: Frame) -> Array:
    """The weight by which codes mix to what light mixes to by `weight`. fgr, light: luma in [0, 1]."""
    mixed = from_light((1 - weight) * to_light(fgr, frame) + weight * to_light(light, frame), frame)
    apart = light - fgr
    alike = np.abs(apart) < np.float32(1e-2)
    return np.where(alike | (weight == 0), weight, np.clip((mixed - fgr) / np.where(alike, 1, apart), 0, 1))
