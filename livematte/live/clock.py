"""One clock for a live job, whatever its sources' own clocks do, and a steady beat to send by."""

from __future__ import annotations

import time
from fractions import Fraction

TIME_BASE = Fraction(1, 90_000)  # of all frames of a live job; MPEG's, and fine enough for every frame rate
_LARGEST_STEP = 1.0  # seconds by which a source's clock may fall behind ours before it is set anew
_AHEAD = 0.01  # seconds by which its clock may run ahead: the unrest of arrivals
_MARGIN = 0.004  # seconds that a picture should lie ready before it is sent: what the machine's own unrest takes
_PULL, _MOST = 0.01, 0.01  # of the way to that, per picture; and at most so much of a period
_PUSH = 0.15  # of a period, after a picture that came too late for its beat: few do then, whatever the network's unrest
_GRACE = 0.25  # of a period, for which a beat waits for a picture that is late: longer, and the unrest would be seen


class Clock:
    """Seconds since the job began."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def now(self) -> float:
        return time.monotonic() - self.began

    def pts(self, seconds: float) -> int:
        return round(seconds / TIME_BASE)


class Anchor:
    """A source's times on the job's clock, as far apart as the source has them. No time lies ahead of its arrival: what a server had
    kept and sends in one go at the beginning is moved back. Where the source's clock jumps, it is set anew."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset: float | None = None

    def place(self, seconds: float, *, at: float) -> float:
        """The job's time for the source's time `seconds` of a frame that came `at` the job's time."""
        if self._offset is None or not -_LARGEST_STEP <= seconds + self._offset - at <= _AHEAD:
            self._offset = at - seconds
        return seconds + self._offset

    def beside(self, seconds: float) -> float:
        """The job's time for something of the source's that goes beside its frames; and when a file's frame or sound is due, the first
        at once."""
        if self._offset is None:
            self._offset = self._clock.now() - seconds
        return seconds + self._offset


class Pace:
    """A beat of one `period` in seconds. It draws near to the moment at which pictures become ready, by 1 % of a period at most, so that
    they need not wait for it, and backs away where they come too late for it: a picture waits for some milliseconds, few wait for a whole
    period. grace: seconds for which a beat may be held back for a picture that is late."""

    def __init__(self, period: float) -> None:
        self.period = period
        self.grace = _GRACE * period
        self._next = time.monotonic()

    def left(self) -> float:
        """Seconds until the next beat, 0 where it is due."""
        return max(0.0, self._next - time.monotonic())

    def beat(self, made: float | None) -> None:
        """The beat is sent. made: when its picture was ready, None where it was shown before. Beats that were missed are left out."""
        now, due = time.monotonic(), self._next
        behind = (now - due) // self.period
        self._next += self.period * (1 + max(0.0, behind))
        if made is not None:
            off = (due - made - _MARGIN + self.period / 2) % self.period - self.period / 2
            self._next += min(_PUSH * self.period, -off) if off < -_MARGIN else -min(_MOST * self.period, _PULL * off)
        self._next = min(self._next, now + self.period + 2 * _MOST * self.period)  # where it was sent before it was due
