"""Times of a source that bursts, drifts and jumps come out near the job's; the beat is steady whatever sleeps too long."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_world import Hands

from livematte.live import clock as module
from livematte.live.clock import TIME_BASE, Anchor, Clock, Pace

EARLY, LATE = 0.0101, 1.0001  # seconds that a place may lie after and before the arrival


def places(times: list[tuple[float, float]]) -> list[float]:
    """times: (the source's time, when it came)."""
    anchor = Anchor(Clock())
    return [anchor.place(seconds, at=at) for seconds, at in times]


def test_pts_are_in_ninety_thousandths() -> None:
    assert Clock().pts(2.5) == 225_000
    assert Clock().pts(1 / 3) * TIME_BASE == pytest.approx(1 / 3, abs=1e-5)


@given(st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(0, 20)), min_size=1, max_size=40))
def test_no_place_is_far_from_the_arrival(steps: list[tuple[float, float]]) -> None:
    at, times = 0.0, []
    for seconds, wait in steps:
        at += wait
        times.append((seconds, at))
    for (_, at), place in zip(times, places(times), strict=True):
        assert at - LATE <= place <= at + EARLY


@given(st.lists(st.floats(0, 0.3), min_size=2, max_size=40))
def test_frames_stay_as_far_apart_as_the_source_has_them(delays: list[float]) -> None:
    """However late each comes: the network's unrest is no unrest of the picture."""
    times = [(5 + i / 30, 100 + i / 30 + (delay if i else 0)) for i, delay in enumerate(delays)]
    placed = places(times)
    assert [b - a for a, b in pairwise(placed)] == pytest.approx([1 / 30] * (len(times) - 1))


def test_a_pause_of_the_source_stays_a_pause() -> None:
    assert places([(0, 10), (0.1, 10.1), (7.1, 17.1)]) == pytest.approx([10, 10.1, 17.1])


def test_what_a_server_had_kept_is_moved_back() -> None:
    """Three seconds that come in one go end at their arrival, and what comes then in time goes on from there."""
    burst = [(i / 30, 50 + i * 0.001) for i in range(90)]
    after = [((90 + i) / 30, 50.09 + (i + 1) / 30) for i in range(60)]
    placed = places(burst + after)
    assert all(place <= at + EARLY for place, (_, at) in zip(placed, burst + after, strict=True))
    assert placed[-1] == pytest.approx(after[-1][1], abs=0.02)
    assert [b - a for a, b in pairwise(placed[90:])] == pytest.approx([1 / 30] * 59)


@pytest.mark.parametrize("jump", [3600.0, 2.0, -2.0, -3600.0])
def test_a_source_whose_clock_jumps_goes_on(jump: float) -> None:
    times = [(i / 30 + (jump if i >= 30 else 0), 10 + i / 30) for i in range(60)]
    assert places(times) == pytest.approx([at for _, at in times])


@pytest.mark.parametrize("drift", [1.001, 0.999, 1.0])
def test_a_source_whose_clock_drifts_stays_near_and_never_goes_back(drift: float) -> None:
    times = [(i / 30 * drift, i / 30) for i in range(60_000)]
    placed = places(times)
    assert all(at - LATE <= place <= at + EARLY for place, (_, at) in zip(placed, times, strict=True))
    assert all(a < b for a, b in pairwise(placed))


def test_sound_is_placed_by_its_frames() -> None:
    anchor = Anchor(Clock())
    anchor.place(5.0, at=20.0)
    assert anchor.beside(4.5) == 19.5
    assert anchor.beside(5.25) == 20.25


def test_what_comes_first_of_a_file_is_due_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time", hands := Hands())
    clock = Clock()
    hands.go(7)
    anchor = Anchor(clock)
    assert anchor.beside(100.0) == 7
    hands.go(1)
    assert anchor.beside(101.5) == 8.5


PERIOD = 1 / 30


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    monkeypatch.setattr(module, "time", hands := Hands())
    return hands


def test_the_beat_is_steady_however_long_sleeps_last(hands: Hands) -> None:
    pace, rng, began, beats = Pace(PERIOD), random.Random(1), hands.now, 0
    while hands.now < began + 600:
        hands.go(pace.left() + rng.choice([0, 0.001, 0.004, 0.03]))
        pace.beat(None)
        beats += 1
    assert beats == pytest.approx(600 / PERIOD, abs=2)


def test_beats_that_were_missed_are_left_out(hands: Hands) -> None:
    pace = Pace(PERIOD)
    hands.go(10.5 * PERIOD)
    assert pace.left() == 0
    pace.beat(None)
    assert pace.left() == pytest.approx(PERIOD / 2)


@pytest.mark.parametrize("ready", [0.0, 0.2, 0.4, 0.6, 0.8])
def test_the_beat_comes_soon_after_the_pictures(hands: Hands, ready: float) -> None:
    """Pictures get ready once a period, `ready` of one after the first beat; in the end each waits for some milliseconds."""
    pace, first, waits, beats = Pace(PERIOD), hands.now + ready * PERIOD, [], 0
    for _ in range(3000):
        hands.go(pace.left())
        beats += 1
        waits.append((hands.now - first) % PERIOD if hands.now >= first else None)
        pace.beat(None if waits[-1] is None else hands.now - waits[-1])
    settled = [wait for wait in waits[-100:] if wait is not None]
    assert max(settled) < 0.008
    assert min(settled) > 0.001
    assert hands.now - first == pytest.approx(beats * PERIOD, abs=2 * PERIOD), "no beat is lost or won on the way"


@pytest.mark.parametrize("rate", [31, 60, 250])
def test_the_next_beat_is_never_further_than_a_period(hands: Hands, rate: float) -> None:
    """Also where beats are sent before they are due, as by an output that sends each picture at once: else it would keep silent, in an
    outage, for all the time that it is ahead."""
    pace = Pace(PERIOD)
    for _ in range(500):
        hands.go(1 / rate)
        pace.beat(hands.now)
        assert pace.left() <= 1.02 * PERIOD


def test_it_backs_away_from_a_picture_for_which_it_was_held_back(hands: Hands) -> None:
    """By as much as the picture came late, and a little more, though it was sent as soon as it was there."""
    pace = Pace(PERIOD)
    hands.go(pace.left() + PERIOD)
    pace.beat(None)
    due = hands.now + pace.left()
    hands.go(pace.left() + 0.1 * PERIOD)
    pace.beat(hands.now)
    assert hands.now + pace.left() > due + 1.1 * PERIOD
    assert pace.left() <= 1.05 * PERIOD


@pytest.mark.parametrize("late", [0.002, 0.005, 0.008])
def test_few_pictures_miss_a_beat_that_waits_for_them(hands: Hands, late: float) -> None:
    """One picture in ten is late. The beat neither runs away from the others, nor misses many of the late ones."""
    pace, rng, first, count = Pace(PERIOD), random.Random(3), hands.now + 0.01, 3000
    ready = [first + i * PERIOD + (late if rng.random() < 0.1 else 0.0) for i in range(count)]
    seen, ages, missed = -1, [], 0
    while seen < count - 2:
        hands.go(pace.left())
        if hands.now < ready[seen + 1] <= hands.now + pace.grace:
            hands.now = ready[seen + 1]
        newest = max(seen, bisect_right(ready, hands.now) - 1)
        missed += newest == seen
        pace.beat(None if newest == seen else ready[newest])
        ages.append(hands.now - ready[newest])
        seen = newest
    assert missed < 0.01 * count
    assert sum(ages[300:]) / len(ages[300:]) < late + 0.006
