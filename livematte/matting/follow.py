"""Which part of the picture the network need look at: around the bodies in its last mattes, in cells that its sizes come in.

The part grows at once and shrinks late, keeps its size while it can, and comes in few sizes, so that what is made for a size is used
again. The whole picture is looked at wherever there is doubt: at first, when nobody is found, when a body reaches the part's edge, when
a glance (the whole, coarsely, every 0.4 s) shows somebody elsewhere, and every 2 s in any case.
"""

from __future__ import annotations

from math import ceil, floor
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame, Size

Array = NDArray[np.float32]
CELL = 16  # of the network's pixels: its coarsest state has one sample for each
GLANCE_EVERY = 0.4  # seconds between two glances at everything
LOOK_EVERY = 2.0  # seconds between two full looks at it; where there are no glances, these come as often as they would
GLANCE_DETAIL = 256  # longest side of a glance's picture: who is a fifth of its height is seen, in a quarter of a look's time
_SETTLED = 1.0  # seconds for which less must have been enough, before the part shrinks
_MARGIN = 0.12  # of a body's size on each side; half of it may be used up before the part moves
_LEAST_MARGIN = 1.5  # cells
_STEP = 2  # cells in which the part's sides grow
_LEAST = 8  # cells of a side
_WORTH = 0.85  # a part larger than this much of the picture saves less than it risks
_SEEN = 0.15  # mean alpha of a patch that holds somebody
_PATCH = 4  # of the network's pixels, by which bodies are looked for
_SPECK = 6  # patches: what is smaller is no body


class Cells(NamedTuple):
    """[left, right) x [top, bottom), in cells."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def size(self) -> Size:
        """(width, height) of the network's picture."""
        return (self.right - self.left) * CELL, (self.bottom - self.top) * CELL


Box = tuple[float, float, float, float]  # left, top, right, bottom


class Follower:
    """For one scene, of one size. grid: cells across and down the picture. glances: whether there are any.

    part(seconds): what to look at next; saw(…) and glanced(…) tell what was seen there."""

    def __init__(self, grid: Size, *, glances: bool = False) -> None:
        self.whole = Cells(0, 0, *grid)
        self._part = self.whole
        self._look_every = LOOK_EVERY if glances else GLANCE_EVERY
        self._looked = self._glanced = -np.inf
        self._lately: list[tuple[float, Box]] = []  # when, and where a body was

    def part(self, seconds: float) -> Cells:
        return self.whole if _due(seconds, self._looked, self._look_every) else self._part

    @property
    def around(self) -> Cells:
        """The part around the bodies, whatever is to be looked at next."""
        return self._part

    def glance_due(self, seconds: float) -> bool:
        return _due(seconds, self._glanced, GLANCE_EVERY) and _due(seconds, self._looked, GLANCE_EVERY)

    def glanced(self, pha_sm: Array, seconds: float) -> None:
        """Takes the matte of the whole picture, coarse, of any size."""
        self._glanced = seconds
        box = _bodies(pha_sm, self.whole)
        if box is not None and not _within(box, self._with_a_rim(self._part)):
            self._part = self.whole

    def _with_a_rim(self, part: Cells) -> Box:
        """A coarse matte is not known to a cell."""
        return part.left - 1, part.top - 1, part.right + 1, part.bottom + 1

    def saw(self, part: Cells, pha_sm: Array, seconds: float) -> bool:
        """Takes the matte of `part`, (h, w) in [0, 1], of any size. False: a body reaches the edge and may go on behind it; the picture is
        to be looked at as a whole."""
        box = _bodies(pha_sm, part)
        if part == self.whole:
            self._looked = seconds
        elif box is None or self._reaches_edge(box, part):
            self._part = self.whole
            return False
        self._part = self.whole if box is None else self._next(box, seconds)
        return True

    def _reaches_edge(self, box: Box, part: Cells) -> bool:
        """Whether a body comes within a patch of an edge that is not the picture's own."""
        near = _PATCH / CELL
        low = (box[i] - near <= part[i] and part[i] > self.whole[i] for i in (0, 1))
        high = (box[i] + near >= part[i] and part[i] < self.whole[i] for i in (2, 3))
        return any(low) or any(high)

    def _next(self, box: Box, seconds: float) -> Cells:
        self._lately = [(when, b) for when, b in self._lately if 0 <= seconds - when < _SETTLED]
        began = self._lately[0][0] if self._lately else seconds
        self._lately.append((seconds, box))
        settled = seconds - began > _SETTLED * 0.8 or self._part == self.whole
        least = self._around(_union([b for _, b in self._lately]))
        if not _within(self._widened(box, 0.5), self._part):
            return least if least.area >= self._part.area else self._moved(least)
        return least if settled and least.area < self._part.area else self._part

    def _moved(self, least: Cells) -> Cells:
        """A part of the present size, where it fits, around `least`."""
        if self._part == self.whole:
            return least
        sides = (max(least[i + 2] - least[i], self._part[i + 2] - self._part[i]) for i in (0, 1))
        return self._placed(least, *sides)

    def _around(self, box: Box) -> Cells:
        """The smallest part for a body and its margin."""
        wide = self._widened(box, 1)
        sides = (min(self.whole[i + 2], max(_LEAST, ceil((wide[i + 2] - wide[i]) / _STEP) * _STEP)) for i in (0, 1))
        part = self._placed(wide, *sides)
        return self.whole if part.area > _WORTH * self.whole.area else part

    def _placed(self, box: Box, width: int, height: int) -> Cells:
        """Cells of that size, about the middle of the box, in the picture."""
        left, top = (
            max(0, min(self.whole[i + 2] - side, floor((box[i] + box[i + 2] - side) / 2 + 0.5))) for i, side in ((0, width), (1, height))
        )
        return Cells(left, top, left + width, top + height)

    def _widened(self, box: Box, share: float) -> Box:
        """With `share` of the margin on each side, in the picture."""
        across, down = (share * max(_LEAST_MARGIN, _MARGIN * (box[i + 2] - box[i])) for i in (0, 1))
        right, bottom = self.whole[2:]
        return max(0.0, box[0] - across), max(0.0, box[1] - down), min(right, box[2] + across), min(bottom, box[3] + down)


def _due(seconds: float, last: float, every: float) -> bool:
    return not 0 <= seconds - last < every


def _bodies(pha_sm: Array, part: Cells) -> Box | None:
    """The box around all that is somebody, in cells of the whole picture; None where nobody is."""
    height, width = pha_sm.shape
    patches = cv2.resize(pha_sm, (max(1, width // _PATCH), max(1, height // _PATCH)), interpolation=cv2.INTER_AREA)
    _, _, stats, _ = cv2.connectedComponentsWithStats((patches > _SEEN).astype(np.uint8))
    found = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= _SPECK]
    if not len(found):
        return None
    left, top = found[:, 0].min(), found[:, 1].min()
    right, bottom = (found[:, 0] + found[:, 2]).max(), (found[:, 1] + found[:, 3]).max()
    across, down = (part.right - part.left) / patches.shape[1], (part.bottom - part.top) / patches.shape[0]  # a patch, in cells
    return part.left + left * across, part.top + top * down, part.left + right * across, part.top + bottom * down


def _union(boxes: list[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _within(inner: Box, outer: Box) -> bool:
    return all(inner[i] >= outer[i] for i in (0, 1)) and all(inner[i] <= outer[i] for i in (2, 3))


def pixels(part: Cells, grid: Size, frame: Frame) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the frame's pixels that cells cover, on whole chroma samples."""
    sides = []
    for i, cell in enumerate(part):
        count, side, sub = grid[i % 2], frame.size[i % 2], frame.format.sub[i % 2]
        sides.append(side if cell == count else round(cell * side / count) // sub * sub)
    return sides[0], sides[1], sides[2], sides[3]
