"""Solids on a picture: each is a patch of colour and coverage that is laid over what lies there already.

Lengths are in head heights: x to the right, y down. Coverage is worked out per pixel from the distance to the outline, so edges are partly
covered pixels. Arithmetic is numpy's, or OpenCV's on bytes: both give the same bits wherever a picture lies in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Point = tuple[float, float]
Box = tuple[slice, slice]
Pair = tuple[Array, Array]

_LIGHT = np.array([-0.43, -0.56, 0.71], np.float32)  # towards a window above on the left
_AMBIENT, _DIFFUSE = 0.5, 0.6
_CELLS = 96  # of a texture to a head's height
_FINE = 4  # bits of a pixel's part in which curves are drawn


def colour(*rgb: float) -> Array:
    """(3,) R'G'B'."""
    return np.array(rgb, np.float32)


class Stuff(NamedTuple):
    """What a solid is made of. colour: (3,). texture: (h, w, 1 or 3), by which the colour is multiplied, wrapped around what it covers;
    opacity: below 1 for thin cloth."""

    colour: Array
    texture: Array | None = None
    opacity: float = 1.0


@dataclass
class Canvas:
    """size: (width, height). unit: pixels of a head's height. origin: pixels at which (0, 0) lies. rgba: premultiplied, (H, W, 4)."""

    size: tuple[int, int]
    unit: float
    origin: Point
    rgba: Array = field(init=False)

    def __post_init__(self) -> None:
        self.rgba = np.zeros((self.size[1], self.size[0], 4), np.float32)

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of (…, 2) points."""
        return np.asarray(points) * self.unit + np.asarray(self.origin)

    def capsule(self, a: Point, b: Point, radii: Point, stuff: Stuff) -> None:
        """A limb from a to b, of radii[0] there and radii[1] here."""
        box, x, y = self._around([a, b], max(radii))
        if box is None:
            return
        across, down = np.float32(b[0] - a[0]), np.float32(b[1] - a[1])
        length = float(np.hypot(across, down))
        x, y = x - np.float32(a[0]), y - np.float32(a[1])
        along: Array = np.clip((x * across + y * down) / np.float32(max(length * length, 1e-9)), 0, 1)
        off_x, off_y = x - along * across, y - along * down
        radius = np.float32(radii[0]) + along * np.float32(radii[1] - radii[0])
        distance = np.sqrt(off_x * off_x + off_y * off_y)
        side = off_x * down - off_y * across
        round_ = np.copysign(distance, side) / radius
        self._lay(box, radius - distance, (off_x / radius, off_y / radius), (round_, along * np.float32(length)), stuff)

    def lathe(self, at: Point, turn: float, profile: NDArray[np.float64], stuff: Stuff, *, lean: float = 0.0) -> None:
        """A body of (y, half width) rows, y downwards from `at`, turned by `turn` radians. lean: how much further right each y lies."""
        top, bottom, widest = profile[0, 0], profile[-1, 0], float(profile[:, 1].max()) + abs(lean) * float(np.abs(profile[:, 0]).max())
        sin, cos = np.float32(np.sin(turn)), np.float32(np.cos(turn))
        ends = [(at[0] - sin * y, at[1] + cos * y) for y in (top, bottom)]
        box, x, y = self._around(ends, widest)
        if box is None:
            return
        x, y = x - np.float32(at[0]), y - np.float32(at[1])
        x, y = x * cos + y * sin, y * cos - x * sin
        x = x - np.float32(lean) * y
        steps = np.interp(np.linspace(top, bottom, 512), profile[:, 0], profile[:, 1]).astype(np.float32)
        half = steps[np.clip((y - top) * np.float32(511 / (bottom - top)), 0, 511).astype(np.int16)]
        round_ = x / np.maximum(half, np.float32(1e-3))
        inside = np.minimum(half - np.abs(x), np.minimum(y - np.float32(top), np.float32(bottom) - y))
        rise = (y - np.float32((top + bottom) / 2)) * np.float32(1.2 / (bottom - top))
        self._lay(box, inside, (round_ * cos - rise * sin, round_ * sin + rise * cos), (round_, y), stuff)

    def spot(self, at: Point, radii: Point, colour: Array, strength: float) -> None:
        """A soft shadow or glow on what is there; it covers nothing by itself."""
        box, x, y = self._around([at], 2.2 * max(radii))
        if box is None:
            return
        square = ((x - at[0]) / np.float32(radii[0])) ** 2 + ((y - at[1]) / np.float32(radii[1])) ** 2
        weight = np.float32(strength) * np.exp(-square)[..., None]
        patch = self.rgba[box]
        patch[..., :3] += weight * (colour * patch[..., 3:] - patch[..., :3])

    def layer(self) -> Bytes:
        """An empty picture of premultiplied bytes, for curves and areas; `lay` puts it on."""
        return np.zeros(self.rgba.shape, np.uint8)

    def curves(self, on: Bytes, points: NDArray[np.float64], width: float, colour: Array, *, closed: bool = False) -> None:
        """(N, P, 2) points as lines of that width on a layer; thinner than a pixel they are fainter. They replace what lies under them."""
        pixels = width * self.unit
        value = np.append(np.clip(colour, 0, 1), 1) * 255 * min(1.0, max(pixels, 0.12))
        lines = self._fixed(points)
        cv2.polylines(on, list(lines), closed, value.tolist(), max(1, round(pixels)), cv2.LINE_AA, _FINE)

    def area(self, on: Bytes, outline: NDArray[np.float64], colour: Array, opacity: float = 1.0) -> None:
        """The inside of (P, 2) points."""
        value = np.append(np.clip(colour, 0, 1), 1) * 255 * opacity
        cv2.fillPoly(on, [self._fixed(outline)], value.tolist(), cv2.LINE_AA, _FINE)

    def lay(self, layer: Bytes, opacity: float = 1.0) -> None:
        """The layer over all that was drawn before."""
        left, top, width, height = cv2.boundingRect(np.ascontiguousarray(layer[..., 3]))
        if not width:
            return
        box = np.s_[top : top + height, left : left + width]
        patch = layer[box].astype(np.float32) * np.float32(opacity / 255)
        self.rgba[box] = patch + self.rgba[box] * (1 - patch[..., 3:])

    def _fixed(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        return np.rint(self.pixels(points) * (1 << _FINE)).astype(np.int32)

    def _around(self, points: list[Point], reach: float) -> tuple[Box | None, Array, Array]:
        """(box of pixels, their x, their y), None for what lies beyond the picture."""
        where = self.pixels(np.asarray(points))
        reach = reach * self.unit + 2
        left, top = np.maximum(np.floor(where.min(axis=0) - reach), 0).astype(int)
        right, bottom = np.minimum(np.ceil(where.max(axis=0) + reach), self.size).astype(int)
        if left >= right or top >= bottom:
            return None, np.empty(0, np.float32), np.empty(0, np.float32)
        x = ((np.arange(left, right) + 0.5 - self.origin[0]) / self.unit).astype(np.float32)[None, :]
        y = ((np.arange(top, bottom) + 0.5 - self.origin[1]) / self.unit).astype(np.float32)[:, None]
        return np.s_[top:bottom, left:right], x, y

    def _lay(self, box: Box, inside: Array, normal: Pair, wrap: Pair, stuff: Stuff) -> None:
        """inside: distance from the outline, positive inside. normal: its x and y. wrap: (-1 to 1 around, length along), texture's."""
        cover = np.clip(inside * np.float32(self.unit) + np.float32(0.5), 0, 1) * np.float32(stuff.opacity)
        normal_x, normal_y = (np.clip(each, -1, 1) for each in normal)
        facing = np.sqrt(np.maximum(1 - normal_x * normal_x - normal_y * normal_y, 0))
        lit = np.maximum(normal_x * _LIGHT[0] + normal_y * _LIGHT[1] + facing * _LIGHT[2], 0)
        colour = (np.float32(_AMBIENT) + np.float32(_DIFFUSE) * lit)[..., None] * stuff.colour
        if stuff.texture is not None:
            colour = colour * _wrapped(stuff.texture, *wrap)
        patch = self.rgba[box]
        patch *= (1 - cover)[..., None]
        patch[..., :3] += np.minimum(colour, 1) * cover[..., None]
        patch[..., 3] += cover


def _wrapped(texture: Array, around: Array, along: Array) -> Array:
    """The texture's value at each pixel; around the sides it lies closer together."""
    across = np.arcsin(np.clip(around, -1, 1)) * np.float32(_CELLS * 0.8)
    rows, columns = texture.shape[:2]
    y, x = np.broadcast_arrays((along * np.float32(_CELLS)).astype(np.int32) % rows, across.astype(np.int32) % columns)
    return np.asarray(texture[y, x])
