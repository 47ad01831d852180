"""What a picture shows against its clean plate: the light on the room, what differs, and what of that belongs to the person.

A network says what is a person; the plate says what is new. Neither is believed alone: what differs counts where it hangs together with
the person and does not go on far beyond; a person who is in the plate too is no person.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

OUTSIDE, INSIDE = 0.05, 0.95  # the network's alpha beyond which it is certain
REACH = 14  # from the person, within which what differs may belong to the person; pixels of a picture of 640
_DIFFERS = 4.0  # times the noise, from which a pixel differs; at twice that it does for certain
# Ramps, (nothing, all) of it: a frame's statistic that decides by a step makes somebody flicker who is near it.
_OWN = (0.75, 0.85)  # of a patch that differs lies within reach, or it is a thing of its own
_GHOST = (0.03, 0.07)  # of a body differs from the plate, or it hangs on the wall
_PERSON = (0.4, 0.6)  # of the network's alpha
_FEW, _TOUCHING = 9, 3  # pixels of a person, and of a patch's border with one, that tell all
_LIGHT = (0.6, 1.15)  # of the plate's light, that shadows and reflections leave
_LEAST_LIGHT = np.float32(3e-3)  # of the squared range; where less of the room is near, the light is the plate's
_MEAN = np.full((1, 3), 1 / 3, np.float32)


def light_on(src: Array, bgr: Array, room: Mask, unit: float) -> Array:
    """(h, w): how bright the plate is in this picture, by what stands around; so a person's shadow is none of the person.

    src, bgr: (h, w, 3) R'G'B'; room: (h, w), where nobody is; unit: the picture's longest side in 640ths."""
    here, there, seen = grey_of(src), grey_of(bgr), room.astype(np.float32)
    sums = carried(np.dstack([seen * here * there, seen * there * there]), 8 * unit)
    return np.clip((sums[..., 0] + _LEAST_LIGHT) / (sums[..., 1] + _LEAST_LIGHT), *_LIGHT)


def differing(src: Array, bgr: Array, noise: Array) -> Array:
    """(h, w) in [0, 1]: how certain it is that a pixel is not the plate's. noise: (h, w), the variance in each channel."""
    delta = src - bgr
    squares = cv2.GaussianBlur(np.einsum("hwc,hwc->hw", delta, delta) / (3 * noise), (0, 0), 0.8)
    return np.clip((np.sqrt(squares) - np.float32(_DIFFERS)) * np.float32(1 / _DIFFERS), 0, 1)


def ramp(values: NDArray[np.floating] | NDArray[np.integer], ends: tuple[float, float]) -> Array:
    """0 up to the first end, 1 from the second on."""
    return np.asarray(np.clip((values - ends[0]) / (ends[1] - ends[0]), 0, 1), np.float32)


def without_ghosts(prior: Array, differs: Array) -> tuple[Array, Array]:
    """(the network's alpha without bodies that are in the plate too: somebody in a picture on the wall; how far the others are to be
    believed, in [0, 1], and what is near them), both (h, w)."""
    people = prior > OUTSIDE
    count, labels = cv2.connectedComponents(people.view(np.uint8))
    sizes = np.bincount(labels.ravel(), minlength=count)
    real = ramp(np.bincount(labels.ravel(), differs.ravel(), count) / np.maximum(sizes, 1), _GHOST)
    real[0] = 0
    believed = np.where(people, real[labels], np.where(grown(people, REACH), spread_out(real[labels], REACH), np.float32(1)))
    return np.where(believed > 0, prior, np.float32(0)), believed


def what_differs(prior: Array, differs: Array, unit: float) -> tuple[Array, Mask]:
    """(how far what the network may have missed belongs to a person, in [0, 1], 0 elsewhere; what differs and belongs to nobody), both
    (h, w)."""
    body = prior > 0.5
    new = cv2.morphologyEx((differs > 0.5).view(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(bool) & ~body
    count, labels = cv2.connectedComponents(new.view(np.uint8))
    near, beside = grown(body, REACH * unit), grown(body, 1)
    sizes, within, touching = (np.bincount(labels[new & where], minlength=count) for where in (True, near, beside))
    share = ramp(within / np.maximum(sizes, 1), _OWN) * ramp(touching / np.clip(sizes, 1, _TOUCHING), (0, 1))
    missed = share[labels] * new
    return missed, new & (missed == 0)


def of_people(pha: Array, prior: Array) -> Array:
    """Alpha without what hangs together with nobody whom the network sees: a chair that was moved."""
    count, labels = cv2.connectedComponents((pha > OUTSIDE).view(np.uint8))
    people = ramp(np.bincount(labels.ravel(), ramp(prior, _PERSON).ravel(), count), (0, _FEW))
    people[0] = 0
    return pha * people[labels]


def carried(stack: Array, sigma: float) -> Array:
    """(h, w, C) float32 smoothed by about a Gaussian; in a smaller picture where that is wide, which costs no more."""
    height, width = stack.shape[:2]
    level = max(0, int(np.log2(max(sigma, 1) / 1.5)))
    size = (max(1, width >> level), max(1, height >> level))
    small = cv2.resize(stack, size, interpolation=cv2.INTER_AREA) if level else stack
    small = cv2.GaussianBlur(small, (0, 0), sigma / (1 << level))
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) if level else small)


def grown(where: Mask, radius: float) -> Mask:
    """With what lies within `radius` across or down."""
    return np.asarray(cv2.dilate(where.view(np.uint8), _square(radius)).view(np.bool_))


def spread_out(values: Array, radius: float) -> Array:
    """(h, w): the highest within `radius` across or down."""
    return np.asarray(cv2.dilate(values, _square(radius)))


def _square(radius: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius)) + 1
    return np.ones((side, side), np.uint8)


def grey_of(rgb: Array) -> Array:
    """(h, w): the mean of the channels."""
    return np.asarray(cv2.transform(rgb, _MEAN))
