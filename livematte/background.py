"""What stands behind the person: a colour, a picture, a looped clip, or the room itself, blurred. `none` is no Background but None."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.colour import RGB_MATRIX, Colour
from livematte.errors import SettingsError, SourceError
from livematte.frame import Frame, Matte, Plane, Size, pixel_format
from livematte.lens import defocused
from livematte.planes import Background, solid
from livematte.profiles import in_srgb

__all__ = ["Background", "Blur", "Clip", "Picture", "Solid", "parse_colour"]

RGB = tuple[float, float, float]

_NAMED = {
    "black": "#000000",
    "blue": "#0000ff",
    "cyan": "#00ffff",
    "gray": "#808080",
    "green": "#00ff00",
    "grey": "#808080",
    "magenta": "#ff00ff",
    "orange": "#ffa500",
    "pink": "#ffc0cb",
    "purple": "#800080",
    "red": "#ff0000",
    "white": "#ffffff",
    "yellow": "#ffff00",
}


def parse_colour(text: str) -> RGB:
    """ "green", "#rgb" or "#rrggbb" as R'G'B' in [0, 1]. SettingsError lists the names where it is none of these."""
    code = _NAMED.get(text.strip().lower(), text.strip().lower())
    if re.fullmatch(r"#[0-9a-f]{3}", code):
        code = "#" + "".join(2 * digit for digit in code[1:])
    if not re.fullmatch(r"#[0-9a-f]{6}", code):
        raise SettingsError(f"got colour {text!r}, wanted #rrggbb, #rgb or one of: {', '.join(_NAMED)}")
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


class _Kept:
    """The last planes made, kept for as long as frames want the same."""

    def __init__(self) -> None:
        self._key: object = None
        self._planes: tuple[Plane, ...] = ()

    def get(self, frame: Frame, make: Callable[[], tuple[Plane, ...]], *, of: object = None) -> tuple[Plane, ...]:
        key = (frame.size, frame.format, frame.colour, frame.sample_aspect, of)
        if key != self._key:
            self._planes, self._key = make(), key
        return self._planes


class Solid:
    """One colour: "green", "#00b140", or R'G'B' in [0, 1]. SettingsError for a word that is none, ValueError for other numbers."""

    def __init__(self, colour: str | RGB) -> None:
        self._rgb = parse_colour(colour) if isinstance(colour, str) else colour
        if len(self._rgb) != 3 or not all(0 <= level <= 1 for level in self._rgb):
            raise ValueError(f"got colour {colour}, wanted three numbers from 0 to 1, such as (0, 0.5, 1), or '#0080ff'")
        self._kept = _Kept()

    def planes(self, frame: Frame, matte: Matte) -> tuple[Plane, ...]:
        return self._kept.get(frame, lambda: solid(frame, self._rgb))


class Picture:
    """A picture, scaled to cover the frame and cropped at its centre. What is transparent in it is black.

    picture: a Frame, or R'G'B' (H, W, 3) uint8."""

    def __init__(self, picture: Frame | NDArray[np.uint8]) -> None:
        self._picture = in_srgb(picture if isinstance(picture, Frame) else _from_bytes(picture))
        self._kept = _Kept()

    def planes(self, frame: Frame, matte: Matte) -> tuple[Plane, ...]:
        return self._kept.get(frame, lambda: fitted(self._picture, frame))


class Clip:
    """A video that runs in a loop beside the frames: at each moment the frame that its own times say.

    open: gives the clip's frames from its beginning, anew at each call; what it gives is closed where it has a close(). The clip begins
    with the first frame that asks. SourceError where it has no frames."""

    def __init__(self, open: Callable[[], Iterable[Frame]]) -> None:
        self._open = open
        self._kept = _Kept()
        self._source: Iterable[Frame] | None = None
        self._frames: Iterator[Frame] = iter(())
        self._now: Frame | None = None
        self._next: Frame | None = None
        self._first: Fraction | None = None  # when, in the frames' time, the clip began
        self._origin = Fraction(0)  # the clip's own first time
        self._length: Fraction | None = None  # known once its end was seen

    def planes(self, frame: Frame, matte: Matte) -> tuple[Plane, ...]:
        now = _time(frame)
        if self._first is None:
            self._first = now
        shown = self._at(now - self._first)
        return self._kept.get(frame, lambda: fitted(shown, frame), of=shown.pts)

    def close(self) -> None:
        """Closes what is open; a later frame opens the clip again."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()
        self._source, self._frames, self._now, self._next = None, iter(()), None, None

    def _at(self, seconds: Fraction) -> Frame:
        while True:
            place = seconds if self._length is None else seconds % self._length
            if self._now is None or place < self._begin(self._now):
                self._reopen()
            self._forward(place)
            assert self._now is not None
            if self._next is not None or self._length is not None:
                return self._now
            end = self._begin(self._now) + (self._now.duration * self._now.time_base or Fraction(1, 25))
            if place < end:
                return self._now
            self._length = end

    def _begin(self, frame: Frame) -> Fraction:
        # Times rounded to milliseconds (Matroska) on either side must not hold a frame back and then drop one.
        return _time(frame) - self._origin - Fraction(1, 1000)

    def _forward(self, place: Fraction) -> None:
        while self._next is not None and self._begin(self._next) <= place:
            self._now, self._next = self._next, next(self._frames, None)

    def _reopen(self) -> None:
        self.close()
        self._source = self._open()
        self._frames = iter(self._source)
        self._now = next(self._frames, None)
        if self._now is None:
            raise SourceError("got a background video without frames; try another, or a picture")
        self._origin = _time(self._now)
        self._next = next(self._frames, None)


class Blur:
    """The room, out of focus as by a lens: lamps become bright discs, and no glow of the person stands around them (see lens.py).

    strength: half the disc's radius in percent of the picture's height, so it looks the same at any size, and blurs as much as a Gaussian
    of that sigma. What the person hides is filled from around."""

    def __init__(self, strength: float = 4.0) -> None:
        if not 0 < strength <= 50:
            raise SettingsError(f"got blur {strength:g}, wanted more than 0 and at most 50 (percent of the picture's height)")
        self._strength = strength

    def planes(self, frame: Frame, matte: Matte) -> tuple[Plane, ...]:
        return defocused(frame, matte.pha, radius=2 * self._strength)


def fitted(picture: Frame, frame: Frame) -> tuple[Plane, ...]:
    """A picture as planes like the frame's: scaled to cover it, cropped at the centre, sample aspects minded, colours converted."""
    part = _cropped(picture, _cover(picture, frame))
    if _alike(part, frame) and part.pha is None:
        return tuple(_scaled(p, frame.format.plane_size(i, frame.size)) for i, p in enumerate(part.planes))
    rgb = part.rgb(frame.size)
    if part.pha is not None:
        rgb = rgb * _scaled(part.pha, frame.size)[..., None]
    return frame.from_rgb(rgb)


def _cover(picture: Frame, frame: Frame) -> tuple[slice, slice]:
    """The (rows, columns) of the picture that have the frame's shape, at its centre, on whole chroma samples."""
    width, height = picture.size
    wanted = Fraction(*frame.size) * frame.sample_aspect / picture.sample_aspect  # in the picture's samples
    columns, rows = min(width, round(height * wanted)), min(height, round(width / wanted))
    left, top = (width - columns) // 2, (height - rows) // 2
    across, down = picture.format.sub
    left, top = left - left % across, top - top % down
    return slice(top, top + max(1, rows)), slice(left, left + max(1, columns))


def _cropped(picture: Frame, box: tuple[slice, slice]) -> Frame:
    rows, columns = box
    part = picture.crop(columns.start, rows.start, columns.stop, rows.stop)
    return replace(part, pha=None if picture.pha is None else picture.pha[box])


def _alike(part: Frame, frame: Frame) -> bool:
    """Whether samples mean the same in both, so that planes can be resized each by itself."""
    same_matrix = part.colour.matrix_for(part.size[1]) == frame.colour.matrix_for(frame.size[1])
    return (
        part.format == frame.format
        and part.full_range == frame.full_range
        and (same_matrix or frame.format.family in ("gbr", "gray"))
        and (part.colour.transfer == frame.colour.transfer or not (part.colour.hdr or frame.colour.hdr))
    )


def _scaled(plane: Plane, size: Size) -> Plane:
    height, width = plane.shape[:2]
    if (width, height) == size:
        return plane
    shrinks = width > size[0] or height > size[1]
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _from_bytes(rgb: NDArray[np.uint8]) -> Frame:
    rgb = np.asarray(rgb)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"got a picture of {rgb.shape} {rgb.dtype}, wanted (height, width, 3) uint8")
    known = pixel_format("gbrp")
    assert known is not None
    return Frame(tuple(np.ascontiguousarray(rgb[..., i]) for i in (1, 2, 0)), known[0], colour=Colour(matrix=RGB_MATRIX))


def _time(frame: Frame) -> Fraction:
    return (frame.pts or 0) * frame.time_base
