"""What of the props a frame still shows: a prop is kept only where the picture is as it was, or the room would stand in its place.

On a small grid over the picture as it was at first; a camera that was touched is followed. What the props looked like is known of their
picture, or learned where nobody stands before them; how bright that is now is told by all that stands still. A prop of which much differs
is left out as a whole; of the others, what differs is, at once, or next to people in a moment. What they hide is taken to be there.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame, Size
from livematte.matting.plates.difference import behind
from livematte.matting.plates.evidence import differing, grown, light_on, ramp, spread_out
from livematte.matting.plates.register import Warp, distance, find_warp, gain_of, placed
from livematte.planes import Array, fill

Mask = NDArray[np.bool_]

LONGEST, _LEAST_PIXELS = 320, 3  # cells on the longest side at most; pixels that one is wide at least: fewer are noise
_PROP, _SOLID = 0.02, 0.99  # of a cell, from which on it is of a prop; and wholly so
_COVERED = 0.02  # of alpha, from which on somebody stands there
_BODY, _EDGE = 0.5, 2  # of alpha, that a body has; cells about it where its soft edge is
_ASIDE, _FARTHER = 3, 5  # cells next to people: halos and contact shadows; cells beyond these, where nothing is learned yet
_SETTLED = 0.3  # seconds for which nobody was there, until a cell is taken for what it shows
_GIVE_UP, _TAKE_BACK = 0.35, 0.2  # of what is seen of a prop, that may differ
_LEAST_SEEN, _LEAST_CELLS = 0.04, 9  # of a prop: where less is seen, nothing new is known of it
_AROUND, _SUPPORT, _LEAST_VOTES = 13, (0.6, 0.8), 1.0  # cells about each; of those, (nothing, all) of it: what must match too
_WAIT, _FADE = 0.5, 0.2  # seconds for which a prop must match to come back, and in which it comes
_PATIENCE = 0.5  # seconds without a match, before that is told
_GAP = 1.0  # seconds without a frame, after which all is looked at anew
_EVERY, _AT_ONCE, _RARELY = 2.0, 0.1, 8.0  # seconds between registrations: for none, for a reason, and where that is in vain
_WORSE, _SLIGHT, _BETTER = 1.3, 0.001, 0.97  # of the distance: what is a reason, but for noise; what a good one leaves
_SHIFT = 0.5  # cells by which props may be off: they stand nearer than the room, and move otherwise with a camera that does
_CAST, _BRIGHTER = 1.25, 1.6  # by which light may differ in colour and brightness from the props' picture, while only that tells
_PICKED = 4  # each of so many cells across and down is asked for the light and the distance


def grid_size(size: Size) -> Size:
    longest = max(1, min(LONGEST, max(size) // _LEAST_PIXELS))
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


class _View(NamedTuple):
    """A frame on the grid. src: (h, w, 3) R'G'B'; near: people and what is next to them; hidden: people with their soft edges."""

    src: Array
    near: Mask
    hidden: Mask


class Presence:
    """cover: (h, w), how much of each cell the props take, on a grid of grid_size. rgb: (h, w, 3) R'G'B', what they look like; None where
    that is to be learned: then they are taken to be where they were said to be. live: nothing is shown that was not seen for a while.
    warp: from the grid at first to the grid now."""

    def __init__(self, cover: Array, rgb: Array | None, *, tell: Callable[[str], None], live: bool = False) -> None:
        self._tell, self._live, self._told = tell, live, True
        self._size = cover.shape[::-1]
        self._ref = np.zeros((*cover.shape, 3), np.float32) if rgb is None else rgb.copy()
        self._firm = np.zeros(cover.shape, np.bool_) if rgb is None else _solid(cover)
        self._gain, self._around = np.ones(3, np.float32), False  # around: whether more than the props' picture tells of the light
        self.warp: Warp = np.eye(3)
        self._cover, self._prop = cover, cover > min(_PROP, cover.max() / 2)
        self._count, self._labels = cv2.connectedComponents(self._prop.view(np.uint8))
        self._cells = np.flatnonzero(self._prop)
        self._of = self._labels.ravel()[self._cells]
        self._sizes = np.bincount(self._of, minlength=self._count)
        self._unknown = self._sizes_where(self._firm) == 0
        x, y, width, height = cv2.boundingRect(grown(self._prop, _ASIDE).view(np.uint8))
        self._box = slice(y, y + height), slice(x, x + width)
        self._was_held = np.zeros(self._count, np.bool_)
        self.start()

    def start(self) -> None:
        """After a cut or a seek: what props look like is still known, and everything is looked at anew."""
        self._level: Array | None = None
        self._held = np.zeros(self._count, np.bool_)
        self._clear = np.zeros(self._cover.shape, np.float32)
        self._good_since = np.full(self._count, inf)
        self._last, self._tried, self._lost_since = -inf, -inf, inf
        self._wait, self._far = _AT_ONCE, inf

    def look(self, frame: Frame, people: Array) -> Array:
        """(h, w) in [0, 1]: how far props are shown, also in the cells beside them. people: (H, W), their alpha."""
        src, seen = frame.rgb(self._size), _picked(people, self._size)
        now, passed = self._times(frame)
        view = self._view(src, seen)
        self._light(view)
        if self._due(view, now, starts=passed is None) and self._find(src, seen, view):
            view = self._view(src, seen)
        differs = self._differing(view)
        self._judge(differs, view, now, starts=passed is None)
        self._learn(view, passed)
        self._say(now)
        return self._levelled(differs, view, passed)

    def _times(self, frame: Frame) -> tuple[float, float | None]:
        """(now, seconds since the last frame; None where all is looked at anew)."""
        if frame.pts is None:
            self.start()
            return 0.0, None
        now, passed = frame.seconds, frame.seconds - self._last
        if not 0 <= passed < _GAP:
            self.start()
        self._last = now
        return now, None if self._level is None else passed

    def _view(self, src: Array, seen: Array) -> _View:
        if not np.array_equal(self.warp, np.eye(3)):
            src, seen = self._back(src, seen, self.warp)
        covered = seen > _COVERED
        return _View(src, grown(covered, _ASIDE), grown(seen > _BODY, _EDGE) & covered)

    def _back(self, src: Array, seen: Array, warp: Warp) -> tuple[Array, Array]:
        """As the camera saw it at first; what it does not see now is as hidden."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        back = cv2.warpPerspective(src, warp, self._size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(back), np.asarray(cv2.warpPerspective(seen, warp, self._size, flags=flags, borderValue=1))

    def _light(self, view: _View) -> None:
        part = _every(_PICKED if self._around else 1)
        gain = gain_of(self._ref[part], view.src[part], (self._firm & ~view.near)[part], every=1)
        if gain is None:
            return
        if not self._around:
            mean = np.float32(gain.mean())
            gain = np.clip(gain / mean, 1 / _CAST, _CAST) * np.clip(mean, 1 / _BRIGHTER, _BRIGHTER)
        self._gain = gain

    def _differing(self, view: _View) -> Array:
        """(h, w) in [0, 1]: how certain it is that a cell differs, shadows and people aside. Where nothing is known, it does not."""
        box, whole = self._box, np.zeros(self._cover.shape, np.float32)
        src, known = view.src[box], (self._firm & ~view.hidden)[box]
        # What is not known must not speak against its neighbours.
        there = behind(np.where(known[..., None], self._ref[box] * self._gain, src), known, shift=_SHIFT)
        light = light_on(src, there.rgb, known & ~view.near[box], max(self._size) / 640)
        whole[box] = differing(src, there.rgb * light[..., None], there.noise) * known
        return whole

    def _sizes_where(self, where: Mask) -> NDArray[np.intp]:
        """(count,): how many cells of each prop those are."""
        return np.bincount(self._of[where.ravel()[self._cells]], minlength=self._count)

    def _judge(self, differs: Array, view: _View, now: float, *, starts: bool) -> None:
        """Which props are held. One of which nothing is known yet is where it was said to be."""
        asked = self._firm & ~view.near
        counts = self._sizes_where(asked)
        share = self._sizes_where(asked & (differs > 0)) / np.maximum(counts, 1)
        enough = self._unknown | (counts >= np.maximum(_LEAST_CELLS, _LEAST_SEEN * self._sizes))
        good = enough & (share <= _TAKE_BACK)
        self._good_since = np.where(good, np.minimum(self._good_since, now), np.where(enough, inf, self._good_since))
        self._held &= ~enough | (share <= _GIVE_UP)
        if starts and not self._live:
            self._held = enough & (share <= _GIVE_UP)
        self._held |= now - self._good_since >= _WAIT
        self._held[0] = False
        self._was_held |= self._held

    def _learn(self, view: _View, passed: float | None) -> None:
        """What stands still and is not known yet."""
        waits = ~(grown(view.near, _FARTHER) | self._firm)
        self._clear = (self._clear + np.float32(passed or 0)) * waits
        settled = waits if passed is None and not self._live else self._clear >= _SETTLED
        if not settled.any():
            return
        may = self._held | self._unknown
        may[0] = may[1:].any()
        new = settled & may[self._labels]
        self._ref[new] = view.src[new] / self._gain
        self._firm |= new
        self._unknown = self._sizes_where(self._firm) == 0
        self._around |= bool((new & ~self._prop).any())

    def _levelled(self, differs: Array, view: _View, passed: float | None) -> Array:
        box = self._box
        prop, near = self._prop[box], view.near[box]
        level = np.zeros(prop.shape, np.float32) if self._level is None else self._level
        step = np.float32(0 if passed is None else passed / _FADE)
        shown = self._supported(differs[box], near)
        shown = np.where(near, np.maximum(level - step, shown), shown)  # a hand that the network misses for a moment leaves no hole
        wanted = shown * self._held[self._labels[box]]
        self._level = wanted * prop if passed is None else np.minimum(level + step, wanted * prop)
        whole = np.zeros(self._prop.shape, np.float32)
        whole[box] = np.where(prop, self._level, spread_out(self._level, 1))
        return carried_by(whole, self.warp)

    def _supported(self, differs: Array, near: Mask) -> Array:
        """In the box: what does not differ, but for few cells that match by chance among others that do not."""
        box = self._box
        votes = self._cover[box] * (self._firm[box] & ~near)  # beside a prop, the room may be as ever
        around, there = (cv2.boxFilter(v, -1, (_AROUND, _AROUND), normalize=False) for v in (votes * (differs <= 0), votes))
        support = ramp(around / np.maximum(there, 1e-3), _SUPPORT)
        support[there < _LEAST_VOTES] = 1
        return (1 - spread_out(differs, 1)) * support

    def _due(self, view: _View, now: float, *, starts: bool) -> bool:
        """Whether it is time to look where all is now."""
        far = self._distance(view)
        if not isfinite(self._far) and not starts:  # of the first frame much is yet to be learned
            self._far = far
        worse = far > _WORSE * self._far + _SLIGHT or not (starts or self._held[1:].all())
        if now - self._tried < (self._wait if worse else _EVERY) or not self._firm.any():
            return False
        self._tried, self._wait = now, min(2 * self._wait, _RARELY) if worse else _AT_ONCE
        return True

    def _distance(self, view: _View) -> float:
        part = _every(_PICKED)
        where = (self._firm & ~view.near)[part]
        return distance(self._ref[part] * self._gain, view.src[part], where) if where.any() else inf

    def _find(self, src: Array, seen: Array, view: _View) -> bool:
        """Whether all lies better in another place: a camera that was touched."""
        clear = ~grown(seen > _COVERED, _ASIDE)
        known = self._firm.astype(np.float32)
        there = fill(np.dstack([self._ref * self._gain * known[..., None], known]))[..., :3]  # black would draw the search towards itself
        warp = find_warp(there, src, clear & (placed(known, self.warp) > _SOLID), start=self.warp)
        was, far = self.warp, self._distance(view)
        if warp is None:
            return False
        self.warp = warp
        if self._distance(self._view(src, seen)) >= _BETTER * far:
            self.warp = was
            return False
        self._wait = _AT_ONCE
        return True

    def _say(self, now: float) -> None:
        """Once, when props are lost and when they are back."""
        held = self._held[1:]
        self._lost_since = inf if held.all() else min(self._lost_since, now)
        lost = now - self._lost_since >= _PATIENCE or (not isfinite(self._last) and not held.all())
        if self._told and lost:
            which = "some of the props" if held.any() else "the props"
            self._tell(f"{which} {'no longer' if self._was_held.any() else 'do not'} match the picture; left out until they do")
            self._told = False
        elif not self._told and held.all():
            self._tell("the props match the picture now")
            self._told = True


def reached(people: Array, shape: tuple[int, ...]) -> Mask:
    """Cells of a grid of that shape where people are, with their soft edges. people: alpha, (h, w)."""
    return grown(cv2.resize(people, shape[::-1], interpolation=cv2.INTER_LINEAR) > _COVERED, _EDGE)


def carried_by(pha: Array, warp: Warp) -> Array:
    """Where props are after a warp; those that reach the picture's edge go on beyond it."""
    if np.array_equal(warp, np.eye(3)):
        return pha
    return np.asarray(cv2.warpPerspective(pha, warp, pha.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _every(step: int) -> tuple[slice, slice]:
    return slice(None, None, step), slice(None, None, step)


def _solid(cover: Array) -> Mask:
    """Cells that a prop takes wholly, with all about them where there are such: the samples of a cell come from beside it too."""
    inner = cv2.erode(cover, np.ones((3, 3), np.uint8)) > _SOLID
    return np.asarray(inner if inner.sum() >= _LEAST_CELLS else cover > _SOLID)


def _picked(people: Array, size: Size) -> Array:
    """Alpha on the grid; samples are picked before they are averaged, which costs a third."""
    step = max(1, min(people.shape[1] // size[0], people.shape[0] // size[1]) // 3)
    return np.asarray(cv2.resize(np.ascontiguousarray(people[::step, ::step]), size, interpolation=cv2.INTER_AREA))
