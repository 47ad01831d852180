"""What a person changes counts from the next frame on, for pictures and for the stand-in, and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import media
import numpy as np
import pytest
from live_world import (
    PERSON,
    SIZE,
    Camera,
    Keyer,
    Screen,
    World,
    person_at,
    quicken,
    room_with_person,
)

from livematte.background import Clip
from livematte.errors import LivematteError
from livematte.frame import Frame, Matte
from livematte.live import controls as controls_module
from livematte.live.controls import Live
from livematte.live.outlet import Exit


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)


SILVER = 181  # luma of #c0c0c0


def luma(world: World) -> int:
    """Of the background in the last picture."""
    return int(world.screen.frames[-1][1].planes[0][0, 0])


def test_another_background_counts_from_the_next_frame_and_for_the_stand_in() -> None:
    with World() as world:
        world.until(lambda: world.shows_person)
        world.controls.change(background="#c0c0c0")
        world.until(lambda: luma(world) == SILVER)
        world.controls.change(paused=True)
        world.until(lambda: not world.shows_person)
        world.until(lambda: luma(world) == SILVER)
        world.controls.change(background="black")
        world.until(lambda: luma(world) == 16)
        with pytest.raises(LivematteError):
            world.controls.change(background="/nowhere.png")
        time.sleep(0.03)
        assert luma(world) == 16


def test_a_mirror_turns_the_person_and_not_the_background(tmp_path: Path) -> None:
    stripes = np.zeros((24, 32, 3), np.uint8)
    stripes[:, 16:] = 192
    cv2.imwrite(str(tmp_path / "stripes.png"), stripes)
    with World(live=Live(background=str(tmp_path / "stripes.png"))) as world:
        world.until(lambda: world.shows_person)
        assert person_at(world.screen.frames[-1][1]) == 8
        world.controls.change(mirror=True)
        world.until(lambda: person_at(world.screen.frames[-1][1]) == 14)
    assert int(world.screen.frames[-1][1].planes[0][0, 0]) == 16
    assert int(world.screen.frames[-1][1].planes[0][0, -1]) == SILVER


def test_pausing_and_going_on_at_once_ends_as_the_settings_say() -> None:
    """Two threads change it, as a key and a control page: what the settings say and what is shown are one."""
    with World() as world:
        world.until(lambda: world.shows_person)
        world.controls.change(paused=True)
        release, other = world.pipeline.board.release, threading.Thread(target=world.controls.change, kwargs={"paused": True})

        def meanwhile(reason: str) -> None:
            if reason == "paused" and other.ident is None:
                other.start()
                other.join(0.3)
            release(reason)

        world.pipeline.board.release = meanwhile  # type: ignore[method-assign]
        world.controls.change(paused=False)
        other.join(10)
        assert world.controls.live.paused
        assert world.pipeline.board.held


def test_a_job_that_begins_paused_shows_nobody_until_it_goes_on() -> None:
    with World(live=Live(background="#808080", paused=True)) as world:
        world.until(lambda: len(world.screen.frames) > 20)
        assert world.pipeline.report().state == "paused"
        assert not any((frame.planes[0] == PERSON).any() for _, frame in world.screen.frames)
        world.controls.change(paused=False)
        world.until(lambda: world.shows_person)


class Fades(Keyer):
    """A person who is there, then is half there: smoothing tells the two apart."""

    half = False

    def step(self, frame: Frame) -> Matte:
        matte = super().step(frame)
        return Matte(matte.pha / 2, frame) if self.half else matte


def test_smoothing_settles_still_parts_and_begins_anew_after_a_break() -> None:
    matter = Fades()
    screen = Screen(alpha=True)

    def most() -> float:
        pha = screen.frames[-1][1].pha if screen.frames else None
        return 0.0 if pha is None else float(pha.max())

    with World(matter=lambda: matter, exits=[Exit(screen, "cutout", screen.again)], live=Live("none", smooth=1000.0)) as world:
        world.until(lambda: most() == 1)
        matter.half = True
        time.sleep(0.1)
        assert most() > 0.9, "so much time has not passed"
        world.pipeline.board.clear()
        world.until(lambda: most() == 0.5)
        assert all(frame.pha is None or frame.pha.max() in (0, 0.5) or frame.pha.max() > 0.9 for _, frame in screen.frames)


@pytest.mark.parametrize("ofd", [False, True])
def test_what_smoothing_keeps_is_never_of_the_room(ofd: bool) -> None:
    """A person who moves before a wall as bright as they are leaves nothing of the wall behind."""

    class Moves(Camera):
        """Person and room differ in colour alone."""

        def _frame(self, event: Any) -> Frame:
            now = time.monotonic()
            frame = room_with_person(at=2 + 2 * (round(now * 20) % 8))
            return replace(frame.with_planes((np.full_like(frame.planes[0], 120), *frame.planes[1:])), captured=now, pts=round(now * 1000))

    class ByColour(Keyer):
        def step(self, frame: Frame) -> Matte:
            person = np.repeat(np.repeat(frame.planes[2] < 140, 2, axis=0), 2, axis=1)
            return Matte(person.astype(np.float32), frame)

    screen = Screen()
    with World(Moves, ByColour, [Exit(screen, "composite", screen.again)], live=Live("#808080", smooth=1.0), ofd=ofd) as world:
        world.until(lambda: len(screen.frames) > 60 and world.pipeline.report().frames_matted > 20)
    assert any((frame.planes[0] == 120).any() for _, frame in screen.frames), "nobody was shown"
    assert max(int(frame.planes[2].max()) for _, frame in screen.frames) < 190


def test_a_clip_behind_begins_when_it_is_chosen() -> None:
    """However long the job has run: what of the clip has passed by then is not decoded first."""
    read = [0]

    def frames() -> Iterator[Frame]:
        for i in range(100_000):
            read[0] += 1
            yield replace(room_with_person(), planes=tuple(np.full_like(p, 100) for p in room_with_person().planes), pts=40 * i)

    with World() as world:
        world.pipeline._clock.began -= 1000
        world.until(lambda: world.shows_person)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(controls_module, "open_background", lambda spec: Clip(frames))
            world.controls.change(background="clip.mp4")
        world.until(lambda: luma(world) == 100)
    assert read[0] < 1000


def test_a_clip_behind_that_vanishes_is_told_once_and_its_last_picture_stays(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "clip.mp4", frames=4, size=SIZE)
    with World(live=Live(background=str(path))) as world:
        world.until(lambda: world.shows_person)
        path.unlink()
        world.until(lambda: world.told)
        count = len(world.screen.frames)
        world.until(lambda: len(world.screen.frames) > count + 10 and world.shows_person)
    assert len(world.told) == 1
    assert world.told[0].startswith(f"the background broke: there is no {path}")
    after = [frame.planes[0][:6] for _, frame in world.screen.frames[-5:]]
    assert all((rows == after[0]).all() for rows in after)


class Closes:
    """A background that notes whether it is closed."""

    def __init__(self, name: str) -> None:
        self.name, self.closed, self.used_closed = name, 0, 0

    def planes(self, frame: Frame, matte: Matte) -> Any:
        self.used_closed += bool(self.closed)
        return tuple(np.full_like(plane, 100) for plane in frame.planes)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("quickly", [False, True])
def test_every_background_is_closed_in_the_end(monkeypatch: pytest.MonkeyPatch, quickly: bool) -> None:
    opened: list[Closes] = []
    monkeypatch.setattr(controls_module, "open_background", lambda spec: (opened.append(Closes(spec)), opened[-1])[1])
    with World() as world:
        world.until(lambda: world.shows_person)
        for name in ("one", "two", "three"):
            world.controls.change(background=name)
            if not quickly:
                world.until(lambda: opened[-2].closed)
    assert [background.name for background in opened if not background.closed] == []


def test_a_background_in_use_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is replaced between the look at what holds and the closing of what does not."""
    opened: list[Closes] = []
    monkeypatch.setattr(controls_module, "open_background", lambda spec: (opened.append(Closes(spec)), opened[-1])[1])
    with World() as world:
        world.until(lambda: world.shows_person)
        close, names = world.controls.close_old, iter(("one", "two", "three"))

        def meanwhile(*used: Any) -> None:
            if name := next(names, None):
                world.controls.change(background=name)
            close(*used)

        world.controls.close_old = meanwhile  # type: ignore[method-assign]
        world.until(lambda: len(opened) == 4 and opened[2].closed)
    assert [background.used_closed for background in opened] == [0] * 4
    assert all(background.closed for background in opened)
