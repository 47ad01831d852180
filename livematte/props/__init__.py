"""Props: what belongs to the scene and is no person, a chair, a desk, a microphone, and is kept beside people.

Where they are is given once; each frame's own samples are shown there, as far as presence.py finds that they still show the props.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.errors import SettingsError
from livematte.frame import Frame, Matte, Size
from livematte.matting.plates.register import Warp, scaled
from livematte.planes import Array, pha_for
from livematte.props.outline import outlines
from livematte.props.presence import Presence, carried_by, grid_size, reached
from livematte.props.spec import Box, Boxes, of_picture, parse_props

__all__ = ["Box", "Boxes", "Props", "parse_props"]

_ASPECT_OFF = 0.01  # that rounding to whole pixels may make
_WARMS_UP = 1.0  # seconds in which a camera finds its exposure
_STEP = 4  # pixels of which one tells where people's soft edges are
_BETWEEN = float(np.finfo(np.float32).tiny), float(np.nextafter(np.float32(1), np.float32(0)))  # what lies between 0 and 1
_OWN = 0.25  # of a prop in a pixel, from which on its colour is the source's there: people's own would be wrong


class Props:
    """step() adds the props to a source's mattes, in order. what: a picture of them (spec.of_picture) or boxes in which they stand.

    live: for cameras; what is shown was seen for a while. stills: pictures, each by itself. tell: hears when props are left out and when
    they are back. SettingsError: a picture that shows no props; with the first frame, one of another shape."""

    def __init__(
        self, what: Frame | Boxes, *, live: bool = False, stills: bool = False, tell: Callable[[str], None] = lambda text: None
    ) -> None:
        self._given = of_picture(what) if isinstance(what, Frame) else None
        self._boxes: Boxes = () if isinstance(what, Frame) else what
        self._live, self._stills, self._tell = live, stills, tell
        self._pha: Array | None = None  # of the props, where they were at first; at the first frame's size
        self._forget()

    def check(self, size: Size, sample_aspect: Fraction = Fraction(1)) -> None:
        """SettingsError where a picture of the props is not of the shape of frames of that size."""
        if self._given is None or _same_shape(self._given.pha.shape[::-1], self._given.sample_aspect, size, sample_aspect):
            return
        height, width = self._given.pha.shape
        raise SettingsError(
            f"--props: got a picture of {width}x{height}, wanted the shape of the frames, {size[0]}x{size[1]}\n"
            "Take it with the same camera and settings, or give the place of the props as X,Y,W,H in percent"
        )

    def step(self, frame: Frame, matte: Matte, *, gone: Array | None = None) -> Matte:
        """The matte with the props in it: pha is people's and props' together, and the planes of fgr are the source's where props are.

        gone: (h, w), alpha of people who were taken out of the matte: they hide props, are not learned as such, and nothing is shown where
        they are. A frame that brings its own alpha keeps its matte."""
        if frame.pha is not None:
            return matte
        people = matte.pha if gone is None else cv2.max(matte.pha, cv2.resize(gone, frame.size, interpolation=cv2.INTER_LINEAR))
        if not self._ready(frame, people):
            return matte
        assert self._presence is not None
        level = self._presence.look(frame, people)
        if gone is not None:
            level = level * ~reached(gone, level.shape)
        return self._shown(frame, matte, level) if level.any() else matte

    def reset(self) -> None:
        """After a cut or a seek. What the props look like is still known; of pictures nothing is."""
        if self._stills:
            self._forget()
        elif self._presence is not None:
            self._presence.start()

    def _forget(self) -> None:
        self._presence: Presence | None = None
        self._began: float | None = None
        self._shape: tuple[Size, Fraction] | None = None
        self._fits = True
        self._cut: _Cut | None = None

    def _ready(self, frame: Frame, people: Array) -> bool:
        """Whether there are props for frames of this shape."""
        if self._presence is None:
            if self._began is None:
                self._began = frame.seconds
            if self._live and 0 <= frame.seconds - self._began < _WARMS_UP:
                return False
            if self._stills and not self._suits(frame):
                return False
            self._begin(frame, people)
        shape = (frame.size, frame.sample_aspect)
        if shape != self._shape:
            self._shape, self._cut = shape, None
            fits = _same_shape(frame.size, frame.sample_aspect, *self._first)
            if self._fits and not fits:
                self._tell("the picture has another shape now than the props; they are left out")
            self._fits = fits
            if self._presence is not None:
                self._presence.start()
        return self._fits

    def _suits(self, frame: Frame) -> bool:
        """Whether a picture among others is one that the props belong to; those that are not are told, and have none."""
        try:
            self.check(frame.size, frame.sample_aspect)
        except SettingsError as error:
            self._tell(f"{frame.label or 'a picture'} has no props: {str(error).partition(chr(10))[0]}")
            return False
        return True

    def _begin(self, frame: Frame, people: Array) -> None:
        size, given = frame.size, self._given
        self._first = size, frame.sample_aspect
        if given is None:
            self._pha, missed = outlines(frame, people, self._boxes)
            for box in missed:
                self._tell(f"props: no outline was found in {','.join(f'{side:g}' for side in box)}; the box itself is kept")
        else:
            self.check(size, frame.sample_aspect)
            self._pha = given.pha if given.pha.shape == size[::-1] else cv2.resize(given.pha, size, interpolation=_way(given.pha, size))
        grid = grid_size(size)
        cover = cv2.resize(self._pha, grid, interpolation=cv2.INTER_AREA)
        colours = None if given is None or given.colours is None else _colours(given.colours, grid, grey=frame.format.family == "gray")
        self._presence = Presence(cover, colours, live=self._live, tell=self._tell)

    def _shown(self, frame: Frame, matte: Matte, level: Array) -> Matte:
        assert self._presence is not None
        assert self._pha is not None
        if self._cut is None or self._cut.warp is not self._presence.warp:
            self._cut = _Cut(self._pha, self._presence.warp, max(level.shape), frame)
        return self._cut.added(frame, matte, level)


class _Cut:
    """The props at a frame's size: the part of the picture that holds them."""

    def __init__(self, pha: Array, warp: Warp, longest: int, frame: Frame) -> None:
        """pha: (H, W), at any size. warp: of a grid of that many cells on its longest side."""
        self.warp = warp
        if not np.array_equal(warp, np.eye(3)):
            pha = carried_by(pha, scaled(warp, max(pha.shape) / longest))
        if pha.shape[::-1] != frame.size:
            pha = cv2.resize(pha, frame.size, interpolation=_way(pha, frame.size))
        across, down = frame.format.sub
        x, y, width, height = cv2.boundingRect((pha > 0).view(np.uint8))
        self._box = x - x % across, y - y % down, x + width, y + height
        left, top, right, bottom = self._box
        self._pha = np.ascontiguousarray(pha[top:bottom, left:right])
        self._level: Array | None = None
        self._own = self._pha  # alpha as far as it is shown

    def added(self, frame: Frame, matte: Matte, level: Array) -> Matte:
        left, top, right, bottom = self._box
        if self._level is None or not np.array_equal(level, self._level):
            self._level, self._own = level, self._pha * self._enlarged(level, frame.size)
        pha = matte.pha.copy()
        part = pha[top:bottom, left:right]
        fgr = frame if matte.fgr is frame else self._coloured(frame, matte.fgr, part)
        # Where somebody stands behind a prop, the two share a pixel and do not overlap.
        cv2.threshold(cv2.add(part, self._own), 1, 0, cv2.THRESH_TRUNC, dst=part)
        return Matte(pha, fgr)

    def _enlarged(self, level: Array, size: Size) -> Array:
        """(h, w) of the box."""
        left, top, right, bottom = self._box
        across, down = level.shape[1] / size[0], level.shape[0] / size[1]
        place = np.array([[across, 0, (left + 0.5) * across - 0.5], [0, down, (top + 0.5) * down - 0.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(level, place, (right - left, bottom - top), flags=flags, borderMode=cv2.BORDER_REPLICATE))

    def _coloured(self, frame: Frame, fgr: Frame, people: Array) -> Frame:
        """fgr with the source's samples where props are seen through people's soft edges."""
        across, down = frame.format.sub
        x, y, width, height = cv2.boundingRect(_partly(people[::_STEP, ::_STEP]))
        if not width:
            return fgr
        x, y = max(0, _STEP * (x - 1)) // across * across, max(0, _STEP * (y - 1)) // down * down
        part = slice(y, y + _STEP * (height + 2)), slice(x, x + _STEP * (width + 2))
        mixed = _partly(people[part]) & cv2.inRange(self._own[part], _OWN, 2)
        left, top = self._box[0] + x, self._box[1] + y
        box = left, top, left + mixed.shape[1], top + mixed.shape[0]
        whole = fgr.with_planes(tuple(np.array(plane) for plane in fgr.planes), pha=fgr.pha)
        pieces = zip(whole.crop(*box).planes, frame.crop(*box).planes, strict=True)
        for index, (into, own) in enumerate(pieces):
            where = pha_for(mixed.astype(np.float32), frame.format, index) > 0
            np.copyto(into, own, where=where[..., None] if into.ndim == 3 else where)
        return whole


def _partly(people: Array) -> NDArray[np.uint8]:
    """Where alpha is neither 0 nor 1, by however little: there a network gives another colour."""
    return np.asarray(cv2.inRange(people, *_BETWEEN))


def _colours(picture: Frame, grid: Size, *, grey: bool) -> Array:
    """(h, w, 3) R'G'B' of what is opaque in each cell. grey: as a grey frame shows it."""
    assert picture.pha is not None
    stack = np.dstack([picture.rgb() * picture.pha[..., None], picture.pha])
    small = cv2.resize(stack, grid, interpolation=cv2.INTER_AREA)
    rgb = np.asarray(small[..., :3] / np.maximum(small[..., 3:], np.float32(1e-3)), np.float32)
    return cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) if grey else rgb


def _way(pha: Array, size: Size) -> int:
    return cv2.INTER_AREA if size[0] < pha.shape[1] else cv2.INTER_LINEAR


def _same_shape(size: Size, sample_aspect: Fraction, other: Size, other_aspect: Fraction) -> bool:
    ratio = Fraction(*size) * sample_aspect / (Fraction(*other) * other_aspect)
    return bool(abs(ratio - 1) <= _ASPECT_OFF)
