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
_OWN = 0.8  # of a patch that differs must lie within reach, or it is a thing of its own
_GHOST = 0.05  # of a body must differ from the plate, or it hangs on the wall
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


def without_ghosts(prior: Array, differs: Array) -> Array:
    """The network's alpha without bodies that are in the plate too: somebody in a picture on the wall."""
    count, labels = cv2.connectedComponents((prior > OUTSIDE).view(np.uint8))
    sizes = np.bincount(labels.ravel(), minlength=count)
    ghosts = np.bincount(labels.ravel(), differs.ravel() >= 0.5, count) < _GHOST * sizes
    ghosts[0] = False
    if not ghosts.any():
        return prior
    return np.where(grown((labels > 0) & ~ghosts[labels], 4), prior, np.float32(0))


def what_differs(prior: Array, differs: Array, unit: float) -> tuple[Mask, Mask]:
    """(what the network may have missed of a person, what differs and belongs to nobody), both (h, w)."""
    body = prior > 0.5
    new = cv2.morphologyEx((differs > 0.5).view(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(bool) & ~body
    count, labels = cv2.connectedComponents(new.view(np.uint8))
    near, beside = grown(body, REACH * unit), grown(body, 1)
    sizes, within, touching = (np.bincount(labels[new & where], minlength=count) for where in (True, near, beside))
    missed = ((within > _OWN * sizes) & (touching > 0))[labels] & new
    return missed, new & ~missed


def of_people(pha: Array, prior: Array) -> Array:
    """Alpha without what hangs together with nobody whom the network sees: a chair that was moved."""
    count, labels = cv2.connectedComponents((pha > OUTSIDE).view(np.uint8))
    people = np.bincount(labels.ravel(), prior.ravel() > 0.5, count) > 0
    people[0] = False
    return np.where(people[labels], pha, np.float32(0))


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
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.dilate(where.view(np.uint8), np.ones((side, side), np.uint8)).view(np.bool_))


def grey_of(rgb: Array) -> Array:
    """(h, w): the mean of the channels."""
    return np.asarray(cv2.transform(rgb, _MEAN))
