"""Who stays in the picture: a matte's bodies are known again from frame to frame, and all but those to keep go with the background.

The nearest is the largest: of a body at twice the distance a quarter is seen, and before a webcam, where the picture cuts everybody's
feet off, neither their line nor a head's height tells as much. Bodies that touch are told apart by parting.py.
"""

from __future__ import annotations

import threading
from typing import Literal, NamedTuple

import cv2
import numpy as np

from livematte.frame import Frame
from livematte.matting.draft import Small
from livematte.motion import Moment, on_grid
from livematte.overview import seen
from livematte.parting import Labels, Mask, Track, carried_by_itself, colours, histogram, parts
from livematte.planes import Array

_BODY = 0.5  # alpha from which on there is a body
_LEAST = 0.004  # of the picture: what is smaller is nobody new
_KNOWN = 0.1  # of a body or of what is seen: at least so much lies on each other where it is that body
_STRAY = 0.3  # of what lies on another group: less is an error of the last frames, that ends when bodies part
_LONE = 0.6  # of the sizes of two: a group that is smaller is one of them
_SPLIT, _SPLIT_FOR = 0.25, 1.0  # a part of a body that is so large, and for so many seconds apart, is another body
_HIDDEN, _LOST = 4.0, 2.0  # seconds for which a body behind another is waited for; one that is gone, before the nearest takes its place
_LARGER, _LONG = 1.5, 3.0  # how much larger, and for how many seconds, somebody must be to take the place of who is kept
_HAIR, _TIGHT = 0.08, 0.03  # of the picture's shorter side: how far hair stands off a body; what is left of it beside a stranger

Keep = Literal["all", "nearest"] | int


class Body(NamedTuple):
    """Somebody in the picture. box: (left, top, right, bottom) in the frame's pixels."""

    id: int
    box: tuple[int, int, int, int]
    kept: bool


class Bodies:
    """step() takes a source's frames in order. keep: "all", "nearest", or how many of the nearest; may be set anew: another
    ends what a click chose.

    Who is kept stays kept, until gone for 2 s or beside somebody who has been half as large again for 3 s. Who comes while enough are
    kept is never shown, from the first frame on. With "all", and nobody chosen, nothing is done at all."""

    def __init__(self, keep: Keep = "all") -> None:
        self._keep = keep
        self.bodies: tuple[Body, ...] = ()  # those of the last frame; none where nothing is done
        self._tracks: dict[int, Track] = {}
        self._count = 0
        self._chosen = False
        self._click: tuple[float, float] | None = None
        self._lock = threading.Lock()

    @property
    def keep(self) -> Keep:
        return self._keep

    @keep.setter
    def keep(self, keep: Keep) -> None:
        self._chosen = self._chosen and keep == self._keep
        self._keep = keep

    def choose(self, x: float, y: float) -> None:
        """A click, in parts of the frame's width and height; from any thread. The body there is kept and no other (when it is gone for 2 s,
        the nearest); a click beside all bodies goes back to `keep`."""
        with self._lock:
            self._click = x, y

    def reset(self) -> None:
        """Nobody is known any more. That one is to be kept after a click stays so."""
        self._tracks = {}
        self.bodies = ()

    def step(self, moment: Moment, small: Small, frame: Frame) -> Array:
        """The small alpha of who is kept: (h, w) float32, the same array where nothing is done."""
        with self._lock:
            click, self._click = self._click, None
        if self.keep == "all" and not self._chosen and click is None:
            self.reset()
            return small.pha
        if moment.flow is None:
            self.reset()
        alpha = seen(small, moment)
        self._follow(alpha, colours(frame, alpha.shape), moment)
        if click is not None:
            self._pick(click, moment)
            if self.keep == "all" and not self._chosen:
                self.reset()
                return small.pha
        self._settle(1 if self._chosen or self.keep == "nearest" else int(self.keep), moment)
        self.bodies = tuple(Body(name, _box(track, moment), track.kept) for name, track in self._here(moment).items())
        return small.pha * on_grid(self._share(alpha, moment), moment, small)

    def _here(self, moment: Moment) -> dict[int, Track]:
        """Who is to be seen."""
        return {name: track for name, track in self._tracks.items() if track.last == moment.seconds}

    def _follow(self, alpha: Array, index: Labels, moment: Moment) -> None:
        """Finds everybody in this frame."""
        count, labels = cv2.connectedComponents((alpha > _BODY).view(np.uint8), connectivity=8)
        all_of_them = sum((track.visible for track in self._tracks.values()), np.zeros(alpha.shape, bool))
        came = {name: carried_by_itself(track, moment, all_of_them & ~track.visible) for name, track in self._tracks.items()}
        owners = _owners(labels, count, came, self._tracks)
        for track in self._tracks.values():
            track.visible, track.beside = np.zeros(alpha.shape, bool), False
        shapes = {name: np.zeros_like(alpha) for name in came}
        for group in range(1, count):
            here, names = labels == group, owners[group]
            if len(names) > 1:
                each = parts(here, [self._tracks[name] for name in names], [came[name] for name in names], index, moment)
                for name, (visible, shape) in zip(names, each, strict=True):
                    self._tracks[name].visible |= visible
                    self._tracks[name].beside = True
                    shapes[name] += shape
            elif names:
                self._tracks[names[0]].visible |= here
                shapes[names[0]] += here
            elif np.count_nonzero(here) >= _LEAST * here.size:
                self._enter(here, index, moment)
        self._note(shapes, index, moment)

    def _enter(self, here: Mask, index: Labels, moment: Moment) -> None:
        self._count += 1
        size = np.count_nonzero(here) / here.size
        self._tracks[self._count] = Track(here, here.astype(np.float32), histogram(index, here), size, moment.seconds)

    def _note(self, shapes: dict[int, Array], index: Labels, moment: Moment) -> None:
        """What is known of everybody after this frame."""
        for name, shape in shapes.items():
            track = self._tracks[name]
            if track.visible.any():
                track.last = moment.seconds
                if not track.beside:
                    track.look(index, moment.passed)
                    self._split(track, index, moment)
            if track.visible.any() or track.beside:
                track.shape = shape  # else where it was last: it may only have been missed
            if moment.seconds - track.last > (_HIDDEN if track.beside else _LOST):
                del self._tracks[name]

    def _split(self, track: Track, index: Labels, moment: Moment) -> None:
        """Two who came as one go apart."""
        count, labels = cv2.connectedComponents(track.visible.view(np.uint8), connectivity=8)
        areas = np.bincount(labels.ravel(), minlength=count)[1:]
        second = int(areas.argsort()[-2]) if count > 2 else 0
        if count < 3 or areas[second] < _SPLIT * areas.max():
            track.apart = 0.0
            return
        track.apart += moment.passed
        if track.apart > _SPLIT_FOR:
            part = labels == 1 + second
            track.visible &= ~part
            self._enter(part, index, moment)

    def _pick(self, click: tuple[float, float], moment: Moment) -> None:
        """Keeps who is under the click, and nobody else."""
        height, width = moment.luma.shape
        at = min(max(0, int(click[1] * height)), height - 1), min(max(0, int(click[0] * width)), width - 1)
        for track in self._tracks.values():
            track.kept = bool(track.visible[at])
        self._chosen = any(track.kept for track in self._tracks.values())

    def _settle(self, wanted: int, moment: Moment) -> None:
        """Whoever is kept stays so; empty places go to the nearest."""
        here = sorted(self._here(moment).values(), key=lambda track: -track.size)
        kept = sorted((track for track in self._tracks.values() if track.kept), key=lambda track: -track.size)
        others = [track for track in here if not track.kept]
        for track in kept[wanted:]:
            track.kept = False
        for track in others[: max(0, wanted - len(kept))]:
            track.kept = True
        if self._chosen or len(kept) < wanted:
            return
        least = kept[wanted - 1]
        for track in self._tracks.values():
            larger = track in others and track.size > _LARGER * least.size
            track.larger = track.larger + moment.passed if larger else 0.0
        if others and others[0].larger > _LONG:
            others[0].kept, least.kept = True, False

    def _share(self, alpha: Array, moment: Moment) -> Array:
        """What stays of alpha, (h, w) in [0, 1]: all of who is kept, with hair; nothing of others, nor of what is near nobody."""
        kept = np.zeros(alpha.shape, bool)
        tight = False
        for track in self._tracks.values():
            if track.kept:
                kept |= track.visible
                tight |= track.beside
        others = (alpha > _BODY) & ~kept
        side = 2 * round((_TIGHT if tight else _HAIR) * min(alpha.shape)) + 1
        near, far = (cv2.blur(mask.astype(np.float32), (side, side)) for mask in (kept, others))
        share = np.clip((near - far) / (near + far + np.float32(1e-6)) * 4 + np.float32(0.5), 0, 1)
        return np.where(near > np.float32(0.5 / side**2), share, np.float32(0))


def _owners(labels: Labels, count: int, came: dict[int, Array], tracks: dict[int, Track]) -> list[list[int]]:
    """For each group of pixels whose it is: several where bodies touch, the nearest first; none where it is new."""
    areas = np.bincount(labels.ravel(), minlength=count)
    on = {name: np.bincount(labels.ravel(), shape.ravel(), count) for name, shape in came.items()}
    sizes = {name: tracks[name].size * labels.size for name in sorted(came, key=lambda name: -tracks[name].size)}
    owners: list[list[int]] = [[] for _ in range(count)]
    whole = set()  # who is to be seen somewhere without anybody else is not elsewhere too
    for group in range(1, count):
        least = {name: max(_KNOWN * min(areas[group], parts.sum()), _STRAY * parts[1:].max(), 1) for name, parts in on.items()}
        names = [name for name in sizes if on[name][group] > least[name]]
        if len(names) > 1 and areas[group] < _LONE * sum(sizes[name] for name in names):
            names = [max(names, key=lambda name: on[name][group] / sizes[name])]
        if len(names) == 1 and areas[group] > _LONE * sizes[names[0]]:
            whole.add(names[0])
        owners[group] = names
    return [[name for name in names if name not in whole] or names for names in owners]


def _box(track: Track, moment: Moment) -> tuple[int, int, int, int]:
    x, y, width, height = cv2.boundingRect(track.visible.view(np.uint8))
    across, down = moment.size[0] / moment.luma.shape[1], moment.size[1] / moment.luma.shape[0]
    return round(x * across), round(y * down), round((x + width) * across), round((y + height) * down)
