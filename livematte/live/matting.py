"""The network's thread: the newest frame in, the frame with its matte out. Whatever the network does, the thread goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from livematte.background import fitted
from livematte.errors import LivematteError
from livematte.frame import Frame, Matte, Size
from livematte.live.board import Board
from livematte.live.detail import Ladder
from livematte.live.feed import BACK_OFF, Captured
from livematte.live.figures import Rate, Times
from livematte.matting.base import Matter

STALE_AFTER = 1.5  # seconds without a new picture, after which the stand-in is shown; longer where each one takes so long
_STALE_FRAMES = 3
_LONGEST_STALE = 15.0


class Matted(NamedTuple):
    captured: Captured
    matte: Matte


class Matting:
    """run() takes frames to their end. put: gets those that have a matte. stopping: set when the job ends. plays: the source is a file,
    whose first frame is shown too; a camera's has grown old by the time that the matter has settled on it.

    rate: frames matted; limit: of these, after which to end."""

    def __init__(
        self,
        *,
        canvas: Size,
        board: Board,
        ladder: Ladder,
        times: Times,
        put: Callable[[Matted], None],
        tell_once: Callable[[str], None],
        stopping: threading.Event,
        plays: bool,
        limit: int | None = None,
    ) -> None:
        self._canvas, self._board, self._ladder, self._times = canvas, board, ladder, times
        self._put, self._tell_once, self._stopping, self._plays = put, tell_once, stopping, plays
        self._limit = limit
        self.rate = Rate()

    def run(self, matter: Matter, frames: Iterable[Captured]) -> None:
        epoch, failures = -1, 0
        for captured in frames:
            if self._board.held or captured.epoch != self._board.epoch:
                continue  # of before something happened: nobody will see it
            try:
                matted = self._matte(matter, captured, fresh=captured.epoch != epoch)
            except Exception as error:  # noqa: BLE001 - whatever a network raises, the job goes on without a picture
                epoch, failures = -1, failures + 1
                self._failed(error, failures)
                continue
            epoch, failures = captured.epoch, 0
            if matted is not None:
                self._put(matted)
                self.rate.tick()
            if self._limit is not None and self.rate.count >= self._limit:
                return

    def _matte(self, matter: Matter, captured: Captured, *, fresh: bool) -> Matted | None:
        """fresh: the matter starts anew, and its state is settled on this frame first. None: a newer one is there by then."""
        captured = captured._replace(frame=on_canvas(captured.frame, self._canvas))
        if self._sets_detail(matter, captured.frame, fresh) or fresh:
            matter.prime([captured.frame])
            if not self._plays:
                return None
        began = time.perf_counter()
        matte = matter.step(captured.frame)
        seconds = time.perf_counter() - began
        self._times.note("network", seconds)
        if getattr(matter, "representative", True):
            self._ladder.measured(seconds)
        self._board.stale_after = min(_LONGEST_STALE, max(STALE_AFTER, _STALE_FRAMES * seconds))
        return Matted(captured, matte)

    def _sets_detail(self, matter: Any, frame: Frame, fresh: bool) -> bool:
        """Whether the matter's detail changed: then its state is of no use. One that is not prepared yet must not hold up pictures."""
        wanted = self._ladder.detail
        if getattr(matter, "detail", wanted) == wanted:
            return False
        if not fresh and hasattr(matter, "ready") and not matter.ready(frame, wanted):
            return False
        matter.detail = wanted
        return True

    def _failed(self, error: Exception, failures: int) -> None:
        self._board.clear()
        if _is_out_of_memory(error) and self._ladder.smaller():
            self._tell_once(f"out of memory: detail goes down to {self._ladder.detail}")
            return
        text = str(error) if isinstance(error, LivematteError) else f"the network failed: {type(error).__name__}: {error}"
        self._tell_once(f"{text}\nThe stand-in is shown until it works again.")
        if failures > 1:
            self._stopping.wait(BACK_OFF[min(failures, len(BACK_OFF)) - 1])


def on_canvas(frame: Frame, canvas: Size) -> Frame:
    """A frame of another size than the job's, as of a camera that came back, scaled to cover it."""
    if frame.size == canvas and frame.sample_aspect == 1:
        return frame
    blank = replace(frame, planes=_blank(frame, canvas), sample_aspect=Fraction(1), pha=None)
    return blank.with_planes(fitted(frame, blank))


def _blank(frame: Frame, size: Size) -> tuple[Any, ...]:
    """Planes of the frame's format for a picture of `size`; their values do not matter."""
    fmt = frame.format
    shapes = [fmt.plane_size(i, size)[::-1] + ((2,) if fmt.family == "semi" and i else ()) for i in range(fmt.plane_count)]
    return tuple(np.broadcast_to(fmt.dtype(0), shape) for shape in shapes)


def _is_out_of_memory(error: Exception) -> bool:
    """As torch and its devices say it, and Python."""
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()
