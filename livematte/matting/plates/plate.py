"""Making a clean plate: of a clip, the median of what each pixel shows while nobody is there; live, of a second after a countdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from math import ceil, inf

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.errors import SettingsError, SourceError
from livematte.frame import Frame, Plane, Size
from livematte.matting.base import Matter
from livematte.matting.plates.difference import Behind, Mask, behind, small_size
from livematte.matting.plates.evidence import grown
from livematte.matting.plates.register import gain_of, misfit

Tell = Callable[[str], None]

_SAMPLES = 40  # frames of a clip at most
_SAMPLES_MEMORY = 400e6  # bytes that they may take
_LEAST = 3  # frames that must show what is behind, or chance decides
_NOBODY = 0.02  # of alpha, that a room may have
_ASIDE = 0.012  # of the longest side, to keep from a person
_LEAST_KNOWN = 0.5  # of the picture, below which a plate is of no use
_TINY = 320  # pixels on the longest side, on which pictures are compared
_MOVED = 0.15  # of what two pictures of a room share, that may differ
_ASPECT_OFF = 0.01  # that rounding to whole pixels may make

_TRIES = 3
_EXPOSE, _BETWEEN = 1.0, 0.1  # seconds for which the empty room is filmed, and between two of its pictures
_PAUSE = 5.0  # seconds without a frame, after which the countdown starts over: a slow network on a small machine needs one or two
_SOMEBODY = 0.002  # of the picture


def check_plate(plate: Frame, size: Size, sample_aspect: Fraction = Fraction(1)) -> str:
    """What there is to tell of a plate for frames of that size: nothing, or that it is resized. SettingsError: another shape."""
    if plate.size == size:
        return ""
    (width, height), (wide, high) = plate.size, size
    ratio = Fraction(width, height) * plate.sample_aspect / (Fraction(wide, high) * sample_aspect)
    if abs(ratio - 1) > _ASPECT_OFF:
        raise SettingsError(
            f"--plate: got a picture of {width}x{height}, wanted the shape of the frames, {wide}x{high}\n"
            "Film the plate with the same camera and settings, or try --plate auto"
        )
    return f"the clean plate is {width}x{height}, and is resized to the frames' {wide}x{high}"


def plate_of_clip(open_frames: Callable[[], Iterable[Frame]], matter: Matter, *, tell: Tell = lambda text: None) -> Frame:
    """The clip's empty room: for each pixel the median of up to 40 frames, spread over the clip, that show nobody there.

    open_frames: the clip from its beginning; it is closed again. The plate's alpha is 0 where fewer than three frames show nobody, None
    where there is no such place; tell hears of it. matter: says where people are; it is reset. SourceError: no frames, a camera that moves,
    or hardly a place that is ever seen empty."""
    frames = _sampled(open_frames())
    rooms = [_room(matter, frame) for frame in frames]
    matter.reset()
    # A sample of chroma is known only with all that it covers, and colours are interpolated between two of them.
    known = ~grown(np.stack(rooms).sum(axis=0) < min(_LEAST, len(frames)), 2 * max(frames[0].format.sub))
    hidden = 1 - float(known.mean())
    if hidden > 1 - _LEAST_KNOWN:
        raise SourceError(
            f"--plate auto: the clip never shows what is behind the person at {hidden:.0%} of the picture\n"
            "Film the empty room from the same place, and give --plate PICTURE"
        )
    plate = _median(frames, rooms)
    _check_still(plate, known, frames, rooms)
    if hidden < 0.0005:
        return plate
    tell(f"the clip never shows what is behind the person at {hidden:.1%} of the picture; there the matte is the network's")
    return replace(plate, pha=known.astype(np.float32))


def _sampled(frames: Iterable[Frame]) -> list[Frame]:
    """_spread of a clip that is closed then: a source can be, and a generator; a list cannot."""
    with ExitStack() as stack:
        if hasattr(frames, "close"):
            stack.callback(frames.close)
        return _spread(frames)


def _spread(frames: Iterable[Frame]) -> list[Frame]:
    """Frames at equal distances over the clip, of the size of the first, whatever its length; SourceError for none."""
    kept: list[Frame] = []
    step, most = 1, _SAMPLES
    for index, frame in enumerate(frames):
        if not kept:
            most = max(2 * _LEAST, min(_SAMPLES, int(_SAMPLES_MEMORY / sum(plane.nbytes for plane in frame.planes))))
        if index % step or (kept and frame.size != kept[0].size):
            continue
        kept.append(frame)
        if len(kept) > most:
            kept, step = kept[::2], 2 * step
    if not kept:
        raise SourceError("--plate auto: the clip has no pictures")
    return kept


def _room(matter: Matter, frame: Frame) -> Mask:
    """(H, W): where the frame shows nobody, nor what is near somebody."""
    matter.prime([frame, frame])  # it is settled by one look before: two runs of a network, where a lone frame takes seven
    return ~grown(matter.step(frame).pha > _NOBODY, _ASIDE * max(frame.size))


def _median(frames: Sequence[Frame], rooms: Sequence[Mask]) -> Frame:
    planes = []
    for index, plane in enumerate(frames[0].planes):
        seen = np.stack([_at(room, plane) for room in rooms])
        planes.append(_median_plane([frame.planes[index] for frame in frames], seen))
    return frames[0].with_planes(tuple(planes))


def _at(room: Mask, plane: Plane) -> Mask:
    """At a plane's resolution: where all that a sample covers is the room's."""
    size = (plane.shape[1], plane.shape[0])
    if room.shape == plane.shape[:2]:
        return room
    return np.asarray(cv2.resize(room.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99)


def _median_plane(planes: Sequence[Plane], seen: NDArray[np.bool_]) -> Plane:
    """The lower median over the planes of which a sample is seen, (N, h, w); where none is, over all. Row by row, for memory's sake."""
    out = np.empty_like(planes[0])
    seen = np.where(seen.any(axis=0), seen, True)
    middle = (seen.sum(axis=0) - 1) // 2
    last = np.iinfo(out.dtype).max
    for row in range(len(out)):
        stack = np.stack([plane[row] for plane in planes])
        mask, at = seen[:, row], middle[row]
        if stack.ndim == 3:  # two channels side by side
            mask, at = mask[..., None], np.repeat(at[:, None], 2, axis=1)
        ordered = np.sort(np.where(mask, stack, last), axis=0)
        out[row] = np.take_along_axis(ordered, at[None], axis=0)[0]
    return out


def _check_still(plate: Frame, known: Mask, frames: Sequence[Frame], rooms: Sequence[Mask]) -> None:
    """SourceError where most frames show another room than the plate does: then the camera moves, and the plate is none of any of them."""
    size = small_size(plate.size, _TINY)
    whole = behind(plate.rgb(size), np.ones(size[::-1], np.bool_))
    small = [cv2.resize((room & known).view(np.uint8), size, interpolation=cv2.INTER_NEAREST) for room in rooms]
    off = sorted(_off(whole, frame, room.astype(np.bool_)) for frame, room in zip(frames, small, strict=True))
    if off[len(off) // 2] > _MOVED:
        raise SourceError(
            f"--plate auto: the camera moves, or the room changes ({off[len(off) // 2]:.0%} of it); wanted one that stands still\n"
            "Leave --plate out: the network alone mattes moving cameras"
        )


def _off(plate: Behind, frame: Frame, room: Mask) -> float:
    """The share of the room that a frame shows otherwise, exposure aside."""
    src = frame.rgb(plate.rgb.shape[1::-1])
    if not room.any():
        return 0.0
    gain = gain_of(plate.rgb, src, room)
    return misfit(plate.rgb if gain is None else plate.rgb * gain, src, room, plate.noise)


class PlateCapture:
    """Takes the plate from live frames: counts down, then films the empty room for a second. Three tries, where somebody stays or the
    camera moves. Afterwards `done`, with `plate`, or None where there is none.

    step takes each frame and the alpha that a network gives it. tell: hears each second of the countdown and how it went."""

    def __init__(self, seconds: float = 5.0, *, tell: Tell) -> None:
        self._seconds, self._tell = seconds, tell
        self.done = False
        self.plate: Frame | None = None
        self._tries = 0
        self._last = -inf
        self._start(0.0)

    def step(self, frame: Frame, pha: NDArray[np.float32]) -> None:
        """SettingsError: a picture without a time."""
        if frame.pts is None:
            raise SettingsError("--plate auto: got pictures without times, wanted a camera or a clip; try --plate PICTURE")
        now = frame.seconds
        if not 0 <= now - self._last < _PAUSE:
            self._start(now)
        self._last = now
        left = ceil(self._began + self._seconds - now - 1e-6)
        if left > 0:
            self._count(left)
        elif not self._taken or now - self._taken[-1].seconds >= _BETWEEN - 1e-6:
            self._film(frame, pha)

    def _start(self, now: float) -> None:
        self._began, self._told = now, 0
        self._taken: list[Frame] = []
        self._somebody = False

    def _count(self, left: int) -> None:
        if left != self._told:
            self._told = left
            self._tell(f"step out of the picture, its clean plate is taken in {left} s")

    def _film(self, frame: Frame, pha: NDArray[np.float32]) -> None:
        if self._taken and frame.size != self._taken[0].size:
            self._start(frame.seconds)
            return
        self._taken.append(frame)
        self._somebody |= bool((pha > 0.5).mean() > _SOMEBODY)
        if frame.seconds - self._taken[0].seconds >= _EXPOSE - 1e-6:
            self._finish(frame.seconds)

    def _finish(self, now: float) -> None:
        why = "somebody is in the picture" if self._somebody else "the camera moves" if self._moves() else ""
        self._tries += 1
        if not why:
            self.done, self.plate = True, _of_all(self._taken)
            self._tell("the clean plate is taken; come back into the picture")
        elif self._tries < _TRIES:
            self._tell(f"no clean plate: {why}; once more")
            self._start(now)
        else:
            self.done = True
            self._tell(f"no clean plate: {why}; matting without it")

    def _moves(self) -> bool:
        size = small_size(self._taken[0].size, _TINY)
        everywhere = np.ones(size[::-1], np.bool_)
        return _off(behind(self._taken[0].rgb(size), everywhere), self._taken[-1], everywhere) > _MOVED


def _of_all(frames: Sequence[Frame]) -> Frame:
    return _median(frames, [np.ones(frame.size[::-1], np.bool_) for frame in frames])
