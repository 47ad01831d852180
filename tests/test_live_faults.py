"""What the live job goes through without an end: networks without memory, outputs that break, words that cannot be told."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from live_world import (
    PERSON,
    SLACK,
    Camera,
    Film,
    Keyer,
    Screen,
    World,
    quicken,
)

from livematte.errors import EngineError, LivematteError, SinkError, SourceError
from livematte.frame import Frame, Matte
from livematte.live import matting
from livematte.live import pipeline as module
from livematte.live.controls import Live
from livematte.live.outlet import Exit


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)


def test_a_matter_that_cannot_be_made_ends_the_job_with_its_error() -> None:
    def fails() -> Keyer:
        raise EngineError("no such device")

    with World(matter=fails) as world:
        world.until(lambda: world.error)
    assert isinstance(world.error, EngineError)
    assert world.screen.closed == 1


@pytest.mark.parametrize("fault", [LivematteError("no"), RuntimeError("of a library"), ValueError(), MemoryError()], ids=repr)
def test_a_matter_that_breaks_is_told_once_and_primed_anew(fault: Exception) -> None:
    matter = Keyer(["matte", "matte", fault, fault, "matte", fault])
    with World(matter=lambda: matter) as world:
        world.until(lambda: matter.primed >= 3 and world.shows_person)
    assert len(world.told) == 1
    assert world.told[0].endswith("The stand-in is shown until it works again.")


@pytest.mark.parametrize("how", ["at once", "later", "damaged", "nan"])
def test_the_stand_in_is_shown_while_the_matter_breaks(how: str) -> None:
    def fails() -> Matte:
        raise LivematteError("broken") if how == "damaged" else RuntimeError("broken")

    class Broken(Keyer):
        broken = False

        def step(self, frame: Frame) -> Matte:
            matte = super().step(frame)
            if not self.broken:
                return matte
            if how == "nan":
                return Matte(matte.pha * np.float32(np.nan), frame)
            return fails() if how == "at once" else Matte.later(fails)

    matter = Broken()
    with World(matter=lambda: matter) as world:
        world.until(lambda: world.shows_person)
        matter.broken = True
        world.until(lambda: not world.shows_person)
        since = time.monotonic()
        time.sleep(0.1)
        matter.broken = False
        until = time.monotonic()
        world.until(lambda: world.shows_person)
    meanwhile = [frame for at, frame in world.screen.frames if since + SLACK < at < until]
    assert len(meanwhile) > 3
    assert not any((frame.planes[0] == PERSON).any() for frame in meanwhile)


@pytest.mark.parametrize("event", ["nan", "over", "small", "late"])
def test_a_matte_that_is_none_is_not_shown(event: str) -> None:
    matter = Keyer(["matte"] * 5 + [event] * 3)
    with World(matter=lambda: matter) as world:
        world.until(lambda: world.told and world.shows_person)
    assert len(world.told) == 1
    wanted = {
        "nan": "the network gave alpha from nan to nan, wanted 0 to 1",
        "over": "the network gave alpha from 0.0 to 2.0, wanted 0 to 1",
        "small": "the network gave a matte of (22, 32), wanted (24, 32)",
        "late": "a picture could not be made: RuntimeError: broke while it was worked out",
    }
    assert world.told[0] == wanted[event]


class Detailed(Keyer):
    """A matter with a detail. room: the largest it has memory for."""

    def __init__(self, room: int = 10_000, seconds: float = 0.0) -> None:
        super().__init__()
        self.detail, self.details, self._room, self._seconds = 512, [0], room, seconds

    def step(self, frame: Frame) -> Matte:
        self.details += [self.detail] if self.details[-1:] != [self.detail] else []
        if self.detail > self._room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 MiB")
        time.sleep(self._seconds * (self.detail / 512) ** 2)
        return super().step(frame)


def big_camera() -> Camera:
    return Camera([("size", 640, 480)] * 100_000)


def test_without_memory_the_detail_goes_down_until_it_fits() -> None:
    matter = Detailed(room=400)
    with World(big_camera, lambda: matter, canvas=(640, 480)) as world:
        world.until(lambda: world.shows_person)
        assert world.pipeline.report().detail == 384
    assert matter.details == [0, 512, 448, 384]
    assert world.told == ["out of memory: detail goes down to 448", "out of memory: detail goes down to 384"]


def test_without_memory_at_all_it_is_told() -> None:
    matter = Detailed(room=10)
    with World(big_camera, lambda: matter, canvas=(640, 480)) as world:
        world.until(lambda: any("out of memory. Tried" in text for text in world.told))
    assert matter.details[-1] == 256
    assert world.told[-1].endswith("The stand-in is shown until it works again.")


def test_a_network_that_is_too_slow_goes_down_in_detail() -> None:
    matter = Detailed(seconds=0.03)
    with World(big_camera, lambda: matter, canvas=(640, 480), rate=100.0) as world:
        world.until(lambda: matter.details[-1] == 256)
        world.controls.change(detail=448)
        world.until(lambda: matter.details[-1] == 448)
        world.controls.change(detail=None)
        world.until(lambda: matter.details[-1] == 256)
    assert matter.primed >= len(matter.details) - 2, "of no use is a state of another size"


def test_a_detail_that_the_user_fixed_stays() -> None:
    matter = Detailed(seconds=0.03)
    with World(big_camera, lambda: matter, canvas=(640, 480), live=Live(background="#808080", detail=512)) as world:
        world.until(lambda: world.pipeline.report().frames_matted > 40)
    assert matter.details == [0, 512]


def test_a_camera_that_stops_without_a_word_is_not_shown_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in (module, matting):
        monkeypatch.setattr(part, "STALE_AFTER", 0.05)
    goes = threading.Event()

    class Stands(Camera):
        def _frame(self, event: Any) -> Frame:
            if len(world.screen.frames) > 50:
                goes.wait(10)
            return super()._frame(event)

    world = World(Stands)
    with world:
        world.until(lambda: world.shows_person)
        world.until(lambda: len(world.screen.frames) > 50 and not world.shows_person)
        goes.set()
        world.until(lambda: world.shows_person)
    assert world.told == []


def test_the_last_output_that_breaks_ends_the_job_with_its_error() -> None:
    one = Screen("a", paced=False, script=iter(["ok"] * 3 + [SinkError("a: disk full")]))
    other = Screen("b", paced=False, script=iter(["ok"] * 20 + [SinkError("b: disk full")]))
    with World(exits=[Exit(one, "composite", None), Exit(other, "composite", None)]) as world:
        world.until(lambda: world.error)
    assert isinstance(world.error, SinkError)
    assert len(other.frames) > len(one.frames)
    assert [text.partition("\n")[0] for text in world.told] == ["a: disk full", "b: disk full"]
    assert (one.closed, other.closed) == (1, 1)


def test_an_output_that_breaks_does_not_end_the_others_and_the_report_is_there() -> None:
    broken = Screen("file", paced=False, script=iter(["ok", SinkError("file: disk full")]))
    good = Screen()
    with World(exits=[Exit(good, "composite", good.again), Exit(broken, "composite", None)]) as world:
        world.until(lambda: broken.closed)
        count = len(good.frames)
        world.until(lambda: len(good.frames) > count + 20)
    assert world.error is None, "what ended is told already; the job goes on, and ends as it should"
    assert world.report.outputs == {"screen": len(good.frames), "file": 1}


def test_a_file_that_cannot_be_finished_is_told() -> None:
    class Full(Screen):
        def close(self) -> None:
            super().close()
            raise SinkError("file: disk full")

    good, full = Screen(), Full("file", paced=False)
    with World(exits=[Exit(good, "composite", good.again), Exit(full, "composite", None)]) as world:
        world.until(lambda: full.frames)
    assert any("disk full" in text for text in [*world.told, str(world.error)])


def test_words_that_cannot_be_told_end_nothing() -> None:
    """As where the terminal or the pipe on standard error is gone."""

    def mute(text: str) -> None:
        raise BrokenPipeError

    screen = Screen(script=iter(["ok", SinkError("gone")]))
    cameras = iter([Camera(["frame", SourceError("gone")]), Camera(["garbage"])])
    exits = [Exit(screen, "composite", screen.again)]
    world = World(lambda: next(cameras, None) or Camera(), lambda: Keyer([RuntimeError()]), exits, tell=mute)
    with world:
        world.screen = screen
        world.until(lambda: screen.opened > 1 and world.shows_person)
    assert world.error is None


def test_the_last_pictures_and_sounds_of_a_film_are_written() -> None:
    screen = Screen("file", paced=False)
    film = Film(20, sounds=True)
    with World(lambda: film, exits=[Exit(screen, "composite", None)], first=film) as world:
        world.until(lambda: world.report)
    assert world.report.frames_in == 20
    assert screen.frames[-1][1].label == "19"
    assert float(screen.sounds[-1].seconds) >= screen.frames[-1][1].seconds - 0.011
    assert world.report.outputs["file"] == len(screen.frames)


def test_a_film_is_shown_from_its_beginning() -> None:
    """A film, unlike a camera, can wait until the network is there."""

    def load() -> Keyer:
        time.sleep(0.3)
        return Keyer()

    screen = Screen("file", paced=False)
    film = Film(20)
    with World(lambda: film, load, [Exit(screen, "composite", None)], first=film) as world:
        world.until(lambda: world.report)
    assert screen.frames[0][1].label == "0"


def test_sound_goes_to_every_output() -> None:
    screens = [Screen("file", paced=False), Screen()]
    film = Film(60, sounds=True)
    with World(lambda: film, exits=[Exit(screen, "composite", None) for screen in screens], first=film) as world:
        world.until(lambda: world.report)
    for screen in screens:
        begins = [float(sound.seconds) for sound in screen.sounds]
        assert len(begins) > 40
        assert begins == sorted(begins)
        assert np.diff(begins) == pytest.approx([0.01] * (len(begins) - 1), abs=1e-4)
