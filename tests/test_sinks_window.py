"""The preview window: its pictures here, the window itself on a display of its own (Xvfb), where that can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from required import required

from livematte.colour import BT601, Colour
from livematte.errors import SinkError
from livematte.frame import Frame
from livematte.sinks import open_sink, window
from livematte.sources import SourceInfo

LIKE = SourceInfo("cam", (320, 180), Fraction(25), Fraction(1, 25), real_time=True)
SCREEN = (400, 300)


def flat(frame: Frame, *codes: int) -> Frame:
    return frame.with_planes(tuple(np.full_like(plane, code) for plane, code in zip(frame.planes, codes, strict=True)))


def test_a_frame_s_colours_are_shown(make_frame: Callable[..., Frame]) -> None:
    red = flat(make_frame("yuv420p", (63, 47), colour=Colour(matrix=BT601, full_range=False)), 81, 90, 240)
    picture = window.picture_of(red)
    assert picture.shape == (47, 63, 3)
    np.testing.assert_allclose(picture.reshape(-1, 3), [[0, 0, 254]] * (47 * 63), atol=2)


def test_what_is_transparent_lies_over_a_chequerboard(make_frame: Callable[..., Frame]) -> None:
    white = flat(make_frame("yuv420p", (64, 48), colour=Colour(matrix=BT601, full_range=False)), 235, 128, 128)
    pha = np.zeros((48, 64), np.float32)
    pha[:, 32:] = 0.5
    pha[32:] = 1
    picture = window.picture_of(replace(white, pha=pha))
    assert [picture[y, x].tolist() for y, x in ((0, 0), (0, 16), (16, 0))] == [[102] * 3, [153] * 3, [153] * 3]
    np.testing.assert_allclose(picture[0, 32], 178.5, atol=1)
    assert (picture[32:] == 255).all()


@pytest.mark.parametrize("size", [(1280, 720), (320, 180), (64, 48)])
def test_text_is_written_on_a_copy_inside_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    picture = np.full((height, width, 3), 200, np.uint8)
    assert window._drawn(picture, "", False) is picture
    status = window._drawn(picture, "30 fps in · 30 out · 14 ms" * 3, False)
    changed = np.argwhere((status != picture).any(2))
    assert (picture == 200).all()
    assert changed[:, 0].min() > height * 0.85
    assert changed[:, 0].max() == height - 1
    helped = window._drawn(picture, "30 fps", True)
    assert (helped != picture).any(2).mean() > (status != picture).any(2).mean()


def test_no_display_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("a display is always there")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(SinkError, match=r"^window: there is no display \(DISPLAY is not set\); run it in a desktop session, or"):
        open_sink("window", like=LIKE)
    monkeypatch.setenv("DISPLAY", ":65001")
    with pytest.raises(SinkError, match=r"^window: no window can be opened on the display :65001; run it in a desktop"):
        open_sink("window", like=LIKE)


def test_modules_in_the_current_folder_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cv2", "numpy"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()")
    monkeypatch.chdir(tmp_path)
    window._fails()
    assert not (tmp_path / "ran").exists()


def test_an_opencv_without_windows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    with pytest.raises(SinkError, match=r"wanted the package opencv-python; try:\n.* uninstall opencv-python-headless"):
        open_sink("window", like=LIKE)


class Display(NamedTuple):
    """A screen of its own. file: its pixels."""

    name: str
    file: Path

    def pixels(self) -> NDArray[np.uint8]:
        """B'G'R' (H, W, 3) of the screen now: the last part of an X window dump."""
        width, height = SCREEN
        return np.frombuffer(self.file.read_bytes()[-width * height * 4 :], np.uint8).reshape(height, width, 4)[..., :3]

    def do(self, *command: str) -> None:
        subprocess.run(["xdotool", *command], env={**os.environ, "DISPLAY": self.name}, check=True)


@pytest.fixture
def display(tmp_path: Path) -> Iterator[Display]:
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        reason = "needs Xvfb and xdotool: apt install xvfb xdotool"
        pytest.fail(reason) if required("display") else pytest.skip(reason)
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", f"{SCREEN[0]}x{SCREEN[1]}x24", "-nolisten", "tcp", "-fbdir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield Display(f":{server.stdout.readline().strip()}", tmp_path / "Xvfb_screen0")
        finally:
            server.terminate()


# Qt wants the main thread, and ends the program that loses its display: the window lives in a program of its own.
PROGRAM = """
import sys, threading, time
from fractions import Fraction
import numpy as np
from livematte.frame import Frame, pixel_format
from livematte.sinks import open_sink
from livematte.sources import SourceInfo

sink = open_sink("window", like=SourceInfo("cam", (320, 180), Fraction(25), Fraction(1, 25)))
planes = tuple(np.full((180 // s, 320 // s), code, np.uint8) for s, code in ((1, 81), (2, 90), (2, 240)))
frame = Frame(planes, pixel_format("yuv420p")[0])
other = threading.Thread(target=sink.send, args=(frame,))
other.start()
other.join()
sink.status("30 fps")
keys, end = [], time.monotonic() + 60
while "q" not in keys and time.monotonic() < end:
    new = sink.pump()
    keys += new
    for key in new:
        if key == "?":
            sink.help()
    new += [f"{x:.4f},{y:.4f}" for x, y in sink.clicks()]
    print(*(new or ["."]), flush=True)
    time.sleep(0.02)
closer = threading.Thread(target=sink.close)
closer.start()
closer.join()
print("after", sink.pump(), sink.pump(), flush=True)
sink.close()
"""


@pytest.fixture
def running(display: Display) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    environment = {**os.environ, "DISPLAY": display.name}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as program:
        yield program
        program.kill()


def lines_until(program: subprocess.Popen[str], wanted: str, *, more: int = 0) -> list[str]:
    """What it says up to a line, and `more` lines after it; what it says where it ends before."""
    assert program.stdout is not None
    said: list[str] = []
    for line in program.stdout:
        said.append(line.strip())
        if wanted in said and len(said) > said.index(wanted) + more:
            return said
    assert program.stderr is not None
    raise AssertionError(f"{said[-5:]} {program.stderr.read()}")


def test_the_window_shows_frames_and_gives_keys(display: Display, running: subprocess.Popen[str]) -> None:
    lines_until(running, ".", more=20)
    display.do("mousemove", "310", "20")  # without a window manager, keys go where the pointer is
    shown = display.pixels()
    np.testing.assert_allclose(shown[20:140, 10:290].reshape(-1, 3), [[0, 0, 254]] * (120 * 280), atol=2)
    assert (shown[165:180] != shown[20, 10]).any(), "no status line"
    assert not shown[190:].any(), "larger than its first frame"
    said = []
    for key, name in {"space": "space", "b": "b", "bracketleft": "[", "plus": "+", "x": ".", "F": "f", "question": "?"}.items():
        display.do("key", key)
        said += lines_until(running, name, more=0 if name != "?" else 5)
    assert [line for line in said if line != "."] == ["space", "b", "[", "+", "f", "?"]
    assert (display.pixels()[20:140, 10:290] != shown[20:140, 10:290]).any(), "no help"
    display.do("key", "q")
    out, err = running.communicate(timeout=30)
    assert out.splitlines()[-1] == "after [] []"
    assert (running.returncode, err) == (0, "")


def test_a_click_is_told_as_a_place_of_the_picture_however_large_it_is(display: Display, running: subprocess.Popen[str]) -> None:
    lines_until(running, ".", more=20)

    def clicked(x: int, y: int, *before: str) -> str:
        display.do(*before, "mousemove", str(x), str(y), "click", "1")
        assert running.stdout is not None
        return next(line.strip() for line in running.stdout if "," in line)

    assert clicked(80, 45) == "0.2516,0.2528"  # of 320x180, the middle of that pixel
    assert clicked(0, 179, "mousemove", "160", "90", "click", "3") == "0.0016,0.9972", "the right button chooses nobody"
    display.do("search", "--name", "^livematte$", "windowsize", "360", "290")
    lines_until(running, ".", more=20)
    shown = display.pixels()
    red = np.argwhere((shown == shown[145, 180]).all(2))
    top, left, height, width = *red.min(0), *(np.ptp(red, 0) + 1)
    assert (left, width) == (0, 360), "as wide as the window"
    assert top > 20, "above it a bar: the picture keeps its shape"
    # A click on the bar comes first, and is none.
    place = clicked(270, int(top + height // 4), "mousemove", "180", "10", "click", "1").split(",")
    np.testing.assert_allclose([float(at) for at in place], [0.75, 0.25], atol=0.02)
    display.do("key", "q")
    out, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (0, "")
    assert out.splitlines()[-1] == "after [] []"


# What a window manager sends when the user closes a window: ICCCM, 4.2.8.1.
CLOSE = """
import ctypes, sys

class ClientMessage(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int), ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong), ("kind", ctypes.c_ulong), ("format", ctypes.c_int), ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 20),
    ]

x = ctypes.CDLL("libX11.so.6")
x.XOpenDisplay.restype, x.XInternAtom.restype = ctypes.c_void_p, ctypes.c_ulong
display, window = ctypes.c_void_p(x.XOpenDisplay(None)), int(sys.argv[1])
atoms = [x.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")]
event = ClientMessage(33, 0, 1, display, window, atoms[0], 32, (ctypes.c_long * 5)(atoms[1]))
x.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
x.XSync(display, 0)
"""


def test_closing_the_window_is_q(display: Display, running: subprocess.Popen[str]) -> None:
    lines_until(running, ".", more=10)
    environment = {**os.environ, "DISPLAY": display.name}
    found = subprocess.run(["xdotool", "search", "--name", "^livematte$"], env=environment, check=True, capture_output=True, text=True)
    subprocess.run([sys.executable, "-c", CLOSE, found.stdout.split()[0]], env=environment, check=True)
    out, err = running.communicate(timeout=30)
    assert out.splitlines()[-2:] == ["q", "after [] []"]
    assert (running.returncode, err) == (0, "")
