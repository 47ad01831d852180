"""A live job from its settings: what is wrong is found while it is opened, and told with the mend."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from live_world import SIZE, Camera, Keyer, Screen, quicken, shows_room

from livematte import live_job, weights
from livematte.errors import BusyError, LivematteError, SettingsError, SinkError, SourceError
from livematte.live.figures import LiveReport
from livematte.live_job import LiveJob, is_live
from livematte.settings import Settings, make_settings
from livematte.sources import SourceInfo, Wish, open_source


@pytest.mark.parametrize(
    ("given", "outputs", "live"),
    [
        ("cam", (), True),
        ("cam:1", ("take.mkv",), True),
        ("cam:/dev/video2", ("take.mp4",), True),
        ("rtsp://host/live", ("take.mkv",), True),
        ("RTSP://host/live", ("take.mkv",), True),
        ("rtmp://host/app", (), True),
        ("udp://239.0.0.1:1234", ("take.mkv",), True),
        ("srt://host:9000", ("take.mkv",), True),
        ("clip.mp4", (), False),
        ("clip.mp4", ("clip.mov",), False),
        ("clip.mp4", ("vcam",), True),
        ("clip.mp4", ("vcam:/dev/video10",), True),
        ("clip.mp4", ("window",), True),
        ("clip.mp4", ("clip.mov", "rtmp://host/app"), True),
        ("clip.mp4", ("whip+https://host/room",), True),
        ("clip.mp4", ("ndi:me",), True),
        ("clip.mp4", ("-",), False),
        ("pattern", ("window",), True),
        ("pattern", (), False),
        ("https://host/clip.mp4", (), False),
        ("https://host/clip.mp4", ("vcam",), True),
        ("camera.mp4", (), False),
        ("rtsp.mp4", (), False),
        ("vcam/", ("vcam/",), False),
    ],
)
def test_what_is_a_live_job(given: str, outputs: tuple[str, ...], live: bool) -> None:
    assert is_live(Settings(input=given, outputs=outputs)) == live


class Place:
    """What a LiveJob opens: a camera and screens, remembered. opens: what the camera's opening gives or raises, in turn."""

    def __init__(self) -> None:
        self.opens: list[Any] = []
        self.cameras: list[Camera] = []
        self.wishes: list[Wish] = []
        self.screens: dict[str, Screen] = {}
        self.likes: list[SourceInfo] = []
        self.watchers: dict[str, int | None] = {}

    def open_live_source(self, spec: str, *, wish: Wish | None = None, cut: Any = None) -> Camera:
        event = self.opens.pop(0) if self.opens else None
        if isinstance(event, Exception):
            raise event
        self.cameras.append(event or Camera())
        self.wishes.append(wish or Wish())
        return self.cameras[-1]

    def open_sink(self, name: str, *, like: SourceInfo, encoding: Any, overwrite: bool) -> Screen:
        self.likes.append(like)
        screen = self.screens.setdefault(name, Screen(name, paced=":" not in name and "." not in name))
        if name.startswith("vcam"):
            screen.watchers = lambda: self.watchers.get(name, 0)  # type: ignore[attr-defined]
        screen.abandoned = 0  # type: ignore[attr-defined]
        return screen


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    quicken(monkeypatch)
    monkeypatch.chdir(tmp_path)
    place = Place()
    monkeypatch.setattr(live_job, "open_live_source", place.open_live_source)
    monkeypatch.setattr(live_job, "open_sink", place.open_sink)
    monkeypatch.setattr(weights, "resolve", lambda *args, **kwargs: tmp_path / "net.onnx")
    monkeypatch.setattr(LiveJob, "_open_matter", lambda self, path: Keyer())
    return place


def job(*outputs: str, tell: Callable[[str], None] = lambda text: None, **values: Any) -> LiveJob:
    return LiveJob(make_settings(**{"input": "cam", "outputs": outputs or ("vcam",), **values}), tell=tell)


def views(made: LiveJob) -> list[str]:
    return [outlet.view for outlet in made.pipeline.outlets]


def until_seen(screen: Screen, made: LiveJob, light: int = 200) -> Callable[[LiveReport], None]:
    """A listener that ends the job when there was a picture with somebody in it."""

    def listen(report: LiveReport) -> None:
        if any((frame.planes[0] > light).any() for _, frame in screen.frames[-3:]):
            made.pipeline.stop()

    return listen


def test_a_plate_of_another_shape_is_found_while_it_opens(place: Place, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "plate.png"), np.zeros((SIZE[0], SIZE[0], 3), np.uint8))
    with pytest.raises(SettingsError, match=rf"--plate: got a picture of {SIZE[0]}x{SIZE[0]}, wanted the shape of the frames"):
        job(plate="plate.png", background="blur")
    assert all(camera.closed for camera in place.cameras)


# views and backgrounds


def test_a_virtual_camera_without_a_background_blurs_the_room(place: Place) -> None:
    with job() as made:
        assert views(made) == ["composite"]
        assert made.controls.live.background == "blur"
        assert made.controls.live.backgrounds == ("blur", "blur:12", "#202020", "green")


@pytest.mark.parametrize("view", ["auto", "composite"])
def test_no_background_said_aloud_is_refused_where_there_is_no_alpha(place: Place, view: str) -> None:
    with pytest.raises(SettingsError, match=r"vcam wants a background; try -b blur, -b green or -b picture\.jpg"):
        job(background="none", view=view)
    assert not place.cameras, "found before anything is opened"


def test_a_picture_of_the_room_is_refused(place: Place) -> None:
    with pytest.raises(SettingsError, match="--view triptych shows the room as it is, which a live job never does; try --view foreground"):
        job(view="triptych", background="blur")


def test_a_cutout_is_refused_where_there_is_no_alpha(place: Place) -> None:
    with pytest.raises(
        SettingsError, match=r"vcam cannot hold alpha; give it a background \(-b green, -b blur\), or choose an output that"
    ):
        job(view="cutout")


def test_each_output_gets_what_it_can_hold(place: Place) -> None:
    with job("vcam", "ndi:me", "take.mkv", "talk.mp4") as made:
        assert views(made) == ["composite", "cutout", "cutout", "composite"]
        assert made.controls.live.background == "blur"
    with job("window", "ndi:me") as made:
        assert views(made)[1] == "cutout"
        assert made.controls.live.background == "none"
        assert made.controls.live.backgrounds[:2] == ("none", "blur")
    with job("vcam", "ndi:me", background="green") as made:
        assert views(made) == ["composite", "composite"]
    with job("vcam", view="alpha") as made:
        assert views(made) == ["alpha"]


def test_the_key_b_shows_another_background_in_a_preview_of_a_cutout(place: Place) -> None:
    """Else it would say so, and nothing would be seen."""
    with job("window") as made:
        screen = place.screens["window"]

        def listen(report: LiveReport) -> None:
            if screen.frames and made.controls.live.background == "none":
                made.pipeline.keys.press("b")
            if any(frame.pha is None for _, frame in screen.frames):
                made.pipeline.stop()
            if report.seconds > 5:
                made.pipeline.stop()

        made.run(listen)
    assert any(frame.pha is None for _, frame in screen.frames)


def test_the_first_background_is_shown_and_the_key_goes_on_to_the_others(place: Place) -> None:
    with job(background=["green", "white", "green"]) as made:
        assert made.controls.live.background == "green"
        assert made.controls.live.backgrounds == ("green", "white")


def test_what_the_settings_say_is_what_it_begins_with(place: Place) -> None:
    values = {"smooth": "0.3", "choke": "1", "feather": "2", "detail": "256", "mirror": True, "alpha": "premultiplied"}
    with job(background="green", **values) as made:
        live = made.controls.live
    assert (live.smooth, live.choke, live.feather, live.detail, live.mirror, live.premultiplied) == (0.3, 1, 2, 256, True, True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"background": "nowhere.png"}, "background: there is no nowhere.png"),
        ({"background": "greenish"}, "--background: got colour 'greenish'"),
        ({"outputs": ["vcam", "vcam"]}, "an output is named twice: vcam, vcam"),
        ({"outputs": ["gopher://host"]}, "output gopher://host: got gopher://, wanted one of rtmp://"),
        ({"outputs": ["take.avi"]}, "output take.avi: got .avi, wanted one of"),
        ({"model": "best"}, "best"),
        ({"report": "nowhere/figures.json"}, "--report: got 'nowhere/figures.json', wanted a file in a folder that is there"),
        ({"start": "3"}, "--start and --end are for clips; a camera runs until it is stopped"),
        ({"end": "3"}, "--start and --end are for clips; a camera runs until it is stopped"),
        ({"on_demand": True, "start": "3"}, "--start and --end are for clips; a camera runs until it is stopped"),
        ({"on_demand": True, "input": "pattern"}, "--on-demand is for cameras; got pattern"),
        (
            {"on_demand": True, "outputs": ["vcam", "take.mkv"], "background": "blur"},
            "--on-demand wants virtual cameras only, got the output take.mkv",
        ),
    ],
)
def test_what_is_wrong_in_the_settings_is_found_at_once(place: Place, values: dict[str, Any], message: str) -> None:
    with pytest.raises(LivematteError, match=message):
        job(**values)
    assert all(camera.closed for camera in place.cameras)


# the camera


def test_the_camera_is_asked_as_wished(place: Place) -> None:
    with job(size="640x360", fps="29.97", pixel_format="mjpeg") as made:
        assert place.wishes == [Wish((640, 360), Fraction(2997, 100), "mjpeg")]
        assert made.info.size == SIZE, "what it gives, not what it was asked for"
        assert made.info.rate == 100
        assert made.info.real_time


def test_a_rate_that_nobody_can_show_is_lowered(place: Place) -> None:
    camera = Camera()
    camera.info = SourceInfo("camera", SIZE, Fraction(1000), Fraction(1, 1000), real_time=True)
    place.opens = [camera]
    with job() as made:
        assert made.info.rate == 120


def test_a_camera_that_is_not_there_is_an_error(place: Place) -> None:
    place.opens = [SourceError("cam: no camera is connected; check its cable")]
    with pytest.raises(SourceError, match="no camera is connected"):
        job()
    assert not place.screens, "no output was opened for it"


def test_no_camera_of_that_name_is_told_by_the_real_opening(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "resolve", lambda *args, **kwargs: tmp_path / "net.onnx")
    with pytest.raises(SourceError, match=r"no camera|nowhere"):
        LiveJob(make_settings(input="cam:/dev/nowhere", outputs=(str(tmp_path / "take.mkv"),)))
    assert not list(tmp_path.iterdir())


def test_a_camera_that_is_in_use_is_waited_for(place: Place) -> None:
    busy = BusyError("cam is in use by Zoom")
    place.opens = [busy, busy, busy]
    told: list[str] = []
    with job(tell=told.append, background="#808080") as made:
        assert made.info.size == (1280, 720)
        assert made.info.rate == 30
        made.run(until_seen(place.screens["vcam"], made))
    assert told[0] == "cam is in use by Zoom\nThe stand-in is shown until it is back."
    assert len(told) == 2
    assert told[1].startswith("cam is back after")
    assert {frame.size for _, frame in place.screens["vcam"].frames} == {(1280, 720)}
    assert not any(shows_room(frame) for _, frame in place.screens["vcam"].frames)


def test_of_a_camera_in_use_the_size_is_the_wished_one(place: Place) -> None:
    place.opens = [BusyError("cam is in use")]
    with job(size="64x48", fps="15") as made:
        assert (made.info.size, made.info.rate) == ((64, 48), 15)


def test_a_stream_that_does_not_answer_is_an_error(place: Place) -> None:
    place.opens = [SourceError("rtsp://host/live: no answer")]
    with pytest.raises(SourceError, match="no answer"):
        job(input="rtsp://host/live")


# outputs


def test_outputs_are_opened_like_the_pictures(place: Place) -> None:
    with job("vcam", "take.mp4"):
        assert len(place.likes) == 2
    like = place.likes[0]
    assert (like.size, like.rate, like.real_time, like.sound) == (SIZE, 100, True, False)


def test_an_output_that_cannot_be_opened_closes_all(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    abandoned: list[str] = []
    monkeypatch.setattr(Screen, "abandon", lambda self, keep: abandoned.append(self.name))
    opens = place.open_sink

    def breaks(name: str, **values: Any) -> Screen:
        if name == "window":
            raise SinkError("window: there is no display")
        return opens(name, **values)

    monkeypatch.setattr(live_job, "open_sink", breaks)
    with pytest.raises(SinkError, match="there is no display"):
        job("vcam", "window")
    assert abandoned == ["vcam"]
    assert place.cameras[0].closed


def test_without_a_name_it_is_a_window(place: Place) -> None:
    with LiveJob(make_settings(input="cam")) as made:
        assert [outlet.sink.name for outlet in made.pipeline.outlets] == ["window"]


@pytest.mark.parametrize(
    ("name", "again"), [("vcam", True), ("window", True), ("rtmp://host/app", True), ("ndi:me", True), ("take.mkv", False)]
)
def test_what_comes_back_and_what_does_not(place: Place, name: str, again: bool) -> None:
    with job(name, background="blur") as made:
        assert (made.pipeline.outlets[0]._open is not None) == again


def test_on_demand_wants_a_virtual_camera_that_tells(place: Place) -> None:
    place.watchers = {"vcam": None}
    with pytest.raises(SinkError, match="--on-demand wants a virtual camera that tells who watches; vcam does not; leave the option out"):
        job(on_demand=True)


def test_on_demand_opens_no_camera_until_somebody_watches(place: Place) -> None:
    with job(on_demand=True, size="64x48") as made:
        assert not place.cameras
        assert made.info.size == (64, 48)
        seen: list[str] = []

        def listen(report: LiveReport) -> None:
            seen.append(report.state)
            if seen[-1] == "nobody watches":
                assert not place.cameras
                place.watchers = {"vcam": 1}
            until_seen(place.screens["vcam"], made)(report)

        made.run(listen)
    assert "nobody watches" in seen
    assert len(place.cameras) == 1
    assert place.cameras[0].closed


# the run


def test_it_runs_and_writes_its_report(place: Place, tmp_path: Path) -> None:
    with job("vcam", "take.mkv", background="#808080", report="figures.json") as made:
        screen = place.screens["vcam"]
        screen.notes.append("vcam: shown larger")
        report = made.run(until_seen(screen, made))
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["frames_in"] == report.frames_in > 0
    assert set(figures["outputs"]) == {"vcam", "take.mkv"}
    assert figures["input"] == "camera"
    assert figures["notes"] == ["vcam: shown larger"]
    assert figures["errors"] == []
    wanted = {"latency_ms", "dropped", "stages_ms", "fps_in", "fps_out", "reconnects", "stand_in_seconds", "model", "versions"}
    assert wanted <= set(figures)
    assert len(figures["latency_ms"]) == 3
    assert all(camera.closed for camera in place.cameras)


def test_the_report_tells_of_an_output_that_broke(place: Place, tmp_path: Path) -> None:
    with job("vcam", "take.mkv", background="#808080", report="figures.json") as made:
        place.screens["take.mkv"].script = iter([SinkError("take.mkv: disk full")])

        def listen(report: LiveReport) -> None:
            if made.pipeline.outlets[1].error:
                until_seen(place.screens["vcam"], made)(report)

        made.run(listen)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["errors"] == ["take.mkv: disk full"]


def test_so_many_frames_are_enough(place: Place) -> None:
    with job(frames="5") as made:
        assert made.run().frames_matted == 5


def test_a_job_that_is_opened_and_left_closes_all(place: Place) -> None:
    with job():
        pass
    assert place.cameras[0].closed


def test_a_picture_that_moves_is_played_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A source that is no camera, to a real file: its frames and no more."""
    monkeypatch.setattr(weights, "resolve", lambda *args, **kwargs: tmp_path / "net.onnx")

    class Whole(Keyer):
        def step(self, frame: Any) -> Any:
            matte = super().step(frame)
            matte.pha[...] = 1
            return matte

    monkeypatch.setattr(LiveJob, "_open_matter", lambda self, path: Whole())
    screens: Iterator[Screen] = iter([Screen("window")])
    opens = live_job.open_sink
    monkeypatch.setattr(live_job, "open_sink", lambda name, **more: next(screens) if name == "window" else opens(name, **more))
    settings = make_settings(input="pattern:64x48", outputs=("window", str(tmp_path / "take.mkv")), background="#808080", frames=8)
    with LiveJob(settings) as made:
        report = made.run()
    assert report.frames_in == 8
    with open_source(tmp_path / "take.mkv") as source:
        times = [frame.seconds for frame in source]
    assert 1 <= len(times) <= 8
    assert all(a < b for a, b in pairwise(times))
