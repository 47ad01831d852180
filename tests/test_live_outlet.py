"""An output is its own master: paced or not, it sends what is due, and what breaks or is slow there troubles nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from live_outputs import GONE, STAND_IN, Log, Out
from live_world import Screen, quicken

from livematte.frame import Frame
from livematte.live import outlet as module
from livematte.live.board import Board


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)
    monkeypatch.setattr(module, "_STEADY", 0.0)


def test_a_paced_output_repeats_what_there_is() -> None:
    screen = Log()
    with Out(screen) as out:
        out.until(lambda: len(screen.frames) > 3)
        out.show(50)
        out.until(lambda: screen.lumas.count(50) > 3)
        out.show(60)
        out.until(lambda: screen.lumas.count(60) > 3)
        out.board.clear()
        out.until(lambda: screen.lumas[-3:] == [STAND_IN] * 3)
    lumas = screen.lumas
    assert list(dict.fromkeys(lumas)) == [STAND_IN, 50, 60]
    assert out.outlet.rate.count == len(lumas)
    assert len(out.outlet.latencies._seconds) == 2, "of each picture's first sending"
    assert screen.closed == 1


def test_a_beat_waits_a_little_for_the_next_picture() -> None:
    screen = Log()
    with Out(screen) as out:
        out.outlet._pace.grace = 1.0
        out.show(50)
        out.until(lambda: screen.lumas[-1:] == [50])
        time.sleep(0.05)
        out.show(60)
        out.until(lambda: screen.lumas[-1:] == [60])
    assert [luma for luma in screen.lumas if luma != STAND_IN] == [50, 60], "ten beats were due meanwhile"


def test_others_get_each_picture_once_with_growing_times() -> None:
    screen = Log(paced=False)
    with Out(screen) as out:
        out.see(49)
        for number in range(50, 80):
            out.show(number)
            out.until(lambda number=number: screen.lumas[-1:] == [number])
            time.sleep(0.001)
    pts = [frame.pts for _, frame in screen.frames]
    assert [luma for luma in screen.lumas if luma not in (49, STAND_IN)] == list(range(50, 80))
    assert all(a < b for a, b in pairwise(pts))


def test_others_get_no_picture_twice_however_long_it_stays() -> None:
    screen = Log(paced=False)
    with Out(screen, again=None) as out:
        out.show(50)
        time.sleep(0.1)
    assert screen.lumas == [50]


def test_a_picture_that_is_not_later_than_the_last_is_left_out() -> None:
    screen = Log(paced=False)
    with Out(screen, again=None) as out:
        for number, seconds in ((50, 10.0), (51, 10.0), (52, 9.0), (53, 10.1)):
            out.show(number, seconds)
            out.until(lambda number=number: out.outlet._seen == number - 49)
        out.until(lambda: 53 in screen.lumas)
    assert screen.lumas == [50, 53]


def test_a_file_does_not_begin_with_the_stand_in_but_has_it_later() -> None:
    screen = Log(paced=False)
    with Out(screen, again=None) as out:
        time.sleep(0.05)
        assert not screen.frames
        out.show(50)
        out.until(lambda: screen.lumas)
        out.board.hold("no camera")
        out.until(lambda: screen.lumas.count(STAND_IN) > 2)
        out.board.release("no camera")
        out.see(60)
    assert list(dict.fromkeys(screen.lumas)) == [50, STAND_IN, 60]
    pts = [frame.pts for _, frame in screen.frames]
    assert all(a < b for a, b in pairwise(pts))


def test_a_stream_begins_with_the_stand_in() -> None:
    screen = Log(paced=False)
    with Out(screen) as out:
        out.until(lambda: len(screen.frames) > 2)
    assert set(screen.lumas) == {STAND_IN}


def test_the_stand_in_comes_soon_after_many_quick_pictures() -> None:
    """Pictures that come quicker than the rate said are no reason to keep silent in an outage."""
    screen = Log(paced=False)
    with Out(screen, period=1.0) as out:
        out.see(49)
        for number in range(40):
            out.show(50 + number)
            out.until(lambda number=number: screen.lumas[-1:] == [50 + number])
        out.board.hold("no camera")
        out.until(lambda: screen.lumas[-1] == STAND_IN)


def test_a_slow_output_holds_up_no_other() -> None:
    slow, quick = Log(), Log()
    slow.send = lambda frame: time.sleep(0.2)  # type: ignore[method-assign]
    board = Board(1000.0)
    with Out(slow, board=board) as one, Out(quick, board=board) as other:
        other.show(50)
        other.until(lambda: quick.lumas.count(50) > 20)
    assert one.outlet.rate.count < other.outlet.rate.count


@pytest.mark.parametrize("fault", [GONE, OSError(28, "disk full"), ValueError("no"), MemoryError()], ids=repr)
def test_a_file_that_breaks_ends_alone(fault: Exception) -> None:
    screen, other = Log(paced=False, script=iter(["ok", fault])), Log()
    board = Board(1000.0)
    with Out(screen, again=None, board=board) as out, Out(other, board=board) as good:
        for number in range(50, 54):
            out.show(number)
            out.until(lambda number=number: number in other.lumas and (out.outlet.error or number in screen.lumas))
        out.until(lambda: screen.closed)
        assert good.outlet.error is None
    assert out.outlet.error is fault
    assert screen.lumas == [50, 51]
    assert screen.closed == 1
    assert len(out.told) == 1
    assert out.told[0].endswith("\nIt ends here.")
    assert out.told[0].startswith("screen: ")


def test_a_file_that_cannot_be_finished_is_an_error() -> None:
    screen = Log(paced=False)
    screen.close = fails  # type: ignore[method-assign]
    with Out(screen, again=None) as out:
        out.show(50)
        out.until(lambda: screen.lumas)
    assert out.outlet.error is GONE


def fails(*ignored: object) -> None:
    raise GONE


@pytest.mark.parametrize("paced", [True, False])
def test_a_device_is_opened_again_until_it_works(paced: bool) -> None:
    screen = Log(paced=paced, script=iter(["ok", GONE]))
    attempts: Iterator[Any] = iter([GONE, OSError(16, "busy"), "works"])
    closed: list[int] = []

    def again() -> Screen:
        closed.append(screen.closed)
        attempt = next(attempts)
        if isinstance(attempt, Exception):
            raise attempt
        return screen.again()

    with Out(screen, again=again) as out:
        out.show(50)
        out.until(lambda: screen.opened > 1)
        out.see(60)
    assert out.outlet.error is None
    assert [text.partition("\n")[0].partition(" after")[0] for text in out.told] == ["screen: gone", "screen works again"]
    assert out.told[0].endswith("It is tried again until it works.")
    assert closed == sorted(closed)
    assert closed[0] >= 1, "what is broken is let go before it is opened anew"


def test_a_device_that_opens_but_takes_nothing_is_tried_again() -> None:
    screen = Log(script=iter(["ok", GONE, GONE, GONE]))
    with Out(screen) as out:
        out.until(lambda: out.told and "works again" in out.told[-1])
    assert len(out.told) == 2
    assert screen.opened == 4


def test_finish_ends_a_device_that_does_not_come_back() -> None:
    screen = Log(script=iter([GONE]))
    with Out(screen, again=fails) as out:
        out.until(lambda: out.told)
    assert out.outlet.error is None


def test_finish_ends_an_output_that_waits_for_a_picture() -> None:
    screen = Log(paced=False)
    with Out(screen, again=None, period=0.05):
        pass
    assert screen.closed == 1


def test_what_is_ready_at_the_end_is_sent() -> None:
    """The last picture of a film comes while the one before it is still being written."""
    busy, goes = threading.Event(), threading.Event()

    class Slow(Log):
        def send(self, frame: Frame) -> None:
            busy.set()
            goes.wait(5)
            super().send(frame)

    screen = Slow(paced=False)
    with Out(screen, again=None) as out:
        out.show(50)
        busy.wait(5)
        out.show(51)
        out.outlet.finish()
        goes.set()
    assert screen.lumas == [50, 51]
    assert screen.closed == 1


def test_a_last_picture_that_cannot_be_written_is_told() -> None:
    busy, goes = threading.Event(), threading.Event()

    class Slow(Log):
        def send(self, frame: Frame) -> None:
            busy.set()
            goes.wait(5)
            super().send(frame)

    screen = Slow(paced=False, script=iter(["ok", GONE]))
    with Out(screen, again=None) as out:
        out.show(50)
        busy.wait(5)
        out.show(51)
        out.outlet.finish()
        goes.set()
    assert out.outlet.error is GONE
    assert [text.partition("\n")[0] for text in out.told] == ["screen: gone"]


def test_nobody_watching_is_little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE", 0.2)
    screen = Log()
    with Out(screen, period=0.001) as out:
        out.board.hold(module.NOBODY)
        out.until(lambda: screen.frames)
        count, since = len(screen.frames), time.monotonic()
        time.sleep(0.1)
        assert len(screen.frames) - count <= 1 + (time.monotonic() - since) / 0.2
        out.board.release(module.NOBODY)
        out.show(50)
        out.until(lambda: screen.lumas.count(50) > 10)
