"""How a camera is read on Windows and macOS, with a driver that is made up: no such machine runs these tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from livematte.errors import BusyError, SourceError
from livematte.sources import camera as cameras
from livematte.sources import opencv_camera
from livematte.sources.base import ANYTHING, Wish
from livematte.sources.opencv_camera import OpenCvCamera


class Capture:
    """cv2.VideoCapture with one size and rate. pictures: what read gives, None for a failure; at the end, failures."""

    def __init__(self, pictures: list[Any], *, rate: float = 30.0, opens: bool = True) -> None:
        self.pictures, self.rate, self.opens = iter(pictures), rate, opens
        self.asked: list[tuple[int, float]] = []
        self.released = 0

    def isOpened(self) -> bool:  # noqa: N802 (OpenCV's name)
        return self.opens

    def set(self, what: int, value: float) -> bool:
        self.asked.append((what, value))
        return True

    def get(self, what: int) -> float:
        assert what == cv2.CAP_PROP_FPS
        return self.rate

    def read(self) -> tuple[bool, Any]:
        picture = next(self.pictures, None)
        return picture is not None, picture

    def release(self) -> None:
        self.released += 1


def picture(value: int = 0) -> Any:
    """(48, 64, 3) B G R with a different level in each channel."""
    return np.full((48, 64, 3), (10, 100, 200), np.uint8) + np.uint8(value)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = cv2.utils.logging.getLogLevel()
    monkeypatch.setattr(opencv_camera, "SILENCE", 0.05)
    monkeypatch.setenv("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")
    yield
    cv2.utils.logging.setLogLevel(before)


def opened(capture: Capture, monkeypatch: pytest.MonkeyPatch, wish: Wish = ANYTHING) -> OpenCvCamera:
    monkeypatch.setattr(cv2, "VideoCapture", lambda number, backend: capture)
    return OpenCvCamera(0, name="FaceTime", wish=wish)


def test_pictures_become_planes_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(Capture([picture(0), picture(1)]), monkeypatch) as source:
        frames = [frame for _, frame in zip(range(2), source, strict=False)]
    assert [[int(plane[0, 0]) for plane in frame.planes] for frame in frames] == [[100, 10, 200], [101, 11, 201]]  # G B R
    assert all(plane.shape == (48, 64) and plane.flags.c_contiguous for plane in frames[0].planes)
    assert frames[0].format.name == "gbrp"
    assert frames[0].full_range
    assert frames[0].captured is not None
    assert (frames[0].pts or 0) < (frames[1].pts or 0)


def test_the_format_is_asked_for_before_the_size_and_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = Capture([picture()])
    opened(capture, monkeypatch, Wish((640, 480), Fraction(25)))
    mjpg = cv2.VideoWriter.fourcc(*"MJPG")
    wanted = [(cv2.CAP_PROP_FOURCC, mjpg), (cv2.CAP_PROP_FRAME_WIDTH, 640), (cv2.CAP_PROP_FRAME_HEIGHT, 480), (cv2.CAP_PROP_FPS, 25)]
    assert capture.asked == wanted


@pytest.mark.parametrize(
    ("pixels", "notes"),
    [
        ("gray", ("cameras cannot be asked for gray on this system; wanted --pixel-format mjpeg or yuyv422 or nv12",)),
        ("yuyv", ()),
        ("nv12", ()),
    ],
)
def test_a_pixel_format_that_cannot_be_asked_for_is_told(monkeypatch: pytest.MonkeyPatch, pixels: str, notes: tuple[str, ...]) -> None:
    capture = Capture([picture()])
    assert opened(capture, monkeypatch, Wish(pixels=pixels)).info.notes == notes
    assert (cv2.CAP_PROP_FOURCC in dict(capture.asked)) == (not notes)


def test_what_is_read_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    info = opened(Capture([picture()], rate=10.0), monkeypatch, Wish((640, 480), Fraction(30))).info
    assert (info.size, info.rate, info.real_time) == ((64, 48), 10, True)
    assert info.notes == (
        "the camera gives 64x48 instead of 640x480",
        "the camera gives 10 frames a second instead of 30; try a smaller --size",
    )


def test_a_driver_that_does_not_tell_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    info = opened(Capture([picture()], rate=0.0), monkeypatch).info
    assert (info.rate, info.notes) == (30, ())


def test_a_camera_that_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = Capture([], opens=False)
    with pytest.raises(SourceError, match="camera FaceTime does not open; plug it in again, and allow its use in"):
        opened(capture, monkeypatch)
    assert capture.released == 1


def test_a_camera_that_opens_and_gives_nothing_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = Capture([])
    with pytest.raises(BusyError, match="camera FaceTime opens but gives no picture; close other programs that use it"):
        opened(capture, monkeypatch)
    assert capture.released == 1


def test_a_failure_or_two_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(Capture([None, picture(1), None, picture(2)]), monkeypatch)
    assert [int(frame.planes[1][0, 0]) for _, frame in zip(range(2), source, strict=False)] == [11, 12]


def test_a_camera_that_is_pulled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = Capture([picture(), picture()])
    got = []
    with pytest.raises(SourceError, match="camera FaceTime gave no picture for 0 s; unplug it"):
        got.extend(opened(capture, monkeypatch))
    assert capture.released == 1


def test_names_come_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers carry OpenCV's backend in their hundreds; a virtual camera is not what `cam` means."""
    listed = [SimpleNamespace(index=1400, name="OBS Virtual Camera"), SimpleNamespace(index=1401, name="HD Webcam")]
    module = SimpleNamespace(enumerate_cameras=lambda backend: listed)
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", module)
    monkeypatch.setattr("sys.platform", "win32")
    assert [(c.name, c.place, c.virtual) for c in cameras.cameras()] == [("HD Webcam", "1", False), ("OBS Virtual Camera", "0", True)]
    capture = Capture([picture()])
    asked = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda number, backend: asked.append((number, backend)) or capture)
    cameras.open_camera("cam").close()
    assert asked == [(1, cv2.CAP_MSMF)]
