"""The queues between threads: what each policy keeps, and that nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from livematte.channels import Channel, StoppedError

PATIENCE = 10.0  # seconds that a thread gets for what takes none


@contextmanager
def thread(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """A thread that must have ended when the block does."""
    started = threading.Thread(target=work, daemon=True)
    started.start()
    yield started
    started.join(PATIENCE)
    assert not started.is_alive()


def waits(started: threading.Thread) -> bool:
    started.join(0.05)
    return started.is_alive()


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_every_loses_nothing_and_keeps_the_order(depth: int) -> None:
    channel: Channel[int] = Channel(depth)

    def write() -> None:
        for number in range(500):
            channel.put(number)
        channel.end()

    with thread(write):
        assert list(channel) == list(range(500))
    assert channel.dropped == 0


def test_every_blocks_until_there_is_room() -> None:
    channel: Channel[int] = Channel(2)
    channel.put(1)
    channel.put(2)
    with thread(lambda: channel.put(3)) as writer:
        assert waits(writer)
        assert next(iter(channel)) == 1
    channel.end()
    assert list(channel) == [2, 3]


@pytest.mark.parametrize("depth", [1, 3])
def test_newest_drops_the_oldest_and_counts(depth: int) -> None:
    channel: Channel[int] = Channel(depth, policy="newest")
    for number in range(10):
        channel.put(number)
    channel.end()
    assert list(channel) == list(range(10 - depth, 10))
    assert channel.dropped == 10 - depth


def test_newest_drops_nothing_while_there_is_room() -> None:
    channel: Channel[int] = Channel(2, policy="newest")
    channel.put(1)
    channel.put(2)
    assert next(iter(channel)) == 1
    channel.put(3)
    channel.end()
    assert list(channel) == [2, 3]
    assert channel.dropped == 0


def test_newest_never_drops_what_may_not_be_dropped() -> None:
    channel: Channel[int | str] = Channel(1, policy="newest", may_drop=lambda item: isinstance(item, int))
    for item in ["a", 1, "b", 2, 3, "c", "d"]:
        channel.put(item)
    channel.end()
    assert list(channel) == ["a", "b", "c", "d"]
    assert channel.dropped == 3


def test_end_wakes_a_reader_that_waits() -> None:
    channel: Channel[int] = Channel(1)
    got: list[int] = []
    with thread(lambda: got.extend(channel)) as reader:
        assert waits(reader)
        channel.put(1)
        channel.end()
    assert got == [1]


def stopped(work: Callable[[], object], told: list[str]) -> Callable[[], None]:
    def run() -> None:
        with pytest.raises(StoppedError):
            work()
        told.append("stopped")

    return run


def test_stop_wakes_a_reader_that_waits() -> None:
    channel: Channel[int] = Channel(1)
    told: list[str] = []
    with thread(stopped(lambda: list(channel), told)) as reader:
        assert waits(reader)
        channel.stop()
    assert told


def test_stop_wakes_a_writer_that_waits() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(1)
    told: list[str] = []
    with thread(stopped(lambda: channel.put(2), told)) as writer:
        assert waits(writer)
        channel.stop()
    assert told


@pytest.mark.parametrize("policy", ["every", "newest"])
def test_a_stopped_channel_gives_and_takes_nothing(policy: str) -> None:
    channel: Channel[int] = Channel(3, policy=policy)  # type: ignore[arg-type]
    channel.put(1)
    channel.stop()
    with pytest.raises(StoppedError):
        channel.put(2)
    with pytest.raises(StoppedError):
        next(iter(channel))
