"""Where a clean plate lies in a picture, and how bright it is there: by what both show of the room, the person left out.

A camera that was touched is found by ECC (Evangelidis and Psarakis, PAMI 2008), which climbs to a correlation's maximum and wants to begin
near it; one that was moved by more, by ORB features and RANSAC first. Both fit a homography: a room seen from one place.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.matting.plates.evidence import differing

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Warp = NDArray[np.float64]  # (3, 3): a pixel of the plate to one of the picture, both of one size

_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-5)
_FEATURES, _LEAST_MATCHES, _OFF = 800, 24, 2.0  # off: pixels by which a match may miss
_FARTHEST = 0.15  # of the longest side, that a corner may have moved: beyond, it is another picture
_AREA = (0.8, 1.25)
_USABLE = (0.04, 0.96)  # levels between black and white, which tell nothing of exposure
_LEAST_SAMPLES = 50
_EVERY = 5  # pixel of the room is enough for a median
_GAINS = (0.4, 2.5)
_CLIPPED = np.float32(0.1)  # a difference beyond this is a thing that moved, and says nothing of the registration


def find_warp(plate: Array, src: Array, room: Mask, *, start: Warp | None) -> Warp | None:
    """The homography from the plate to the picture; None where there is none that a camera could have made.

    plate, src: (h, w, 3) R'G'B' in [0, 1]; room: (h, w), where the picture shows the room. start: one nearby, None to begin by features."""
    grey_plate, grey_src = _grey(plate), _grey(src)
    begin = _by_features(grey_plate, grey_src, room) if start is None else start
    return None if begin is None else _climbed(grey_plate, grey_src, room, begin)


def placed(picture: Array, warp: Warp) -> Array:
    """The plate as the warp places it, of its own size; beyond its edges 0."""
    if np.array_equal(warp, np.eye(3)):
        return picture
    return np.asarray(cv2.warpPerspective(picture, warp, picture.shape[1::-1], flags=cv2.INTER_LINEAR))


def scaled(warp: Warp, ratio: float) -> Warp:
    """The same for pictures `ratio` times as large."""
    # Pixels are counted from the middle of the first one.
    enlarge = np.array([[ratio, 0, ratio / 2 - 0.5], [0, ratio, ratio / 2 - 0.5], [0, 0, 1]])
    return np.asarray(enlarge @ warp @ np.linalg.inv(enlarge))


def sane(warp: Warp, size: tuple[int, int]) -> bool:
    """Whether a camera that was touched could have made it: nothing mirrored, folded or far off. size: (width, height)."""
    width, height = size
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    moved = cv2.perspectiveTransform(corners, warp)
    if not np.isfinite(moved).all() or not cv2.isContourConvex(moved.astype(np.float32)):
        return False
    area = cv2.contourArea(moved[0].astype(np.float32), oriented=True) / (width * height)
    return bool(_AREA[0] < area < _AREA[1] and np.abs(moved - corners).max() < _FARTHEST * max(size))


def gain_of(plate: Array, src: Array, room: Mask, *, every: int = _EVERY) -> Array | None:
    """(3,): by what the plate's R'G'B' is to be multiplied to be as bright as the picture, and as warm; None where too little tells.

    The median of ratios, of one pixel in `every`: up to half of the room may have changed."""
    gains = []
    for there, here in zip(plate[room][::every].T, src[room][::every].T, strict=True):
        usable = (there > _USABLE[0]) & (there < _USABLE[1]) & (here > _USABLE[0]) & (here < _USABLE[1])
        if usable.sum() < _LEAST_SAMPLES:
            return None
        gains.append(np.median(here[usable] / there[usable]))
    return np.clip(np.array(gains, np.float32), *_GAINS)


def misfit(plate: Array, src: Array, room: Mask, noise: Array) -> float:
    """The share of the room that is not as in the plate. noise: (h, w), the variance of a difference."""
    return float((differing(src, plate, noise)[room] > 0).mean())


def distance(plate: Array, src: Array, room: Mask) -> float:
    """The mean absolute difference in the room, by which two registrations are compared."""
    return float(np.minimum(np.abs(src - plate)[room], _CLIPPED).mean())


def _grey(rgb: Array) -> Array:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def _climbed(plate: Array, src: Array, room: Mask, start: Warp) -> Warp | None:
    try:
        _, warp = cv2.findTransformECC(plate, src, start.astype(np.float32), cv2.MOTION_HOMOGRAPHY, _STEPS, room.astype(np.uint8), 5)
    except cv2.error:  # it does not converge, or nothing overlaps
        return None
    found = np.asarray(warp, np.float64)
    return found if sane(found, plate.shape[1::-1]) else None


def _by_features(plate: Array, src: Array, room: Mask) -> Warp | None:
    orb = cv2.ORB.create(_FEATURES, edgeThreshold=15, fastThreshold=5)  # as usual, a blurred room has no corners
    points, codes = orb.detectAndCompute(_bytes(plate), None)
    others, their_codes = orb.detectAndCompute(_bytes(src), room.astype(np.uint8))
    if codes is None or their_codes is None:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(codes, their_codes)
    if len(matches) < _LEAST_MATCHES:
        return None
    ends = np.array([(*points[m.queryIdx].pt, *others[m.trainIdx].pt) for m in matches], np.float32)
    warp, inliers = cv2.findHomography(ends[:, :2], ends[:, 2:], cv2.RANSAC, _OFF)
    if warp is None or inliers.sum() < _LEAST_MATCHES or not sane(warp, plate.shape[1::-1]):
        return None
    return np.asarray(warp, np.float64)


def _bytes(grey: Array) -> NDArray[np.uint8]:
    return (grey * 255 + 0.5).astype(np.uint8)
