"""What a colour-difference key says of each place in a picture, worked out at a small size as coefficients for the full one.

A pixel's colour is C = S + alpha (F - S), S the screen's and F the person's there. How much of the screen is in it, on the axis of S's
chroma (Vlahos's colour difference: what is across the axis counts against the screen), tells what is surely a person. F is their colour,
carried on to the pixels at the edge, and alpha the share of the way from S to F,
    alpha = (C - S) · W (F - S) / ((F - S) · W (F - S)),   W = (0.3, 1, 1) of Y, Cb, Cr:
linear in C, so at the full size it is gain · (R, G, B) + offset, the coefficients interpolated. MAD x1e3 on rendered screens is 1.4 to
1.9; of the colour difference alone, without F, 2.8 to 3.3. At 4:2:0 it is Y that draws the hair: without it MAD is 1.7, and soft.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.matting.keying.colour import TO_RGB, TO_YCC

Array = NDArray[np.float32]

_LUMA = 0.3  # of chroma's weight: it is sharper at 4:2:0, but light and shade of the person are in it too
_ACROSS = 0.5  # how much the colour across the screen's axis counts: a yellow shirt has something of green
_SURE = (0.8, 0.95)  # of not being the screen: the person's colour is taken from there
_ENOUGH = 0.5  # of the squared weight
_NOISE, _JOINT = 1.0, 1.5  # sigmas, in samples: of the mean that is taken there, and of the joints between what lies nearest
_SCREEN = 0.25  # less than this is mostly screen
_REACH = 0.02  # of the picture's height, about what is screen: further inside, what is half of another colour is all person
_HALF = 0.6
_RIM = 0.04  # of the height, on which the screen's light falls
_FAINT = 1e-4  # of a squared difference between person and screen, below which alpha cannot be told
_NEAR = 0.08  # of the height, about what is mostly person: hair flies that far
_STRAY = 0.35  # alpha from which on something is seen wherever it is
_HARD = 1 / 32  # the least width of a ramp
_SPILL = 0.02  # of the screen's colour, which noise adds to a grey
# Skin and hair are the opposite of green and blue. The colour's error at the edge is 58 of 1000 with 0, 47 with -0.1, 40 with -0.2; but
# where something white lies next to skin, the less there is here, the pinker is its rim.
_LEAST_OWN = -0.1
_SPARE = 1e-3


class Ramp(NamedTuple):
    """alpha runs from 0 at `low` to 1 at `high`, in shares of the way from the screen's colour to the person's."""

    low: float
    high: float

    @classmethod
    def of(cls, tolerance: float, softness: float) -> Ramp:
        return cls(tolerance, tolerance + max(softness * (1 - 2 * tolerance), _HARD))


class Keyed(NamedTuple):
    """At the small size, float32: pha = gain · R'G'B' + offset, between low and high.

    alpha: (6, h, w), gain for R, G, B, offset, low, high; low is 0, or above 1 where all is person, high is above 1, or below 0
    where nothing is. colours: (7, h, w), R'G'B' of the person and of the screen, and how much of the screen's colour the person has of
    their own. spilled: (h, w), where more of it lies on what is all person."""

    alpha: Array
    colours: Array
    spilled: NDArray[np.bool_]

    @property
    def undecided(self) -> NDArray[np.bool_]:
        return np.asarray(self.alpha[4] < self.alpha[5])

    @property
    def inside(self) -> Array:
        """1 where all is person, else 0."""
        return (self.alpha[4] >= 1).astype(np.float32)


def keyed(ycc: Array, screen: Array, ramp: Ramp) -> Keyed:
    """ycc, screen: (h, w, 3), the picture and the screen's field, small."""
    share, across = _shares(ycc, screen)
    apart = 1 - (share - np.float32(_ACROSS) * across)
    core = _inside(apart, _REACH)
    person = _carried(ycc, np.maximum(np.clip((apart - _SURE[0]) * np.float32(1 / (_SURE[1] - _SURE[0])), 0, 1), core))
    gain, offset = _solved(person, screen, ramp)
    low, high = _bounds(_dot(gain, ycc) + offset, core, apart)
    own = _own(share, _inside(apart, _RIM))
    return Keyed(
        np.stack([*cv2.split(cv2.transform(gain, TO_YCC.T)), offset, low, high]),
        np.stack([*_rgb(person), *_rgb(screen), own]),
        (share > own) & (low > 0),
    )


def _solved(person: Array, screen: Array, ramp: Ramp) -> tuple[Array, Array]:
    """(gain (h, w, 3) for Y Cb Cr, offset (h, w))"""
    way = person - screen
    weighed = np.asarray(way * np.array([_LUMA, 1, 1]), np.float32)
    length = np.maximum(_dot(weighed, way), np.float32(_FAINT))
    steep = np.float32(1 / (ramp.high - ramp.low))
    gain = np.asarray(weighed * (steep / length)[..., None], np.float32)
    return gain, -_dot(gain, screen) - np.float32(ramp.low) * steep


def _shares(ycc: Array, screen: Array) -> tuple[Array, Array]:
    """Both (h, w): how much of the screen's chroma is in one, 1 in itself, 0 in a grey, less in its opposite; and how much across it."""
    _, u, v = cv2.split(screen)
    _, cb, cr = cv2.split(ycc)
    square = np.maximum(u * u + v * v, np.float32(_FAINT))
    return (cb * u + cr * v) / square, np.abs(cr * u - cb * v) / square


def _inside(apart: Array, reach: float) -> Array:
    """(h, w) in [0, 1]: 1 where all is person, further than `reach` of the height from anything of the screen."""
    side = 2 * max(1, round(reach * apart.shape[0])) + 1
    near = cv2.dilate((apart < _SCREEN).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return cv2.GaussianBlur(((near == 0) & (apart > _HALF)).astype(np.float32), (3, 3), 0)


def _own(share: Array, deep: Array) -> Array:
    """(h, w): the share of the screen's colour that the person shows further inside, and what noise adds to it."""
    return np.maximum(_carried(share, deep), np.float32(_LEAST_OWN)) + np.float32(_SPILL)


def _carried(picture: Array, weight: Array) -> Array:
    """(h, w) or (h, w, C): at each place what the picture has at the nearest that weighs, or 0 where nothing does.

    The nearest, not a mean of those around: behind a rim of hair lies a face. MAD 1.4 against 1.7, and the colour's error in half."""
    squared = weight * weight
    sure = squared > _ENOUGH
    if not sure.any():
        return np.zeros_like(picture)
    weighed = [channel * squared for channel in cv2.split(picture)]
    sums = cv2.GaussianBlur(cv2.merge([*weighed, squared]), (0, 0), _NOISE)[sure]
    label = cv2.distanceTransformWithLabels((~sure).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[1]
    of_label = np.zeros((len(sums) + 1, len(weighed)), np.float32)
    of_label[label[sure]] = sums[:, :-1] / sums[:, -1:]
    return cv2.GaussianBlur(of_label[label], (0, 0), _JOINT).reshape(picture.shape)


def _bounds(pha: Array, core: Array, apart: Array) -> tuple[Array, Array]:
    """(low, high) as Keyed has them. What borders on something undecided is so, too."""
    window = np.ones((3, 3), np.uint8)
    certain = cv2.erode(((pha >= 1) | (core >= 1)).astype(np.uint8), window)
    possible = cv2.dilate(((pha > 0) & _about(apart) | (pha > _STRAY)).astype(np.uint8), window)
    # Beyond 0 and 1 by more than an interpolation misses them by: what is decided stays exactly that.
    return certain * np.float32(1 + _SPARE), possible * np.float32(1 + 2 * _SPARE) - np.float32(_SPARE)


def _about(apart: Array) -> NDArray[np.bool_]:
    """(h, w): near what is mostly person. Elsewhere a little less of the screen is a shadow on it, or a seam."""
    side = 2 * max(1, round(_NEAR * apart.shape[0])) + 1
    person = cv2.erode((apart > _HALF).astype(np.uint8), np.ones((3, 3), np.uint8))
    return cv2.dilate(person, np.ones((side, side), np.uint8)).astype(bool)


def _rgb(ycc: Array) -> list[Array]:
    return list(cv2.split(np.clip(cv2.transform(ycc, TO_RGB), 0, 1)))


def _dot(one: Array, other: Array) -> Array:
    return np.einsum("hwc,hwc->hw", one, other)
