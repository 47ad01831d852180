"""What is kept for a size: made once, ahead of time where asked, and let go of when others are in use."""

import threading

import pytest

from livematte.engines.kept import Kept, Sides


def test_it_is_made_once_and_the_least_used_goes() -> None:
    made: list[Sides] = []
    kept = Kept(lambda size: made.append(size) or len(made))
    assert [kept.get((n, n)) for n in (1, 2, 3, 4, 1, 2)] == [1, 2, 3, 4, 1, 2]
    assert kept.get((5, 5)) == 5
    assert kept.get((1, 1)) == 1
    assert kept.get((3, 3)) == 6, "the third was used least lately"


def test_it_is_made_in_the_background_until_it_is_ready() -> None:
    go, threads = threading.Event(), []

    def make(size: Sides) -> str:
        threads.append(threading.current_thread())
        assert go.wait(10)
        return f"for {size}"

    kept = Kept(make)
    assert not kept.ready((2, 3))
    assert not kept.ready((2, 3))
    assert not kept.ready((4, 5)), "one at a time"
    go.set()
    threads[0].join(10)
    assert kept.ready((2, 3))
    assert kept.get((2, 3)) == "for (2, 3)"
    assert len(threads) == 1
    go.clear()
    assert not kept.ready((4, 5))
    go.set()
    assert kept.get((4, 5)) == "for (4, 5)", "which waits for it"
    assert len(threads) == 2
    assert threading.current_thread() not in threads


def test_what_was_made_is_not_made_again() -> None:
    made: list[Sides] = []
    kept = Kept(made.append)
    for size in ((1, 1), (2, 2), (3, 3)):
        while not kept.ready(size):
            pass
    assert not kept.making
    for size in ((1, 1), (2, 2), (3, 3)):
        assert kept.ready(size)
        kept.get(size)
    assert made == [(1, 1), (2, 2), (3, 3)]


def test_another_size_does_not_wait_for_what_is_being_made() -> None:
    go = threading.Event()
    kept = Kept(lambda size: size == (2, 2) or go.wait(10))
    assert not kept.ready((1, 1))
    assert kept.making
    assert kept.get((2, 2)) is True
    go.set()
    while not kept.ready((1, 1)):
        pass
    assert kept.get((1, 1)) is True


def test_clearing_waits_for_what_is_being_made() -> None:
    done: list[bool] = []
    kept = Kept(lambda size: done.append(not threading.Event().wait(0.2)))
    kept.ready((1, 1))
    kept.clear()
    assert done == [True]


def test_what_cannot_be_made_says_so_once_and_is_tried_again() -> None:
    full = True

    def make(size: Sides) -> str:
        if full:
            raise MemoryError(f"no room for {size}")
        return "made"

    kept = Kept(make)
    while not kept.ready((1, 1)):
        pass
    with pytest.raises(MemoryError, match="no room"):
        kept.get((1, 1))
    with pytest.raises(MemoryError, match="no room"):
        kept.get((2, 2))
    full = False
    assert kept.get((1, 1)) == kept.get((2, 2)) == "made"
