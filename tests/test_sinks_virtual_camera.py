"""The virtual camera, with a recorder in pyvirtualcam's place and an imitation of the driver; tests/devices has the real ones."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from v4l2loopback import Driver

from livematte.colour import BT601, BT709, Colour
from livematte.errors import SinkError
from livematte.frame import Frame
from livematte.sinks import i420, open_sink, virtual_camera
from livematte.sources import SourceInfo

LIKE = SourceInfo("cam", (64, 48), Fraction(25), Fraction(1, 25), real_time=True)
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="v4l2loopback is Linux's")


class Recorder:
    """pyvirtualcam.Camera, which takes flat arrays and copies them."""

    def __init__(self, size: tuple[int, int], rate: float, device: str | None) -> None:
        self.size, self.rate, self.device = size, rate, device
        self.sent: list[bytes] = []
        self.closed = False
        self.error: str = ""

    def send(self, picture: Any) -> None:
        if self.error:
            raise RuntimeError(self.error)
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous
        assert picture.size == self.size[0] * self.size[1] * 3 // 2
        self.sent.append(picture.tobytes())

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> list[Recorder]:
    """Those that were opened."""
    opened: list[Recorder] = []

    def open_one(size: tuple[int, int], rate: float, device: str | None) -> Recorder:
        opened.append(Recorder(size, rate, device))
        return opened[-1]

    monkeypatch.setattr(virtual_camera, "_camera", open_one)
    return opened


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cameras: list[Recorder]) -> Iterator[Driver]:
    """The imitated driver, which knows what the recorder does."""
    with Driver(tmp_path, monkeypatch) as made:
        open_one = virtual_camera._camera

        def taken(size: tuple[int, int], rate: float, device: str | None) -> Any:
            made.taken_by_pyvirtualcam(size)
            return open_one(size, rate, device)

        def left(camera: Recorder) -> None:
            made.left_by_pyvirtualcam()
            camera.closed = True

        monkeypatch.setattr(virtual_camera, "_camera", taken)
        monkeypatch.setattr(Recorder, "close", left)
        monkeypatch.setattr(virtual_camera, "devices", lambda: [made.path])
        yield made


@on_linux
def test_frames_reach_the_device_in_i420(driver: Driver, cameras: list[Recorder], make_frame: Callable[..., Frame]) -> None:
    frames = [
        make_frame("yuv420p", colour=Colour(matrix=BT601, full_range=False)),
        make_frame("yuv422p", seed=1, colour=Colour(matrix=5, full_range=True)),
        make_frame("nv12", seed=2, colour=Colour(matrix=BT709, full_range=False)),
    ]
    with open_sink("vcam", like=LIKE) as sink:
        assert (sink.paced, sink.alpha, sink.name) == (True, False, "vcam")
        for frame in frames:  # of another format, as of a camera that came back
            sink.send(frame)
        assert not cameras[0].closed
    assert (cameras[0].device, cameras[0].size, cameras[0].rate) == (driver.path, (64, 48), 25.0)
    assert driver.period == Fraction(1, 25)
    expected = []
    for frame in frames:
        code = i420.blank(frame.size)
        i420.write(frame, code)
        expected.append(code.tobytes())
    assert cameras[0].sent == expected
    assert cameras[0].closed
    assert driver.free
    assert driver.opened == 0
    sink.close()


@on_linux
def test_odd_sizes_grow_by_one(driver: Driver, cameras: list[Recorder], make_frame: Callable[..., Frame]) -> None:
    with open_sink(f"vcam:{driver.path}", like=replace(LIKE, size=(63, 47))) as sink:
        sink.send(make_frame("yuv444p", (63, 47)))
        with pytest.raises(ValueError, match=r"got a frame of size \(32, 24\), wanted \(64, 48\)"):
            sink.send(make_frame("yuv420p", (32, 24)))
    assert cameras[0].size == (64, 48)
    assert len(cameras[0].sent) == 1


@on_linux
def test_watchers_are_the_driver_s(driver: Driver, cameras: list[Recorder]) -> None:
    sink = virtual_camera.VirtualCamera("vcam", like=LIKE)
    driver.others = 1
    assert sink.watchers() == 1
    sink.close()
    assert sink.watchers() is None


@on_linux
def test_the_first_free_device_is_taken(driver: Driver, cameras: list[Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_camera, "devices", lambda: [str(tmp_path / "unplugged"), driver.path])
    with open_sink("vcam", like=LIKE):
        assert cameras[0].device == driver.path


@on_linux
def test_a_device_in_use_is_told_by_its_name(driver: Driver, cameras: list[Recorder], tmp_path: Path) -> None:
    driver.free, driver.others = False, 1
    with pytest.raises(SinkError, match=rf"^vcam: {driver.path} is in use by another program; end the one that writes to it"):
        open_sink("vcam", like=LIKE)
    with pytest.raises(SinkError, match=rf"^vcam:\S+video7: there is no \S+video7; wanted one of {driver.path}$"):
        open_sink(f"vcam:{tmp_path / 'video7'}", like=LIKE)
    assert cameras == []


@on_linux
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Virtual camera device could not be configured: Device or resource busy", "is in use by another program"),
        ("Unsupported image format.", "cannot be opened: 'v4l2loopback' backend: Unsupported image format$"),
    ],
)
def test_what_pyvirtualcam_says_is_passed_on(driver: Driver, monkeypatch: pytest.MonkeyPatch, said: str, told: str) -> None:
    def refuse(*_: object) -> Any:
        raise RuntimeError(f"'v4l2loopback' backend: {said}")

    monkeypatch.setattr(virtual_camera, "_camera", refuse)
    with pytest.raises(SinkError, match=told):
        open_sink("vcam", like=LIKE)
    assert driver.opened == 0


@on_linux
def test_a_size_that_a_reader_holds_leaves_nothing_open(driver: Driver, cameras: list[Recorder]) -> None:
    driver.kept = (32, 24)
    with pytest.raises(SinkError, match=r"vcam: .* is kept at 32x24 YU12"):
        open_sink("vcam", like=LIKE)
    assert cameras[0].closed
    assert driver.opened == 0


@on_linux
def test_a_camera_that_goes_away_is_an_error(driver: Driver, cameras: list[Recorder], make_frame: Callable[..., Frame]) -> None:
    sink = open_sink("vcam", like=LIKE)
    sink.send(make_frame())
    cameras[0].error = "it broke"
    with pytest.raises(SinkError, match=r"^vcam: writing failed: it broke; is the virtual camera still there\?$"):
        sink.send(make_frame())
    cameras[0].error = ""
    Path(driver.path).unlink()
    with pytest.raises(SinkError, match="the virtual camera is gone"):
        sink.send(make_frame())
    sink.close()
    with pytest.raises(SinkError, match="the virtual camera is gone"):
        sink.send(make_frame())


@pytest.mark.parametrize(("tool", "install"), [("apt", "apt install v4l2loopback-dkms"), ("dnf", "dnf install akmod"), ("", "apt install")])
def test_no_virtual_camera_tells_how_to_make_one_on_linux(tool: str, install: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(virtual_camera, "devices", list)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == tool else None)
    for spec in ("vcam", "vcam:/dev/video97"):
        with pytest.raises(SinkError, match=f"^{spec}: there is no virtual camera on this computer; make one:") as caught:
            open_sink(spec, like=LIKE)
        lines = str(caught.value).splitlines()
        assert len(lines) == 3
        assert install in lines[1]
        assert "modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=livematte video_nr=10" in lines[1]
        assert "Zoom wants 0" in lines[2]


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_elsewhere_it_is_obs_s_camera(
    platform: str, cameras: list[Recorder], make_frame: Callable[..., Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for spec, device in (("vcam", None), ("vcam:Unity Video Capture", "Unity Video Capture")):
        sink = virtual_camera.VirtualCamera(spec, like=LIKE)
        sink.send(make_frame())
        assert cameras[-1].device == device
        assert sink.watchers() is None
        sink.close()
        assert cameras[-1].closed


def test_elsewhere_a_missing_camera_is_told_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Any:
        raise RuntimeError("'obs' backend: virtual camera output could not be started.\n'unitycapture' backend: No camera registered.")

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(virtual_camera, "_camera", refuse)
    with pytest.raises(SinkError, match=r"^vcam: no virtual camera: 'obs' backend: .* started; 'unitycapture' .* registered") as caught:
        open_sink("vcam", like=LIKE)
    assert len(str(caught.value).splitlines()) == 3
    assert "install OBS" in str(caught.value)


@on_linux
def test_pyvirtualcam_itself_is_asked() -> None:
    with pytest.raises(RuntimeError, match="Device /dev/video97 does not exist"):
        virtual_camera._camera((64, 48), 25.0, "/dev/video97")
