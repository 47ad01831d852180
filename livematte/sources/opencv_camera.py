"""A camera on Windows and macOS, through OpenCV, whose pictures are B G R there: the planes are those, without a further change.

OpenCV waits for a picture for some seconds at most, by its own time-outs, and says then that there is none.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from livematte.colour import RGB_MATRIX, Colour
from livematte.errors import BusyError, SourceError
from livematte.frame import Frame, pixel_format
from livematte.sources.base import SILENCE, SourceInfo, Wish
from livematte.sources.modes import RATE, SIZE, libav_name
from livematte.sources.reader import Reader

TIME_BASE = Fraction(1, 1_000_000)
_FOURCC = {"mjpeg": "MJPG", "yuyv422": "YUY2", "nv12": "NV12"}  # what can be asked for, by libav's name
_RETRY = 0.02  # seconds between attempts to read: a camera that is gone fails at once


def _backend() -> int:
    import cv2

    return cv2.CAP_AVFOUNDATION if sys.platform == "darwin" else cv2.CAP_MSMF


def names() -> list[tuple[int, str]]:
    """(OpenCV's number, name) of the cameras that are there."""
    from cv2_enumerate_cameras import enumerate_cameras

    return [(int(camera.index) % 100, str(camera.name)) for camera in enumerate_cameras(_backend())]


class OpenCvCamera(Reader):
    """number: OpenCV's. What the driver refused is in info.notes. SourceError where the camera does not open, or gives no picture for
    SILENCE seconds; BusyError where it opens but gives none, as a camera does that another program uses."""

    def __init__(self, number: int, *, name: str, wish: Wish) -> None:
        self._name = name
        self._capture = _opened(number, name)
        self._last = 0
        try:
            _ask_for(self._capture, wish)
            self._ahead: Any = self._first()
            height, width = self._ahead.shape[:2]
            rate = _rate(self._capture) or wish.rate or RATE
            notes = _refusals((width, height), rate, wish)
            self._info = SourceInfo(name, (width, height), rate, TIME_BASE, real_time=True, notes=notes)
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> SourceInfo:
        return self._info

    def close(self) -> None:
        self._ahead = None
        self._capture.release()

    def _first(self) -> Any:
        picture = self._picture()
        if picture is None:
            raise BusyError(f"camera {self._name} opens but gives no picture; close other programs that use it, and look at its cover")
        return picture

    def _picture(self) -> Any:
        """(H, W, 3) uint8, B G R; None where none came for SILENCE seconds."""
        until = time.monotonic() + SILENCE
        while time.monotonic() < until:
            given, picture = self._capture.read()
            if given and picture is not None and picture.size:
                return picture
            time.sleep(_RETRY)
        return None

    def _read(self) -> Iterator[Frame]:
        while (picture := self._picture() if self._ahead is None else self._ahead) is not None:
            self._ahead = None
            yield self._frame(picture)
        self.close()
        raise SourceError(f"camera {self._name} gave no picture for {SILENCE:.0f} s; unplug it and plug it in again")

    def _frame(self, picture: Any) -> Frame:
        import cv2

        known = pixel_format("gbrp")
        assert known is not None
        blue, green, red = cv2.split(picture)
        captured = time.monotonic()
        self._last = max(self._last + 1, round(captured * 1_000_000))
        return Frame(
            (green, blue, red),
            known[0],
            pts=self._last,
            time_base=TIME_BASE,
            duration=round(1_000_000 / self._info.rate),
            colour=Colour(matrix=RGB_MATRIX, full_range=True),
            captured=captured,
        )


def _opened(number: int, name: str) -> Any:
    # Without this, Media Foundation looks for a hardware converter for tens of seconds; read when OpenCV first opens a camera.
    os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what fails is told by us
    capture = cv2.VideoCapture(number, _backend())
    if not capture.isOpened():
        capture.release()
        allow = "System Settings, Privacy & Security, Camera" if sys.platform == "darwin" else "Settings, Privacy & security, Camera"
        raise SourceError(f"camera {name} does not open; plug it in again, and allow its use in {allow}")
    return capture


def _ask_for(capture: Any, wish: Wish) -> None:
    """The format first: drivers choose among the sizes and then the rates of the format that is set."""
    import cv2

    pixels = _FOURCC.get(libav_name(wish.pixels) or "mjpeg")
    width, height = wish.size or SIZE
    if pixels:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*pixels))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    capture.set(cv2.CAP_PROP_FPS, float(wish.rate or RATE))


def _rate(capture: Any) -> Fraction | None:
    """What the driver says its rate is; None where that is nothing to believe."""
    import cv2

    rate = capture.get(cv2.CAP_PROP_FPS)
    return Fraction(rate).limit_denominator(1001) if 1 <= rate <= 240 else None


def _refusals(size: tuple[int, int], rate: Fraction, wish: Wish) -> tuple[str, ...]:
    told = []
    if wish.pixels and libav_name(wish.pixels) not in _FOURCC:
        told.append(f"cameras cannot be asked for {wish.pixels} on this system; wanted --pixel-format {' or '.join(_FOURCC)}")
    if wish.size and size != wish.size:
        told.append(f"the camera gives {size[0]}x{size[1]} instead of {wish.size[0]}x{wish.size[1]}")
    if wish.rate and rate < wish.rate * Fraction(99, 100):
        told.append(f"the camera gives {float(rate):.4g} frames a second instead of {float(wish.rate):.4g}; try a smaller --size")
    return tuple(told)
