"""The law: no output ever shows a pixel of the room that no matte has removed, whatever breaks, whenever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import live_world
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_world import ROOM, SIZE, Camera, Keyer, Screen, World, room_with_person, shows_room

from livematte.errors import LivematteError, SinkError, SourceError
from livematte.finish import Finish
from livematte.frame import Frame, Matte
from livematte.live import feed, matting, outlet, pipeline
from livematte.live.controls import Live
from livematte.live.outlet import Exit
from livematte.matting.keying.keyer import KeyMatter


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (feed, outlet, matting):
        monkeypatch.setattr(module, "BACK_OFF", (0.005, 0.01))
    for module in (matting, pipeline):
        monkeypatch.setattr(module, "STALE_AFTER", 0.1)
    monkeypatch.setattr(pipeline, "LEAVES_AFTER", 0.02)


FAULTS_OF_CAMERAS = st.one_of(
    st.just("frame"),
    st.just("garbage"),
    st.just("freeze"),
    st.just("end"),
    st.tuples(st.just("size"), st.sampled_from([16, 33, 64]), st.sampled_from([12, 25, 48])),
    st.sampled_from([SourceError("unplugged"), OSError(19, "gone"), ValueError("driver")]),
)
FAULTS_OF_MATTERS = st.sampled_from(
    ["matte", "matte", "slow", "nan", "over", "small", "late", LivematteError("no"), RuntimeError("out of memory"), MemoryError()]
)
FAULTS_OF_SINKS = st.sampled_from(["ok", "ok", "ok", "slow", SinkError("gone"), OSError("gone")])
CHANGES = st.sampled_from(
    [
        {"background": "white"},
        {"background": "#808080"},
        {"background": "/nowhere.png"},
        {"paused": True},
        {"paused": False},
        {"mirror": True},
        {"mirror": False},
        {"detail": 256},
        {"detail": None},
        {"choke": 1.0},
        {"choke": 0.0},
        {"smooth": 0.0},
        {"smooth": 5.0},
        {"keep": "nearest"},
        {"keep": "all"},
        {"light_wrap": 1.0},
        {"match": 1.0},
    ]
)


def _scripted(cameras: list[list[Any]]) -> Any:
    """Opens the cameras one after the other, an empty script being one that cannot be opened; then whole ones."""
    scripts: Iterator[list[Any]] = iter(cameras)

    def opening() -> Camera:
        script = next(scripts, ["frame"])
        if not script:
            raise SourceError("no camera")
        return Camera(script)

    return opening


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    cameras=st.lists(st.lists(FAULTS_OF_CAMERAS, max_size=6), max_size=4),
    matters=st.lists(FAULTS_OF_MATTERS, max_size=12),
    sinks=st.lists(FAULTS_OF_SINKS, max_size=12),
    changes=st.lists(CHANGES, max_size=5),
    ofd=st.booleans(),
)
def test_no_output_ever_shows_the_room(cameras: list[Any], matters: list[Any], sinks: list[Any], changes: list[Any], ofd: bool) -> None:
    paced, recorder, cut = Screen(script=iter(sinks)), Screen("file", paced=False), Screen("cut", alpha=True)
    exits = [Exit(paced, "composite", paced.again), Exit(recorder, "composite", None), Exit(cut, "cutout", cut.again)]
    finish, live = Finish(smooth=1.0, tidy=True, watches=True), Live("#808080", smooth=1.0)
    with World(_scripted(cameras), lambda: Keyer(matters), exits, live=live, finish=finish, ofd=ofd) as world:
        for change in changes:
            time.sleep(0.01)
            try:
                world.controls.change(**change)
            except LivematteError:
                assert change == {"background": "/nowhere.png"}
        world.controls.change(paused=False, light_wrap=0.0, match=0.0)
        world.screen = paced
        world.until(lambda: world.shows_person)  # whatever happened, it comes back
    assert world.error is None
    for screen in (paced, recorder, cut):
        assert all(frame.size == SIZE for _, frame in screen.frames)
        assert not any(shows_room(frame) for _, frame in screen.frames)


def test_the_law_can_be_broken() -> None:
    """What the property stands on: a picture of the room is known for one."""
    assert shows_room(room_with_person())
    exits = [Exit(screen := Screen(), "composite", None)]

    class Blind(Keyer):
        def step(self, frame: Any) -> Matte:
            return Matte(super().step(frame).pha * 0 + 1, frame)

    with World(matter=Blind, exits=exits) as world:
        world.until(lambda: any(shows_room(frame) for _, frame in screen.frames))


def test_nothing_is_shown_before_the_first_matte_nor_while_the_network_loads() -> None:
    loaded = []

    def load() -> Keyer:
        time.sleep(0.1)
        loaded.append(time.monotonic())
        return Keyer()

    with World(matter=load) as world:
        world.until(lambda: world.shows_person)
    early = [frame for at, frame in world.screen.frames if at < loaded[0]]
    assert len(early) > 3
    assert all((frame.planes[0] == early[0].planes[0][0, 0]).all() for frame in early)


def test_a_pause_holds_at_once_and_until_it_ends() -> None:
    with World() as world:
        world.until(lambda: world.shows_person)
        world.controls.change(paused=True)
        paused = time.monotonic()
        time.sleep(0.1)
        count = len(world.screen.frames)
        world.controls.change(paused=False)
        world.until(lambda: world.shows_person)
    meanwhile = [frame for at, frame in world.screen.frames[:count] if at > paused + live_world.SLACK]
    assert len(meanwhile) > 3
    assert not any((frame.planes[0] == live_world.PERSON).any() for frame in meanwhile)


@pytest.mark.parametrize(("background", "luma"), [("blur", range(40, 80)), ("white", range(235, 236)), ("none", range(17))])
def test_the_stand_in_is_the_background_with_nobody_in_it(background: str, luma: range) -> None:
    screen = Screen(alpha=True)
    view = "cutout" if background == "none" else "composite"
    with World(_scripted([[]] * 1000), exits=[Exit(screen, view, None)], live=Live(background=background)) as world:
        screen.paced = True
        world.until(lambda: len(screen.frames) > 3)
        world.until(lambda: world.pipeline.report().state == "no camera")
    for _, frame in screen.frames:
        assert {int(v) for v in frame.planes[0].ravel()} <= set(luma)
        assert frame.pha is None or not frame.pha.any()


def test_a_keyed_camera_that_loses_its_screen_shows_nothing_of_the_room() -> None:
    """The room is as bright as the screen was, so nothing is a cut; and the screen comes back."""
    size = (96, 64)
    turned = threading.Event()

    class Turns(Camera):
        def _frame(self, event: Any) -> Frame:
            shown = room_with_person(size, at=32)
            screen = np.where(shown.planes[0] == ROOM, np.uint8(120), shown.planes[0])
            behind = shown.planes[2] > 190
            chroma = (np.where(behind, np.uint8(60), np.uint8(128)), np.where(behind, np.uint8(50), np.uint8(128)))
            if turned.is_set():  # all of the picture is the room
                screen, chroma = np.full_like(screen, 120), (np.full_like(chroma[0], 128), np.full_like(chroma[1], 240))
            now = time.monotonic()
            return replace(shown.with_planes((screen, *chroma)), captured=now, pts=round(now * 1000))

    def keyer() -> KeyMatter:
        return KeyMatter("green", strict=True)

    screen = Screen()
    exits = [Exit(screen, "composite", screen.again)]
    with World(Turns, keyer, exits, canvas=size) as world:  # type: ignore[arg-type]

        def shows_person() -> bool:
            return bool(screen.frames) and bool((screen.frames[-1][1].planes[0] > 225).any())

        world.until(shows_person)
        turned.set()
        world.until(lambda: any("no green screen found" in told for told in world.told))
        time.sleep(0.1)
        turned.clear()
        count = len(screen.frames)
        world.until(lambda: len(screen.frames) > count and shows_person())
    assert not any(shows_room(frame) for _, frame in screen.frames)
