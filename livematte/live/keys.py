"""What the keys of the preview window do, and a click in it."""

from __future__ import annotations

from collections.abc import Callable

from livematte.errors import LivematteError
from livematte.live.controls import Controls
from livematte.urls import shown

_DETAILS = (None, 512, 384, 256)
_SMOOTH_STEP = 0.05  # seconds


class Keys:
    """press(name) does what the key does and gives what to tell, "" for nothing; so does click(x, y), fractions of the picture as it is
    shown. snapshot: writes a picture and gives its name."""

    def __init__(self, controls: Controls, *, stop: Callable[[], None], snapshot: Callable[[], str]) -> None:
        self._controls, self._stop, self._snapshot = controls, stop, snapshot

    def press(self, name: str) -> str:
        work: dict[str, Callable[[], str]] = {
            "space": self._pause,
            "b": lambda: f"background: {shown(self._controls.next_background())}",
            "+": lambda: f"background: {shown(self._controls.blur(1))}",
            "-": lambda: f"background: {shown(self._controls.blur(-1))}",
            "[": lambda: self._smooth(-_SMOOTH_STEP),
            "]": lambda: self._smooth(_SMOOTH_STEP),
            "d": self._detail,
            "k": self._keep,
            "f": self._flip,
            "s": lambda: f"snapshot: {self._snapshot()}",
            "q": self._quit,
        }
        try:
            return work[name]() if name in work else ""
        except LivematteError as error:
            return str(error)

    def click(self, x: float, y: float) -> str:
        self._controls.choose(x, y)
        return "kept alone: who was clicked on; a click beside everybody: as before"

    def _pause(self) -> str:
        paused = not self._controls.live.paused
        self._controls.change(paused=paused)
        return "paused: the stand-in is shown" if paused else "on again"

    def _smooth(self, step: float) -> str:
        now = self._controls.live.smooth
        self._controls.change(smooth=min(max(1.0, now), max(0.0, round(now + step, 2))))
        return f"smoothing: {self._controls.live.smooth:g} s"

    def _detail(self) -> str:
        now = self._controls.live.detail
        place = _DETAILS.index(now) if now in _DETAILS else 0
        self._controls.change(detail=_DETAILS[(place + 1) % len(_DETAILS)])
        return f"detail: {self._controls.live.detail or 'auto'}"

    def _keep(self) -> str:
        self._controls.change(keep="all" if self._controls.live.keep == "nearest" else "nearest")
        return f"kept: {'the nearest person' if self._controls.live.keep == 'nearest' else 'everybody'}"

    def _flip(self) -> str:
        self._controls.change(mirror=not self._controls.live.mirror)
        return "mirrored" if self._controls.live.mirror else "not mirrored"

    def _quit(self) -> str:
        self._stop()
        return ""
