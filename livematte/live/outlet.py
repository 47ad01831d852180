"""One output of a live job, in a thread of its own: what is slow or fails here holds up nobody else."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from livematte.errors import LivematteError, SinkError
from livematte.frame import Frame
from livematte.live.board import Board, Shown
from livematte.live.clock import TIME_BASE, Clock, Pace
from livematte.live.feed import BACK_OFF, NOBODY
from livematte.live.figures import Latencies, Rate
from livematte.live.stand_in import StandIn
from livematte.sinks import Sink
from livematte.sound import RATE, Sound

_SOUND_WAITS = 1.0  # seconds that sound is held back for its picture
_SOUND_KEPT = 10.0  # seconds of sound that wait while an output is busy; the oldest is dropped then
_IDLE = 0.5  # seconds between two pictures that nobody watches
_REPEAT_AFTER = 0.5  # seconds without a new picture, after which a stream is sent the last one again
_STEADY = 5.0  # seconds after which an output that came back is trusted again
_OVERLAP = 0.02  # seconds by which one stretch of sound may overlap the one before


class Exit(NamedTuple):
    """What an Outlet needs. open: gives the sink anew, None for a file, which ends where it breaks. view: what it shows."""

    sink: Sink
    view: str
    open: Callable[[], Sink] | None


class Outlet:
    """run() sends until finish(); an output that can come back is tried again and again.

    error: why it ended for good. down: it broke, and is not open again yet; breaks: how often it did. rate: frames sent."""

    def __init__(self, exit: Exit, *, board: Board, stand_in: StandIn, clock: Clock, period: float, tell: Callable[[str], None]) -> None:
        self.sink = exit.sink
        self.view, self._open = exit.view, exit.open
        self._board, self._stand_in, self._clock, self._tell = board, stand_in, clock, tell
        self._pace = Pace(period)
        self._ending = threading.Event()
        self._sounds: deque[Sound] = deque()
        self._sounding = threading.Lock()
        self._sound_end: float | None = None  # None: nothing was sent yet that it could go beside
        self._seen = 0
        self._last_pts = -1
        self._failures = 0
        self._worked_since = time.monotonic()
        self._told = False  # of the present outage
        self.down = False
        self.breaks = 0
        self.rate = Rate()
        self.latencies = Latencies()
        self.error: Exception | None = None

    @property
    def again(self) -> bool:
        """Whether it is opened again where it breaks; a file is not."""
        return self._open is not None

    def finish(self) -> None:
        """No more frames; the output is closed by its own thread."""
        self._ending.set()
        self._board.wake()

    def hear(self, sound: Sound) -> None:
        """Sound for this output, from any thread; it is sent beside the frames of its time."""
        if self.error is None:
            with self._sounding:
                self._sounds.append(sound)
                while sound.pts - self._sounds[0].pts > _SOUND_KEPT * RATE:
                    self._sounds.popleft()

    def run(self) -> None:
        while not self._ending.is_set() and self.error is None:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - whatever breaks an output breaks it alone
                self._broke(error)
            except BaseException as error:  # noqa: BLE001 - a library that would end the program
                self._broke(SinkError(f"{self.sink.name}: {type(error).__name__}: {error}"))
        if self.error is None and not self.down and not self.sink.paced:
            self._send_last()
        self._close()

    def _send_last(self) -> None:
        """The picture that became ready while the one before it was sent."""
        shown = self._board.newest()
        try:
            if shown is not None and shown.number != self._seen:
                self._send_shown(shown)
            self._send_sound()
        except Exception as error:  # noqa: BLE001 - as in run
            self._tell(_text(error, self.sink.name))
            self.error = None if self.again else error

    def _turn(self) -> None:
        shown = self._next()
        if self._ending.is_set():
            return
        if shown is not None:
            self._send_shown(shown)
        elif self.sink.paced or self._seen or self._open is not None:  # a file does not begin with the stand-in
            self._send(self._stand_in.picture(self.view, self._clock.pts(self._clock.now())))
            self._pace.beat(None)
        else:
            self._pace.beat(None)
        self._send_sound()
        self._tell_if_steady()

    def _next(self) -> Shown | None:
        """What to send now, when it is time: at the beat where there is one to keep, else when there is something new."""
        if self.sink.paced:
            self._ending.wait(_IDLE if self._board.reason == NOBODY else self._pace.left())
            shown = self._board.newest()
            if shown is not None and shown.number == self._seen:
                shown = self._board.wait(self._seen, self._pace.grace)
            return shown
        shown = self._board.wait(self._seen, self._pace.left())
        until = time.monotonic() + _REPEAT_AFTER
        while shown is not None and shown.number == self._seen and not self._ending.is_set():
            if self.again and time.monotonic() > until:
                return shown
            shown = self._board.wait(self._seen, self._pace.period)
        return shown

    def _send_shown(self, shown: Shown) -> None:
        new = shown.number != self._seen
        frame = shown.views[self.view]
        self._send(frame if new or self.sink.paced else replace(frame, pts=self._clock.pts(self._clock.now())))
        if new:
            self.latencies.add(time.monotonic() - shown.captured)
        self._seen = shown.number
        self._pace.beat(shown.made if new else None)

    def _send(self, frame: Frame) -> None:
        pts = frame.pts or 0
        if self.sink.paced or pts > self._last_pts:
            self.sink.send(frame)
            self.rate.tick()
            if self._sound_end is None:
                self._sound_end = float(pts * TIME_BASE)
        self._last_pts = max(self._last_pts, pts)

    def _send_sound(self) -> None:
        """Sound up to the last frame's time, and what waited too long for its own; never what is older than the first frame."""
        until = max(float(self._last_pts * TIME_BASE), self._clock.now() - _SOUND_WAITS)
        while self._sound_end is not None and (sound := self._sound_before(until)) is not None:
            if float(sound.seconds) >= self._sound_end - _OVERLAP:
                self.sink.hear(sound)
                self._sound_end = float(sound.seconds) + sound.samples.shape[1] / RATE

    def _sound_before(self, seconds: float) -> Sound | None:
        with self._sounding:
            return self._sounds.popleft() if self._sounds and self._sounds[0].seconds <= seconds else None

    def _broke(self, error: Exception) -> None:
        """Tells it once; a file ends with it, a device or a stream is opened again."""
        if time.monotonic() - self._worked_since > _STEADY:
            self._failures, self._told = 0, False
        if not self._told:
            self._told = True
            self._tell(f"{_text(error, self.sink.name)}\n{'It is tried again until it works.' if self.again else 'It ends here.'}")
        if self._open is None:
            self.error = error
            return
        self.down = True
        self.breaks += 1
        while self.down and not self._ending.is_set():
            self._close()
            self._ending.wait(BACK_OFF[min(self._failures, len(BACK_OFF) - 1)])
            self._failures += 1
            self._reopen()

    def _reopen(self) -> None:
        assert self._open is not None
        if self._ending.is_set():
            return
        with suppress(Exception):  # told already; the next word is that it works
            self.sink = self._open()
            self._sound_end = None
            self._send(self._stand_in.picture(self.view, self._clock.pts(self._clock.now())))
            self.down, self._worked_since = False, time.monotonic()

    def _tell_if_steady(self) -> None:
        """One that fails again and again is not said to work each time."""
        if self._told and time.monotonic() - self._worked_since > _STEADY:
            self._failures, self._told = 0, False
            self._tell(f"{self.sink.name} works again")

    def _close(self) -> None:
        try:
            self.sink.close()
        except Exception as error:  # noqa: BLE001 - as in run
            if self._open is None and self.error is None:
                self.error = error
                self._tell(_text(error, self.sink.name))


def _text(error: Exception, name: str) -> str:
    return str(error) if isinstance(error, LivematteError) else f"{name}: {type(error).__name__}: {error}"
