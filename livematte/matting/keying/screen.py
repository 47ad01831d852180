"""A screen's colour as a smooth field over the picture: what the screen would show where the person stands, too.

Small samples that look like the screen are summed up in cells, which forget slowly; a cubic is fitted to the cells, and what it
misses is carried from cell to cell. A cell that the person hides keeps the colour that it had. No sample counts by its rank in one frame:
the field of a still scene moves by the noise of some hundred samples' mean.
"""

from __future__ import annotations

from math import exp

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.planes import fill

Array = NDArray[np.float32]

_DETAIL = 160  # samples on the longest side of what is looked at
_CELL = 4  # of these
_FORGET = 0.5  # seconds in which a cell forgets to 1/e: a camera's exposure is followed, noise is not
# How far a sample may be from the screen, in chroma and half of luma, to count in part, and how bright in terms of it. At first the screen
# is taken to be of one colour, and there is light and shade on it.
_ROUNDS = ((0.12, (0.5, 1.8)), (0.08, (1.0, 1.0)), (0.06, (1.0, 1.0)))
_WHOLE = 0.5  # of that distance, up to which it counts in full
_STIFF = 0.3  # cells' worth of belief that the light is even
_LEAST_SEEN = 0.002  # of the picture


class Screen:
    """The field, from a scene's first frame on. colour: (3,) Y Cb Cr, what the screen is taken to be until it is seen.

    seen: the share of the picture that was like the screen when last looked at."""

    def __init__(self, colour: Array) -> None:
        self._colour = colour
        self._cells: Array | None = None  # (rows, columns, 4): sums of Y Cb Cr and of weights
        self._wide: Array | None = None  # (rows, columns, 3), what is fitted to them
        self._when = 0.0
        self.seen = 0.0

    def look(self, ycc: Array, free: Array, *, seconds: float | None) -> None:
        """Takes the next small picture, (h, w, 3). free: (h, w) in [0, 1], what may be screen. seconds: its time; None: there is none, and
        what was seen before is forgotten."""
        ycc, free = _reduced(ycc), _reduced(free)
        kept = 0.0 if seconds is None else exp(-abs(seconds - self._when) / _FORGET)
        self._when = seconds or 0.0
        before = None if self._cells is None or not kept else self._cells * np.float32(kept)
        for reach, span in _ROUNDS if before is None else _ROUNDS[-1:]:
            # Against the wide field: against one that follows, what is a little off would draw it to itself from frame to frame.
            weight = _likeness(ycc, self._wide_field(ycc.shape[1::-1]), reach, span) * free
            cells = _summed(ycc, weight)
            self.seen = float(weight.mean())
            if self.seen < _LEAST_SEEN:
                return
            self._cells = cells if before is None else cells + before
            self._wide = _fitted(self._cells)

    def field(self, size: tuple[int, int]) -> Array:
        """Y Cb Cr (height, width, 3) of the screen at a size."""
        if self._cells is None or self._wide is None:
            return self._wide_field(size)
        colour, weight = _means(self._cells)
        missed = fill(np.dstack([(colour - self._wide) * weight, weight]))
        return _enlarged(self._wide + missed[..., :3], size)

    def _wide_field(self, size: tuple[int, int]) -> Array:
        return _enlarged(self._colour[None, None] if self._wide is None else self._wide, size)


def _reduced(picture: Array) -> Array:
    height, width = picture.shape[:2]
    ratio = min(1.0, _DETAIL / max(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return picture if ratio == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _likeness(ycc: Array, field: Array, reach: float, span: tuple[float, float]) -> Array:
    """(h, w) in [0, 1]: 1 for a sample of the field's colour, its brightness times anything within `span`, and beside no other."""
    scale = np.clip(ycc[..., 0] / np.maximum(field[..., 0], np.float32(0.02)), *span)
    off = ycc - scale[..., None] * field
    far = cv2.magnitude(np.ascontiguousarray(off[..., 1]), np.ascontiguousarray(off[..., 2])) + np.abs(off[..., 0]) * np.float32(0.5)
    weight = np.clip((np.float32(reach) - far) * np.float32(1 / (reach * (1 - _WHOLE))), 0, 1)
    return cv2.erode(weight, np.ones((3, 3), np.uint8))


def _summed(ycc: Array, weight: Array) -> Array:
    """(rows, columns, 4): means over each cell of weighted colours and of weights."""
    height, width = weight.shape
    stack = np.dstack([ycc * weight[..., None], weight])
    size = (max(1, width // _CELL), max(1, height // _CELL))
    return cv2.resize(stack, size, interpolation=cv2.INTER_AREA)


def _means(cells: Array) -> tuple[Array, Array]:
    """(colours (rows, columns, 3), weights in [0, 1] (rows, columns, 1))"""
    weight = cells[..., 3:]
    return np.asarray(cells[..., :3] / np.maximum(weight, np.float32(1e-6)), np.float32), np.minimum(weight, np.float32(1))


def _fitted(cells: Array) -> Array:
    """(rows, columns, 3): a cubic through the cells' colours, even where nothing says otherwise."""
    colour, weight = _means(cells)
    rows, columns = weight.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    terms = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=-1).reshape(rows * columns, -1)
    weighed = (terms * weight.reshape(-1, 1)).T
    stiff = np.full(terms.shape[1], _STIFF)
    stiff[0] = 1e-6
    solved = np.linalg.solve(weighed @ terms + np.diag(stiff), weighed @ colour.reshape(-1, 3))
    return (terms @ solved).reshape(colour.shape).astype(np.float32)


def _enlarged(grid: Array, size: tuple[int, int]) -> Array:
    return cv2.resize(np.ascontiguousarray(grid), size, interpolation=cv2.INTER_LINEAR)
