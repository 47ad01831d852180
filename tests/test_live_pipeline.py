"""The live job as a whole: its threads, what it counts, and how it ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from live_world import (
    SIZE,
    WHITE,
    Camera,
    Film,
    Keyer,
    NumberedCamera,
    NumberedMatter,
    Screen,
    World,
    numbers,
    person_at,
    quicken,
    shows_room,
)

from livematte.errors import SinkError, SourceError
from livematte.frame import Frame, Matte
from livematte.live import pipeline as module
from livematte.live.controls import Live
from livematte.live.outlet import Exit


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)


@pytest.mark.parametrize("matters", [[], ["slow"] * 30], ids=["quick", "slow"])
def test_a_frame_is_composited_with_its_own_matte(matters: list[str]) -> None:
    recorder, paced = Screen("file", paced=False), Screen()
    exits = [Exit(recorder, "composite", None), Exit(paced, "composite", paced.again)]
    camera = NumberedCamera(period=0.001)
    with World(lambda: camera, lambda: NumberedMatter(matters), exits, live=Live(background="white")) as world:
        world.until(lambda: len(recorder.frames) > 50)
    sent = [frame for screen in (recorder, paced) for _, frame in screen.frames if frame.captured]
    assert all(numbers(frame) == (number := camera.given[frame.captured], number) for frame in sent)
    assert len({frame.captured for frame in sent}) > 30


def test_pictures_come_in_the_order_of_their_frames() -> None:
    recorder = Screen("file", paced=False)
    with World(NumberedCamera, NumberedMatter, [Exit(recorder, "composite", None)], live=Live(background="white")) as world:
        world.until(lambda: len(recorder.frames) > 50)
    pts = [frame.pts for _, frame in recorder.frames]
    assert all(a < b for a, b in pairwise(pts))
    assert {frame.time_base for _, frame in recorder.frames} == {Fraction(1, 90_000)}


def test_each_output_has_its_own_view() -> None:
    screens = {view: Screen(view, alpha=True) for view in ("composite", "cutout", "alpha", "foreground")}
    with World(exits=[Exit(screen, view, screen.again) for view, screen in screens.items()]) as world:
        world.until(lambda: all(s.frames and person_at(s.frames[-1][1]) >= 0 for s in screens.values()))
    last = {view: screen.frames[-1][1] for view, screen in screens.items()}
    assert [int(last[view].planes[0][0, 0]) for view in ("composite", "alpha", "foreground")] == [126, 16, WHITE]
    assert last["cutout"].pha is not None
    assert last["cutout"].pha.max() == 1
    assert not any(shows_room(frame) for screen in screens.values() for _, frame in screen.frames)


def test_a_frame_of_another_size_or_format_is_scaled_to_the_canvas(make_frame: Callable[..., Frame]) -> None:
    """As of a camera that came back as another one."""
    kinds = [
        ("yuv420p", SIZE),
        ("nv12", (64, 48)),
        ("yuv422p10le", (16, 12)),
        ("gbrp", (48, 36)),
        ("gray", (40, 40)),
        ("yuv444p", (33, 25)),
    ]

    class Changes(Camera):
        def items(self) -> Iterator[Any]:
            for i in range(100_000):
                time.sleep(0.003)
                name, size = kinds[i // 4 % len(kinds)]
                yield replace(make_frame(name, size), captured=time.monotonic(), pts=i * 3, time_base=Fraction(1, 1000))

    class Whole(Keyer):
        def step(self, frame: Frame) -> Matte:
            return Matte(np.ones(frame.planes[0].shape, np.float32), frame)

    screen = Screen("file", paced=False)
    with World(Changes, Whole, [Exit(screen, "composite", None)]) as world:
        world.until(lambda: {frame.format.name for _, frame in screen.frames} == {name for name, _ in kinds})
    assert {frame.size for _, frame in screen.frames} == {SIZE}
    assert world.told == []


def test_samples_that_are_not_square_are_made_square() -> None:
    class Wide(Camera):
        def _frame(self, event: Any) -> Frame:
            return replace(super()._frame(event), sample_aspect=Fraction(2))

    with World(Wide) as world:
        world.until(lambda: world.shows_person)
    assert world.screen.frames[-1][1].sample_aspect == 1


def test_a_film_ends_the_job() -> None:
    film = Film(20)
    with World(lambda: film, first=film) as world:
        world.until(lambda: world.report)
    assert world.report.frames_in == 20
    assert film.closed == 1
    assert world.screen.closed == 1


def test_a_film_that_breaks_ends_the_job_with_its_error() -> None:
    film = Film(5, ends=SourceError("film: damaged"))
    with World(lambda: film, first=film) as world:
        world.until(lambda: world.error)
    assert str(world.error) == "film: damaged"
    assert world.screen.closed == 1


def test_so_many_frames_end_the_job() -> None:
    with World(limit=7) as world:
        world.until(lambda: world.report)
    assert world.report.frames_matted == 7


@pytest.mark.parametrize("when", ["at once", "loading", "running", "no camera", "broken sink", "paused"])
def test_stop_ends_it_whatever_it_does(when: str) -> None:
    def no_camera() -> Camera:
        raise SourceError("no camera")

    load = threading.Event()

    def matter() -> Keyer:
        if when == "loading":
            load.wait(10)
        return Keyer()

    def no_screen() -> Screen:
        raise SinkError("no")

    screen = Screen(script=iter([SinkError("gone")] if when == "broken sink" else []))
    with World(no_camera if when == "no camera" else Camera, matter, [Exit(screen, "composite", no_screen)]) as world:
        if when == "paused":
            world.controls.change(paused=True)
        if when == "running":
            world.screen = screen
            world.until(lambda: world.shows_person)
        if when != "at once":
            world.until(lambda: screen.frames)
        world.pipeline.stop()
        threading.Timer(0.05, load.set).start()
    assert world.error is None
    assert world.report is not None
    assert screen.closed >= 1
    assert world.pipeline.idle


def test_what_it_waits_for_is_told() -> None:
    load = threading.Event()
    with World(matter=lambda: (load.wait(10), Keyer())[1]) as world:
        world.until(lambda: world.pipeline.report().state == "loading the network")
        load.set()
        world.until(lambda: world.pipeline.report().state == "")


def test_stop_may_come_before_the_beginning() -> None:
    world = World()
    world.pipeline.stop()
    with world:
        world.until(lambda: world.report)


def test_no_thread_is_left_and_the_camera_is_closed() -> None:
    before = set(threading.enumerate())
    cameras: list[Camera] = []

    def opening() -> Camera:
        cameras.append(Camera(["frame", "frame", "end"]))
        return cameras[-1]

    with World(opening) as world:
        world.until(lambda: len(cameras) > 3)
    assert set(threading.enumerate()) <= before
    assert all(camera.closed for camera in cameras)


def test_threads_of_opencv_are_as_before() -> None:
    before = cv2.getNumThreads()
    with World() as world:
        world.until(lambda: world.shows_person)
    assert cv2.getNumThreads() == before


def test_who_listens_may_end_it() -> None:
    def listen(report: object) -> None:
        raise KeyboardInterrupt

    world = World()
    with pytest.raises(KeyboardInterrupt):
        world.pipeline.run(listen)
    assert world.pipeline.idle
    assert world.screen.closed == 1


class Preview(Screen):
    """A window. keys: what is pressed. clicked: where, once there is a picture."""

    def __init__(self, keys: Sequence[str] = (), breaks: bool = False, clicked: Sequence[tuple[float, float]] = ()) -> None:
        super().__init__("window")
        self.clicked = list(clicked)
        self.keys, self.breaks, self.lines, self.helped, self.pumped_by = list(keys), breaks, [""], 0, set[Any]()

    def pump(self) -> list[str]:
        self.pumped_by.add(threading.current_thread().name)
        if self.breaks and self.frames:
            raise RuntimeError("the toolkit broke")
        return [self.keys.pop(0)] if self.keys and self.frames else []

    def clicks(self) -> list[tuple[float, float]]:
        return [self.clicked.pop(0)] if self.clicked and self.frames else []

    def status(self, text: str) -> None:
        self.lines.append(text)

    def help(self) -> None:
        self.helped += 1


def test_keys_of_the_window_are_done_and_told() -> None:
    window = Preview(["?", "f", "x", "space", "q"])
    with World(exits=[Exit(window, "composite", window.again)]) as world:
        world.until(lambda: world.report)
    assert world.told == ["mirrored", "paused: the stand-in is shown"]
    assert window.helped == 1
    assert "matted" in window.lines[-1]
    assert len(window.pumped_by) == 1


@pytest.mark.parametrize(("view", "chosen"), [("composite", (0.75, 0.5)), ("triptych", (0.25, 0.5))])
def test_a_click_in_the_window_chooses_who_is_there(view: str, chosen: tuple[float, float]) -> None:
    window = Preview(clicked=[(0.75, 0.5)])
    heard: list[tuple[float, float]] = []
    with World(exits=[Exit(window, view, window.again)]) as world:
        world.controls.on_choose = lambda x, y: heard.append((x, y))
        world.until(lambda: heard)
    assert heard == [pytest.approx(chosen)]
    assert world.told == ["kept alone: who was clicked on; a click beside everybody: as before"]


def test_a_window_that_breaks_does_not_end_the_others() -> None:
    window, screen = Preview(breaks=True), Screen()
    with World(exits=[Exit(window, "composite", window.again), Exit(screen, "composite", screen.again)]) as world:
        world.until(lambda: window.frames)
        count = len(screen.frames)
        world.until(lambda: len(screen.frames) > count + 20)
        assert world.error is None


def test_a_snapshot_is_what_the_first_output_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with World(live=Live(background="white")) as world:
        world.until(lambda: world.shows_person)
        said = [world.pipeline.keys.press("s") for _ in range(3)]
        world.controls.change(paused=True)
        said.append(world.pipeline.keys.press("s"))
        monkeypatch.setattr(module.time, "strftime", lambda text: "nowhere/x")
        assert world.pipeline.keys.press("s").startswith("cannot write nowhere/x.png: No such file")
    names = [text.removeprefix("snapshot: ") for text in said]
    pictures = [cv2.imread(name) for name in names]
    assert len(set(names)) == 4
    assert all(picture is not None and picture.shape == (24, 32, 3) for picture in pictures)
    assert pictures[0][0, 0].tolist() == [255, 255, 255]
    assert not any(((picture[..., 2] > 150) & (picture[..., 0] < 100)).any() for picture in pictures), "nothing of the room"


def test_frames_that_nobody_has_time_for_are_dropped_and_counted() -> None:
    with World(lambda: Camera(period=0.002), lambda: Keyer(["slow"] * 1000)) as world:
        world.until(lambda: world.pipeline.report().frames_in > 100)
    report = world.report
    assert report.dropped > 0
    assert report.frames_matted < report.frames_in
    assert report.frames_in - report.frames_matted - report.dropped <= 12, "of all but a few, on their way, it is known what became of them"


def test_the_figures_are_of_what_happened() -> None:
    cameras = iter([Camera(["frame", "garbage", "frame", "end"])])
    reports: list[Any] = []
    world = World(lambda: next(cameras, None) or Camera())
    world._run = lambda: setattr(world, "report", world.pipeline.run(reports.append))  # type: ignore[method-assign]
    world._thread = threading.Thread(target=world._run)
    with world:
        world.until(lambda: world.shows_person and world.pipeline.report().reconnects and world.pipeline.report().fps_out)
        time.sleep(0.1)
        assert world.pipeline.report().state == ""
    report = world.report
    assert report.frames_out == len(world.screen.frames) == report.outputs["screen"]
    assert (report.reconnects, report.bad_frames) == (1, 1)
    assert 0 < report.frames_matted <= report.frames_in
    assert set(report.stages_ms) == {"network", "composite"}
    assert 0 < report.latency_ms[0] <= report.latency_ms[1] <= report.latency_ms[2]
    assert 0 < report.stand_in_seconds < report.seconds
    assert report.background == "#808080"
    assert report.detail == 32
    assert report.watchers is None
    assert reports[-1].frames_in > 0
    json.dumps(asdict(report))


def test_latency_is_from_capture_to_sending() -> None:
    """A frame that was taken half a second before it came is half a second older."""

    class Late(Camera):
        def _frame(self, event: Any) -> Frame:
            frame = super()._frame(event)
            assert frame.captured is not None
            return replace(frame, captured=frame.captured - 0.5)

    with World(Late) as world:
        world.until(lambda: world.shows_person and world.pipeline.report().frames_matted > 20)
    assert world.report.latency_ms[0] > 500


def test_the_status_line_says_why_there_is_the_stand_in() -> None:
    with World() as world:
        world.until(lambda: world.shows_person)
        assert "stand-in" not in world.pipeline.report().line
        world.controls.change(paused=True)
        assert world.pipeline.report().line.endswith("stand-in: paused")
