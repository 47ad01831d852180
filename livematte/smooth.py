"""Alpha over time: where the picture stands still the matte settles, where it moves the matte follows at once.

pha_t = alpha of the network + hold · (what is known of before - alpha of the network),   hold = exp(-dt / seconds) at most

What is known of before is taken from where it was: the same place, while the picture there has not changed since that was said; else along
the person's own motion (dense inverse search, Kroeger et al., ECCV 2016), as far as both say much the same of a place's surroundings.
Figures are of eight clips with known alpha.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import exp
from typing import Any, Generic, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame, Matte
from livematte.matting.draft import Small
from livematte.matting.scenes import CutDetector
from livematte.motion import Moment, luma_of, on_grid, places, regridded, sought
from livematte.overview import seen
from livematte.planes import Array

_STILL, _CHANGED = 0.006, 0.016  # of the luma's range: below the first there is noise, from the second on something moved
_SAME, _OTHER = 0.5, 1.0  # mean difference of alpha around a place that stands still, up to which it may flicker and from which it is news
_ALIKE, _UNLIKE = 0.08, 0.16  # the same where it moves: twice these, and dtSSD is 1 % worse, MAD 3 %
_MOVING = 0.03  # seconds for which at most alpha is held where it moves: with 0.1 Grad becomes worse by 3 % rather than better by 2 %
_DOUBT = 0.5  # of motion, from which nothing coarse is held along it
_TORN = 1.0  # pixels of the luma by which motion around a place may differ: twice that, or any, and what moves quickly leaves ghosts
_AROUND = (5, 5)
_SOFT = 0.5  # samples by which neighbours count where nothing is known of before: dtSSD falls by 1.4 % more, Grad by 1 %
_MARGIN = 16  # samples about a person from where something may have come
# So many times what the network now says alpha is held at most: who leaves a wall may be as bright as it. No figure moves by 0.1 %.
_RAISED = 4
_DONE = np.float32(1 / 255)  # a difference that nobody sees ends: nothing lingers
_AGREE = np.float32(0.1)  # alphas that are no further apart are the same to OneFrameDelay

Tag = TypeVar("Tag")


class _Said(NamedTuple):
    """What is known once a frame is done. small: the smoothed alpha; luma: the picture, (h, w) float32 of the luma's size, that it was said
    of, as a mean over the same time; person: what motion is looked for in."""

    small: Small
    luma: Array
    person: NDArray[np.uint8]


class _Known(NamedTuple):
    """Of before, each (h, w): alpha, how well that fits what is seen now, 0 to 1, and how much it counts."""

    pha: Array
    fits: Array
    hold: Array


class Smoother:
    """step(moment, small) gives the small alpha, smoothed. seconds: the time in which still parts settle, 0 for none; may be set anew.

    coarse: of a network that tells things apart rather than mattes them, whose alpha errs by more than the picture's motion does: it is
    held along that, for as long as elsewhere where nothing moves."""

    def __init__(self, seconds: float = 0.0, *, coarse: bool = False) -> None:
        self.seconds, self._coarse = seconds, coarse
        self._seek = _seek()
        self._last: _Said | None = None

    def step(self, moment: Moment, small: Small) -> Array:
        """Takes a source's frames in order. (h, w) float32 in [0, 1]."""
        last, self._last = self._last, None
        if not self.seconds or not cv2.checkRange(small.pha)[0]:  # what is no number would stay for good
            return small.pha
        pha, luma, person = small.pha, moment.luma.astype(np.float32), _person(moment, small)
        if last is not None and not moment.starts:
            still, hold = _still(luma, last.luma), np.float32(exp(-moment.passed / self.seconds))
            luma += hold * still * (last.luma - luma)
            flow = sought(self._seek, person, last.person)
            moving = np.float32(exp(-moment.passed / min(self.seconds, _MOVING)))
            pha = pha.copy()
            rows, columns = _somebody(pha)
            part = _part(small, rows, columns)
            before = regridded(last.small, small)[rows, columns]
            same = on_grid(still, moment, part) * _fading(_difference(part.pha, before), _SAME, _OTHER)
            followed = _within(_followed(before, flow, moment, part), part.pha)
            alike = _fading(_difference(part.pha, followed), _ALIKE, _UNLIKE)
            known = _better(_Known(followed, alike, moving * alike), _Known(before, same, hold * same))
            if self._coarse and moment.flow is not None and moment.sure is not None:
                sure = on_grid(_whole(moment.flow, moment.sure), moment, part)
                known = _better(_Known(_followed(before, moment.flow, moment, part), sure, hold * sure), known)
            pha[rows, columns] = _mixed(part.pha, known)
        self._last = _Said(small._replace(pha=pha), luma, person)
        return pha

    def reset(self) -> None:
        self._last = None


def _seek() -> cv2.DISOpticalFlow:
    """Finds motion at half of the luma's size: at a quarter, as it does unasked, dtSSD falls by a third less. Half as many steps in patches
    half as dense take half of the time, and the figures stay."""
    seek = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    seek.setFinestScale(1)
    seek.setPatchStride(6)
    seek.setGradientDescentIterations(6)
    return seek


def _person(moment: Moment, small: Small) -> NDArray[np.uint8]:
    """The luma of the person alone, over white: a dark room behind somebody dark has no say in how the edge between them moves."""
    inside = seen(small, moment)
    return cv2.convertScaleAbs(255 + inside * (moment.luma - np.float32(255)))


def _still(luma: Array, before: Array) -> Array:
    """Where nothing changed, 0 to 1, of the luma's size; beside what changed nothing is still."""
    change = cv2.dilate(cv2.blur(cv2.absdiff(luma, before), (3, 3)), np.ones(_AROUND, np.uint8))
    return _fading(change, 255 * _STILL, 255 * _CHANGED)


def _whole(flow: Array, sure: Array) -> Array:
    """Where the picture moves in one piece and is known from before, 0 to 1, of the luma's size."""
    around = np.ones(_AROUND, np.uint8)
    across, down = cv2.split(cv2.dilate(flow, around) - cv2.erode(flow, around))
    return _fading(1 - cv2.erode(sure, around), 0, _DOUBT) * (cv2.max(across, down) <= _TORN)


def _somebody(pha: Array) -> tuple[slice, slice]:
    """The rows and columns outside of which alpha is 0; whatever was there, it stays 0."""
    left, top, width, height = cv2.boundingRect((pha > _DONE).view(np.uint8))
    return slice(max(0, top - _MARGIN), top + height + _MARGIN), slice(max(0, left - _MARGIN), left + width + _MARGIN)


def _part(small: Small, rows: slice, columns: slice) -> Small:
    """Its box is right to a pixel, which is enough to look motion up by."""
    (height, width), (left, top, right, bottom) = small.pha.shape, small.box
    across, down, pha = (right - left) / width, (bottom - top) / height, small.pha[rows, columns]
    x, y = left + columns.start * across, top + rows.start * down
    return Small(pha, (round(x), round(y), round(x + pha.shape[1] * across), round(y + pha.shape[0] * down)))


def _followed(before: Array, flow: Array, moment: Moment, part: Small) -> Array:
    """What was known, along a flow of the luma's size."""
    (height, width), (left, top, right, bottom) = before.shape, part.box
    across = moment.size[0] / moment.luma.shape[1] * width / (right - left)
    down = moment.size[1] / moment.luma.shape[0] * height / (bottom - top)
    flow = cv2.multiply(flow, (across, down, 0, 0))
    at = cv2.add(on_grid(flow, moment, part), places(height, width))
    return np.asarray(cv2.remap(before, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _within(known: Array, pha: Array) -> Array:
    """No more and no less than what the network now says of a place and those beside it."""
    beside = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.min(cv2.max(known, cv2.erode(pha, beside)), cv2.dilate(pha, beside)))


def _better(one: _Known, other: _Known) -> _Known:
    """At each place what counts for more; the other where both do. Writes into the one's alpha."""
    np.copyto(one.pha, other.pha, where=other.hold >= one.hold)
    return _Known(one.pha, cv2.max(one.fits, other.fits), cv2.max(one.hold, other.hold))


def _mixed(pha: Array, known: _Known) -> Array:
    """The network's alpha and what is known of before; where nothing is, the places beside it count a little."""
    soft = pha + (1 - known.fits) * (cv2.GaussianBlur(pha, (3, 3), _SOFT) - pha)
    mixed = soft + known.hold * (known.pha - soft)
    # What is surely the room is never held, and what nobody would see is not changed.
    unseen = cv2.absdiff(known.pha, pha) + cv2.absdiff(soft, pha) <= _DONE
    np.copyto(mixed, pha, where=(pha <= _DONE) | unseen)
    mixed = cv2.min(mixed, _RAISED * pha)
    return np.asarray(np.clip(mixed, 0, 1, out=mixed))


def _difference(one: Array, other: Array) -> Array:
    """Of two alphas, the mean over each place's surroundings."""
    return np.asarray(cv2.blur(cv2.absdiff(one, other), _AROUND))


def _fading(value: Array, low: float, high: float) -> Array:
    """1 up to the low, 0 from the high on."""
    return np.clip((np.float32(high) - value) * np.float32(1 / (high - low)), 0, 1)


class Held(NamedTuple, Generic[Tag]):
    """A frame with its matte, and whatever its owner wants to have back with it."""

    frame: Frame
    matte: Matte
    tag: Tag


class OneFrameDelay(Generic[Tag]):
    """MODNet's one-frame delay (arXiv 2011.11961, section 3.4): where the frames before and after agree and the one between does not,
    it flickers, and takes their mean. Each frame comes out when the next is there. Where the picture changed meanwhile it is motion, as of
    an arm between two looks at the room: mended all the same, dtSSD of eight clips of a dancer rises by 46 %.

    raises: also where that is more than the frame's own alpha; a live job must not show what its network took away."""

    def __init__(self, *, raises: bool = True) -> None:
        self._raises = raises
        self._cuts = CutDetector()
        self._before: Array | None = None  # the alpha of the frame before the one that waits; None where that starts a scene
        self._luma: Array | None = None  # of the one that waits
        self._still: Array | None = None  # where it is as the one before it
        self._waiting: Held[Tag] | None = None

    def push(self, frame: Frame, matte: Matte, tag: Tag) -> Held[Tag] | None:
        """Takes a source's frames in order. Gives the frame before this one; None for the first. Nothing is compared across a cut."""
        ready, starts, luma = self._waiting, self._cuts.starts_scene(frame), luma_of(frame).astype(np.float32)
        still = None if starts or self._luma is None else _still(luma, self._luma)
        if ready is not None:
            if still is not None and self._still is not None and self._before is not None:
                same = cv2.resize(cv2.min(still, self._still), frame.size, interpolation=cv2.INTER_LINEAR) > np.float32(0.5)
                ready = ready._replace(matte=_steadied(self._before, ready.matte, matte.pha, same, raises=self._raises))
            self._before = None if starts else ready.matte.pha
        self._waiting, self._luma, self._still = Held(frame, matte, tag), luma, still
        return ready

    def flush(self) -> Held[Tag] | None:
        """The last frame, as it is: nothing comes after it."""
        ready, self._waiting, self._before, self._luma, self._still = self._waiting, None, None, None, None
        self._cuts = CutDetector()
        return ready


def one_frame_late(items: Iterable[Any]) -> Iterator[Any]:
    """Frames with their mattes through a OneFrameDelay; anything else keeps its place among them."""
    delay: OneFrameDelay[None] = OneFrameDelay()
    behind: list[Any] = []  # what came after the frame that waits
    for item in items:
        if not isinstance(item, tuple):
            behind.append(item)
            continue
        frame, matte = item
        ready = delay.push(frame, matte, None)
        if ready is not None:
            yield ready.frame, ready.matte
        yield from behind
        behind = []
    last = delay.flush()
    if last is not None:
        yield last.frame, last.matte
    yield from behind


def _steadied(before: Array, matte: Matte, after: Array, same: NDArray[np.bool_], *, raises: bool) -> Matte:
    """same: where the picture was the same in all three."""
    pha = matte.pha
    agree = cv2.absdiff(before, after) <= _AGREE
    flickers = same & agree & (cv2.absdiff(pha, before) > _AGREE) & (cv2.absdiff(pha, after) > _AGREE)
    if not raises:
        flickers &= pha > before
    if not flickers.any():
        return matte
    return Matte(np.where(flickers, (before + after) * np.float32(0.5), pha), matte.fgr)
