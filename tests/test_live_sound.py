"""Sound goes beside the pictures of its time, to each output, and never holds anything up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from live_outputs import GONE, Log, Out
from live_world import Screen, quicken

from livematte.sound import RATE, Sound


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)


def sound(seconds: float, length: float = 0.02) -> Sound:
    return Sound(np.zeros((2, round(length * RATE)), np.float32), round(seconds * RATE))


@pytest.fixture
def film() -> Iterator[tuple[Out, Log]]:
    """A file's output in a job whose clock stands far back, so that sound waits for nothing but its frames."""
    screen = Log(paced=False)
    out = Out(screen, again=None)
    out.clock.began = time.monotonic() + 1000
    with out:
        yield out, screen


def heard(screen: Log) -> list[float]:
    return [float(s.seconds) for s in screen.sounds]


def test_sound_comes_in_order_after_the_frame_of_its_time(film: tuple[Out, Log]) -> None:
    out, screen = film
    for seconds in (0.0, 0.02, 0.04, 0.06, 0.08):
        out.outlet.hear(sound(seconds))
    for number, seconds in ((50, 0.0), (51, 0.033), (52, 0.067), (53, 0.1)):
        out.show(number, seconds)
        out.until(lambda number=number: number in screen.lumas)
    out.until(lambda: len(screen.sounds) == 5)
    kinds = [item.seconds for item in screen.log]
    assert kinds == pytest.approx([0, 0, 0.033, 0.02, 0.067, 0.04, 0.06, 0.1, 0.08], abs=1e-4)


def test_sound_that_overlaps_what_was_sent_is_left_out(film: tuple[Out, Log]) -> None:
    out, screen = film
    out.show(50, 0.0)
    out.until(lambda: screen.lumas)
    for seconds in (1.0, 1.5, 1.2, 1.99, 2.5):
        out.outlet.hear(sound(seconds, 0.5))
    out.show(51, 10.0)
    out.until(lambda: 2.5 in heard(screen))
    assert heard(screen) == [1.0, 1.5, 1.99, 2.5]


def test_sound_does_not_wait_for_its_frame_for_ever() -> None:
    screen = Log(paced=False)
    out = Out(screen, again=None)
    out.clock.began = time.monotonic() - 1000
    with out:
        out.show(50, 1.0)
        out.until(lambda: screen.frames)
        out.outlet.hear(sound(997.0))
        out.outlet.hear(sound(1004.0))
        out.show(51, 2.0)
        out.until(lambda: screen.sounds)
    assert heard(screen) == [997.0]


def test_of_sound_that_waits_too_long_the_oldest_is_dropped() -> None:
    out = Out(Log())
    for second in range(30):
        out.outlet.hear(sound(second))
    assert [float(s.seconds) for s in out.outlet._sounds] == list(range(19, 30))


def test_an_output_that_ended_keeps_no_sound() -> None:
    screen = Log(paced=False, script=iter([GONE]))
    with Out(screen, again=None) as out:
        out.show(50)
        out.until(lambda: out.outlet.error)
        out.outlet.hear(sound(1))
        assert not out.outlet._sounds


def test_sound_of_an_outage_is_not_sent_after_it() -> None:
    """A stream that is opened anew begins with the present, in sound as in pictures."""
    screen = Log(script=iter(["ok", GONE]))
    let = threading.Event()

    def again() -> Screen:
        if not let.is_set():
            raise GONE
        return screen.again()

    out = Out(screen, again=again)
    out.clock.began = time.monotonic() - 1000
    with out:
        out.until(lambda: out.told)
        now = out.clock.now()
        for before in (5.0, 4.0, 3.0):
            out.outlet.hear(sound(now - before))
        let.set()
        out.until(lambda: len(out.told) > 1)
        out.outlet.hear(sound(now + 0.001))
        out.until(lambda: screen.sounds)
    assert heard(screen) == [pytest.approx(now + 0.001, abs=1e-3)]


def test_a_file_does_not_begin_with_sound_of_before_its_first_picture() -> None:
    screen = Log(paced=False)
    out = Out(screen, again=None)
    out.clock.began = time.monotonic() - 1000
    with out:
        for before in (8.0, 6.0):
            out.outlet.hear(sound(out.clock.now() - before))
        time.sleep(0.05)
        assert not screen.sounds
        now = out.clock.now()
        out.show(50)
        out.until(lambda: screen.frames)
        out.outlet.hear(sound(now))
        out.show(51)
        out.until(lambda: screen.sounds)
    assert heard(screen) == [pytest.approx(now, abs=1e-3)]


def test_a_thread_that_hears_and_one_that_sends_do_not_meet() -> None:
    """Sound comes from the source's thread while the output's takes it away: neither may trip over the other."""
    out, errors = Out(Log()), []
    outlet = out.outlet
    outlet._last_pts = 1 << 40

    class Meets(type(outlet._sounds)):  # type: ignore[misc]
        """Between the look whether there is sound and the look at it, the other thread takes it."""

        def __bool__(self) -> bool:
            there = len(self) > 0
            if there and threading.current_thread() is not sender:
                turn.set()
                done.wait(0.1)
            return there

    turn, done = threading.Event(), threading.Event()

    def take() -> None:
        turn.wait(5)
        outlet._send_sound()
        done.set()

    sender = threading.Thread(target=take)
    outlet._sounds = Meets(outlet._sounds)
    sender.start()
    try:
        outlet.hear(sound(1.0))
    except IndexError as error:
        errors.append(error)
    turn.set()
    sender.join(5)
    assert not errors
