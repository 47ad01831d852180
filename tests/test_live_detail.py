"""Detail goes down at once to what fits, up with patience, and stays where a user or memory fixed it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from live_world import Hands

from livematte.live import detail as module
from livematte.live.detail import STEPS, Ladder

PERIOD = 1 / 30


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    monkeypatch.setattr(module, "time", hands := Hands())
    return hands


class Network:
    """Takes seconds by the area of its picture. speed: seconds at a longest side of 512."""

    def __init__(self, hands: Hands, ladder: Ladder, speed: float) -> None:
        self.hands, self.ladder, self.speed = hands, ladder, speed

    def run(self, seconds: float) -> list[int]:
        """The details in turn, without repetitions, while it works for so long."""
        end, seen = self.hands.now + seconds, [self.ladder.detail]
        while self.hands.now < end:
            took = self.speed * (self.ladder.detail / 512) ** 2
            self.hands.go(max(took, PERIOD))
            detail = self.ladder.measured(took)
            assert detail == self.ladder.detail
            if detail != seen[-1]:
                seen.append(detail)
        return seen


def network(hands: Hands, speed: float, *, longest: int = 1280, fixed: int | None = None) -> Network:
    return Network(hands, Ladder(PERIOD, longest=longest, fixed=fixed), speed)


def test_what_holds_the_rate_stays(hands: Hands) -> None:
    assert network(hands, 0.9 * PERIOD).run(60) == [512]


@pytest.mark.parametrize(
    ("speed", "details"), [(1.0, [512, 448]), (1.5, [512, 384]), (2.0, [512, 320]), (3.0, [512, 256]), (9, [512, 256])]
)
def test_it_goes_down_to_the_first_that_fits_in_one_step(hands: Hands, speed: float, details: list[int]) -> None:
    slow = network(hands, speed * PERIOD)
    assert slow.run(5) == details


def test_a_single_slow_frame_changes_nothing(hands: Hands) -> None:
    ladder = Ladder(PERIOD, longest=1280)
    for i in range(300):
        assert ladder.measured(10.0 if i % 3 == 0 else 0.5 * PERIOD) == 512


def test_it_goes_up_step_by_step_with_patience(hands: Hands) -> None:
    machine = network(hands, 3 * PERIOD)
    assert machine.run(2)[-1] == 256
    machine.speed = 0.1 * PERIOD
    assert machine.run(2) == [256]
    assert machine.run(60) == [256, 320, 384, 448, 512]


def test_it_goes_up_only_where_the_larger_one_fits_well(hands: Hands) -> None:
    machine = network(hands, 1.3 * PERIOD)
    assert machine.run(600) == [512, 384], "448 would take 0.99 of a frame's time"


def test_a_step_up_that_did_not_last_is_tried_ever_later(hands: Hands) -> None:
    """Where measures of the smaller one promise what the larger one does not hold."""
    ladder = Ladder(PERIOD, longest=1280)
    ups: list[float] = []
    before = ladder.detail
    while hands.now < 1000 + 2000:
        hands.go(PERIOD)
        detail = ladder.measured(1.2 * PERIOD if ladder.detail > 448 else 0.3 * PERIOD)
        if detail > before:
            ups.append(hands.now)
        before = detail
    waits = [b - a for a, b in pairwise(ups)]
    assert len(ups) < 25
    assert waits[1] > 1.6 * waits[0]
    assert all(b > 0.95 * a for a, b in pairwise(waits))
    assert max(waits) < 170


def test_what_the_user_fixed_stays_until_it_is_let_go(hands: Hands) -> None:
    slow = network(hands, 5 * PERIOD, fixed=768)
    assert slow.run(20) == [768]
    slow.ladder.fix(None)
    assert slow.ladder.detail == 512
    assert slow.run(20) == [512, 256]
    slow.ladder.fix(1024)
    assert slow.run(20) == [1024]


@pytest.mark.parametrize(
    ("longest", "steps"), [(32, [32]), (256, [256]), (300, [300, 256]), (400, [400, 384, 320, 256]), (4096, list(STEPS))]
)
def test_it_is_never_larger_than_the_frames(longest: int, steps: list[int]) -> None:
    ladder, seen = Ladder(PERIOD, longest=longest), []
    while True:
        seen.append(ladder.detail)
        if not ladder.smaller():
            break
    assert seen == steps
    assert ladder.detail == steps[-1]


def test_want_of_memory_goes_down_for_good(hands: Hands) -> None:
    fast = network(hands, 0.1 * PERIOD)
    assert fast.ladder.smaller()
    assert fast.run(300) == [448]


def test_want_of_memory_overrules_what_the_user_fixed() -> None:
    ladder = Ladder(PERIOD, longest=1280, fixed=600)
    assert ladder.smaller()
    assert ladder.detail == 512
