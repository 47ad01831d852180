"""Bodies that touch, told apart: by where each was lately, carried along its own motion, and by its colours while it stood alone.

Where one hides another its shape is kept behind it and moves on, so that who comes out on the other side is known again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame
from livematte.motion import Moment
from livematte.overview import along
from livematte.planes import Array

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]

_SEAM = 0.02  # of the picture's shorter side: how far a carried outline may be off
_AROUND = 0.05  # likewise: over how wide a part a body moves as one
_REACH = 0.04  # likewise: how far the flow of what moves reaches into what stands beside it
_HABIT, _PACE = 1.0, 0.3  # seconds over which a body's size and colours are taken, and its speed
_SEEN = 0.5  # of its size: a body of which less is to be seen is hidden; its speed is then not to be told
_COLOUR = 1.5  # what colours count, against places, where two bodies have none in common
_BITS = 4  # of each of three channels by which colours are told apart
_FRONT = 0.6  # likeness from which on what two share is the latter's; of bodies dressed alike it is some 0.5
_FOUND = 0.25  # likewise: a stranger's part that is less like them is not theirs
_SURE = 0.75  # likewise: of a scrap of less than _SCRAP of the stranger's size, of which _ON is where the kept one is
_SCRAP, _ON, _NEAR = 0.3, 0.7, 0.03
_UNKNOWN = np.float32(1e-4)  # how often a colour was seen that never was: no colour excludes a body


@dataclass(eq=False)
class Track:
    """A body over time, on the luma's grid. Sizes are parts of the picture, times in seconds."""

    visible: Mask  # where it is to be seen
    shape: Array  # where it is, also behind others, (h, w) in [0, 1]
    colours: Array  # how often each colour was in it lately, while it stood alone; sum 1
    size: float  # lately, while it stood alone
    last: float  # when it was to be seen
    speed: Array = field(default_factory=lambda: np.zeros(2, np.float32))  # where it was a second ago, in the luma's pixels
    beside: bool = False  # it touches another, or is behind it
    kept: bool = False
    larger: float = 0.0  # for how long it has been clearly larger than who is kept
    apart: float = 0.0  # for how long a large part of it has been apart

    @property
    def hidden(self) -> bool:
        return bool(np.count_nonzero(self.visible) < _SEEN * self.size * self.visible.size)

    def look(self, index: Labels, passed: float) -> None:
        """Takes size and colours of what stands alone."""
        gain = 1 - exp(-passed / _HABIT)
        self.size += gain * (np.count_nonzero(self.visible) / self.visible.size - self.size)
        self.colours = self.colours + np.float32(gain) * (histogram(index, self.visible) - self.colours)


def colours(frame: Frame, shape: tuple[int, ...]) -> Labels:
    """(h, w): which of 4,096 colours each pixel has, by its own first three channels."""
    index = np.zeros(shape, np.int32)
    for plane in frame.planes[:3]:
        step = max(1, plane.shape[0] // (2 * shape[0]))
        for channel in cv2.split(np.ascontiguousarray(plane[::step, ::step])):
            small = cv2.resize(channel, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
            index = index << _BITS | small.astype(np.int32) >> (frame.depth - _BITS)
    return index & ((1 << 3 * _BITS) - 1)


def histogram(index: Labels, mask: Mask) -> Array:
    """How often each colour is under the mask; sum 1."""
    counts = np.bincount(index[mask], minlength=1 << 3 * _BITS)
    return (counts / max(1, counts.sum())).astype(np.float32)


def carried_by_itself(track: Track, moment: Moment, others: Mask) -> Array:
    """A track's shape in this frame, moved as what is to be seen of the body moves around there, not as what it hides or what hides it,
    nor as others, whose motion reaches some pixels into the body.

    Where the picture is flat, or shows what was not to be seen before, motion is guessed: it counts by the gradient's square, and by how
    sure it is. What is hidden goes on at the body's pace."""
    if moment.flow is None or moment.sure is None:
        return np.zeros_like(track.shape)
    steep = cv2.absdiff(cv2.dilate(moment.luma, _disc(1)), cv2.erode(moment.luma, _disc(1))).astype(np.float32) * np.float32(1 / 255)
    away = track.visible & (cv2.dilate(others.view(np.uint8), _disc(_side(_REACH, moment) // 2)) == 0)
    weight = np.where(along(away.astype(np.float32), moment) > 0.5, (steep * steep + np.float32(1e-4)) * moment.sure, np.float32(0))
    moved = [way * weight for way in cv2.split(moment.flow)]
    total, pace = cv2.sumElems(weight)[0], track.speed * np.float32(moment.passed)
    if total and moment.passed and not track.hidden:
        pace = np.array([cv2.sumElems(way)[0] / total for way in moved], np.float32)
        track.speed = track.speed + np.float32(1 - exp(-moment.passed / _PACE)) * (pace / np.float32(moment.passed) - track.speed)
    side, little = (_side(_AROUND, moment),) * 2, np.float32(1e-5)
    around = 1 / (cv2.blur(weight, side) + little)
    own = cv2.merge([(cv2.blur(way, side) + little * usual) * around for way, usual in zip(moved, pace, strict=True)])
    return along(track.shape, moment._replace(flow=own))


def parts(here: Mask, tracks: list[Track], came: list[Array], index: Labels, moment: Moment) -> list[tuple[Mask, Array]]:
    """(visible, shape) of each of tracks, the bodies a group is made up of; the arguments are parted()'s, but in any order that is likely.
    A stranger of whom nothing is left is behind all others."""
    order = _in_depth(tracks, came, index)
    part = parted(here, [tracks[i] for i in order], [came[i] for i in order], index, moment)
    depth = {i: 1 + at for at, i in enumerate(order)}
    kept = next((i for i in order if tracks[i].kept), None)
    for i in order:
        if kept is not None and not tracks[i].kept:
            like = _likeness(tracks[i], tracks[kept], index)
            part[_errors(part == depth[i], came[kept], like, tracks[i].size)] = depth[kept]
            depth[i] += len(order) * (not (part == depth[i]).any())
    return [
        (part == depth[i], np.where(part == depth[i], np.float32(1), shape * (here & (part < depth[i])))) for i, shape in enumerate(came)
    ]


def _errors(part: Mask, came: Array, like: Array, size: float) -> Mask:
    """What of a stranger's part is the kept one's, who came to be where came is: what does not look like the stranger at all, and
    scraps on the kept one that do not look so for sure. Else what the stranger once took, such as skin, would stay when they go on.
    like: how much each pixel looks like the stranger; size: theirs. What is close by their body is no scrap."""
    near = cv2.dilate(part.view(np.uint8), _disc(round(_NEAR * min(part.shape))))
    count, labels = cv2.connectedComponents(near, connectivity=8)
    labels[~part] = 0
    areas, looks, on = (np.bincount(labels.ravel(), of.ravel(), count) for of in (np.ones_like(came), like, came))
    scraps = (areas < _SCRAP * size * part.size) & (on > _ON * areas)
    wrong = looks < np.where(scraps, _SURE, _FOUND) * areas
    wrong[0] = False
    return wrong[labels]


def _in_depth(tracks: list[Track], came: list[Array], index: Labels) -> list[int]:
    """The nearest first: as they came, but where two overlap and what is there looks like the latter, that is the nearer."""
    order: list[int] = []
    for i, track in enumerate(tracks):
        at = len(order)
        while at:
            both = came[i] * came[order[at - 1]]
            if (both * (_likeness(track, tracks[order[at - 1]], index) - np.float32(_FRONT))).sum() <= 0:
                break
            at -= 1
        order.insert(at, i)
    return order


def _likeness(track: Track, other: Track, index: Labels) -> Array:
    """How much each pixel's colour is the track's rather than the other's, (h, w) in [0, 1]."""
    own, others = (each.colours + _UNKNOWN for each in (track, other))
    return cast(Array, (own / (own + others))[index])


def parted(here: Mask, tracks: list[Track], came: list[Array], index: Labels, moment: Moment) -> Labels:
    """Whose each pixel of a group of bodies is: (h, w), 1 for the first of tracks and so on, 0 outside.

    here: the group. tracks: the bodies in it, the nearest first, which hides the others; came: their shapes in this frame. What is nobody's
    may come out from behind: it is a stranger's where there is one, rather than shown, else the nearest's."""
    size = (_side(_SEAM, moment),) * 2
    free = np.ones(here.shape, np.float32)
    places = []
    for shape in came:
        places.append(cv2.blur(shape, size) * free)
        free = free - places[-1]
    strangers = [i for i, track in enumerate(tracks) if not track.kept]
    places[strangers[-1] if strangers else 0] += free
    looks = [track.colours[index] + _UNKNOWN for track in tracks]
    total = np.sum(looks, axis=0)
    weight = np.float32(_COLOUR * _unlike([track.colours for track in tracks]))
    scores = [place + weight * cv2.blur(look / total, size) for place, look in zip(places, looks, strict=True)]
    return _flooded(np.where(here, np.argmax(scores, axis=0) + 1, 0).astype(np.int32), moment.luma)


def _unlike(histograms: list[Array]) -> float:
    """1 where bodies have no colour in common, 0 where they have the same (Bhattacharyya); of the two most alike."""
    pairs = [(a, b) for i, a in enumerate(histograms) for b in histograms[:i]]
    return min(1 - float(np.sqrt(a * b).sum()) for a, b in pairs)


def _flooded(part: Labels, luma: NDArray[np.uint8]) -> Labels:
    """The parts with their seams moved to the luma's edges nearby (watershed); what is too thin goes to its neighbour."""
    count = int(part.max())
    marks = np.full(part.shape, 0, np.int32)
    for i in range(1, count + 1):
        marks[cv2.erode((part == i).view(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE) > 0] = i
    if not marks.any():
        return part
    marks[part == 0] = count + 1
    cv2.watershed(cv2.merge((luma, luma, luma)), marks)
    inside = np.where(marks <= count, marks, 0).clip(0).astype(np.uint8)
    grown = cv2.dilate(inside, np.ones((3, 3), np.uint8))  # over the lines that it leaves between
    whole = np.where(inside > 0, inside, grown)
    return np.where(part > 0, np.where(whole > 0, whole, part), 0).astype(np.int32)


def _side(share: float, moment: Moment) -> int:
    return 2 * round(share * min(moment.luma.shape)) + 1


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.ones((2 * radius + 1,) * 2, np.uint8)
