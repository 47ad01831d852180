"""What watchers may see at this moment: the newest finished picture, or nothing, and then they see the stand-in.

This is where the live job fails closed. Pictures get here only from a frame that was composited with its own matte, and only while
nothing speaks against them: whatever goes wrong, anywhere, begins a new epoch, and a picture of an older one is refused.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from livematte.frame import Frame


class Shown(NamedTuple):
    """A finished picture. views: by name. captured, made: when its frame was taken and it was finished, by time.monotonic()."""

    views: dict[str, Frame]
    captured: float
    made: float
    number: int


class Board:
    """For many threads. stale_after: seconds after which a picture counts no more, because no new one came.

    reasons: why there is the stand-in, for people; a hold stays until it is released, as "paused"."""

    def __init__(self, stale_after: float) -> None:
        self.epoch = 0
        self.stale_after = stale_after
        self._changed = threading.Condition()
        self._holds: dict[str, None] = {}
        self._shown: Shown | None = None
        self._count = self._wakes = 0
        self._since = time.monotonic()
        self._stood_in = 0.0

    def hold(self, reason: str) -> None:
        """From now on the stand-in, until this reason is released."""
        with self._changed:
            self._holds[reason] = None
            self._clear()

    def release(self, reason: str) -> None:
        with self._changed:
            self._holds.pop(reason, None)

    def clear(self) -> None:
        """The stand-in, until a picture comes whose frame is taken from now on."""
        with self._changed:
            self._clear()

    def _clear(self) -> None:
        self.epoch += 1
        self._set(None)
        self._changed.notify_all()

    def _set(self, shown: Shown | None) -> None:
        now = time.monotonic()
        if (self._shown is None) != (shown is None):
            if shown is not None:
                self._stood_in += now - self._since
            self._since = now
        self._shown = shown

    def show(self, views: dict[str, Frame], *, captured: float, epoch: int) -> bool:
        """A finished picture of a frame that was taken in `epoch`; False where it is refused, because something happened since."""
        with self._changed:
            if epoch != self.epoch or self._holds:
                return False
            self._count += 1
            self._set(Shown(views, captured, time.monotonic(), self._count))
            self._changed.notify_all()
            return True

    def newest(self) -> Shown | None:
        """The picture to show now, None for the stand-in."""
        with self._changed:
            if self._shown is not None and time.monotonic() - self._shown.made > self.stale_after:
                self._set(None)
            return self._shown

    def wait(self, seen: int, seconds: float) -> Shown | None:
        """newest(), after at most so many seconds, or as soon as it is another one than number `seen`."""
        with self._changed:
            wakes = self._wakes
            self._changed.wait_for(lambda: self._wakes != wakes or (self._shown is not None and self._shown.number != seen), seconds)
        return self.newest()

    def wake(self) -> None:
        """Ends every wait."""
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()

    @property
    def reason(self) -> str:
        """Why there is the stand-in; "" where there is a picture."""
        with self._changed:
            if self._shown is not None:
                return ""
            return next(reversed(self._holds), "no picture")

    @property
    def held(self) -> bool:
        return bool(self._holds)

    @property
    def stood_in(self) -> float:
        """Seconds in all without a picture."""
        with self._changed:
            return self._stood_in + (time.monotonic() - self._since if self._shown is None else 0.0)
