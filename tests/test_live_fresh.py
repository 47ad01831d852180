"""A frame that has grown old is left out for the next one, where that is nearly there; else nothing is waited for."""

from __future__ import annotations

import pytest
from live_world import Hands, room_with_person

from livematte.channels import Channel
from livematte.live import fresh as module
from livematte.live.feed import Captured
from livematte.live.fresh import Fresh

EVERY = 0.04


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    monkeypatch.setattr(module, "time", hands := Hands())
    return hands


class Waiting(Channel[Captured]):
    """A channel on a clock of its own. later: (seconds, epoch), what comes in so many seconds; asked: for how long it was waited."""

    def __init__(self, hands: Hands) -> None:
        super().__init__(1, policy="newest")
        self.later: list[tuple[float, int]] = []
        self.asked: list[float] = []
        self._hands = hands

    def come(self, epoch: int) -> None:
        self.put(Captured(room_with_person(), self._hands.now - 1.0, epoch, self._hands.now))

    def take(self, seconds: float | None = None) -> Captured | None:
        if seconds is not None:
            self.asked.append(seconds)
            if self.later and self.later[0][0] <= seconds:
                wait, epoch = self.later.pop(0)
                self._hands.go(wait)
                self.come(epoch)
            else:
                self._hands.go(seconds)
        return super().take(0.0)


def taken(hands: Hands, waited: float, *, later: float | None = None, every: float = EVERY) -> tuple[int, Fresh, Waiting]:
    """Which frame is taken, where number 1 has waited, and number 2 comes so many seconds later."""
    channel = Waiting(hands)
    frames = Fresh(channel, lambda: every)
    channel.come(1)
    channel.later = [] if later is None else [(later, 2)]
    hands.go(waited)
    return next(iter(frames)).epoch, frames, channel


@pytest.mark.parametrize("waited", [0.0, 0.3 * EVERY, 0.49 * EVERY])
def test_a_frame_that_has_just_come_is_taken_at_once(hands: Hands, waited: float) -> None:
    """However long ago the camera took it: some need a whole frame's time to hand it over."""
    number, frames, channel = taken(hands, waited, later=EVERY - waited)
    assert (number, frames.dropped, channel.asked) == (1, 0, [])


@pytest.mark.parametrize("waited", [0.51 * EVERY, 0.9 * EVERY])
def test_one_that_waited_long_is_left_out_for_the_next(hands: Hands, waited: float) -> None:
    number, frames, _ = taken(hands, waited, later=EVERY - waited)
    assert (number, frames.dropped) == (2, 1)


def test_one_that_is_late_is_waited_for_a_little(hands: Hands) -> None:
    assert taken(hands, 0.6 * EVERY, later=0.6 * EVERY)[0] == 2


def test_where_no_next_one_comes_it_is_taken_after_all(hands: Hands) -> None:
    number, frames, channel = taken(hands, 0.6 * EVERY)
    assert (number, frames.dropped) == (1, 0)
    assert channel.asked == [pytest.approx(0.65 * EVERY)]


@pytest.mark.parametrize("waited", [1.01 * EVERY, 7 * EVERY])
def test_of_a_source_that_has_paused_nothing_is_waited_for(hands: Hands, waited: float) -> None:
    number, frames, channel = taken(hands, waited, later=0.001)
    assert (number, frames.dropped, channel.asked) == (1, 0, [])


def test_where_the_rate_is_not_known_nothing_is_waited_for(hands: Hands) -> None:
    number, frames, channel = taken(hands, 0.03, later=0.001, every=0.0)
    assert (number, frames.dropped, channel.asked) == (1, 0, [])


def test_the_last_one_comes_and_then_the_end(hands: Hands) -> None:
    channel = Waiting(hands)
    frames = Fresh(channel, lambda: EVERY)
    channel.come(1)
    channel.end()
    hands.go(0.6 * EVERY)
    assert [frame.epoch for frame in frames] == [1]


@pytest.mark.parametrize("work", [0.5, 0.8, 0.95, 1.5])
def test_nothing_is_taken_that_has_waited_for_long(hands: Hands, work: float) -> None:
    """So a delay is made good with the next frame. work: of a frame's time that each takes; one takes five times as long."""
    channel, began, came = Waiting(hands), hands.now, 0
    frames, waits = iter(Fresh(channel, lambda: EVERY)), []
    for index in range(60):
        while began + came * EVERY <= hands.now:
            channel.put(Captured(room_with_person(), 0.0, came, began + came * EVERY))
            came += 1
        if not channel._items:
            hands.now = began + came * EVERY
            channel.come(came)
            came += 1
        channel.later = [(began + came * EVERY - hands.now, came)]
        frame = next(frames)
        came = max(came, frame.epoch + 1)
        waits.append(hands.now - frame.came)
        hands.go((5 if index == 30 else 1) * work * EVERY)
    assert max(waits) <= 0.5 * EVERY + 1e-6
