"""How the person is put before what stands behind: a Look, what a frame and its matte become under it, and backgrounds by their names."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from livematte import edges
from livematte.background import Background, Blur, Clip, Picture, Solid, parse_colour
from livematte.composite import view
from livematte.errors import LivematteError, SettingsError, SourceError
from livematte.frame import Frame, Matte, Plane
from livematte.sources import open_source


@dataclass(frozen=True)
class Look:
    """background None: nothing, a cutout. choke, feather: pixels. mirror: the person is shown as in a mirror, the background is not."""

    background: Background | None = None
    choke: float = 0.0
    feather: float = 0.0
    premultiplied: bool = False
    mirror: bool = False

    def shaped(self, frame: Frame, matte: Matte) -> tuple[Frame, Matte]:
        """The frame and its matte, worked out, with edges as wanted and mirrored where wanted."""
        shaped = edges.shape(matte, choke=self.choke, feather=self.feather)
        if not self.mirror:
            return frame, shaped
        return _mirrored(frame), Matte(np.ascontiguousarray(shaped.pha[:, ::-1]), _mirrored(shaped.fgr))

    def view(self, name: str, frame: Frame, matte: Matte) -> Frame:
        """composite.view of what `shaped` gave."""
        return view(name, frame, matte, self.background, premultiplied=self.premultiplied)


def _mirrored(frame: Frame) -> Frame:
    planes = tuple(np.ascontiguousarray(plane[:, ::-1]) for plane in frame.planes)
    return replace(frame, planes=planes, pha=None if frame.pha is None else frame.pha[:, ::-1])


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
        raise SourceError(f"the background {name} has no picture") from None
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

    tell: hears once why it broke."""

    def __init__(self, background: Background, tell: Callable[[str], None]) -> None:
        self._background = background
        self._tell = tell
        self._broken = False
        self._last: tuple[Frame, tuple[Plane, ...]] | None = None
        self._lock = threading.Lock()

    @property
    def moves(self) -> bool:
        return isinstance(self._background, Clip)

    def planes(self, frame: Frame, matte: Matte) -> tuple[Plane, ...]:
        with self._lock:
            if self._broken:
                return self._stay(frame)
            try:
                planes = self._background.planes(frame, matte)
            except LivematteError as error:
                self._broken = True
                self._tell(f"the background broke: {error}; its last picture stays")
                return self._stay(frame)
            if self.moves:  # of the others nothing can break, and of a blur nothing may stay
                self._last = frame, planes
            return planes

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
