"""Small holes in bodies and stray specks beside them, told from what the matte said of the same surface lately.

Two figures in [0, 1] are kept of each surface and go along with its motion (motion.py): how firmly the matte held it solid, and how
lately it hung together with a body. A hole is filled only where that very surface was solid within the last 0.8 s, and opens if it stays;
a speck that was no part of a body is gone from its first frame on.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.matting.draft import Small
from livematte.motion import Moment, on_grid
from livematte.overview import along, seen
from livematte.planes import Array

# Lengths are parts of the picture's shorter side, areas those of a square of that side.
_SOLID, _FAINT = 0.9, 0.1  # alpha from which on a surface is solid, and up to which it is nothing
_FIRM, _LOOSE = 0.3, 1.6  # seconds of being solid in which a surface becomes firm, and of being a hole in which it ceases to be
_HELD = (0.5, 0.6)  # firmness between which filling fades: a hole opens from 0.64 s on and is open after 0.8 s
# The largest hole that is filled; how much body must lie around it: with 0.02 gaps beside a thin arm are, and dtSSD of somebody drawn far
# away rises by 12 %.
_HOLE, _RIM = 0.06, 0.04
_TORN = 0.16  # of the picture's width in a second: what moves so much otherwise than its neighbour may come off it
_SPECK, _SHARE = 0.06, 0.02  # a speck is smaller than that, and than this part of the largest body's area: beside it, a far person is more
_NEAR = 0.03  # what is no further from a body is its hair
_PARTED, _FADE = 0.5, 0.3  # seconds for which what came off a body is still a part of it; the last part of them, in which it fades

Mask = NDArray[np.bool_]


class Tidy:
    """step() takes a source's frames in order. Where there is nothing to tidy alpha stays as it is; so does a hole that is there for good.

    What may be a gap that opens between an arm and the body is never filled, at the price of holes that flicker in quick motion."""

    def __init__(self) -> None:
        self._kept: Array | None = None  # (h, w, 2) on the luma's grid: firm, tied

    def step(self, moment: Moment, small: Small) -> Array:
        """The small alpha, tidied: (h, w) float32, the same array where nothing changes."""
        alpha = seen(small, moment)
        firm, tied = self._remembered(alpha, moment)
        fill, specks = _to_fill(alpha, firm), _specks(alpha, tied)
        self._kept = cv2.merge((firm, tied))
        pha = small.pha
        if fill is not None:
            pha = np.maximum(pha, on_grid(fill, moment, small))
        if specks is not None:
            pha = pha * (1 - on_grid(specks, moment, small))
        return pha

    def reset(self) -> None:
        self._kept = None

    def _remembered(self, alpha: Array, moment: Moment) -> tuple[Array, Array]:
        """(firm, tied) of the surfaces that this frame shows."""
        if self._kept is None or moment.flow is None or moment.sure is None:
            return np.zeros_like(alpha), np.zeros_like(alpha)
        firm, tied = cv2.split(along(self._kept, moment))
        firm *= moment.sure >= np.float32(0.5)
        firm *= ~_torn(moment.flow, moment.passed)
        firm += np.where(alpha >= _SOLID, np.float32(moment.passed / _FIRM), np.float32(-moment.passed / _LOOSE))
        return np.clip(firm, 0, 1), np.maximum(tied - np.float32(moment.passed / _PARTED), 0)


def _torn(flow: Array, passed: float) -> Mask:
    """Where what lies side by side moves apart. On eight clips with known alpha all that was filled wrongly lay there: gaps that open."""
    square = np.ones((5, 5), np.uint8)
    across, down = cv2.split(cv2.dilate(flow, square) - cv2.erode(flow, square))
    return np.maximum(across, down) > np.float32(_TORN * flow.shape[1] * passed)


def _to_fill(alpha: Array, firm: Array) -> Array | None:
    """How far alpha is to be raised, (h, w) in [0, 1]: in small holes deep inside bodies, where these are firm. None: nowhere."""
    side = min(alpha.shape)
    count, labels = cv2.connectedComponents((alpha < _SOLID).view(np.uint8), connectivity=4)
    hole = np.bincount(labels.ravel(), minlength=count) <= (_HOLE * side) ** 2
    for those in (0, labels[0], labels[-1], labels[:, 0], labels[:, -1]):  # what is solid, and what goes on beyond the picture
        hole[those] = False
    if not hole.any():
        return None
    outside = (labels > 0) & ~hole[labels]
    hole[labels[cv2.dilate(outside.view(np.uint8), _disc(_RIM * side)) > 0]] = False
    # Motion is known to a pixel: a hole's own rim is no surface that was solid. What shrinks and grows again is nowhere more than it was.
    surely = cv2.erode(firm, np.ones((3, 3), np.uint8))
    fill = np.clip((surely - np.float32(_HELD[0])) * np.float32(1 / (_HELD[1] - _HELD[0])), 0, 1) * hole[labels]
    return cv2.dilate(fill, _disc(1)) if fill.any() else None


def _specks(alpha: Array, tied: Array) -> Array | None:
    """How far alpha is to be lowered, (h, w) in [0, 1]: where specks are. None: nowhere. tied: is 1 afterwards where bodies are."""
    side = min(alpha.shape)
    count, labels = cv2.connectedComponents((alpha > _FAINT).view(np.uint8), connectivity=8)
    areas = np.bincount(labels.ravel(), minlength=count)
    areas[0] = 0
    speck = areas < min((_SPECK * side) ** 2, _SHARE * int(areas.max()))
    speck[0] = False
    if speck.any():
        bodies = (labels > 0) & ~speck[labels]
        speck[labels[cv2.dilate(bodies.view(np.uint8), _disc(_NEAR * side)) > 0]] = False
    there = speck[labels]
    tied[(labels > 0) & ~there] = 1
    lately = np.zeros(count, np.float32)
    np.maximum.at(lately, labels[there], tied[there])
    gone = np.where(speck, 1 - np.minimum(lately * np.float32(1 / _FADE), 1), np.float32(0)).astype(np.float32)
    return cv2.dilate(gone[labels], _disc(2)) if gone.any() else None


def _disc(radius: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
