"""How much detail the network can afford: its picture shrinks where it cannot hold the frame rate, and grows again when it can."""

from __future__ import annotations

import time
from statistics import median

STEPS = (512, 448, 384, 320, 256)  # longest sides; below 256 people far away are lost (MAD 13.5 there, 4.1 at 512)
_SAMPLE = 15  # frames that are measured between two decisions
_FULL, _ROOM = 0.95, 0.75  # of a frame's time: above the first it steps down, where the next step fits in the second it steps up
_PATIENCE = 5.0  # seconds between a step and a step up; twice as long after each one that did not last, up to
_LONGEST = 160.0


class Ladder:
    """measured(seconds of one frame) gives the detail to go on with. period: seconds of a frame. longest: side
    of the frames. fixed: by the user; then it stays, but for want of memory."""

    def __init__(self, period: float, *, longest: int, fixed: int | None = None) -> None:
        self._period = period
        self._steps = (min(STEPS[0], longest), *(step for step in STEPS[1:] if step < longest))
        self._fixed = fixed
        self._at = 0
        self._times: list[float] = []
        self._stepped = time.monotonic()
        self._patience = _PATIENCE
        self._went_up = False

    @property
    def detail(self) -> int:
        return self._fixed or self._steps[self._at]

    def fix(self, detail: int | None) -> None:
        """From now on this one; None lets time decide."""
        self._fixed = detail
        self._times = []  # another list: the network's thread may be at this one

    def measured(self, seconds: float) -> int:
        self._times.append(seconds)
        if len(self._times) >= _SAMPLE and self._fixed is None:
            times, self._times = self._times, []
            self._decide(median(times or [0.0]))
        return self.detail

    def _decide(self, seconds: float) -> None:
        now = time.monotonic()
        if seconds > _FULL * self._period and self._at + 1 < len(self._steps):
            if self._went_up:
                self._patience = min(_LONGEST, 2 * self._patience)
            self._step(self._down(seconds), now)
        elif self._at and now - self._stepped > self._patience:
            larger = seconds * (self._steps[self._at - 1] / self._steps[self._at]) ** 2
            if larger < _ROOM * self._period:
                self._step(-1, now)

    def _down(self, seconds: float) -> int:
        """Steps down to the first that fits, all the way where none does."""
        below = range(self._at + 1, len(self._steps))
        fits = (i for i in below if seconds * (self._steps[i] / self._steps[self._at]) ** 2 <= _FULL * self._period)
        return next(fits, len(self._steps) - 1) - self._at

    def _step(self, steps: int, now: float) -> None:
        self._at += steps
        self._went_up = steps < 0
        self._stepped = now

    def smaller(self) -> bool:
        """One step down, for want of memory, for good; False where there is none."""
        lower = [step for step in self._steps if step < self.detail]
        if not lower:
            return False
        self._fixed = lower[0]
        return True
