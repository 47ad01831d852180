"""A preview window with a status line, help, keys and clicks, by OpenCV.

Its toolkit wants the main thread, on macOS above all: send() only leaves a picture there, pump() shows it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from livematte.errors import SinkError
from livematte.frame import Frame, Plane, Size
from livematte.sinks import i420
from livematte.sinks.base import Device
from livematte.sinks.pixels import even

if TYPE_CHECKING:
    from livematte.sources.base import SourceInfo

HELP = (
    ("space", "pause: the stand-in is shown"),
    ("b", "next background"),
    ("+ -", "more, less blur"),
    ("[ ]", "less, more smoothing"),
    ("d", "detail: auto, 512, 384, 256"),
    ("k", "keep everybody, or the nearest person"),
    ("click", "keep this person alone; beside them: as before"),
    ("s", "snapshot as PNG"),
    ("f", "flip (mirror)"),
    ("q", "quit"),
    ("?", "this help"),
)
KEYS = frozenset(key for keys, _ in HELP for key in keys.split()) - {"click"}  # as pump() names them
_TITLE = "livematte"
_FIRST_SIZE: Size = (1280, 720)  # of the window at most; it can be resized
_SQUARE = 16  # pixels of the chequerboard
_GREYS = (102, 153)
_MARGIN = 0.4  # around text, in heights of a line


class Window(Device):
    """`window`. What is transparent is shown over a chequerboard. SinkError where there is no display.

    send, status and help may be called from any thread, pump and clicks from the main one only; close from any: where that is not the main
    thread, the next pump() takes the window away."""

    alpha = True

    def __init__(self, *, like: SourceInfo) -> None:
        super().__init__("window")
        need_display()
        width, height = like.size
        self._picture: Plane = np.full((height, width, 3), _GREYS[0], np.uint8)
        self._status = ""
        self._helps = False
        self._shown: tuple[Plane, str, bool] | None = None  # what the window shows; None: there is no window yet
        self._closed = False
        self._clicks: list[tuple[float, float]] = []

    def send(self, frame: Frame) -> None:
        self._picture = picture_of(frame)

    def status(self, text: str) -> None:
        """The line at the lower edge; "" for none."""
        self._status = text

    def help(self) -> None:
        """Shows what the keys do, or shows it no more."""
        self._helps = not self._helps

    def pump(self) -> list[str]:
        """Shows the newest picture and gives the keys pressed, of KEYS; "q" too when the user closed the window. Some 60 times a second."""
        import cv2

        if self._closed:
            self._take_away()
            return []
        if self._shown is None:
            self._open()
        elif not _is_open():
            self._closed, self._shown = True, None
            return ["q"]
        now = (self._picture, self._status, self._helps)
        if self._shown is None or any(new is not old for new, old in zip(now, self._shown, strict=True)):
            cv2.imshow(_TITLE, _drawn(*now))
            self._shown = now
        return _keys()

    def clicks(self) -> list[tuple[float, float]]:
        """Where in the picture it was clicked since this was last asked: fractions of its width and height. pump() hears of clicks."""
        clicks, self._clicks = self._clicks, []
        return clicks

    def _moused(self, event: int, x: int, y: int, flags: int, data: object) -> None:
        """x, y: in the picture's own pixels, however large it is shown, and never beside it: so OpenCV's toolkits give them."""
        import cv2

        if event == cv2.EVENT_LBUTTONDOWN and self._shown is not None:
            height, width = self._shown[0].shape[:2]
            self._clicks.append(((min(max(x, 0), width - 1) + 0.5) / width, (min(max(y, 0), height - 1) + 0.5) / height))

    def _open(self) -> None:
        import cv2

        height, width = self._picture.shape[:2]
        scale = min(1, _FIRST_SIZE[0] / width, _FIRST_SIZE[1] / height)
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(_TITLE, max(1, round(width * scale)), max(1, round(height * scale)))
        cv2.setMouseCallback(_TITLE, self._moused)

    def close(self) -> None:
        self._closed = True
        if threading.current_thread() is threading.main_thread():
            self._take_away()

    def _take_away(self) -> None:
        import cv2

        if self._shown is not None and _is_open():
            cv2.destroyWindow(_TITLE)
            cv2.pollKey()  # the toolkit takes it away when it is next asked for events
        self._shown = None


def _is_open() -> bool:
    import cv2

    try:
        return bool(cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1)
    except cv2.error:  # Qt, once the user closed the last window
        return False


def picture_of(frame: Frame) -> Plane:
    """The frame as it is shown: B'G'R' (H, W, 3) uint8, its transparent parts over a chequerboard."""
    import cv2

    whole = even(frame)
    code = i420.blank(whole.size)
    i420.write(whole, code)
    width, height = frame.size
    picture = cv2.cvtColor(code, cv2.COLOR_YUV2BGR_I420)[:height, :width]
    if frame.pha is None:
        return np.asarray(picture)
    return np.asarray(cv2.blendLinear(np.ascontiguousarray(picture), _chequerboard(frame.size), frame.pha, 1 - frame.pha))


@lru_cache(maxsize=2)
def _chequerboard(size: Size) -> Plane:
    width, height = size
    odd = (np.arange(width)[None] // _SQUARE + np.arange(height)[:, None] // _SQUARE) % 2
    return np.repeat(np.choose(odd, _GREYS).astype(np.uint8)[..., None], 3, axis=2)


def _drawn(picture: Plane, status: str, helps: bool) -> Plane:
    """The picture, or where there is something to write a copy of it with that."""
    height = picture.shape[0]
    if not status and not helps:
        return picture
    picture = picture.copy()
    if status:
        _write([[status]], picture, bottom=height)
    if helps:
        _write([list(line) for line in HELP], picture, bottom=height * 4 // 5)
    return picture


def _write(rows: list[list[str]], picture: Plane, *, bottom: int) -> None:
    """Rows of one text or two columns, in white on a darkened box whose lower edge is at `bottom`; made smaller where they are too wide."""
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    scale = max(0.4, picture.shape[0] / 1440)
    columns = list(zip(*rows, strict=True))

    def widths() -> list[int]:
        return [max(cv2.getTextSize(text, font, scale, 1)[0][0] for text in column) for column in columns]

    wanted = (sum(widths()) + 30 * scale * len(columns), 36 * scale * (len(rows) + 1))
    scale *= min(1, picture.shape[1] / wanted[0], bottom / wanted[1])
    line = round(36 * scale)
    gap = max(2, round(_MARGIN * line))
    places = np.cumsum([gap, *(width + 2 * gap for width in widths())])
    top = max(0, bottom - len(rows) * line - gap)
    box = picture[top:bottom, : int(places[-1])]
    box[...] = box // 4
    for i, row in enumerate(rows):
        for text, x in zip(row, places, strict=False):
            y = top + round((i + 0.8) * line) + gap // 2
            cv2.putText(picture, text, (int(x), y), font, scale, (255, 255, 255), 1, cv2.LINE_AA)


def _keys() -> list[str]:
    """The keys pressed since it was last asked."""
    import cv2

    pressed: list[str] = []
    while (code := cv2.pollKey()) != -1:
        name = {32: "space"}.get(code & 0xFF, chr(code & 0xFF).lower())
        if name in KEYS:
            pressed.append(name)
    return pressed


def need_display() -> None:
    """SinkError where no window can be opened. Asked before, as Qt ends the whole program where it finds no display."""
    import cv2

    toolkit = cv2.currentUIFramework()
    if not toolkit:
        raise SinkError(
            "window: this OpenCV has no windows, wanted the package opencv-python; try:\n"
            f"{sys.executable} -m pip uninstall opencv-python-headless; {sys.executable} -m pip install --force-reinstall opencv-python"
        )
    if not sys.platform.startswith("linux"):
        return
    instead = "run it in a desktop session, or choose another output, such as vcam or take.mkv"
    if not os.environ.get("DISPLAY"):
        raise SinkError(f"window: there is no display (DISPLAY is not set); {instead}")
    os.environ["QT_QPA_PLATFORM"] = "xcb"  # the one that OpenCV's wheel holds; on Wayland desktops Qt asks for another
    if _fails():
        raise SinkError(f"window: no window can be opened on the display {os.environ['DISPLAY']}; {instead}")


def _fails() -> bool:
    """Whether a program that opens a window here comes to grief. It ends before it is seen."""
    program = "import os, cv2; cv2.namedWindow('livematte'); os._exit(0)"  # -P: with our cv2, not with what lies in the current folder
    settings: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.run([sys.executable, "-P", "-c", program], timeout=20, check=False, **settings).returncode != 0
    except subprocess.TimeoutExpired:
        return True
