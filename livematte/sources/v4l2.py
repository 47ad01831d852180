"""What Linux says of its video devices: which there are, what they can, how one is set. Only asks, never sets.

The structures are those of linux/videodev2.h, whose ioctl numbers hold their sizes (kernel documentation, Video for Linux API).
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from livematte.colour import BT601, BT709, Colour
from livematte.frame import Size
from livematte.sources.base import Wish
from livematte.sources.modes import RATE, Mode

# Formats that libav's v4l2 input can be asked for, as libav calls them.
PIXELS = {
    "NV12": "nv12",
    "YU12": "yuv420p",
    "422P": "yuv422p",
    "YUYV": "yuyv422",
    "UYVY": "uyvy422",
    "MJPG": "mjpeg",
    "JPEG": "mjpeg",
    "RGB3": "rgb24",
    "BGR3": "bgr24",
    "H264": "h264",
    "GREY": "gray",
}
LOOPBACK = "v4l2 loopback"
_CAPTURE = 1  # V4L2_CAP_VIDEO_CAPTURE, and V4L2_BUF_TYPE_VIDEO_CAPTURE
_DISCRETE = 1
# Sizes and rates to offer where a driver takes any within bounds.
_SIZES = ((320, 180), (320, 240), (640, 360), (640, 480), (960, 540), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
_RATES = tuple(Fraction(rate) for rate in (5, 10, 15, 20, 24, 25, 30, 50, 60))
_WORD = struct.calcsize("P")  # a pointer's size: the union in v4l2_format holds some
_FORMAT_SIZE, _PIX = 200 + _WORD, _WORD


class Node(NamedTuple):
    """A device. path: "/dev/video0". name: of the camera. captures: it gives pictures, now. problem: why it can't be asked, or ""."""

    path: str
    name: str
    driver: str = ""
    captures: bool = False
    problem: str = ""

    @property
    def virtual(self) -> bool:
        return self.driver == LOOPBACK


def nodes() -> list[Node]:
    """All video devices, by number. Those that hold metadata or take pictures are there too, as captures = False."""
    paths = [path for path in Path("/dev").glob("video*") if path.name[5:].isdigit()]
    return [node(str(path)) for path in sorted(paths, key=lambda path: int(path.name[5:]))]


def node(path: str) -> Node:
    """What a device says of itself. Never fails: `problem` tells."""
    try:
        with _opened(path) as fd:
            answer = _ask(fd, _ioctl(2, 0, 104), bytearray(104))
    except OSError as error:
        return Node(path, _system_name(path), problem=os.strerror(error.errno or 0))
    if answer is None:
        return Node(path, path, problem="not a video device")
    driver, card, _, _, _, caps = struct.unpack_from("16s32s32s3I", answer)
    return Node(path, _text(card) or path, _text(driver), bool(caps & _CAPTURE))


def modes(path: str, wish: Wish) -> list[Mode]:
    """What a camera can give. wish: sizes and rates to look for where the driver takes any. OSError where it can't be asked."""
    with _opened(path) as fd:
        found = [mode for code in _formats(fd) for mode in _modes(fd, code, wish)]
    return list({(mode.pixels, mode.size): mode for mode in reversed(found)}.values())[::-1]


def _formats(fd: int) -> Iterator[int]:
    """The four-character codes, as numbers, of formats that libav can read."""
    for data in _enumerated(fd, _ioctl(3, 2, 64), lambda index: struct.pack("2I56x", index, _CAPTURE)):
        code = data[44:48].decode("latin-1")
        if code in PIXELS:
            yield struct.unpack_from("I", data, 44)[0]


def _modes(fd: int, code: int, wish: Wish) -> Iterator[Mode]:
    pixels = PIXELS[struct.pack("I", code).decode("latin-1")]
    for size in _sizes(fd, code, wish.size):
        yield Mode(pixels, size, tuple(sorted(_rates(fd, code, size, wish.rate))))


def _sizes(fd: int, code: int, wished: Size | None) -> Iterator[Size]:
    for data in _enumerated(fd, _ioctl(3, 74, 44), lambda index: struct.pack("2I36x", index, code)):
        kind, *bounds = struct.unpack_from("7I", data, 8)
        if kind == _DISCRETE:
            yield bounds[0], bounds[1]
            continue
        low_w, high_w, step_w, low_h, high_h, step_h = bounds
        for width, height in (*_SIZES, *((wished,) if wished else ()), (high_w, high_h)):
            if low_w <= width <= high_w and low_h <= height <= high_h:
                yield width - (width - low_w) % max(1, step_w), height - (height - low_h) % max(1, step_h)


def _rates(fd: int, code: int, size: Size, wished: Fraction | None) -> set[Fraction]:
    rates: set[Fraction] = set()
    for data in _enumerated(fd, _ioctl(3, 75, 52), lambda index: struct.pack("4I36x", index, code, *size)):
        kind, *times = struct.unpack_from("7I", data, 16)
        if kind == _DISCRETE and times[0]:
            rates.add(Fraction(times[1], times[0]))
        elif kind != _DISCRETE and times[0] and times[2]:
            high, low = Fraction(times[1], times[0]), Fraction(times[3], times[2])
            rates.update(rate for rate in (*_RATES, wished or RATE, low, high) if low <= rate <= high)
    return rates


def colour(path: str) -> Colour:
    """Colour tags of the raw pictures that a camera is set to give; BT.601 and limited range where it does not tell."""
    with _opened(path) as fd:
        data = bytearray(_FORMAT_SIZE)
        struct.pack_into("I", data, 0, _CAPTURE)
        answer = _ask(fd, _ioctl(3, 4, _FORMAT_SIZE), data) or bytes(_FORMAT_SIZE)
    space, _, _, matrix, span = struct.unpack_from("5I", answer, _PIX + 24)
    found = _MATRICES.get(matrix) or _MATRIX_OF_SPACE.get(space, BT601)
    return Colour(matrix=found, full_range=span == 1 or (span == 0 and space == 7))  # 7: JPEG


_MATRICES = {1: BT601, 2: BT709, 3: BT601, 4: BT709, 6: 9, 7: 10, 8: 7}  # v4l2_ycbcr_encoding: H.273; 0 follows the colour space
_MATRIX_OF_SPACE = {2: 7, 3: BT709, 10: 9, 12: BT709}  # v4l2_colorspace: SMPTE 240M, Rec. 709, BT.2020, DCI-P3


def users(path: str) -> list[str]:
    """Programs that have a device open, but for this one, as far as this user may see: "zoom (process 4711)"."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            links = {os.readlink(link) for link in (entry / "fd").iterdir()}
            if os.path.realpath(path) in links and int(entry.name) != os.getpid():
                found.append(f"{(entry / 'comm').read_text().strip()} (process {entry.name})")
        except OSError:  # another user's, or ended meanwhile
            continue
    return found


@contextmanager
def _opened(path: str) -> Iterator[int]:
    # Not to be blocked by a device that sleeps; a camera in use may be opened again to be asked.
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _enumerated(fd: int, code: int, question: Callable[[int], bytes]) -> Iterator[bytes]:
    for index in range(1000):  # a driver that never says "no more" is broken
        answer = _ask(fd, code, bytearray(question(index)))
        if answer is None:
            return
        yield answer


def _ask(fd: int, code: int, data: bytearray) -> bytes | None:
    """The structure as the driver fills it in; None where it has no (more) answer. OSError where the device is gone."""
    import fcntl

    try:
        fcntl.ioctl(fd, code, data)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
            return None
        raise
    return bytes(data)


def _ioctl(direction: int, number: int, size: int) -> int:
    """An ioctl's code (asm-generic/ioctl.h). direction: 2 reads, 3 writes and reads."""
    return direction << 30 | size << 16 | ord("V") << 8 | number


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("utf-8", "replace").strip()


def _system_name(path: str) -> str:
    try:
        return Path("/sys/class/video4linux", Path(path).name, "name").read_text().strip()
    except OSError:
        return path
