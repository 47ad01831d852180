"""Matting with a clean plate: what stands behind is known, so what differs from it is the person; a network tells a person from a chair.

The plate is worth more than any network while it holds and worth less than none when it does not: watch.py looks at that in every
frame, and wherever it does not hold the other matter's matte is the matte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.errors import SettingsError
from livematte.frame import Frame, Matte, Size
from livematte.matting.base import Matter
from livematte.matting.coefficients import from_alpha
from livematte.matting.plates.difference import DETAIL, Behind, channels_first, difference, small_size
from livematte.matting.plates.evidence import of_people
from livematte.matting.plates.plate import PlateCapture, check_plate
from livematte.matting.plates.watch import Watch
from livematte.matting.refine import refine
from livematte.planes import fill

Array = NDArray[np.float32]


class PlateNetwork(Protocol):
    """A network that is shown the plate too (arXiv 2012.07810)."""

    def run(self, src: Array, bgr: Array) -> tuple[Array, Array]:
        """src, bgr: (3, h, w) float32 R'G'B' in [0, 1]. Gives pha (h, w) and the foreground's colour (3, h, w), both in [0, 1]."""
        ...


class PlateMatter:
    """A Matter. plate: the empty room, from where the camera stands; its own alpha tells what of it is known. "live": it is taken from the
    first frames, after a countdown (plate.PlateCapture), and nobody is shown until it is; None: there is none, and `fallback` mattes.

    fallback: says what is a person, mattes wherever the plate does not hold, and is run for every frame. engine: a network for the plate,
    shown `engine_detail` pixels on the longest side at most; without it the difference is taken (difference.py). tell: hears when the
    plate is given up and when it is taken again. SettingsError, with the first frame: a plate of another shape."""

    def __init__(
        self,
        plate: Frame | Literal["live"] | None,
        *,
        fallback: Matter,
        engine: PlateNetwork | None = None,
        tell: Callable[[str], None] = lambda text: None,
        engine_detail: int = 1920,
        countdown: float = 5.0,
    ) -> None:
        self._plate = plate if isinstance(plate, Frame) else None
        self._capture = PlateCapture(countdown, tell=tell) if plate == "live" else None
        self._fallback, self._engine, self._tell = fallback, engine, tell
        self._sight = DETAIL if engine is None else engine_detail
        self._watch: Watch | None = None
        self._shape: tuple[Size, Fraction] | None = None

    def step(self, frame: Frame) -> Matte:
        matte = self._fallback.step(frame)
        if self._capture is not None:
            self._take(self._capture, frame, matte)
            return Matte(np.zeros(frame.size[::-1], np.float32), frame)
        if self._plate is None or frame.pha is not None:  # a cutout has no room in it
            return matte
        pha = matte.pha
        watch = self._watch_for(frame, self._plate)
        plate = None if watch is None else watch.look(frame, pha)
        if watch is None or plate is None:
            return matte
        gain = watch.gain
        return Matte.later(lambda: self._with_plate(frame, plate, gain, pha))

    def reset(self) -> None:
        self._fallback.reset()
        self._look_anew()

    def prime(self, frames: Sequence[Frame]) -> None:
        self._fallback.prime(frames)
        self._look_anew()

    def _look_anew(self) -> None:
        if self._watch is not None:
            self._watch.start()

    def _take(self, capture: PlateCapture, frame: Frame, matte: Matte) -> None:
        """One more frame of the countdown."""
        capture.step(frame, matte.pha)
        if capture.done:
            self._plate, self._capture = capture.plate, None

    def _watch_for(self, frame: Frame, plate: Frame) -> Watch | None:
        """The watch over the plate, for frames of this size; None where the plate is of another shape."""
        shape = (frame.size, frame.sample_aspect)
        if self._shape != shape:
            self._watch = self._new_watch(frame, plate)
            self._shape = shape
        return self._watch

    def _new_watch(self, frame: Frame, plate: Frame) -> Watch | None:
        try:
            note = check_plate(plate, frame.size, frame.sample_aspect)
        except SettingsError:
            if self._shape is None:
                raise
            self._tell("the picture has another shape now than the clean plate; matting without it")  # a stream may change on its way
            return None
        if note:
            self._tell(note)
        return Watch(*_prepared(plate, small_size(frame.size, self._sight)), tell=self._tell)

    def _with_plate(self, frame: Frame, plate: Behind, gain: Array, pha: Array) -> Matte:
        if self._engine is None:
            return difference(frame, plate, gain, pha)
        size = plate.rgb.shape[1::-1]
        src, bgr = channels_first(frame.rgb(size)), channels_first(np.clip(plate.rgb * gain, 0, 1))
        found, fgr = self._engine.run(src, bgr)
        prior = cv2.resize(pha, size, interpolation=cv2.INTER_AREA)
        found = of_people(np.where(plate.known, found, prior), prior)
        return refine(frame, from_alpha(src, found, fgr))

    # what a live job may ask: all of it is the fallback's

    @property
    def detail(self) -> int:
        """AttributeError where the fallback has none."""
        return self._fallback.detail  # type: ignore[attr-defined]

    @detail.setter
    def detail(self, detail: int) -> None:
        self._fallback.detail = detail  # type: ignore[attr-defined]

    def ready(self, frame: Frame, detail: int) -> bool:
        ready = getattr(self._fallback, "ready", None)
        return ready is None or bool(ready(frame, detail))

    @property
    def representative(self) -> bool:
        return bool(getattr(self._fallback, "representative", True))


def _prepared(plate: Frame, size: Size) -> tuple[Array, NDArray[np.bool_]]:
    """(R'G'B' (h, w, 3), where the plate tells what is there (h, w)); where it does not, the colours around."""
    rgb = plate.rgb(size)
    if plate.pha is None:
        return rgb, np.ones(size[::-1], np.bool_)
    known = cv2.resize(plate.pha, size, interpolation=cv2.INTER_AREA) > 0.99
    weight = known.astype(np.float32)[..., None]
    around = fill(np.dstack([rgb * weight, weight]))[..., :3]
    return np.where(known[..., None], rgb, around), known
