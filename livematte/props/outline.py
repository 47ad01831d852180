"""The outline of what stands in a box, by GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004) on a small picture; full size is made of
that as of a network's alpha. Where no outline makes sense, the box itself with round, soft edges."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame, Size
from livematte.matting.coefficients import from_alpha
from livematte.matting.plates.difference import small_size
from livematte.matting.plates.evidence import grown
from livematte.matting.refine import refine
from livematte.planes import Array
from livematte.props.spec import Box

Mask = NDArray[np.bool_]

_DETAIL = 512  # pixels on the longest side, at which refine() has enough of an outline
_CUT = 50_000  # pixels of the part that is cut: 0.15 s
_AROUND = 0.35  # of a box's sides, what lies about it and is not of the prop
_STEPS = 5
_SENSIBLE = (0.04, 0.93)  # of the box; an outline that takes less or more is none
_SPECK = 0.1  # of the largest part: smaller ones are left out
_ASIDE, _UNDER = 1, 3  # small pixels to keep from a person, and by which a prop goes on under them: no seam between the two
_ROUND, _SOFT = 0.08, 0.02  # of a box's shorter side


def outlines(frame: Frame, people: Array, boxes: Sequence[Box]) -> tuple[Array, list[Box]]:
    """(alpha (H, W) of what stands in the boxes, those of which the box itself was taken). people: (H, W), their alpha, no props."""
    size = small_size(frame.size, _DETAIL)
    src = frame.rgb(size)
    nobody = ~grown(cv2.resize(people, size, interpolation=cv2.INTER_AREA) > 0.5, _ASIDE)
    found, left = np.zeros(size[::-1], np.bool_), []
    for box in boxes:
        cut = _cut(src, nobody, box)
        if cut is None:
            left.append(box)
        else:
            found |= cut | (grown(cut, _UNDER) & ~nobody)
    pha = _enlarged(frame, src, found) if found.any() else np.zeros(frame.size[::-1], np.float32)
    for box in left:
        pha = np.maximum(pha, rounded(frame.size, box))
    return pha, left


def rounded(size: Size, box: Box) -> Array:
    """(H, W): a box with round, soft edges; where the picture ends, it goes on."""
    width, height = size
    distance = []
    for start, length, of in ((box.left, box.width, width), (box.top, box.height, height)):
        low = -of if start <= 0 else start * of / 100
        high = 2 * of if start + length >= 100 else (start + length) * of / 100
        distance.append(np.abs(np.arange(of, dtype=np.float32) + np.float32(0.5 - (low + high) / 2)) - np.float32((high - low) / 2))
    side = min(box.width * width, box.height * height) / 100
    radius, soft = np.float32(_ROUND * side), np.float32(max(1.0, _SOFT * side))
    across, down = (np.maximum(d + radius, 0) for d in distance)
    beyond = np.hypot(across[None], down[:, None]) - radius
    return np.clip(-beyond / soft, 0, 1)


def _cut(src: Array, nobody: Mask, box: Box) -> Mask | None:
    """(h, w): the thing in the box; None where that makes no sense."""
    height, width = nobody.shape
    inner = _pixels(box, width, height, 0.0)
    part = _pixels(box, width, height, _AROUND)
    inside = np.zeros_like(nobody)
    inside[inner] = True
    asked, picture = (inside & nobody)[part], src[part]
    if not asked.any():
        return None
    seen = _grabbed(picture, asked)
    share = seen.sum() / asked.sum()
    if not _SENSIBLE[0] < share < _SENSIBLE[1]:
        return None
    found = np.zeros_like(nobody)
    found[part] = seen
    return found


def _pixels(box: Box, width: int, height: int, around: float) -> tuple[slice, slice]:
    """(rows, columns), with what is around it."""
    left, top = box.left - around * box.width, box.top - around * box.height
    right, bottom = left + (1 + 2 * around) * box.width, top + (1 + 2 * around) * box.height
    rows = slice(max(0, round(top * height / 100)), min(height, round(bottom * height / 100)))
    return rows, slice(max(0, round(left * width / 100)), min(width, round(right * width / 100)))


def _grabbed(picture: Array, asked: Mask) -> Mask:
    """Of what is asked for, what differs from all around."""
    ratio = min(1.0, (_CUT / asked.size) ** 0.5)
    size = max(1, round(asked.shape[1] * ratio)), max(1, round(asked.shape[0] * ratio))
    small = np.rint(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., ::-1] * 255).astype(np.uint8)
    there = cv2.resize(asked.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    labels = np.where(there > 0, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    if not there.any() or there.all():
        return np.zeros_like(asked)
    cv2.setRNGSeed(0)  # its colour models begin by chance, and the same clip shall give the same outline
    cv2.grabCut(np.ascontiguousarray(small), labels, None, np.zeros((1, 65)), np.zeros((1, 65)), _STEPS, cv2.GC_INIT_WITH_MASK)
    solid = _without_specks((labels == cv2.GC_PR_FGD) & (there > 0))
    whole = cv2.resize(solid.astype(np.float32), asked.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray((whole > 0.5) & asked)


def _without_specks(where: Mask) -> Mask:
    mask = cv2.morphologyEx(where.view(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    sizes = stats[:, cv2.CC_STAT_AREA].copy()
    sizes[0] = 0
    return np.asarray((sizes > _SPECK * sizes.max())[labels] & (labels > 0))


def _enlarged(frame: Frame, src: Array, found: Mask) -> Array:
    soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), 0.7)
    return refine(frame, from_alpha(np.ascontiguousarray(src.transpose(2, 0, 1)), soft)).pha
