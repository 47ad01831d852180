"""An output of a live job by itself, in its thread, and a sink that keeps the order in which things came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from live_world import SIZE, Screen, numbered

from livematte.errors import SinkError
from livematte.frame import Frame
from livematte.live.board import Board
from livematte.live.clock import Clock
from livematte.live.controls import Controls, Live
from livematte.live.outlet import Exit, Outlet
from livematte.live.stand_in import StandIn
from livematte.sound import Sound

STAND_IN = 126  # luma of #808080
GONE = SinkError("screen: gone")


class Log(Screen):
    """A Screen that keeps the order in which frames and sounds came."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.log: list[Any] = []

    def send(self, frame: Frame) -> None:
        super().send(frame)
        self.log.append(frame)

    def hear(self, sound: Sound) -> None:
        super().hear(sound)
        self.log.append(sound)

    @property
    def lumas(self) -> list[int]:
        return [int(frame.planes[0][0, 0]) for _, frame in self.frames]


class Out:
    """`with Out(screen) as out:` an Outlet in its thread."""

    def __init__(self, screen: Screen, *, again: Any = "itself", period: float = 0.005, board: Board | None = None) -> None:
        self.board, self.clock = board or Board(1000.0), Clock()
        self.stand_in = StandIn(SIZE, ["composite"])
        self.stand_in.make(Controls(Live(background="#808080")).look)
        self.told: list[str] = []
        opening = screen.again if again == "itself" else again
        self.outlet = Outlet(
            Exit(screen, "composite", opening),
            board=self.board,
            stand_in=self.stand_in,
            clock=self.clock,
            period=period,
            tell=self.told.append,
        )
        self._thread = threading.Thread(target=self.outlet.run)

    def show(self, number: int, seconds: float | None = None) -> None:
        """A picture whose luma is its number. seconds: its time, None for now."""
        pts = self.clock.pts(self.clock.now() if seconds is None else seconds)
        picture = replace(numbered(number, captured=time.monotonic()), pts=pts, time_base=self.stand_in.picture("composite", 0).time_base)
        assert self.board.show({"composite": picture}, captured=time.monotonic(), epoch=self.board.epoch)

    def see(self, number: int) -> None:
        """Shows it until it is sent: a stand-in sent meanwhile may be later than a picture, which is then left out."""
        screen = self.outlet.sink
        assert isinstance(screen, Log)
        self.until(lambda: (self.show(number), time.sleep(0.002), number in screen.lumas)[-1])

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, (self.told, self.outlet.error)
            time.sleep(0.001)

    def __enter__(self) -> Out:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.outlet.finish()
        self._thread.join(10)
        assert not self._thread.is_alive()
