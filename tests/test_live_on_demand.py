"""The camera is open only while somebody watches."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from live_world import (
    Camera,
    Screen,
    World,
    quicken,
)

from livematte.frame import Frame, Matte
from livematte.live import controls as controls_module
from livematte.live.outlet import Exit


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)


class Watched(Screen):
    """A virtual camera that knows how many watch."""

    count: int | None = 0

    def watchers(self) -> int | None:
        return self.count


def test_the_camera_is_open_only_while_somebody_watches() -> None:
    cameras: list[Camera] = []

    def opening() -> Camera:
        cameras.append(Camera())
        return cameras[-1]

    screen = Watched()
    with World(opening, exits=[Exit(screen, "composite", screen.again)], on_demand=True) as world:
        world.screen = screen
        world.until(lambda: len(screen.frames) > 10)
        assert not cameras
        assert world.pipeline.report().state == "nobody watches"
        for visit in (1, 2):
            screen.count = visit
            world.until(lambda: world.shows_person)
            assert len(cameras) == visit
            assert world.pipeline.report().watchers == visit
            screen.count = 0
            world.until(lambda visit=visit: cameras[visit - 1].closed)
            world.until(lambda: not world.shows_person)
            assert world.pipeline.report().state == "nobody watches"
    assert len(cameras) == 2
    assert world.told == []
    assert world.report.reconnects == 0


def test_where_nobody_can_know_who_watches_the_camera_is_open() -> None:
    screen = Watched()
    screen.count = None
    with World(exits=[Exit(screen, "composite", screen.again)], on_demand=True) as world:
        world.screen = screen
        world.until(lambda: world.shows_person)


def test_without_on_demand_it_is_open_whoever_watches() -> None:
    screen = Watched()
    with World(exits=[Exit(screen, "composite", screen.again)]) as world:
        world.screen = screen
        world.until(lambda: world.shows_person)
        time.sleep(0.1)
        assert world.shows_person
        assert world.pipeline.report().watchers == 0


def test_a_clip_behind_stands_still_while_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees it, and decoding it is work."""
    asked = [0]

    class Moves:
        moves = True

        def planes(self, frame: Frame, matte: Matte) -> Any:
            asked[0] += 1
            return tuple(np.full_like(plane, 100) for plane in frame.planes)

    monkeypatch.setattr(controls_module, "Lasting", lambda background, tell: Moves())
    screen = Watched()
    with World(exits=[Exit(screen, "composite", screen.again)], on_demand=True) as world:
        world.until(lambda: world.pipeline.report().state == "nobody watches" and screen.frames)
        time.sleep(0.05)
        count = asked[0]
        time.sleep(0.3)
        assert asked[0] - count <= 3
