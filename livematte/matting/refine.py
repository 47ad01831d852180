"""The end of the deep guided filter (arXiv 2108.11515, section 3.1), done on a frame's own planes and only where alpha is undecided.

The network gives, at its small size, A and b for R, G, B (the foreground's residual) and for alpha; at full size
    pha = clamp(A_4 mean(R, G, B) + b_4),    fgr_c = clamp(src_c + A_c src_c + b_c),    A and b resized bilinearly.
mean(R, G, B) is in [0, 1], so alpha is certainly 1 where b_4 and A_4 + b_4 are >= 1 in all four samples that a pixel is interpolated
from, and certainly 0 where both are <= 0. That is some nine tenths of a typical frame; the rest is computed in boxes. The result
is that of the full-size arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.colour import PQ
from livematte.frame import Frame, Matte, PixelFormat, Plane, Size, shrink, to_integers

Array = NDArray[np.float32]
_STRIP = 24  # small rows that are searched for runs of undecided samples at a time


class Box(NamedTuple):
    """Pixels [top, bottom) x [left, right)."""

    left: int
    top: int
    right: int
    bottom: int


def refine(frame: Frame, coef: Array) -> Matte:
    """A frame's matte from the network's coefficients.

    coef: (8, h, w) float32, A for R, G, B, alpha and then b likewise. Gives pha (H, W) float32 in [0, 1] and the frame with the
    network's foreground colour where 0 < pha < 1; all other samples are the frame's own. A frame that brings alpha of its own
    keeps it: pha is the product."""
    width, height = frame.size
    undecided, inside = _decided(coef)
    pha = cv2.resize(inside, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    matte = Matte(pha, frame.with_planes(tuple(np.array(p) for p in frame.planes)))
    packed = cv2.merge(list(coef[:4])), cv2.merge(list(coef[4:]))  # four channels are interpolated in the time of one
    whole = _on_whole_chroma(frame)
    for box in _boxes(undecided, frame):
        _refine_box(whole, packed, box, matte)
    if frame.pha is not None:
        pha *= frame.pha
    return matte


def _decided(coef: Array) -> tuple[NDArray[np.bool_], Array]:
    """(where alpha may lie between 0 and 1, alpha where it may not), both (h, w)."""
    slope, at_black = coef[3], coef[7]
    at_white = slope + at_black
    inside = np.minimum(at_black, at_white) >= 1
    outside = np.maximum(at_black, at_white) <= 0
    open_ = (~(inside | outside)).astype(np.uint8)
    # A pixel is interpolated from samples at most one apart; where a 1 borders on a 0, it is undecided too.
    edge = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return (cv2.dilate(open_, np.ones((3, 3), np.uint8)) | edge).astype(bool), inside.astype(np.float32)


def _boxes(undecided: NDArray[np.bool_], frame: Frame) -> Iterator[Box]:
    """Boxes that together cover every undecided sample and do not overlap: runs of samples, strip by strip."""
    small = undecided.shape[::-1]
    for top in range(0, small[1], _STRIP):
        bottom = min(top + _STRIP, small[1])
        # Pixels are rounded up to whole chroma samples: those of the strip above that this leaves over are this one's.
        busy = np.flatnonzero(undecided[max(0, top + 1 - frame.format.sub[1]) : bottom].any(axis=0))
        if not len(busy):
            continue
        breaks = np.flatnonzero(np.diff(busy) > _STRIP)
        starts, ends = busy[np.r_[0, breaks + 1]], busy[np.r_[breaks, len(busy) - 1]] + 1
        for left, right in zip(starts.tolist(), ends.tolist(), strict=True):
            yield _pixels(Box(left, top, right, bottom), small, frame)


def _pixels(box: Box, small: Size, frame: Frame) -> Box:
    """The pixels that a box of small samples covers, on whole chroma samples, so that neighbouring boxes do not share one."""
    (width, height), (across, down) = frame.size, frame.format.sub
    left, right = (x * width // small[0] // across * across for x in (box.left, box.right))
    top, bottom = (y * height // small[1] // down * down for y in (box.top, box.bottom))
    right = width if box.right == small[0] else min(right + across, width)
    return Box(left, top, right, height if box.bottom == small[1] else bottom)


def _on_whole_chroma(frame: Frame) -> Frame:
    """The frame, its last luma row and column repeated where the size is odd: all of it and any box then see chroma in one place."""
    (width, height), (across, down) = frame.size, frame.format.sub
    right, below = -width % across, -height % down
    if not (right or below):
        return frame
    luma = cv2.copyMakeBorder(frame.planes[0], 0, below, 0, right, cv2.BORDER_REPLICATE)
    tags = replace(frame.colour, matrix=frame.colour.matrix_for(height))
    return replace(frame, planes=(luma, *frame.planes[1:]), colour=tags, pha=None)


def _refine_box(whole: Frame, packed: tuple[Array, Array], box: Box, matte: Matte) -> None:
    """Writes pha and the foreground colour of one box in place. whole: the source, on whole chroma samples."""
    fgr = matte.fgr
    rgb = _rgb_in(whole, box)
    mean = cv2.transform(rgb, _MEAN)
    slope, offset = (_enlarged(part, box, fgr.size) for part in packed)
    here = np.clip(cv2.add(cv2.multiply(cv2.extractChannel(slope, 3), mean), cv2.extractChannel(offset, 3)), 0, 1)
    matte.pha[box.top : box.bottom, box.left : box.right] = here
    partly = (here > 0) & (here < 1)
    if fgr.colour.transfer == PQ:  # the network saw a PQ picture toned down: its residual does not fit the picture's own codes
        return
    inner = _bounds(partly, box, fgr)
    if inner is None:
        return
    at = np.s_[inner.top - box.top : inner.bottom - box.top, inner.left - box.left : inner.right - box.left]
    source = np.ascontiguousarray(rgb[at])
    slope, offset = (cv2.cvtColor(part[at], cv2.COLOR_BGRA2BGR) for part in (slope, offset))  # without alpha's
    corrected = np.clip(cv2.add(cv2.add(cv2.multiply(slope, source), offset), source), 0, 1)
    _add(fgr, fgr.delta_planes(cv2.subtract(corrected, source)), partly[at], inner)


def _bounds(partly: NDArray[np.bool_], box: Box, frame: Frame) -> Box | None:
    """The smallest box on whole chroma samples that holds what is marked inside `box`; None where nothing is."""
    left, top, width, height = cv2.boundingRect(partly.view(np.uint8))
    if not width:
        return None
    across, down = frame.format.sub
    right, bottom = -(-(left + width) // across) * across, -(-(top + height) // down) * down
    left, top = left // across * across, top // down * down
    return Box(box.left + left, box.top + top, min(box.left + right, box.right), min(box.top + bottom, box.bottom))


_MEAN = np.full((1, 3), 1 / 3, np.float32)


def _rgb_in(frame: Frame, box: Box) -> Array:
    """R'G'B' of a box, with a margin around it while chroma is enlarged, so that boxes meet without a seam."""
    width, height = frame.size
    margin = 4
    wide = Box(max(box.left - margin, 0), max(box.top - margin, 0), min(box.right + margin, width), min(box.bottom + margin, height))
    rgb = frame.crop(*wide).rgb()
    return rgb[box.top - wide.top : box.bottom - wide.top, box.left - wide.left : box.right - wide.left]


def _enlarged(part: Array, box: Box, size: Size) -> Array:
    """The box of what cv2.resize (bilinear) would make of the whole: (h, w, 4) -> the box's size."""
    across, down = part.shape[1] / size[0], part.shape[0] / size[1]
    to_small = np.array([[across, 0, (box.left + 0.5) * across - 0.5], [0, down, (box.top + 0.5) * down - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(part, to_small, (box.right - box.left, box.bottom - box.top), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _add(fgr: Frame, delta: Array, where: NDArray[np.bool_], box: Box) -> None:
    """Adds channel differences (h, w, C) in code values to the planes' box, chroma as the mean over what a sample covers."""
    left, top, right, bottom = box
    across, down = fgr.format.sub
    channels = [c * where for c in cv2.split(delta)]
    chroma = [shrink(c, fgr.format.sub) for c in channels[1:]]
    if fgr.format.family == "semi":
        chroma = [np.dstack(chroma)]
    _add_to(fgr.planes[0][top:bottom, left:right], channels[0], fgr.format)
    for plane, difference in zip(fgr.planes[1:], chroma, strict=True):
        _add_to(plane[top // down : -(-bottom // down), left // across : -(-right // across)], difference, fgr.format)


def _add_to(samples: Plane, difference: Array, fmt: PixelFormat) -> None:
    # p010 and its like are read without their low bits: rounding happens above these, as in to_planes.
    values = (samples + difference) * np.float32(1 / (1 << fmt.shift))
    samples[...] = to_integers(values, fmt.bits) << fmt.shift
