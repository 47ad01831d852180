"""What is read out of the kernel's structures, by a driver made of bytes. Where a real device is needed, tests/devices has one."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from livematte.colour import BT601, BT709
from livematte.sources import v4l2
from livematte.sources.base import ANYTHING, Wish
from livematte.sources.modes import Mode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="V4L2 is Linux's")

QUERYCAP, ENUM_FMT, G_FMT, ENUM_FRAMESIZES, ENUM_FRAMEINTERVALS = 0, 2, 4, 74, 75
CAPTURE, METADATA, STREAMING = 0x1, 0x800000, 0x4000000
YUYV = ("YUYV", [(640, 480), (1280, 720)], {(640, 480): [(1, 30), (1, 15)], (1280, 720): [(1, 10)]})
MJPG = ("MJPG", [(1280, 720)], {(1280, 720): [(1, 30), (1001, 30000)]})


class Driver:
    """Answers ioctls as a driver does. formats: (four characters, sizes, {size: times per frame}); sizes or times as one tuple of six
    numbers are bounds: (from, to, step) of width and of height, or (from, to, step) as fractions."""

    def __init__(self) -> None:
        self.caps = (b"uvcvideo", b"HD Webcam: HD Webcam", CAPTURE | STREAMING)
        self.formats: list[tuple[str, object, object]] = [YUYV, MJPG]
        self.tags = (8, 0, 0)  # V4L2_COLORSPACE_SRGB, and what follows from it
        self.gone = False

    def ioctl(self, fd: int, code: int, data: bytearray) -> None:
        assert (code >> 16) & 0x3FFF == len(data)
        assert code >> 8 & 0xFF == ord("V")
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")
        answers = {
            QUERYCAP: self.cap,
            ENUM_FMT: self.format,
            G_FMT: self.set_to,
            ENUM_FRAMESIZES: self.size,
            ENUM_FRAMEINTERVALS: self.time,
        }
        try:
            answers[code & 0xFF](data)
        except (IndexError, KeyError):
            raise OSError(errno.EINVAL, "Invalid argument") from None

    def cap(self, data: bytearray) -> None:
        driver, card, caps = self.caps
        struct.pack_into("16s32s32sIII", data, 0, driver, card, b"usb-1", 6 << 16, 0xFFFFFFFF, caps)

    def format(self, data: bytearray) -> None:
        index, kind = struct.unpack_from("2I", data)
        assert kind == 1
        struct.pack_into("I32s4s", data, 8, 0, b"described", self.formats[index][0].encode("latin-1"))

    def set_to(self, data: bytearray) -> None:
        assert len(data) == (208 if struct.calcsize("P") == 8 else 204)
        space, matrix, span = self.tags
        struct.pack_into("II4s8I", data, struct.calcsize("P"), 640, 480, b"YUYV", 1, 1280, 614400, space, 0xFEEDCAFE, 0, matrix, span)

    def _format(self, data: bytearray) -> tuple[str, object, object]:
        code = bytes(data[4:8]).decode("latin-1")
        return next(f for f in [*self.formats, ("", (), {})] if f[0] in (code, ""))

    def size(self, data: bytearray) -> None:
        self._fill(data, 8, self._format(data)[1])

    def time(self, data: bytearray) -> None:
        width, height = struct.unpack_from("2I", data, 8)
        self._fill(data, 16, self._format(data)[2][width, height])  # type: ignore[index]

    @staticmethod
    def _fill(data: bytearray, at: int, values: object) -> None:
        (index,) = struct.unpack_from("I", data)
        if isinstance(values, tuple):
            struct.pack_into("7I", data, at, 3, *((values,)[index]))  # stepwise
        else:
            struct.pack_into("3I", data, at, 1, *values[index])  # type: ignore[index]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr("fcntl.ioctl", made.ioctl)
    return made


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "video0").touch()
    return str(tmp_path / "video0")


def test_a_camera(driver: Driver, path: str) -> None:
    assert v4l2.node(path) == v4l2.Node(path, "HD Webcam: HD Webcam", "uvcvideo", True)
    assert not v4l2.node(path).virtual


@pytest.mark.parametrize("caps", [METADATA | STREAMING, 0x2 | STREAMING], ids=["metadata", "output"])
def test_nodes_that_give_no_pictures(driver: Driver, path: str, caps: int) -> None:
    driver.caps = (b"uvcvideo", b"HD Webcam", caps)
    assert not v4l2.node(path).captures


def test_a_loopback_is_virtual(driver: Driver, path: str) -> None:
    driver.caps = (b"v4l2 loopback", b"livematte", CAPTURE)
    assert v4l2.node(path).virtual
    assert v4l2.node(path).captures


def test_a_device_that_is_gone_is_a_problem_not_an_error(driver: Driver, path: str) -> None:
    driver.gone = True
    assert v4l2.node(path).problem == os.strerror(errno.ENODEV)
    with pytest.raises(OSError, match="No such device"):
        v4l2.modes(path, ANYTHING)


def test_a_file_is_no_device(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    assert v4l2.node(str(tmp_path / "video0")).problem == "not a video device"


def test_formats_sizes_and_rates(driver: Driver, path: str) -> None:
    assert v4l2.modes(path, ANYTHING) == [
        Mode("yuyv422", (640, 480), (Fraction(15), Fraction(30))),
        Mode("yuyv422", (1280, 720), (Fraction(10),)),
        Mode("mjpeg", (1280, 720), (Fraction(30000, 1001), Fraction(30))),
    ]


def test_formats_that_libav_cannot_read_are_left_out(driver: Driver, path: str) -> None:
    driver.formats = [("XR24", [(640, 480)], {}), ("Y16\xa0", [(640, 480)], {}), YUYV]
    assert {mode.pixels for mode in v4l2.modes(path, ANYTHING)} == {"yuyv422"}


def test_two_names_of_one_format_are_one(driver: Driver, path: str) -> None:
    driver.formats = [MJPG, ("JPEG", MJPG[1], {(1280, 720): [(1, 5)]})]
    (mode,) = v4l2.modes(path, ANYTHING)
    assert max(mode.rates) == 30


def test_sizes_and_rates_within_bounds(driver: Driver, path: str) -> None:
    bounds = (48, 1920, 16, 32, 1080, 8)
    rates = (1, 60, 1, 1, 5, 1)  # 1/60 s to 1/5 s
    every = {(w, h): rates for w in range(2000) for h in (*range(32, 1081, 8),)}
    driver.formats = [("NV12", bounds, every)]
    modes = {mode.size: mode.rates for mode in v4l2.modes(path, Wish((1000, 600), Fraction(12)))}
    assert {(640, 480), (1280, 720), (1920, 1080), (992, 600)} <= set(modes)
    assert all(w % 16 == 0 and h % 8 == 0 and w <= 1920 for w, h in modes)
    assert {5, 12, 30, 60} <= set(modes[640, 480])
    assert max(modes[640, 480]) == 60


def test_a_driver_without_rates(driver: Driver, path: str) -> None:
    driver.formats = [("YUYV", [(640, 480)], {})]
    assert v4l2.modes(path, ANYTHING) == [Mode("yuyv422", (640, 480), ())]


@pytest.mark.parametrize(
    ("tags", "matrix", "full"),
    [
        ((8, 0, 0), BT601, False),  # sRGB, as webcams say
        ((0, 0, 0), BT601, False),
        ((3, 0, 0), BT709, False),
        ((8, 2, 0), BT709, False),
        ((8, 0, 1), BT601, True),
        ((7, 0, 0), BT601, True),  # JPEG
        ((7, 0, 2), BT601, False),
        ((10, 0, 0), 9, False),
    ],
)
def test_colour(driver: Driver, path: str, tags: tuple[int, int, int], matrix: int, full: bool) -> None:
    driver.tags = tags
    found = v4l2.colour(path)
    assert (found.matrix, found.full_range) == (matrix, full)


def test_who_uses_a_file(tmp_path: Path) -> None:
    held = tmp_path / "video0"
    held.touch()
    with held.open():  # by this program: does not count
        assert v4l2.users(str(held)) == []
    program = f"f = open({str(held)!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        (user,) = v4l2.users(str(held))
        assert user.endswith(f"(process {other.pid})")
        other.communicate("\n")
