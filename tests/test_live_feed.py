"""Whatever a source does, frames go on as soon as it can be had again; what happened is told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from live_world import SIZE, Hands, room_with_person

from livematte.errors import BusyError, SourceError
from livematte.frame import Frame
from livematte.live import clock
from livematte.live import feed as module
from livematte.live.board import Board
from livematte.live.clock import TIME_BASE, Clock
from livematte.live.feed import NO_SOURCE, NOBODY, Captured, Feed
from livematte.sound import RATE, Sound
from livematte.sources import SourceInfo

GONE = SourceError("cam: unplugged")


class Script:
    """A LiveSource from a list: frames and sounds are given, errors raised, functions called."""

    def __init__(self, items: Sequence[Any], *, real_time: bool = True) -> None:
        self.info = SourceInfo("script", SIZE, Fraction(30), Fraction(1, 1000), real_time=real_time)
        self.closed = 0
        self._items = items

    def items(self) -> Iterator[Any]:
        for item in self._items:
            if isinstance(item, BaseException):
                raise item
            if callable(item):
                item()
                continue
            yield replace(item, captured=time.monotonic()) if isinstance(item, Frame) and self.info.real_time else item

    def close(self) -> None:
        self.closed += 1


class Rests(threading.Event):
    """A stop that notes how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        if timeout:
            self.seconds.append(timeout)
        return self.is_set()


class Fed:
    """A Feed of scripts, one for each opening; an error for one that fails. It ends after the last."""

    def __init__(self, *scripts: Any, first: Any = None, limit: int | None = None, real_time: bool = True) -> None:
        self.sources: list[Script] = []
        self.captured: list[Captured] = []
        self.states: list[str] = []
        self.sounds: list[Sound] = []
        self.told: list[str] = []
        self.board, self.clock = Board(1000.0), Clock()
        self._scripts = iter(scripts)
        self._real_time = real_time
        opened = None if first is None else self._source(first)
        self.feed = Feed(
            self._open,
            first=opened,
            name="cam",
            board=self.board,
            clock=self.clock,
            put=self._put,
            hear=self.sounds.append,
            tell=self.told.append,
            limit=limit,
        )
        self.feed._stop = self.rests = Rests()

    def _open(self) -> Script:
        script = next(self._scripts, None)
        if script is None:
            self.feed.stop()
            raise SourceError("the scripts are at their end")
        if isinstance(script, BaseException):
            raise script
        return self._source(script)

    def _source(self, items: Sequence[Any]) -> Script:
        self.sources.append(Script(items, real_time=self._real_time))
        return self.sources[-1]

    def _put(self, captured: Captured) -> None:
        self.captured.append(captured)
        self.states.append(self.board.reason)

    def run(self) -> Fed:
        self.feed.run()
        assert all(source.closed for source in self.sources)
        assert not self.feed.open
        if self.told and "scripts are at their end" in self.told[-1]:
            self.told.pop()
        return self


def frame(milliseconds: int = 0, **values: Any) -> Frame:
    return replace(room_with_person(), pts=milliseconds, **values)


def test_frames_come_on_the_jobs_clock() -> None:
    fed = Fed([frame(5000, duration=40), frame(5040)])
    before = fed.clock.now()
    fed.run()
    first, second = (captured.frame for captured in fed.captured)
    assert first.time_base == second.time_base == TIME_BASE
    assert before <= first.seconds <= fed.clock.now()
    assert first.duration == 3600
    assert [c.captured for c in fed.captured] == [c.frame.captured for c in fed.captured]


def test_a_frame_that_does_not_say_when_it_was_taken_was_taken_now() -> None:
    fed = Fed([frame(0)], real_time=False)
    before = time.monotonic()
    fed.run()
    assert before <= fed.captured[0].captured <= time.monotonic()


FAULTS = [GONE, OSError(19, "no such device"), ValueError("of the driver"), RuntimeError(), MemoryError()]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("place", ["at once", "in mid-run", "opening"])
def test_it_comes_back_from_every_failure(fault: Exception, place: str) -> None:
    scripts = {"at once": [[fault]], "in mid-run": [[frame(), fault]], "opening": [fault, fault]}[place]
    fed = Fed(*scripts, [frame(), frame(33)]).run()
    assert len(fed.captured) == (3 if place == "in mid-run" else 2)
    assert fed.feed.reconnects == 1
    assert len(fed.told) == 3, "what broke, that it is back, and that the last script ended"
    assert fed.told[0].startswith(str(fault) if fault is GONE else f"cam: {type(fault).__name__}: {fault}")
    assert fed.told[0].endswith("\nThe stand-in is shown until it is back.")
    assert fed.told[1].startswith("cam is back after ")


def test_a_camera_that_just_ends_is_opened_again() -> None:
    fed = Fed([frame()], [frame()]).run()
    assert len(fed.captured) == 2
    assert fed.told[0] == "cam ended\nThe stand-in is shown until it is back."


def test_the_first_source_is_used_and_then_opened_anew() -> None:
    fed = Fed([frame(), frame()], first=[frame(), GONE])
    assert fed.feed.open
    fed.run()
    assert len(fed.captured) == 3
    assert [source.closed for source in fed.sources] == [1, 1]


def test_what_is_tried_again_and_again_is_told_once_a_reason() -> None:
    busy = BusyError("cam is in use by Zoom")
    fed = Fed(GONE, GONE, busy, busy, busy, [frame()], GONE).run()
    reasons = [text.partition("\n")[0].partition(" after")[0] for text in fed.told]
    assert reasons == ["cam: unplugged", "cam is in use by Zoom", "cam is back", "cam ended"]


def test_reasons_that_alternate_are_not_told_again() -> None:
    """As of a camera whose plug is loose: there for the system, then not, all the time."""
    busy = BusyError("cam is in use by Zoom")
    fed = Fed(*[GONE, busy] * 10).run()
    assert len(fed.told) == 2


def test_a_picture_goes_with_its_source_at_once_not_with_the_next_attempt() -> None:
    fed = Fed([frame(), GONE], [frame()])
    states: list[str] = []
    fed.rests.wait = lambda timeout=None: states.append(fed.board.reason) or fed.rests.is_set()  # type: ignore[method-assign,func-returns-value]
    fed.run()
    assert states
    assert set(states) == {NO_SOURCE}


def test_it_waits_ever_longer_between_attempts() -> None:
    fed = Fed(*[GONE] * 6).run()
    assert fed.rests.seconds == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


def test_a_source_that_comes_and_goes_is_not_trusted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time", hands := Hands())
    steady = [frame(), lambda: hands.go(11), frame(), GONE]
    fed = Fed([frame(), GONE], [frame(), GONE], [frame(), GONE], steady, [GONE]).run()
    assert fed.rests.seconds[:5] == [0.5, 1.0, 2.0, 0.5, 1.0]


def test_nothing_is_shown_until_a_good_frame_comes_again() -> None:
    seen: list[str] = []
    fed = Fed()
    look: Callable[[], None] = lambda: seen.append(fed.board.reason)  # noqa: E731
    garbage = replace(frame(), planes=frame().planes[:2])
    fed._scripts = iter([[frame(), look, GONE], [look, garbage, look, frame(), look]])
    fed.run()
    assert seen == ["no picture", NO_SOURCE, NO_SOURCE, "no picture"]
    assert fed.states == ["no picture", "no picture"]
    assert fed.captured[0].epoch < fed.captured[1].epoch, "a picture of before the break is refused"


@pytest.mark.parametrize(
    "planes",
    [
        lambda y, u, v: (y, u),
        lambda y, u, v: (y, u, v, v),
        lambda y, u, v: (y, u, v[:-1]),
        lambda y, u, v: (y, u[:, :-1], v),
        lambda y, u, v: (y.astype(np.uint16), u, v),
        lambda y, u, v: (y, np.dstack([u, v]), v),
    ],
)
def test_frames_that_are_not_whole_are_counted_and_left_out(planes: Any) -> None:
    bad = replace(frame(), planes=planes(*frame().planes))
    fed = Fed([frame(), bad, bad, frame()]).run()
    assert len(fed.captured) == 2
    assert fed.feed.bad_frames == 2
    assert fed.told[0] == "cam sends frames that are damaged; they are left out"
    assert len(fed.told) == 2, "and that the script ended"


@pytest.mark.parametrize("name", ["nv12", "yuv420p", "yuv422p10le", "gray", "gbrp", "p010le"])
@pytest.mark.parametrize("size", [(64, 48), (33, 25)])
def test_whole_frames_of_any_format_and_size_are_taken(make_frame: Callable[..., Frame], name: str, size: tuple[int, int]) -> None:
    fed = Fed([make_frame(name, size)]).run()
    assert (len(fed.captured), fed.feed.bad_frames) == (1, 0)


def test_it_ends_after_so_many_frames() -> None:
    fed = Fed([frame(i) for i in range(10)], limit=4).run()
    assert len(fed.captured) == 4
    assert fed.feed.rate.count == 4
    assert not fed.told


def test_the_limit_counts_over_breaks() -> None:
    fed = Fed([frame(), frame(), GONE], [frame() for _ in range(10)], limit=4).run()
    assert len(fed.captured) == 4


def test_a_file_ends_the_job_with_its_end() -> None:
    fed = Fed(first=[frame(0), frame(2)], real_time=False).run()
    assert len(fed.captured) == 2
    assert not fed.told


def test_a_file_that_breaks_ends_the_job_with_its_error() -> None:
    fed = Fed(first=[frame(0), GONE], real_time=False)
    with pytest.raises(SourceError, match="unplugged"):
        fed.run()
    assert len(fed.captured) == 1
    assert fed.sources[0].closed == 1


def test_a_file_is_read_in_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hands = Hands()
    for part in (module, clock):
        monkeypatch.setattr(part, "time", hands)
    fed = Fed(first=[frame(1000), frame(1100), frame(4000)], real_time=False)
    fed.rests.wait = lambda timeout=None: hands.go(timeout)  # type: ignore[method-assign,assignment,return-value]
    fed.run()
    assert [c.captured - fed.captured[0].captured for c in fed.captured] == pytest.approx([0, 0.1, 3.0])
    assert [c.frame.seconds - fed.captured[0].frame.seconds for c in fed.captured] == pytest.approx([0, 0.1, 3.0], abs=1e-4)


def test_stop_ends_a_file_that_waits() -> None:
    fed = Fed(first=[frame(0), frame(1_000_000)], real_time=False)
    fed.feed._stop = threading.Event()
    threading.Timer(0.05, fed.feed.stop).start()
    fed.run()
    assert len(fed.captured) == 1


def sound(seconds: float) -> Sound:
    return Sound(np.zeros((2, 480), np.float32), round(seconds * RATE))


def test_sound_lies_beside_its_frames() -> None:
    fed = Fed([frame(9000), sound(8.99), sound(9.5), frame(9033)]).run()
    assert [s.seconds - Fraction(fed.captured[0].frame.seconds) for s in fed.sounds] == pytest.approx([-0.01, 0.5], abs=1e-3)


def test_sound_that_jumps_ahead_of_its_frames_does_not_go_along() -> None:
    """A sender that starts anew has its sound's clock jump before its frames' does; that sound would hold up all that comes after it."""
    fed = Fed([frame(0), sound(0.02), sound(7200.0), frame(33), sound(0.04)]).run()
    assert len(fed.sounds) == 2
    assert all(s.seconds < 10 for s in fed.sounds)


def test_nobody_watching_lets_the_source_go_until_somebody_does() -> None:
    seen: list[Any] = []
    fed = Fed()

    def leave() -> None:
        fed.feed.want(False)

    def look_and_come() -> None:
        deadline = time.monotonic() + 5
        while fed.board.reason != NOBODY and time.monotonic() < deadline:
            time.sleep(0.001)
        seen.append((fed.board.reason, fed.feed.open, fed.sources[0].closed))
        fed.feed.want(True)

    fed._scripts = iter([[frame(), leave, frame(), frame()], [frame(7)]])
    watcher = threading.Thread(target=look_and_come)
    watcher.start()
    fed.run()
    watcher.join(10)
    assert seen == [(NOBODY, False, 1)]
    assert len(fed.captured) == 2, "none of those after nobody wanted them"
    assert fed.feed.reconnects == 0
    assert [text.partition("\n")[0] for text in fed.told] == ["cam ended"], "of the last script; a source that was let go is not told"


def test_stop_ends_the_wait_for_somebody() -> None:
    fed = Fed([frame()])
    fed.feed.want(False)
    threading.Timer(0.05, fed.feed.stop).start()
    fed.run()
    assert not fed.sources


def test_stop_ends_the_wait_for_the_next_attempt() -> None:
    fed = Fed(*[GONE] * 1000)
    fed.feed._stop = threading.Event()
    threading.Timer(0.05, fed.feed.stop).start()
    fed.run()
    assert len(fed.told) == 1


def test_a_source_that_cannot_be_closed_holds_up_nothing() -> None:
    class Stuck(Script):
        def close(self) -> None:
            super().close()
            raise OSError(19, "gone")

    fed = Fed([frame()], [frame()])
    fed._source = lambda items: fed.sources.append(Stuck(items)) or fed.sources[-1]  # type: ignore[method-assign,func-returns-value]
    assert len(fed.run().captured) == 2
