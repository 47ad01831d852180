"""A matte from the difference between a picture and its clean plate, with a network's alpha to say what is a person (evidence.py).

A pixel is I = a F + (1 - a) B, with B known from the plate. With the foreground's colour F carried outwards from where the person is
certain, the likeliest alpha is a least-squares fit that leans on the network's alpha p as far as the plate cannot tell:
    a = (d·e + w p) / (e·e + w),    d = I - B,    e = F - B,    w = 30 noise² + 4 |d - a e|².
The last term is what no mixture of F and B explains: there F is wrong, and p counts. It is solved on a picture of 640 pixels, and full size
is made of that as of a network's alpha: on drawn scenes at 720p, 1280 pixels take four times as long, and MSE and the gradient's error
are 0.24 and 1.00 instead of 0.23 and 0.93 (RVM: 1.22 and 2.97).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame, Matte, Size
from livematte.matting.coefficients import from_alpha
from livematte.matting.plates.evidence import (
    INSIDE,
    OUTSIDE,
    REACH,
    carried,
    differing,
    grey_of,
    grown,
    light_on,
    ramp,
    spread_out,
    what_differs,
    without_ghosts,
)
from livematte.matting.refine import refine

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice]  # rows, columns

DETAIL = 640  # pixels on the longest side of the small picture; lengths below are in its pixels
_NOISE = 0.012  # of the range, in each channel: a webcam's, after its compression
_SHIFT = 0.25  # pixels by which a plate that was registered may still be off
_TRUST, _MISFIT = np.float32(30), np.float32(4)  # of p's weight: times the noise, and times what the fit leaves
_BAND = 10  # beyond the person's edge, where the plate is asked too
_SPREADS = (1.5, 3.0, 6.0)  # over which colours are carried outwards; the one that fits best is taken
_CAME = 1e-4  # of a colour's weight, below which it did not come so far
_EDGE = 0.7  # of what lies around a pixel: where the network is sure of less, it may be wrong
_FITS = 27.0  # times the noise, of a squared distance in three channels: what a colour may miss by and still fit
_HOLE, _SURE = 0.98, 0.99  # of alpha below, and of the network's above, where a hole may be none
_PINHOLE = (24, 48)  # pixels of one that is none, and of one that is a gap; between them it is filled in part
_STRETCH = np.float32(0.03)  # alpha this close to 0 and 1 is noise
_FIRM = np.float32(0.02)  # of alpha squared, below which a pixel says less of its foreground's colour than its neighbours do


@dataclass(frozen=True)
class Behind:
    """What stands behind the person, on the small picture. rgb: (h, w, 3) R'G'B' in [0, 1]; known: (h, w), where the plate tells what is
    there; noise: (h, w), the variance of each channel's difference to it."""

    rgb: Array
    known: Mask
    noise: Array


def behind(rgb: Array, known: Mask, *, shift: float = _SHIFT) -> Behind:
    """shift: small pixels by which the picture may be off."""
    return Behind(rgb, known, _noise_of(rgb, shift))


def small_size(size: Size, detail: int = DETAIL) -> Size:
    scale = min(1.0, detail / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def difference(frame: Frame, plate: Behind, gain: Array, pha: Array) -> Matte:
    """A frame's matte. plate: registered to it, of small_size. gain: (3,) float32, of the plate's R'G'B'. pha: (H, W) float32 in [0, 1],
    the network's. What differs beyond reach of what the network takes for a person is none."""
    size = plate.rgb.shape[1::-1]
    src = frame.rgb(size)
    prior = cv2.resize(pha, size, interpolation=cv2.INTER_AREA)
    solved, fgr = np.zeros_like(prior), src.copy()
    box = _around(prior)
    if box is not None:
        shown = _Shown(src[box], plate.rgb[box] * gain, plate.noise[box], plate.known[box], prior[box])
        solved[box], fgr[box] = _solve(shown, max(size) / DETAIL)
    return refine(frame, from_alpha(channels_first(src), solved, channels_first(fgr)))


def channels_first(rgb: Array) -> Array:
    return np.ascontiguousarray(rgb.transpose(2, 0, 1))


def _noise_of(plate: Array, shift: float) -> Array:
    """The variance in each channel: a camera's noise, and the plate's gradient times how far it may be off."""
    grey = grey_of(plate)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return np.asarray(np.float32(_NOISE**2) + np.float32(shift**2) * (across * across + down * down))


def _around(prior: Array) -> Box | None:
    """Where there may be alpha, and what light and colours are carried from; None where nobody is."""
    x, y, width, height = cv2.boundingRect((prior > OUTSIDE).view(np.uint8))
    if not width:
        return None
    margin = round(3 * REACH * max(prior.shape) / DETAIL) + 1
    return slice(max(0, y - margin), y + height + margin), slice(max(0, x - margin), x + width + margin)


class _Shown(NamedTuple):
    """Of the small picture, or a part of it: the picture and the plate in its light, (h, w, 3), and as of Behind and difference, (h, w)."""

    src: Array
    bgr: Array
    noise: Array
    known: Mask
    prior: Array


def _solve(shown: _Shown, unit: float) -> tuple[Array, Array]:
    """(alpha (h, w), the foreground's colour (h, w, 3))."""
    src, bgr, noise, known, prior = shown
    prior, believed = without_ghosts(prior, np.where(known, differing(src, bgr, noise), np.float32(1)))
    bgr = bgr * light_on(src, bgr, known & ~grown(prior >= 0.02, 3 * unit), unit)[..., None]
    differs = np.where(known, differing(src, bgr, noise), np.float32(0.5))
    owned, strange = what_differs(prior, differs, unit)
    missed = owned > 0
    sure = _core(prior > INSIDE)
    beside = grown(prior > OUTSIDE, _BAND * unit)
    band = _doubtful(sure, differs, unit) & (beside | grown(missed, _BAND * unit)) & known & ~strange
    spreads = [_carried_from(sure, src, sigma * unit) for sigma in _SPREADS]
    came = spreads[-1][..., 3] > _CAME
    inner = _core(missed | sure) & missed
    own = _carried_from(inner, src, _SPREADS[0] * unit)
    # Far from all that is certain there is nothing to mix; but what is as in the plate is the plate, haze of the network's or not.
    plain = np.where(came | ~known, prior, prior * differs)
    prior = np.where(came | ~known, np.maximum(prior, inner), prior * differs)
    best, line = _best(shown._replace(bgr=bgr, prior=prior), band, spreads, own)
    pha = _alpha(line, noise, prior, band)
    # As far as a patch is a person's, it and its edge are what was found; else what they would be without it.
    part = np.where(missed, owned, np.where(beside, np.float32(1), spread_out(owned, _BAND * unit)))
    pha = believed * _without_pinholes(plain + part * (pha - plain), prior)
    fgr = src.copy()
    unasked = (pha > 0) & (pha < 1) & ~band & came
    fgr[unasked] = _colours(spreads[-1][unasked].T).T
    fgr[band] = _own_colour(src[band].T, bgr[band].T, best, pha[band]).T
    return pha, fgr


class _Line(NamedTuple):
    """From the plate to a foreground colour, for any number of pixels: e·e, d·e, the squared distance that I keeps from it, and p."""

    square: Array
    along: Array
    miss: Array
    prior: Array


def _line(delta: Array, ahead: Array, prior: Array, floor: Array) -> _Line:
    """delta, ahead: d and e, (3, …); prior: p, and floor: its least weight, (…)."""
    square, along = _dot(ahead, ahead), _dot(delta, ahead)
    pha = np.clip((along + floor * prior) / (square + floor), 0, 1)
    left = delta - pha * ahead
    return _Line(square, along, _dot(left, left), prior)


def _dot(one: Array, other: Array) -> Array:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _doubtful(sure: Mask, differs: Array, unit: float) -> Mask:
    """All but the inner of what the network is sure of; of that, what looks like the plate, as a gap between arm and body does."""
    side = 2 * max(1, round(4 * unit)) + 1
    around = cv2.blur(sure.astype(np.float32), (side, side), borderType=cv2.BORDER_REPLICATE)
    alike = cv2.morphologyEx((differs <= 0).view(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return (around < _EDGE) | alike.view(np.bool_)


def _core(where: Mask) -> Mask:
    return np.asarray(cv2.erode(where.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_))


def _carried_from(where: Mask, src: Array, sigma: float) -> Array:
    """The colour of that, carried outwards: (h, w, 4), weighed by the last channel."""
    weighed = np.empty((*where.shape, 4), np.float32)
    np.multiply(src, where[..., None], out=weighed[..., :3])
    weighed[..., 3] = where
    return carried(weighed, sigma)


def _colours(spread: Array) -> Array:
    """(4, N) -> (3, N)."""
    return spread[:3] * (1 / np.maximum(spread[3], np.float32(1e-6)))


def _best(shown: _Shown, band: Mask, spreads: list[Array], own: Array) -> tuple[Array, _Line]:
    """(the foreground's colour (3, N), its line) for each pixel of the band: of the colours near and far, the one that fits best.

    own: the colour of what the network missed. Any colour fits itself, so it counts only where no other fits."""
    src, bgr, noise, _, prior = shown
    there, floor = np.ascontiguousarray(bgr[band].T), _TRUST * noise[band]
    delta = src[band].T - there
    fgrs, lines = [], []
    for spread in (*spreads, own):
        here = np.ascontiguousarray(spread[band].T)
        fgrs.append(_colours(here))
        p = np.ones_like(floor) if spread is own else prior[band]
        line = _line(delta, fgrs[-1] - there, p, floor)
        lines.append(line._replace(miss=np.where(here[3] > _CAME, line.miss, np.float32(3))))  # no colour came so far
    misses = [line.miss for line in lines]
    misses[-1] = misses[-1] + np.float32(_FITS) * noise[band]
    choice = np.argmin(misses, axis=0)
    return np.choose(choice, fgrs), _Line(*(np.choose(choice, list(parts)) for parts in zip(*lines, strict=True)))


def _alpha(line: _Line, noise: Array, prior: Array, band: Mask) -> Array:
    """(h, w): the fit in the band, over what a pixel shares with its neighbours; elsewhere the prior."""
    floor = _TRUST * noise[band]
    weight = floor + _MISFIT * line.miss
    sums = np.dstack([prior, np.ones_like(prior)])
    sums[band] = np.stack([line.along + weight * line.prior, line.square + weight], axis=1) / floor[:, None]
    sums = cv2.GaussianBlur(sums, (0, 0), 0.6)
    pha = prior.copy()
    pha[band] = _stretched(sums[band][:, 0] / sums[band][:, 1])
    return pha


def _without_pinholes(pha: Array, prior: Array) -> Array:
    """Filled where few pixels hang together and the network is sure of them and of all around: there skin or hair is as what hangs behind
    it. A gap between arm and body is longer."""
    count, labels = cv2.connectedComponents((pha < _HOLE).view(np.uint8))
    doubted = np.bincount(labels.ravel(), cv2.erode(prior, np.ones((3, 3), np.uint8)).ravel() < _SURE, count)
    few = np.where(doubted == 0, 1 - ramp(np.bincount(labels.ravel(), minlength=count), _PINHOLE), np.float32(0))
    few[0] = 0
    return pha + few[labels] * (1 - pha)


def _stretched(pha: Array) -> Array:
    return np.clip((pha - _STRETCH) * (1 / (1 - 2 * _STRETCH)), 0, 1)


def _own_colour(src: Array, bgr: Array, fgr: Array, pha: Array) -> Array:
    """The carried colour, corrected by what a pixel shows of its own: wholly where alpha is 1, not at all where it is 0."""
    return np.clip(fgr + pha / (pha * pha + _FIRM) * (src - bgr - pha * (fgr - bgr)), 0, 1)
