"""The thread that makes pictures: full-size matte, smoothing, edges, composite, all under one Look; then onto the board."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from livematte.channels import Channel
from livematte.errors import LivematteError
from livematte.finish import Finish
from livematte.frame import Frame, Matte
from livematte.live.board import Board
from livematte.live.clock import Clock
from livematte.live.controls import Controls
from livematte.live.feed import NOBODY, Captured
from livematte.live.figures import Times
from livematte.live.matting import Matted
from livematte.live.stand_in import StandIn
from livematte.look import Look
from livematte.matting.draft import Draft
from livematte.smooth import OneFrameDelay


class Dressing:
    """run() takes matted frames to their end, and meanwhile keeps a stand-in moving whose background moves. views: what outputs show.

    ofd: each frame waits for the next, and flicker is taken out (smooth.OneFrameDelay)."""

    def __init__(
        self,
        *,
        board: Board,
        clock: Clock,
        controls: Controls,
        stand_in: StandIn,
        views: Sequence[str],
        times: Times,
        tell_once: Callable[[str], None],
        finish: Finish,
        ofd: bool = False,
    ) -> None:
        self._board, self._clock, self._controls, self._stand_in = board, clock, controls, stand_in
        self._views, self._times, self._tell_once = sorted(set(views)), times, tell_once
        self._finish, self._epoch = finish, -1
        self._resets = True  # of the look that is next, what it carries over
        self._delay: OneFrameDelay[Captured] | None = OneFrameDelay(raises=False) if ofd else None

    def run(self, matted: Channel[Matted], period: float) -> None:
        while True:
            item = matted.take(period)
            ended = item is None and matted.ended
            look = self._controls.look
            self._controls.close_old(look)
            try:
                if ended:
                    self._show_last(look)
                elif item is None:
                    self._move_stand_in(look)
                else:
                    self._dress(item, look)
            except Exception as error:  # noqa: BLE001 - no picture is better than the end of a call
                self._board.clear()
                self._forget()
                known = isinstance(error, LivematteError)
                self._tell_once(str(error) if known else f"a picture could not be made: {type(error).__name__}: {error}")
            if ended:
                return

    def _move_stand_in(self, look: Look) -> None:
        if not getattr(look.background, "moves", False) or self._board.newest() is not None or self._board.reason == NOBODY:
            return
        self._stand_in.make(look, self._clock.pts(self._clock.now()))
        if self._controls.look is not look:  # changed meanwhile, and made by the one who changed it
            self._stand_in.make(self._controls.look)

    def _dress(self, matted: Matted, look: Look) -> None:
        began = time.perf_counter()
        self._begin(matted.captured.epoch)
        if self._delay is not None or not isinstance(matted.matte, Draft):
            _check(matted.matte.work_out(), matted.captured.frame)  # before anything is made of its numbers
        due = self._due(matted)
        if due is None:
            return
        self._show(due, look, began)

    def _show(self, due: Matted, look: Look, began: float) -> None:
        captured, matte = due
        self._finish.smooth, self._finish.keep = self._controls.live.smooth, self._controls.live.keep
        matte = self._finish.step(captured.frame, matte).work_out()
        _check(matte, captured.frame)
        if self._resets or self._finish.starts:
            look.reset()
        self._resets = False
        frame, shaped = look.shaped(captured.frame, matte)
        views = {view: look.view(view, frame, shaped) for view in self._views}
        self._times.note("composite", time.perf_counter() - began)
        self._board.show(views, captured=captured.captured, epoch=captured.epoch)

    def _show_last(self, look: Look) -> None:
        """The frame that waited for a next one, of a clip that is at its end."""
        held = None if self._delay is None else self._delay.flush()
        if held is not None and held.tag.epoch == self._board.epoch:
            self._show(Matted(held.tag, held.matte), look, time.perf_counter())

    def _begin(self, epoch: int) -> None:
        """Nothing is carried from one epoch to the next."""
        if epoch == self._epoch:
            return
        self._epoch = epoch
        self._forget()

    def _forget(self) -> None:
        self._finish.reset()
        self._resets = True
        if self._delay is not None:
            self._delay.flush()

    def _due(self, matted: Matted) -> Matted | None:
        """What is to be shown once this one is there: it, or the one before."""
        if self._delay is None:
            return matted
        held = self._delay.push(matted.captured.frame, matted.matte, matted.captured)
        return None if held is None else Matted(held.tag, held.matte)


def _check(matte: Matte, frame: Frame) -> None:
    """LivematteError for a matte that would let anything through: of another size, or of numbers that are none."""
    if matte.sizes != (frame.size, frame.size):
        raise LivematteError(f"the network gave a matte of {matte.sizes[0][::-1]}, wanted {frame.planes[0].shape}")
    low, high = matte.bounds
    if not (low >= 0 and high <= 1):  # also where one is no number
        raise LivematteError(f"the network gave alpha from {low} to {high}, wanted 0 to 1")
