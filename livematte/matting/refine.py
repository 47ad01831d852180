"""The end of the deep guided filter (arXiv 2108.11515, section 3.1), done on a frame's own planes and only where alpha is undecided.

The network gives, at its small size, A and b for R, G, B (the foreground's residual) and for alpha; at full size
    pha = clamp(A_4 mean(R, G, B) + b_4),    fgr_c = clamp(src_c + A_c src_c + b_c),    A and b resized bilinearly.
mean(R, G, B) is in [0, 1], so alpha is certainly 1 where b_4 and A_4 + b_4 are >= 1 in all four samples that a pixel is interpolated
from, and certainly 0 where both are <= 0. That is some nine tenths of a typical frame; the rest is computed in tiles (tiles.py), all at
once. The result is that of the full-size arithmetic.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.colour import PQ
from livematte.frame import Frame, Matte, to_integers
from livematte.matting.tiles import Tiles

Array = NDArray[np.float32]
_ALPHA, _COLOUR = (3, 7), (0, 1, 2, 4, 5, 6)  # A and b of each among the coefficients


def refine(frame: Frame, coef: Array, *, alpha: Array | None = None, region: tuple[int, int, int, int] | None = None) -> Matte:
    """A frame's matte from the network's coefficients.

    coef: (8, h, w) float32, A for R, G, B, alpha and then b likewise. alpha: (2, h, w), A and b of alpha in the place of those.
    region: (left, top, right, bottom), the pixels that these are of, on whole chroma samples; None for all. Gives pha (H, W) float32 in
    [0, 1], 0 outside the region, and the frame with the network's foreground colour where 0 < pha < 1; all other samples are the frame's
    own. A frame that brings alpha of its own keeps it: pha is the product."""
    pha = np.zeros(frame.size[::-1], np.float32)
    fgr = frame.with_planes(tuple(np.array(p) for p in frame.planes))
    left, top, right, bottom = box = region or (0, 0, *frame.size)
    alpha = coef[_ALPHA, ...] if alpha is None else alpha
    _refine_into(frame.crop(*box), coef, alpha, pha[top:bottom, left:right], fgr.crop(*box))
    if frame.pha is not None:
        pha *= frame.pha
    return Matte(pha, fgr)


def _refine_into(frame: Frame, coef: Array, alpha: Array, pha: Array, fgr: Frame) -> None:
    """Writes alpha and the foreground colour into pha and fgr's planes, which are those of the frame and of its size."""
    undecided, inside = _decided(*alpha)
    cv2.resize(inside, frame.size, dst=pha, interpolation=cv2.INTER_NEAREST_EXACT)
    tiles = Tiles(frame, undecided)
    if not tiles.count:
        return
    source = tiles.rgb()
    slope, offset = tiles.enlarged(alpha)
    here = np.clip(slope * ((source[0] + source[1] + source[2]) * np.float32(1 / 3)) + offset, 0, 1)
    tiles.write(pha, here)
    if frame.colour.transfer == PQ:  # the network saw a PQ picture toned down: its residual does not fit the picture's own codes
        return
    partly = (here > 0) & (here < 1)
    some = partly.any(axis=(1, 2))
    if some.any():
        _recolour(fgr, tiles.only(some), coef, source[:, some], partly[some])


def _recolour(fgr: Frame, tiles: Tiles, coef: Array, source: Array, partly: NDArray[np.bool_]) -> None:
    """Adds the residual to fgr's planes where alpha is partial. source: the tiles' (3, N, T, T) R'G'B'."""
    slope, offset = np.split(tiles.enlarged(coef[_COLOUR, ...]), 2)
    corrected = np.clip(source + slope * source + offset, 0, 1)
    add_to_planes(fgr, tiles, (corrected - source) * partly)


def add_to_planes(fgr: Frame, tiles: Tiles, delta: Array) -> None:
    """Adds an R'G'B' difference, (3, N, T, T) in the tiles, to fgr's planes, which are writable and so far the tiles' frame's own."""
    delta = tiles.repeat_the_last(delta)
    own = fgr.delta_planes(cv2.merge(list(delta.reshape(3, -1, tiles.side))))
    channels = np.stack(cv2.split(own)).reshape(-1, *delta.shape[1:])
    for index, plane in enumerate(fgr.planes):
        values = tiles.samples(index) + _difference(channels, fgr, index)
        # p010 and its like are read without their low bits: rounding happens above these, as in to_planes.
        whole = to_integers(values * np.float32(1 / (1 << fgr.format.shift)), fgr.format.bits) << fgr.format.shift
        tiles.write(plane, whole, index)


def _difference(channels: Array, frame: Frame, index: int) -> Array:
    """Channel differences (C, N, T, T) in code values as those of plane `index`: chroma as the mean over what a sample covers."""
    if index == 0 or frame.format.family == "gbr":
        return channels[index]
    across, down = frame.format.sub
    chroma = channels[1:] if frame.format.family == "semi" else channels[index : index + 1]
    covered = [chroma[..., y::down, x::across] for y in range(down) for x in range(across)]
    means = sum(covered[1:], covered[0]) * np.float32(1 / len(covered))
    return np.moveaxis(means, 0, -1) if frame.format.family == "semi" else means[0]


def _decided(slope: Array, at_black: Array) -> tuple[NDArray[np.bool_], Array]:
    """(where alpha may lie between 0 and 1, alpha where it may not), both (h, w)."""
    at_white = slope + at_black
    inside = np.minimum(at_black, at_white) >= 1
    outside = np.maximum(at_black, at_white) <= 0
    open_ = (~(inside | outside)).astype(np.uint8)
    # A pixel is interpolated from samples at most one apart; where a 1 borders on a 0, it is undecided too.
    edge = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return (cv2.dilate(open_, np.ones((3, 3), np.uint8)) | edge).astype(bool), inside.astype(np.float32)
