"""A pipeline's neighbours, fake: a list for the source, a matter that counts, sinks that remember, and ways to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import media
import numpy as np

from livematte.frame import Frame, Matte
from livematte.look import Look
from livematte.pipeline import Output, Pipeline, Report
from livematte.sources.base import SourceInfo

PATIENCE = 20.0  # seconds after which a test says that something hangs


class Script:
    """A source from a list: frames and packets are given, errors raised, functions called on the way."""

    def __init__(self, items: Iterable[Any], *, still: bool = False, piped: bool = False) -> None:
        self._items = items
        self.info = SourceInfo("script", media.SIZE, media.NTSC, 1 / media.NTSC, still=still, piped=piped)
        self.given = 0

    def items(self) -> Iterator[Any]:
        for item in self._items:
            if isinstance(item, BaseException):
                raise item
            if callable(item):
                item()
                continue
            self.given += 1
            yield item

    def __iter__(self) -> Iterator[Frame]:
        return (item for item in self.items() if isinstance(item, Frame))

    def close(self) -> None: ...
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


class Counter:
    """A matter whose alpha is the frame's number over 1000. before: called with that number."""

    def __init__(self, before: Callable[[int], object] = lambda number: None) -> None:
        self._before = before
        self.primed: list[list[int]] = []

    def step(self, frame: Frame) -> Matte:
        self._before(number(frame))
        return Matte(np.full(frame.planes[0].shape, number(frame) / 1000, np.float32), frame)

    def reset(self) -> None: ...
    def prime(self, frames: Sequence[Frame]) -> None:
        self.primed.append([number(frame) for frame in frames])


class Memory:
    """A sink that remembers. on_send: called with the number of each frame; on_close: called by close()."""

    alpha = True
    notes: tuple[str, ...] = ()

    def __init__(
        self, name: str = "memory", *, on_send: Callable[[int], object] = lambda number: None, on_close: Callable[[], object] = lambda: None
    ) -> None:
        self.name = name
        self.got: list[Any] = []
        self.ended = ""
        self._on_send, self._on_close = on_send, on_close

    @property
    def frames(self) -> list[Frame]:
        return [item for item in self.got if isinstance(item, Frame)]

    def send(self, frame: Frame) -> None:
        self._on_send(len(self.frames))
        self.got.append(frame)

    def pass_on(self, packet: Any) -> None:
        self.got.append(packet)

    def close(self) -> None:
        self._on_close()
        self.ended += "closed"

    def abandon(self, *, keep: bool) -> Path | None:
        if self.ended:
            return None
        self.ended += "kept" if keep else "removed"
        return Path(f"{self.name}.part") if keep and self.frames else None


def number(frame: Frame) -> int:
    return int(frame.label)


def frames(count: int) -> list[Frame]:
    return [replace(media.frame(0), pts=i, label=str(i)) for i in range(count)]


def outputs(*sinks: Memory, view: str = "cutout") -> list[Output]:
    return [Output(sink, view) for sink in sinks]


def run(items: Iterable[Any], *sinks: Memory, matter: Any = None, look: Look | None = None) -> Report:
    return Pipeline(Script(items), matter or Counter(), outputs(*sinks), look or Look()).run()


def fail(error: BaseException) -> Callable[..., None]:
    def raises(*ignored: object, **also: object) -> None:
        raise error

    return raises


def at(wanted: int, work: Callable[[], object]) -> Callable[[int], None]:
    """Calls `work` at one number."""
    return lambda number: (work(), None)[1] if number == wanted else None


def ended(threads_before: set[threading.Thread]) -> bool:
    """Whether all of the run's threads end within reason."""
    late = [t for t in threading.enumerate() if t not in threads_before]
    for thread in late:
        thread.join(PATIENCE)
    return not any(t.is_alive() for t in late)
