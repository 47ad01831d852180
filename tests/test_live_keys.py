"""What each key does, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from livematte.errors import LivematteError
from livematte.live.controls import Controls, Live
from livematte.live.keys import Keys
from livematte.sinks.window import KEYS


class Pressed:
    """Keys on controls."""

    def __init__(self, **live: Any) -> None:
        self.controls = Controls(Live(**{"background": "blur", "backgrounds": ("blur", "green"), **live}))
        self.stopped = 0
        self.keys = Keys(self.controls, stop=self._stop, snapshot=lambda: "here.png")

    def _stop(self) -> None:
        self.stopped += 1

    def press(self, *names: str) -> list[str]:
        return [self.keys.press(name) for name in names]

    @property
    def live(self) -> Live:
        return self.controls.live


def test_space_pauses_and_goes_on() -> None:
    pressed = Pressed()
    assert pressed.press("space") == ["paused: the stand-in is shown"]
    assert pressed.live.paused
    assert pressed.press("space") == ["on again"]
    assert not pressed.live.paused


def test_b_takes_the_next_background() -> None:
    assert Pressed().press("b", "b") == ["background: green", "background: blur"]


def test_plus_and_minus_change_the_blur() -> None:
    assert Pressed().press("+", "+", "-", "-") == ["background: blur:8", "background: blur:16", "background: blur:8", "background: blur:4"]
    assert Pressed(background="green").press("+") == ["background: green"]


def test_brackets_change_the_smoothing_between_none_and_a_second() -> None:
    pressed = Pressed()
    assert pressed.press("[", "]", "]") == ["smoothing: 0 s", "smoothing: 0.05 s", "smoothing: 0.1 s"]
    assert pressed.live.smooth == 0.1
    pressed.press(*"]" * 30)
    assert pressed.live.smooth == 1.0


def test_more_smoothing_is_never_less() -> None:
    pressed = Pressed(smooth=3.0)
    pressed.press("]")
    assert pressed.live.smooth >= 3.0


def test_d_goes_through_the_details() -> None:
    pressed = Pressed()
    assert pressed.press(*"dddd") == ["detail: 512", "detail: 384", "detail: 256", "detail: auto"]
    assert pressed.live.detail is None
    assert Pressed(detail=700).press("d") == ["detail: 512"]


def test_f_flips() -> None:
    pressed = Pressed()
    assert pressed.press("f") == ["mirrored"]
    assert pressed.live.mirror
    assert pressed.press("f") == ["not mirrored"]
    assert not pressed.live.mirror


def test_k_keeps_the_nearest_or_everybody() -> None:
    pressed = Pressed()
    assert pressed.press("k") == ["kept: the nearest person"]
    assert pressed.live.keep == "nearest"
    assert pressed.press("k") == ["kept: everybody"]
    assert pressed.live.keep == "all"
    assert Pressed(keep=2).press("k") == ["kept: the nearest person"]


@pytest.mark.parametrize(("mirror", "chosen"), [(False, (0.2, 0.7)), (True, (0.8, 0.7))])
def test_a_click_is_where_that_is_in_the_frame_itself(mirror: bool, chosen: tuple[float, float]) -> None:
    pressed = Pressed(mirror=mirror)
    heard: list[tuple[float, float]] = []
    pressed.controls.on_choose = lambda x, y: heard.append((x, y))
    assert pressed.keys.click(0.2, 0.7) == "kept alone: who was clicked on; a click beside everybody: as before"
    assert heard == [pytest.approx(chosen)]


def test_s_takes_a_picture() -> None:
    assert Pressed().press("s") == ["snapshot: here.png"]


def test_q_quits() -> None:
    pressed = Pressed()
    assert pressed.press("q") == [""]
    assert pressed.stopped == 1


def test_other_keys_do_nothing() -> None:
    pressed = Pressed()
    live = pressed.live
    assert pressed.press("x", "B", "") == ["", "", ""]
    assert pressed.live == live


def test_what_a_key_cannot_do_is_told() -> None:
    pressed = Pressed(background="green", backgrounds=("green", "/nowhere.png"))
    controls = pressed.controls

    def prepare(look: object) -> None:
        raise LivematteError("not now")

    controls.prepare = prepare
    assert pressed.press("f") == ["not now"]
    assert not pressed.live.mirror


@pytest.mark.parametrize("key", sorted(KEYS - {"?"}))
def test_every_key_of_the_help_does_something(key: str) -> None:
    pressed = Pressed(smooth=0.5)
    live = pressed.live
    said = pressed.press(key)[0]
    assert pressed.live != live or pressed.stopped or said == "snapshot: here.png"
