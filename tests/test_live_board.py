"""The board shows a picture only while nothing happened since its frame was taken, and nothing holds."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_world import Hands, room_with_person

from livematte.live import board as module
from livematte.live.board import Board

VIEWS = {"composite": room_with_person()}


def show(board: Board, epoch: int | None = None, views: Any = VIEWS) -> bool:
    return board.show(views, captured=1.0, epoch=board.epoch if epoch is None else epoch)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    monkeypatch.setattr(module, "time", hands := Hands())
    return hands


def test_a_picture_is_shown_as_it_is() -> None:
    board = Board(1.0)
    assert board.newest() is None
    assert board.reason == "no picture"
    assert show(board)
    shown = board.newest()
    assert shown is not None
    assert (shown.views, shown.captured) == (VIEWS, 1.0)
    assert board.reason == ""
    assert show(board)
    again = board.newest()
    assert again is not None
    assert again.number == shown.number + 1


@pytest.mark.parametrize("event", ["clear", "hold", "pause"])
def test_a_picture_from_before_something_happened_is_refused(event: str) -> None:
    board = Board(1.0)
    show(board)
    taken = board.epoch
    board.clear() if event == "clear" else board.hold("paused")
    assert board.newest() is None
    if event == "pause":
        board.release("paused")
    assert not show(board, taken)
    assert board.newest() is None
    assert show(board) == (event != "hold")


def test_holds_count_until_the_last_is_released() -> None:
    board = Board(1.0)
    board.hold("no camera")
    board.hold("paused")
    board.hold("no camera")
    assert board.reason == "paused"
    board.release("paused")
    board.release("never held")
    assert board.held
    assert board.reason == "no camera"
    assert not show(board)
    board.release("no camera")
    assert not board.held
    assert board.newest() is None, "what was there before a hold does not come back with its end"
    assert show(board)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["hold", "release"]), st.sampled_from(["paused", "no camera"])),
        st.sampled_from([("clear", ""), ("take", "")]),
        st.tuples(st.just("show"), st.integers(0, 9)),
    ),
    max_size=30,
)


@given(EVENTS)
def test_what_is_shown_was_taken_after_all_that_happened(events: list[Any]) -> None:
    board = Board(1000.0)
    holds: set[str] = set()
    happened, taken = 0, [(board.epoch, 0)]  # each frame with the board's epoch, and with how much had happened by then
    for name, value in events:
        before = board.newest()
        if name == "take":
            taken.append((board.epoch, happened))
        elif name == "show":
            epoch, then = taken[value % len(taken)]
            assert show(board, epoch) == (then == happened and not holds)
            assert (board.newest() is not before) == (then == happened and not holds)
        elif name == "release":
            board.release(value)
            holds.discard(value)
            assert board.newest() is before
        else:
            board.clear() if name == "clear" else board.hold(value)
            holds |= {value} - {""}
            happened += 1
            assert board.newest() is None
        assert board.held == bool(holds)


def test_a_picture_gets_stale(hands: Hands) -> None:
    board = Board(1.5)
    show(board)
    hands.go(1.4)
    assert board.newest() is not None
    hands.go(0.2)
    assert board.newest() is None
    assert board.reason == "no picture"
    assert show(board), "one that comes late is a new one"
    assert board.newest() is not None


def test_the_time_without_a_picture_is_counted(hands: Hands) -> None:
    board = Board(1.5)
    hands.go(2)
    assert board.stood_in == 2
    show(board)
    hands.go(1)
    show(board)
    hands.go(1)
    assert board.stood_in == 2
    board.hold("paused")
    board.clear()
    hands.go(3)
    board.release("paused")
    assert board.stood_in == 5
    hands.go(1)
    show(board)
    assert board.stood_in == 6


def test_wait_gives_what_is_there_and_waits_for_what_is_not() -> None:
    board = Board(1000.0)
    assert board.wait(0, 0.01) is None
    show(board)
    first = board.wait(0, 1000)
    assert first is not None
    assert board.wait(first.number, 0.01) is first
    threading.Timer(0.02, show, (board,)).start()
    second = board.wait(first.number, 1000)
    assert second is not None
    assert second.number == first.number + 1


def test_wait_gives_nothing_of_what_was_cleared_meanwhile() -> None:
    board = Board(1000.0)
    show(board)
    threading.Timer(0.01, board.clear).start()
    assert board.wait(1, 0.3) is None


def test_wake_ends_every_wait() -> None:
    board = Board(1000.0)
    show(board)
    waiting = [threading.Thread(target=board.wait, args=(seen, 60.0), daemon=True) for seen in (1, 1)]
    for thread in waiting:
        thread.start()
    time.sleep(0.02)
    board.wake()
    for thread in waiting:
        thread.join(2)
        assert not thread.is_alive()
