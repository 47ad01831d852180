"""Frames in, for as long as the job lives: a camera or a stream that breaks is told once, tried again and again, and resumed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from livematte.errors import LivematteError, SourceError
from livematte.frame import Frame
from livematte.live.board import Board
from livematte.live.clock import TIME_BASE, Anchor, Clock
from livematte.live.figures import Rate
from livematte.sound import RATE, Sound
from livematte.sources import LiveSource

BACK_OFF = (0.5, 1.0, 2.0, 4.0)  # seconds before each new attempt; the last again and again
_STEADY = 10.0  # seconds after which a source that came back is trusted again
_STRAY = 5.0  # seconds between a sound's time and the present, from which on it belongs to nothing
NO_SOURCE = "no camera"
NOBODY = "nobody watches"


class Captured(NamedTuple):
    """A frame on the job's clock. captured, came: when it was taken and when it was there, by time.monotonic(). epoch: the board's then."""

    frame: Frame
    captured: float
    epoch: int
    came: float


class Feed:
    """run() until stop(), or until a source that is not real-time ends.

    open: gives the source anew. first: one that is open already. name: what to call it. put, hear: get what comes. tell: gets what the
    user should know, once. limit: frames after which to end."""

    def __init__(
        self,
        open: Callable[[], LiveSource],
        *,
        first: LiveSource | None,
        name: str,
        board: Board,
        clock: Clock,
        put: Callable[[Captured], None],
        hear: Callable[[Sound], None],
        tell: Callable[[str], None],
        limit: int | None = None,
    ) -> None:
        self._open, self._source, self._name = open, first, name
        self._board, self._clock = board, clock
        self._put, self._hear, self._tell = put, hear, tell
        self._limit = limit
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._wanted.set()
        self._told: set[type[Exception]] = set()  # kinds of failure of the present outage
        self._lost_at: float | None = None
        self._failures = 0
        self.rate = Rate()
        self.reconnects = 0
        self.bad_frames = 0

    def stop(self) -> None:
        self._stop.set()
        self._wanted.set()

    def want(self, wanted: bool) -> None:
        """Whether anybody watches. Not wanted, the source is let go."""
        if wanted:
            self._wanted.set()
        else:
            self._wanted.clear()

    @property
    def every(self) -> float:
        """Seconds between two frames, lately; 0 where that is not known."""
        rate = self.rate.now
        return 1 / rate if rate else 0.0

    @property
    def open(self) -> bool:
        """Whether the source is open."""
        return self._source is not None

    def run(self) -> None:
        """SourceError where a file breaks; of a camera or a stream nothing is raised."""
        try:
            while not self._stop.is_set():
                if not self._wanted.is_set():
                    self._rest()
                elif self._connect() and self._ended():
                    return
        finally:
            self._close()

    def _rest(self) -> None:
        self._close()
        self._board.hold(NOBODY)
        self._wanted.wait()
        self._board.release(NOBODY)

    def _connect(self) -> bool:
        """Whether there is a source; if not, it has waited a while."""
        if self._source is not None:
            return True
        self._board.hold(NO_SOURCE)
        try:
            self._source = self._open()
        except Exception as error:  # noqa: BLE001 - a driver's, a library's: whatever it is, the next attempt may do
            self._lost(error)
            return False
        return True

    def _ended(self) -> bool:
        """Reads until the source ends or breaks. True where that is the end of the job."""
        assert self._source is not None
        real_time = self._source.info.real_time
        try:
            ran_out = self._pump(self._source)
        except Exception as error:
            if not real_time:
                raise
            self._close()
            self._lost(error)
            return False
        if self._stop.is_set() or self._is_enough() or (ran_out and not real_time):
            return True
        self._close()
        if ran_out:
            self._lost(SourceError(f"{self._name} ended"))
        return False

    def _is_enough(self) -> bool:
        return self._limit is not None and self.rate.count >= self._limit

    def _pump(self, source: LiveSource) -> bool:
        """Hands on what comes; True where the source has no more, False where nobody wants more."""
        anchor = Anchor(self._clock)
        began = time.monotonic()
        for item in source.items():
            if self._stop.is_set() or not self._wanted.is_set():
                return False
            if not source.info.real_time and not self._until(anchor.beside(float(item.seconds))):
                return False
            if isinstance(item, Sound):
                self._pass_sound(self._timed_sound(item, anchor))
                continue
            if not _is_whole(item):
                self._bad()
                continue
            self._arrived(began)
            self._put(self._timed(item, anchor))
            self.rate.tick()
            if self._is_enough():
                return False
        return True

    def _until(self, due: float) -> bool:
        """Waits for a file's moment; False where the job ends meanwhile."""
        return not self._stop.wait(max(0.0, due - self._clock.now()))

    def _timed(self, frame: Frame, anchor: Anchor) -> Captured:
        came = time.monotonic()
        captured = came if frame.captured is None else frame.captured
        seconds = anchor.place(frame.seconds, at=captured - self._clock.began)
        length = round(frame.duration * frame.time_base / TIME_BASE)
        timed = replace(frame, pts=self._clock.pts(seconds), time_base=TIME_BASE, duration=length, captured=captured)
        return Captured(timed, captured, self._board.epoch, came)

    def _timed_sound(self, sound: Sound, anchor: Anchor) -> Sound:
        return replace(sound, pts=round(anchor.beside(float(sound.seconds)) * RATE))

    def _pass_sound(self, sound: Sound) -> None:
        """Sound whose clock has left the frames' would hold up all that comes after it."""
        if abs(float(sound.seconds) - self._clock.now()) < _STRAY:
            self._hear(sound)

    def _arrived(self, began: float) -> None:
        """A good frame came."""
        self._board.release(NO_SOURCE)
        if self._lost_at is not None:
            self.reconnects += 1
            self._tell(f"{self._name} is back after {time.monotonic() - self._lost_at:.0f} s")
            self._lost_at = None
            self._told.clear()
        if self._failures and time.monotonic() - began > _STEADY:
            self._failures = 0

    def _bad(self) -> None:
        if not self.bad_frames:
            self._tell(f"{self._name} sends frames that are damaged; they are left out")
        self.bad_frames += 1

    def _lost(self, error: Exception) -> None:
        """Tells why, once, and waits before the next attempt."""
        self._board.hold(NO_SOURCE)
        if self._lost_at is None:
            self._lost_at = time.monotonic()
        reason = str(error) if isinstance(error, LivematteError) else f"{self._name}: {type(error).__name__}: {error}"
        if (
            type(error) not in self._told and not self._stop.is_set()
        ):  # each kind once: what it says of the same outage differs from attempt to attempt
            self._told.add(type(error))
            self._tell(f"{reason}\nThe stand-in is shown until it is back.")
        self._stop.wait(BACK_OFF[min(self._failures, len(BACK_OFF) - 1)])
        self._failures += 1

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            with suppress(Exception):  # of a device that is gone already
                source.close()


def _is_whole(frame: Frame) -> bool:
    """Whether a frame's planes are what its format says."""
    fmt = frame.format
    if len(frame.planes) != fmt.plane_count:
        return False
    for index, plane in enumerate(frame.planes):
        width, height = fmt.plane_size(index, frame.size)
        tail = (2,) if fmt.family == "semi" and index else ()
        if plane.shape != (height, width, *tail) or plane.dtype != fmt.dtype:
            return False
    return True
