"""A world for the live job that can break anywhere: a camera, a matter and sinks that follow scripts. The room has a marker colour."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livematte.colour import BT601, Colour
from livematte.errors import SourceError
from livematte.frame import Frame, Matte, Size, pixel_format
from livematte.live import feed, matting, outlet, pipeline
from livematte.live.controls import Controls, Live
from livematte.live.outlet import Exit
from livematte.live.pipeline import LivePipeline
from livematte.sound import RATE as SOUND_RATE
from livematte.sound import Sound
from livematte.sources import SourceInfo

ROOM, PERSON = 40, 235  # luma; between them nothing is the person's
RED = 240  # the room's second chroma; all else is grey
SIZE: Size = (32, 24)
RATE = 100.0
SLACK = 0.02  # seconds in which a frame that was being sent is sent to its end


def room_with_person(size: Size = SIZE, *, at: int = 8) -> Frame:
    """A picture of the room, with a person of whole samples in it."""
    width, height = size
    luma = np.full((height, width), ROOM, np.uint8)
    luma[height // 4 :, at : at + width // 3] = PERSON
    grey = np.full((-(-height // 2), -(-width // 2)), 128, np.uint8)
    red = np.where(luma[::2, ::2] == ROOM, np.uint8(RED), np.uint8(128))
    known = pixel_format("yuv420p")
    assert known is not None
    return Frame((luma, grey, red), known[0], time_base=Fraction(1, 1000), colour=Colour(matrix=BT601, full_range=False))


def shows_room(frame: Frame) -> bool:
    """Whether anything of the room's colour is left in a picture."""
    return bool((frame.planes[2] > 190).any())


class Camera:
    """A LiveSource that follows a script: "frame", ("size", w, h), "garbage", "freeze", "end", or an exception; then frames for ever."""

    def __init__(self, script: Sequence[Any] = (), *, period: float = 0.004) -> None:
        self.info = SourceInfo("camera", SIZE, Fraction(100), Fraction(1, 1000), real_time=True)
        self.closed = False
        self._script, self._period = script, period

    def items(self) -> Iterator[Any]:
        for event in self._script:
            time.sleep(self._period)
            if isinstance(event, BaseException):
                raise event
            if event == "end":
                return
            if event == "freeze":
                time.sleep(0.05)
                raise SourceError("camera froze")
            yield self._frame(event)
        while True:
            time.sleep(self._period)
            yield self._frame("frame")

    def _frame(self, event: Any) -> Frame:
        now = time.monotonic()
        frame = room_with_person(event[1:] if isinstance(event, tuple) else SIZE)
        if event == "garbage":
            frame = frame.with_planes((frame.planes[0], frame.planes[1]))
        return _with(frame, captured=now, pts=round(now * 1000))

    def close(self) -> None:
        self.closed = True


def _with(frame: Frame, **values: Any) -> Frame:
    from dataclasses import replace

    return replace(frame, **values)


class Keyer:
    """A Matter that knows the room by its colour. script: what goes wrong at each step."""

    def __init__(self, script: Sequence[Any] = ()) -> None:
        self._script = iter(script)
        self.primed = 0

    def step(self, frame: Frame) -> Matte:
        event = next(self._script, "matte")
        if isinstance(event, BaseException):
            raise event
        if event == "slow":
            time.sleep(0.03)
        height, width = frame.planes[0].shape
        red = np.repeat(np.repeat(frame.planes[2] > 140, 2, axis=0), 2, axis=1)[:height, :width]
        pha = ((frame.planes[0] > ROOM + 100) & ~red).astype(np.float32)
        if event == "nan":
            pha[0, 0] = np.nan
        if event == "over":
            pha *= 2
        if event == "small":
            pha = pha[:-2]
        if event == "late":
            return Matte.later(_raise)
        return Matte(pha, frame)

    def reset(self) -> None: ...

    def prime(self, frames: Sequence[Frame]) -> None:
        self.primed += 1


def _raise() -> Matte:
    raise RuntimeError("broke while it was worked out")


@dataclass
class Screen:
    """A sink that remembers. script: what goes wrong at each frame, once for all that are opened."""

    name: str = "screen"
    paced: bool = True
    alpha: bool = False
    script: Iterator[Any] = field(default_factory=lambda: iter(()))
    frames: list[tuple[float, Frame]] = field(default_factory=list)
    sounds: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    opened: int = 1
    closed: int = 0

    def send(self, frame: Frame) -> None:
        event = next(self.script, "ok")
        if event == "slow":
            time.sleep(0.03)
        self.frames.append((time.monotonic(), frame))
        if isinstance(event, BaseException):
            raise event

    def again(self) -> Screen:
        self.opened += 1
        return self

    def hear(self, sound: Any) -> None:
        self.sounds.append(sound)

    def pass_on(self, packet: Any) -> None: ...
    def close(self) -> None:
        self.closed += 1

    def abandon(self, *, keep: bool) -> Path | None:
        return None

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *exc: object) -> None: ...


class World:
    """A live job of fakes; `with World(...) as world:` runs it in a thread and ends it. told: what it said."""

    def __init__(
        self,
        cameras: Callable[[], Any] = Camera,
        matter: Callable[[], Any] = Keyer,
        exits: Sequence[Exit] | None = None,
        *,
        live: Live | None = None,
        **more: Any,
    ) -> None:
        self.told: list[str] = []
        self.screen = Screen()
        self.controls = Controls(live or Live(background="#808080"), tell=self.told.append)
        exits = exits or [Exit(self.screen, "composite", self.screen.again)]
        more = {"canvas": SIZE, "rate": RATE, "name": "camera", "tell": self.told.append, **more}
        self.pipeline = LivePipeline(cameras, matter, exits, self.controls, **more)
        self.error: BaseException | None = None
        self.report: Any = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.report = self.pipeline.run()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def until(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        """Waits for something to come true; AssertionError where it does not."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.told, self.pipeline.report(), self.error)
            time.sleep(0.002)

    @property
    def shows_person(self) -> bool:
        return bool(self.screen.frames) and bool((self.screen.frames[-1][1].planes[0] == PERSON).any())

    def __enter__(self) -> World:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.pipeline.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()
        if exc[0] is None:
            assert self.pipeline.idle


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that waits for hundredths of seconds where it waits for seconds, and shows a picture until it is taken back."""
    for module in (feed, outlet, matting):
        monkeypatch.setattr(module, "BACK_OFF", (0.005, 0.01))
    monkeypatch.setattr(pipeline, "LEAVES_AFTER", 0.02)
    for module in (matting, pipeline):
        monkeypatch.setattr(module, "STALE_AFTER", 1000.0)  # or what nobody takes back would go by itself
    monkeypatch.setattr(pipeline, "_POLL", 0.01)
    monkeypatch.setattr(pipeline, "_POLL_WATCHERS", 0.01)
    monkeypatch.setattr(outlet, "_IDLE", 0.01)


class Hands:
    """A clock that goes when it is told, to stand for the module `time`: monkeypatch.setattr(module, "time", Hands())."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += seconds


FIRST, LAST, WHITE = 16, 200, 235  # numbers that a flat picture can have as its luma
_BITS = 8


def numbered(number: int, *, captured: float | None = None, pts: int = 0) -> Frame:
    """A flat grey picture whose luma is its number."""
    frame = room_with_person()
    luma, chroma = np.full(SIZE[::-1], number, np.uint8), np.full_like(frame.planes[1], 128)
    return _with(frame, planes=(luma, chroma, chroma), captured=captured, pts=pts)


class NumberedCamera(Camera):
    """Frames with numbers, which begin anew after the last. given: the number of each, by when it was taken."""

    def __init__(self, *, period: float = 0.004) -> None:
        super().__init__(period=period)
        self.given: dict[float | None, int] = {}

    def _frame(self, event: Any) -> Frame:
        now = time.monotonic()
        self.given[now] = FIRST + len(self.given) % (LAST - FIRST)
        return numbered(self.given[now], captured=now, pts=round(now * 1000))


class NumberedMatter(Keyer):
    """Writes a frame's number into its alpha: a stripe for each bit."""

    def step(self, frame: Frame) -> Matte:
        super().step(frame)
        bits = [int(frame.planes[0][0, 0]) >> i & 1 for i in range(_BITS)]
        pha = np.repeat(np.array(bits, np.float32), SIZE[0] // _BITS)
        return Matte.later(lambda: Matte(np.repeat(pha[None], SIZE[1], axis=0), frame))


def numbers(frame: Frame) -> tuple[int, int]:
    """(the number of the frame, the number in its alpha) of a picture over white; (0, 0) where it is nothing but white."""
    row = frame.planes[0][0]
    stripes = row[SIZE[0] // _BITS // 2 :: SIZE[0] // _BITS]
    seen = {int(level) for level in row} - {WHITE}
    assert len(seen) < 2, seen
    return (seen.pop() if seen else 0), sum((level != WHITE) << i for i, level in enumerate(stripes))


def person_at(frame: Frame) -> int:
    """The first column in which there is the person, -1 where there is none."""
    columns = np.flatnonzero((frame.planes[0] == PERSON).any(axis=0))
    return int(columns[0]) if columns.size else -1


class Film:
    """A source that is no camera: so many frames, each so many seconds after the other, and sound."""

    def __init__(self, count: int, *, period: float = 0.01, ends: Exception | None = None, sounds: bool = False) -> None:
        self.info = SourceInfo("film", SIZE, Fraction(100), Fraction(1, 1000), sound=sounds)
        self._count, self._period, self._ends, self._sounds = count, period, ends, sounds
        self.closed = 0

    def items(self) -> Iterator[Any]:
        for i in range(self._count):
            if self._sounds:
                yield Sound(np.zeros((2, round(self._period * SOUND_RATE)), np.float32), round(i * self._period * SOUND_RATE))
            yield _with(room_with_person(), pts=round(1000 * i * self._period), label=str(i))
        if self._ends:
            raise self._ends

    def close(self) -> None:
        self.closed += 1
