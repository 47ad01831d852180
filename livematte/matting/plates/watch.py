"""Whether a clean plate still holds, and where it lies: looked at in every frame, for a stale plate shows the room.

The room is where the network sees nobody. What differs there, other than by exposure, is held against the plate. It is given up with the
first frame in which too much differs, and taken again only after it has held for a while, longer each time that it failed soon.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf

import cv2
import numpy as np

from livematte.frame import Frame
from livematte.matting.plates.difference import Array, Behind, Mask, behind, small_size
from livematte.matting.plates.evidence import grown
from livematte.matting.plates.register import Warp, distance, find_warp, gain_of, misfit, placed, scaled

_TINY = 320  # pixels on the longest side, on which the room is compared
_ROOM = 0.02  # of alpha, up to which the network sees nobody
_ASIDE = 6  # tiny pixels to keep from a person: hair, and what is held
_BODY, _LEAST_BODY = 0.9, 0.01  # of alpha, from which on the network is sure of a body; of the picture, that one must take
_SAME = 0.25  # of a body that may differ from the plate behind it, where the plate shows the same body
_LEAST_ROOM = 0.05  # of the picture: where less of the room is seen, nothing new is known of the plate
_GIVE_UP, _TAKE_BACK = 0.15, 0.08  # of the room that may differ
_WAIT, _LONGEST_WAIT, _SOON = 1.0, 30.0, 10.0  # seconds
_EVERY, _AT_ONCE, _IN_VAIN = 2.0, 0.1, 1.0  # seconds between registrations: for none, for a reason, and while the plate does not hold
_WORSE, _BETTER = 1.3, 0.97  # of the distance: it calls for a registration; it is worth one
_SLIGHT = 0.001  # of the range: less is noise
_EXPOSURE = 0.2  # seconds in which a gain is followed
_JUMP = 0.05  # of a gain, which is a lamp that was switched: that is followed at once


class Trust:
    """Hysteresis: whether the plate is used. tell: hears of each change once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told, self._held = True, False  # what was said last; whether the plate ever held
        self.start()

    def start(self) -> None:
        """The next frame decides at once."""
        self.holds: bool | None = None  # None: nothing is known yet
        self._taken_back, self._good_since = -inf, inf
        self._wait = _WAIT

    def judge(self, share: float, seconds: float | None, why: str = "") -> bool:
        """share: of the room that differs. seconds: of the frame; None for pictures without a time, each of which stands alone. why: what
        else speaks against the plate."""
        if self.holds is None or seconds is None:
            self.holds = share <= _GIVE_UP
        elif self.holds and share > _GIVE_UP:
            self._wait = min(2 * self._wait, _LONGEST_WAIT) if 0 <= seconds - self._taken_back < _SOON else _WAIT
            self.holds, self._good_since = False, inf
        elif not self.holds:
            self.holds = self._held_long_enough(share, seconds)
        self._say(why or f"{share:.0%} of the room differs")
        self._held |= self.holds
        return self.holds

    def _held_long_enough(self, share: float, seconds: float) -> bool:
        if share > _TAKE_BACK:
            self._good_since = inf
            return False
        self._good_since = min(self._good_since, seconds)
        if seconds - self._good_since < self._wait:
            return False
        self._taken_back = seconds
        return True

    def _say(self, why: str) -> None:
        if self.holds == self._told:
            return
        self._told = bool(self.holds)
        if self.holds:
            self._tell("the clean plate fits the picture again" if self._held else "the clean plate fits the picture now")
        else:
            fits = "no longer fits" if self._held else "does not fit"
            self._tell(f"the clean plate {fits} the picture ({why}); matting without it")


class Watch:
    """For one plate and frames of one size. plate: (h, w, 3) R'G'B' in [0, 1] of difference.small_size; known: (h, w)."""

    def __init__(self, plate: Array, known: Mask, *, tell: Callable[[str], None]) -> None:
        self._plate, self._known = plate, known
        self._trust = Trust(tell)
        self._tiny_size = small_size(plate.shape[1::-1], _TINY)
        self._place(np.eye(3))
        self.start()

    def start(self) -> None:
        """After a cut or a seek: all is looked at anew."""
        self._trust.start()
        self.gain = np.ones(3, np.float32)
        self._distance, self._registered, self._lit = 0.0, -inf, -inf

    def look(self, frame: Frame, pha: Array) -> Behind | None:
        """The plate as it stands behind this frame, to be lit by `gain`; None where it does not hold. pha: (H, W), the network's."""
        src = frame.rgb(self._tiny_size)
        seen = cv2.resize(pha, self._tiny_size, interpolation=cv2.INTER_AREA)
        nobody = seen <= _ROOM
        clear = ~grown(~nobody, _ASIDE * max(self._tiny_size) / _TINY)
        seconds = None if frame.pts is None else frame.seconds
        if (clear & self._tiny.known).mean() < _LEAST_ROOM:
            return self.behind if self._trust.holds else None
        share = self._compared(src, clear, seconds)
        if self._shows_them(src, seen > _BODY):
            return self.behind if self._trust.judge(1.0, seconds, "it shows the person too") else None
        return self.behind if self._trust.judge(share, seconds) else None

    def _shows_them(self, src: Array, body: Mask) -> bool:
        """Whether hardly anything differs where the network is sure of a body: one who was there when the plate was taken."""
        body = body & self._tiny.known
        return bool(body.mean() > _LEAST_BODY) and misfit(self._tiny.rgb * self.gain, src, body, self._tiny.noise) < _SAME

    def _compared(self, src: Array, clear: Mask, seconds: float | None) -> float:
        """The share of the room that differs, after a registration where one is due."""
        share, far = self._held_against(src, clear, seconds)
        if self._due(seconds, far):
            self._register(src, clear, far, lost=share > _TAKE_BACK)
            share, far = self._held_against(src, clear, seconds)
            self._registered, self._distance = -inf if seconds is None else seconds, far
        return share

    def _held_against(self, src: Array, clear: Mask, seconds: float | None) -> tuple[float, float]:
        """(the share of the room that differs, the distance), in this light."""
        room = clear & self._tiny.known
        gain = gain_of(self._tiny.rgb, src, room)
        if gain is not None:
            self._follow(gain, seconds)
        lit = self._tiny.rgb * self.gain
        return misfit(lit, src, room, self._tiny.noise), distance(lit, src, room)

    def _follow(self, gain: Array, seconds: float | None) -> None:
        passed = inf if seconds is None else seconds - self._lit
        self._lit = -inf if seconds is None else seconds
        jumps = np.abs(gain / self.gain - 1).max() > _JUMP
        part = 1.0 if jumps or not 0 <= passed < 1 else 1 - exp(-passed / _EXPOSURE)
        self.gain = self.gain + np.float32(part) * (gain - self.gain)

    def _due(self, seconds: float | None, far: float) -> bool:
        if seconds is None:
            return True
        every = _AT_ONCE if far > _WORSE * self._distance + _SLIGHT else _EVERY
        return not 0 <= seconds - self._registered < (every if self._trust.holds else _IN_VAIN)

    def _register(self, src: Array, clear: Mask, far: float, *, lost: bool) -> None:
        """Places the plate anew where that brings it nearer. lost: by features too, where it lies nowhere near."""
        ratio = max(self._tiny_size) / max(self._plate.shape)
        plate = cv2.resize(self._plate, self._tiny_size, interpolation=cv2.INTER_AREA)
        for start in (scaled(self._warp, ratio), None)[: 1 + lost]:
            warp = find_warp(plate, src, clear, start=start)
            if warp is not None and self._distance_at(warp, plate, src, clear) < _BETTER * far:
                self._place(scaled(warp, 1 / ratio))
                return

    def _distance_at(self, warp: Warp, plate: Array, src: Array, clear: Mask) -> float:
        there = placed(np.dstack([plate, np.ones(plate.shape[:2], np.float32)]), warp)
        room = clear & (there[..., 3] > 0.99)
        return distance(there[..., :3] * self.gain, src, room) if room.any() else inf

    def _place(self, warp: Warp) -> None:
        stack = placed(np.dstack([self._plate, self._known.astype(np.float32)]), warp)
        self._warp = warp
        self.behind = behind(np.ascontiguousarray(stack[..., :3]), stack[..., 3] > 0.99)
        tiny = cv2.resize(stack, self._tiny_size, interpolation=cv2.INTER_AREA)
        self._tiny = behind(np.ascontiguousarray(tiny[..., :3]), tiny[..., 3] > 0.99)
