"""What `livematte devices` lists, with the cameras that a test says there are."""

from __future__ import annotations

import socket
import sys
from fractions import Fraction

import pytest

from livematte import devices
from livematte.sinks import window
from livematte.sources import camera, v4l2
from livematte.sources.camera import Camera
from livematte.sources.modes import Mode

MODES = [Mode("yuyv422", (1280, 720), (Fraction(10),)), Mode("mjpeg", (1280, 720), (Fraction(30),))]
FOUND = [
    Camera("Locked", "/dev/video4", problem="Permission denied"),
    Camera("HD Webcam", "/dev/video0"),
    Camera("livematte", "/dev/video10", virtual=True),
]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(camera, "cameras", lambda: FOUND)
    monkeypatch.setattr(camera, "modes", lambda found: MODES)
    monkeypatch.setattr(v4l2, "nodes", lambda: [v4l2.Node("/dev/video10", "livematte", v4l2.LOOPBACK)])
    return monkeypatch


def test_cameras_are_numbered_as_cam_counts_them(machine: pytest.MonkeyPatch) -> None:
    lines = devices.lines()
    assert lines[1:6] == [
        "  -  Locked  /dev/video4",
        "       cannot be opened: Permission denied; to be let in: sudo usermod -aG video $USER, then log in anew",
        "  0  HD Webcam  /dev/video0",
        "       yuyv422  1280x720 @ 10",
        "       mjpeg    1280x720 @ 30",
    ]
    assert camera.find("cam:0", FOUND).name == "HD Webcam"


def test_virtual_cameras(machine: pytest.MonkeyPatch) -> None:
    lines = devices.lines()
    assert "  /dev/video10  livematte" in lines
    machine.setattr(v4l2, "nodes", list)
    assert (
        "  none: sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1 card_label=livematte" in devices.lines()
    )


def test_a_machine_without_any(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(camera, "cameras", list)
    assert devices.lines()[1].startswith("  no camera is connected; check its cable")


def test_a_camera_that_goes_while_it_is_asked(machine: pytest.MonkeyPatch) -> None:
    def gone(found: Camera) -> list[Mode]:
        raise OSError(19, "No such device")

    machine.setattr(camera, "modes", gone)
    assert "       cannot be asked: No such device" in devices.lines()


def test_streams_are_what_this_libav_speaks(machine: pytest.MonkeyPatch) -> None:
    read = next(line for line in devices.lines() if line.startswith("  read"))
    written = next(line for line in devices.lines() if line.startswith("  written"))
    assert {"rtsp://", "rtmp://", "udp://", "https://"} <= set(read.split())
    assert "https://" not in written
    machine.setattr(devices, "_PROTOCOLS", ("rtmp", "carrier-pigeon"))
    lines = devices.lines()
    assert "  read     rtmp://" in lines
    assert "  not in this libav: carrier-pigeon" in lines


def test_no_server_is_called(machine: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        machine.setattr(devices, "_NOBODY", f"{{}}://127.0.0.1:{server.getsockname()[1]}")
        machine.setattr(devices, "_PROTOCOLS", ("rtsp", "rtmp", "tcp", "http", "carrier-pigeon"))
        assert "  read     rtsp:// rtmp:// tcp:// http://" in devices.lines()
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(("there", "said"), [(True, "ndi:NAME output"), (False, "not installed: pip install livematte[ndi]")])
def test_extras(machine: pytest.MonkeyPatch, there: bool, said: str) -> None:
    machine.setattr(devices, "find_spec", lambda package: object() if there else None)
    assert f"  ndi      {said}" in devices.lines()


def test_a_display_is_one_that_a_window_opens_on(machine: pytest.MonkeyPatch) -> None:
    """OpenCV's windows know nothing of Wayland: they want its X server."""
    machine.delenv("DISPLAY", raising=False)
    machine.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert devices.lines()[-1].startswith("  there is no display (DISPLAY is not set); run it in a desktop session")
    machine.setenv("DISPLAY", ":65001")
    assert devices.lines()[-1].startswith("  no window can be opened on the display :65001")
    machine.setattr(window, "_fails", lambda: False)
    assert devices.lines()[-1] == "  a display is there"
