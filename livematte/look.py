"""How the person is put before what stands behind: a Look, what a frame and its matte become under it, and backgrounds by their names."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from livematte import edges
from livematte.background import Background, Blur, Clip, Picture, Solid, parse_colour
from livematte.belonging import Belonging
from livematte.composite import view
from livematte.errors import LivematteError, SettingsError, SourceError
from livematte.frame import Frame, Matte, Plane
from livematte.sources import open_source
from livematte.urls import shown

_LONGEST_STEP = Fraction(1, 4)  # seconds by which a clip behind moves on at most, whatever passed since the last frame


@dataclass(frozen=True)
class Look:
    """background None: nothing, a cutout. choke, feather: pixels. mirror: the person is shown as in a mirror, the background is not.

    light_wrap, match: how much a person before a background belongs to it, 0 (off) to 1; SettingsError for another. What match has come
    to over time is the look's own: one look is for one clip or camera, and reset() tells it that a scene starts."""

    background: Background | None = None
    choke: float = 0.0
    feather: float = 0.0
    premultiplied: bool = False
    mirror: bool = False
    light_wrap: float = 0.0
    match: float = 0.0
    _belonging: Belonging = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_belonging", Belonging(light_wrap=self.light_wrap, match=self.match))

    def reset(self) -> None:
        """A scene starts: nothing is carried over."""
        self._belonging.reset()

    def shaped(self, frame: Frame, matte: Matte) -> tuple[Frame, Matte]:
        """The frame and its matte, worked out, with edges as wanted and mirrored where wanted."""
        shaped = edges.shape(matte, choke=self.choke, feather=self.feather)
        if not self.mirror:
            return frame, shaped
        return _mirrored(frame), Matte(_flipped(shaped.pha), _mirrored(shaped.fgr))

    def view(self, name: str, frame: Frame, matte: Matte) -> Frame:
        """composite.view of what `shaped` gave; "auto" is a composite where there is a background, else a cutout."""
        if name == "auto":
            name = "cutout" if self.background is None else "composite"
        return view(name, frame, matte, self.background, premultiplied=self.premultiplied, belonging=self._belonging)


def _mirrored(frame: Frame) -> Frame:
    across, width = frame.format.sub[0], frame.size[0]
    flip = _flipped if width % across == 0 else partial(_flipped_across, across=across, width=width)
    planes = (_flipped(frame.planes[0]), *(flip(plane) for plane in frame.planes[1:]))
    return replace(frame, planes=planes, pha=None if frame.pha is None else _flipped(frame.pha))


def _flipped(plane: Plane) -> Plane:
    return np.ascontiguousarray(plane[:, ::-1])


def _flipped_across(plane: Plane, *, across: int, width: int) -> Plane:
    """Chroma of an odd width: in the mirror its samples cover other columns of the luma, so each is the mean of what it covers now."""
    wide = np.repeat(plane, across, axis=1)[:, :width][:, ::-1]
    wide = np.concatenate([wide, np.repeat(wide[:, -1:], -width % across, axis=1)], axis=1)
    pairs = wide.reshape(plane.shape[0], -1, across, *plane.shape[2:]).astype(np.uint32)
    return ((pairs.sum(axis=2) + across // 2) // across).astype(plane.dtype)


def parse_background(spec: str) -> str | Background | None:
    """None for "none", a background that needs no file, or the name of the file to open. SettingsError for a word that is none."""
    if spec == "none":
        return None
    if spec == "blur":
        return Blur()
    if spec.startswith("blur:"):
        try:
            return Blur(float(spec.removeprefix("blur:")))
        except ValueError as error:
            raise SettingsError(f"--background: got {spec!r}, wanted blur or blur:STRENGTH, percent of the picture's height") from error
    if os.path.isfile(spec) or "://" in spec or (Path(spec).suffix and not spec.startswith("#")) or "/" in spec:
        return spec
    try:
        return Solid(parse_colour(spec))
    except SettingsError as error:
        raise SettingsError(f"--background: {error}; or none, blur, a picture, a video") from error


def open_background(spec: str) -> Background | None:
    """parse_background, and the file opened. Close it by close_background. SourceError where it has no picture."""
    background = parse_background(spec)
    if not isinstance(background, str):
        return background
    name = background
    try:
        with open_source(name) as source:
            still, first = source.info.still, next(iter(source))
    except StopIteration:
        raise SourceError(f"the background {shown(name)} has no picture") from None
    except SourceError as error:
        raise SourceError(f"background: {error}") from error
    return Picture(first) if still else Clip(lambda: open_source(name))


def close_background(background: Background | None) -> None:
    """Closes the file of a background that has one open."""
    close = getattr(background, "close", None)
    if close is not None:
        close()


class Lasting:
    """A background for a job that must not end with it: where it breaks, what was last seen of it stays. For several threads.

    A clip runs by its own clock, which stands still while nobody asks: else it would be searched, or begun anew, after each pause.
    tell: hears once why it broke."""

    def __init__(self, background: Background, tell: Callable[[str], None]) -> None:
        self._background = background
        self._tell = tell
        self._broken = False
        self._last: tuple[Frame, tuple[Plane, ...]] | None = None
        self._now = Fraction(0)  # the clip's
        self._asked: Fraction | None = None  # the frames' time when it was last asked
        self._lock = threading.Lock()

    @property
    def moves(self) -> bool:
        return isinstance(self._background, Clip)

    def planes(self, frame: Frame, matte: Matte) -> tuple[Plane, ...]:
        with self._lock:
            if self._broken:
                return self._stay(frame)
            try:
                planes = self._background.planes(self._timed(frame) if self.moves else frame, matte)
            except LivematteError as error:
                self._broken = True
                self._tell(f"the background broke: {error}; its last picture stays")
                return self._stay(frame)
            if self.moves:  # of the others nothing can break, and of a blur nothing may stay
                self._last = frame, planes
            return planes

    def _timed(self, frame: Frame) -> Frame:
        now = (frame.pts or 0) * frame.time_base
        passed = Fraction(0) if self._asked is None else now - self._asked
        self._now += min(max(passed, Fraction(0)), _LONGEST_STEP)
        self._asked = now
        return replace(frame, pts=round(self._now * 90_000), time_base=Fraction(1, 90_000))

    def _stay(self, frame: Frame) -> tuple[Plane, ...]:
        if self._last is None:
            return Solid((0.2, 0.2, 0.2)).planes(frame, Matte(np.zeros(frame.planes[0].shape, np.float32), frame))
        of, planes = self._last
        if (of.size, of.format) == (frame.size, frame.format):
            return planes
        return Picture(of.with_planes(planes)).planes(frame, Matte(np.zeros(frame.planes[0].shape, np.float32), frame))

    def close(self) -> None:
        with self._lock:
            close_background(self._background)
