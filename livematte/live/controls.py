"""What a person changes while a live job runs: one object for keys, for a control page, for whoever comes next.

Every picture is composited under one Look, whole: a change counts from the next frame on. Where it cannot be done, as with a background
that cannot be read, it is told and all stays as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from livematte.background import Background
from livematte.errors import LivematteError, SettingsError
from livematte.look import Lasting, Look, close_background, open_background

STRENGTHS = (1.0, 2.0, 4.0, 8.0, 16.0)  # of the blur, percent of the picture's height


@dataclass(frozen=True)
class Live:
    """What can be changed, as a person says it. background: as --background. smooth: seconds. choke, feather: pixels. detail: longest side
    of the network's picture, None = as large as time allows. backgrounds: what next_background goes through. light_wrap, match: 0 to 1.
    keep: "all", "nearest" or how many of the nearest people."""

    background: str = "none"
    backgrounds: tuple[str, ...] = ()
    smooth: float = 0.0
    choke: float = 0.0
    feather: float = 0.0
    detail: int | None = None
    mirror: bool = False
    paused: bool = False
    premultiplied: bool = False
    light_wrap: float = 0.0
    match: float = 0.0
    keep: Literal["all", "nearest"] | int = "all"


_RANGES = {
    "smooth": (0.0, 5.0),
    "choke": (-100.0, 100.0),
    "feather": (0.0, 100.0),
    "detail": (64, 4096),
    "light_wrap": (0.0, 1.0),
    "match": (0.0, 1.0),
}
_SWITCHES = ("mirror", "paused", "premultiplied")
_MOST = 99  # people to keep


class Controls:
    """The settings of a running job, for any thread.

    opaque: an output holds no alpha, so "none" is no background for it. prepare: called with a new Look before it counts; what it raises
    refuses the change. on_change: called after a change with the names of what changed. on_choose: hears of a click on a person, where that
    is in the frame, as fractions of its width and height. tell: hears of a background that breaks."""

    def __init__(self, live: Live, *, opaque: bool = False, tell: Callable[[str], None] = lambda text: None) -> None:
        self._lock = threading.RLock()
        self._opaque = opaque
        self._tell = tell
        self._live = live
        self._look = self._looks(live, self._opened(live.background))
        self._old: list[Background | None] = []
        self.prepare: Callable[[Look], None] = lambda look: None
        self.on_change: Callable[[set[str]], None] = lambda names: None
        self.on_choose: Callable[[float, float], None] = lambda x, y: None

    @property
    def live(self) -> Live:
        return self._live

    @property
    def look(self) -> Look:
        return self._look

    def change(self, **values: Any) -> None:
        """Sets what is named. SettingsError for a name or a value that is none, LivematteError for a background that cannot be opened:
        then nothing has changed."""
        _check(values)
        with self._lock:
            live = replace(self._live, **values)
            changed = {name for name in values if getattr(live, name) != getattr(self._live, name)}
            if not changed:
                return
            new = "background" in changed
            background = self._opened(live.background) if new else self._look.background
            look = self._looks(live, background)
            try:
                self.prepare(look)
            except BaseException:
                if new:
                    close_background(background)
                raise
            if new:
                self._old.append(self._look.background)
            self._live, self._look = live, look
            self.on_change(changed)  # under the lock: what is shown follows the settings in their order

    def choose(self, x: float, y: float) -> None:
        """Keeps alone who is seen at that place of the picture as it is shown, mirrored or not; where nobody is, all is as before.

        x, y: fractions of its width and height. ValueError for a place outside of it."""
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(f"got {x = }, {y = }, wanted 0 to 1")
        self.on_choose(1 - x if self._live.mirror else x, y)

    def next_background(self) -> str:
        """The next of `backgrounds` that can be shown; those that cannot are told and passed over."""
        names = self._live.backgrounds
        if self._live.background not in names:
            names = (self._live.background, *names)
        place = names.index(self._live.background)
        for name in (*names[place + 1 :], *names[:place]):
            try:
                self.change(background=name)
            except LivematteError as error:
                self._tell(str(error))
            else:
                break
        return self._live.background

    def blur(self, steps: int) -> str:
        """More (less) blur, where the background is one."""
        name, _, strength = self._live.background.partition(":")
        if name != "blur":
            return self._live.background
        now = float(strength or 4.0)
        near = min(range(len(STRENGTHS)), key=lambda i: abs(STRENGTHS[i] - now))
        then = STRENGTHS[min(len(STRENGTHS) - 1, max(0, near + steps))]
        if (then - now) * steps > 0:
            self.change(background=f"blur:{then:g}")
        return self._live.background

    def close_old(self, used: Look | None = None) -> None:
        """Closes backgrounds that were replaced, but for that of the look that is `used`. For the thread that uses them."""
        with self._lock:
            old, self._old = self._old, []
            for background in old:
                if used is not None and background is used.background:
                    self._old.append(background)
                else:
                    close_background(background)

    def close(self) -> None:
        self.close_old()
        close_background(self._look.background)

    def _opened(self, spec: str) -> Background | None:
        if spec == "none" and self._opaque:
            raise SettingsError("no background wants outputs that hold alpha; try blur, green or a picture")
        name, _, strength = spec.partition(":")
        background = open_background(spec)
        if name == "blur" and strength and float(strength) < STRENGTHS[0]:
            raise SettingsError(f"background: got {spec}, in which the room can be seen; live, a blur is at least {STRENGTHS[0]:g}")
        return None if background is None else Lasting(background, self._tell)

    def _looks(self, live: Live, background: Background | None) -> Look:
        return Look(background, live.choke, live.feather, live.premultiplied, live.mirror, live.light_wrap, live.match)


def _check(values: dict[str, Any]) -> None:
    for name, value in values.items():
        if name not in Live.__dataclass_fields__:
            raise SettingsError(f"unknown setting {name!r}; wanted one of {', '.join(Live.__dataclass_fields__)}")
        if name in _SWITCHES and not isinstance(value, bool):
            raise SettingsError(f"{name}: got {value!r}, wanted true or false")
        if name == "background" and not (isinstance(value, str) and value):
            raise SettingsError(f"background: got {value!r}, wanted none, blur, a colour, a picture or a video")
        if name == "keep" and not _is_keep(value):
            raise SettingsError(f"keep: got {value!r}, wanted all, nearest or how many people, from 1 to {_MOST}")
        if name in _RANGES and not (name == "detail" and value is None):
            low, high = _RANGES[name]
            kind = int if name == "detail" else int | float
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                raise SettingsError(f"{name}: got {value!r}, wanted {low:g} to {high:g}")


def _is_keep(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return 1 <= value <= _MOST
    return isinstance(value, str) and value in ("all", "nearest")
