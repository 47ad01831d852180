"""Bounded queues between the pipeline's threads, with a named policy and an end that wakes everybody."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Literal, TypeVar

Item = TypeVar("Item")
Policy = Literal["every", "newest"]


class StoppedError(Exception):
    """The channel was stopped while a thread waited on it; the thread ends, and says nothing."""


class Channel(Generic[Item]):
    """A queue for one writer and one reader.

    every: `depth` items, put waits for room, nothing is lost. newest: put never waits; where `depth` items wait already, the oldest
    one that `may_drop` is dropped and counted in `dropped`."""

    def __init__(self, depth: int, *, policy: Policy = "every", may_drop: Callable[[Item], bool] = lambda item: True) -> None:
        self.dropped = 0
        self._depth = depth
        self._policy = policy
        self._may_drop = may_drop
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._ended = self._stopped = False

    def put(self, item: Item) -> None:
        """StoppedError where the channel was stopped or, by the other side, ended."""
        with self._changed:
            if self._policy == "newest":
                self._make_room()
            else:
                self._changed.wait_for(lambda: len(self._items) < self._depth or self._stopped or self._ended)
            if self._stopped or self._ended:
                raise StoppedError
            self._items.append(item)
            self._changed.notify_all()

    def _make_room(self) -> None:
        if len(self._items) >= self._depth:
            oldest = next((i for i, item in enumerate(self._items) if self._may_drop(item)), None)
            if oldest is not None:
                del self._items[oldest]
                self.dropped += 1

    def end(self) -> None:
        """No more items will come, or are taken; the reader gets those that wait."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Ends both sides at once; what waits is let go."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether no more items will come and none waits."""
        with self._changed:
            return self._ended and not self._items

    def take(self, seconds: float | None = None) -> Item | None:
        """The next item; None where the channel has ended, or none came for so many seconds. StoppedError where it was stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended or self._stopped, seconds)
            if self._stopped:
                raise StoppedError
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def __iter__(self) -> Iterator[Item]:
        """The items, to the end. None of them may be None."""
        while (item := self.take()) is not None:
            yield item
