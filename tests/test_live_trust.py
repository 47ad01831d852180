"""What was made while something went wrong is not to be trusted, and is never shown: whatever happened, wherever, meanwhile.

The matter here is blind, and lets all of the room through, exactly where something happens while it works.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_world import Camera, Keyer, Screen, World, quicken, shows_room

from livematte.errors import SourceError
from livematte.frame import Frame, Matte
from livematte.live.outlet import Exit


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)


class Fragile(Camera):
    """A camera that can be made to fail, and that lifts every pause some frames later."""

    fails = False
    lift: Callable[[], None]

    def items(self) -> Iterator[Any]:
        for count, frame in enumerate(super().items()):
            if self.fails:
                raise SourceError("unplugged")
            if count % 8 == 7:
                self.lift()
            yield frame


class Blind(Keyer):
    """Sees all as the person where an event of its script happens. happens: makes it happen, and returns when it did."""

    def __init__(self, script: Sequence[str], happens: Callable[[str], None]) -> None:
        super().__init__()
        self._events, self._happens = iter(script), happens

    def step(self, frame: Frame) -> Matte:
        event = next(self._events, "nothing")
        good = super().step(frame)
        if event == "nothing":
            return good
        blind = np.ones_like(good.pha)
        if event == "over":
            return Matte(2 * blind, frame)
        if event == "nan":
            blind[0, 0] = np.nan
            return Matte(blind, frame)
        if event.startswith("late "):
            return Matte.later(lambda: (self._happens(event.removeprefix("late ")), Matte(blind, frame))[1])
        self._happens(event)
        return Matte(blind, frame)


class Mistrust(World):
    """A World whose matter is blind where things happen."""

    def __init__(self, script: Sequence[str], *screens: Screen) -> None:
        self.camera = Fragile()
        exits = [Exit(screen, "cutout" if screen.alpha else "composite", screen.again if screen.paced else None) for screen in screens]
        super().__init__(self._open, lambda: Blind(script, self._happens), exits)
        self.screen = screens[0]

    def _open(self) -> Fragile:
        self.camera = Fragile()
        self.camera.lift = lambda: self.controls.change(paused=False)
        return self.camera

    def _happens(self, event: str) -> None:
        board = self.pipeline.board
        before = board.epoch
        if event == "error":
            board.clear()
        elif event == "pause":
            self.controls.change(paused=True)
        else:
            self.camera.fails = True
        deadline = time.monotonic() + 2
        while board.epoch == before and time.monotonic() < deadline:
            time.sleep(0.001)


EVENTS = st.sampled_from(["nothing", "error", "pause", "loss", "late error", "late pause", "late loss", "over", "nan"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(EVENTS, min_size=1, max_size=10))
def test_what_was_made_meanwhile_is_never_shown(script: list[str]) -> None:
    screens = Screen(), Screen("file", paced=False), Screen("cut", alpha=True)
    with Mistrust(script, *screens) as world:
        world.until(lambda: world.shows_person)
        world.until(lambda: world.pipeline.report().frames_matted > len(script) and world.shows_person)
    assert world.error is None
    assert not any(shows_room(frame) for screen in screens for _, frame in screen.frames)


def test_the_blind_would_show_the_room() -> None:
    """What the property stands on: where nothing happens, what is blind is seen."""
    world = Mistrust(["error"] * 1000, screen := Screen())
    world._happens = lambda event: None  # type: ignore[method-assign]
    with world:
        world.until(lambda: any(shows_room(frame) for _, frame in screen.frames))
