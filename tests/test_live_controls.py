"""Settings change between frames, whole or not at all, from any thread."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import media
import numpy as np
import pytest
from live_world import room_with_person

from livematte.errors import LivematteError, SettingsError, SourceError
from livematte.frame import Matte
from livematte.live import controls as module
from livematte.live.controls import Controls, Live
from livematte.look import Look


@pytest.fixture
def picture(tmp_path: Path) -> str:
    cv2.imwrite(str(tmp_path / "white.png"), np.full((24, 32, 3), 255, np.uint8))
    return str(tmp_path / "white.png")


def luma(look: Look) -> int:
    """Of what stands behind."""
    frame = room_with_person()
    assert look.background is not None
    return int(look.background.planes(frame, Matte(np.zeros(frame.planes[0].shape, np.float32), frame))[0].max())


def test_a_change_is_seen_whole() -> None:
    controls = Controls(Live(background="black"))
    before = controls.look
    controls.change(background="white", choke=1.5, feather=2.0, mirror=True, smooth=0.3, detail=256, premultiplied=True)
    assert (before.choke, luma(before)) == (0, 16)
    look = controls.look
    assert (look.choke, look.feather, look.mirror, look.premultiplied, luma(look)) == (1.5, 2.0, True, True, 235)
    assert (controls.live.smooth, controls.live.detail) == (0.3, 256)
    controls.change(light_wrap=0.5, match=1)
    assert (controls.look.light_wrap, controls.look.match) == (0.5, 1)


def test_what_changed_is_told_and_what_did_not_is_not() -> None:
    told: list[set[str]] = []
    controls = Controls(Live(background="black"))
    controls.on_change = told.append
    controls.change(mirror=True, choke=0.0)
    controls.change(mirror=True)
    controls.change()
    controls.change(paused=True, smooth=0.5)
    assert told == [{"mirror"}, {"paused", "smooth"}]


def test_a_background_stays_open_while_others_change(picture: str) -> None:
    controls = Controls(Live(background=picture))
    before = controls.look.background
    controls.change(choke=2.0)
    assert controls.look.background is before
    controls.change(background="black")
    assert controls.look.background is not before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"volume": 3}, r"unknown setting 'volume'; wanted one of background, .*smooth, .*paused"),
        ({"mirror": 1}, r"mirror: got 1, wanted true or false"),
        ({"paused": "yes"}, r"paused: got 'yes', wanted true or false"),
        ({"premultiplied": "no"}, r"premultiplied: got 'no', wanted true or false"),
        ({"background": ""}, r"background: got '', wanted none, blur, a colour, a picture or a video"),
        ({"background": None}, r"background: got None, wanted none, blur"),
        ({"background": "blue-ish"}, r"--background: got colour 'blue-ish', wanted #rrggbb, .*; or none, blur, a picture, a video"),
        ({"background": "blur:much"}, r"--background: got 'blur:much', wanted blur or blur:STRENGTH"),
        ({"background": "blur:0"}, r"got blur 0, wanted more than 0 and at most 50"),
        ({"background": "/nowhere.png"}, r"background: there is no /nowhere.png"),
        ({"background": "none"}, r"no background wants outputs that hold alpha; try blur, green or a picture"),
        ({"smooth": 5.1}, r"smooth: got 5.1, wanted 0 to 5"),
        ({"smooth": -0.1}, r"smooth: got -0.1, wanted 0 to 5"),
        ({"smooth": float("nan")}, r"smooth: got nan, wanted 0 to 5"),
        ({"smooth": "1"}, r"smooth: got '1', wanted 0 to 5"),
        ({"choke": True}, r"choke: got True, wanted -100 to 100"),
        ({"choke": float("inf")}, r"choke: got inf, wanted -100 to 100"),
        ({"feather": -1}, r"feather: got -1, wanted 0 to 100"),
        ({"light_wrap": 1.5}, r"light_wrap: got 1.5, wanted 0 to 1"),
        ({"match": -0.5}, r"match: got -0.5, wanted 0 to 1"),
        ({"detail": 63}, r"detail: got 63, wanted 64 to 4096"),
        ({"detail": 300.5}, r"detail: got 300.5, wanted"),
        ({"detail": "auto"}, r"detail: got 'auto', wanted 64 to 4096"),
        ({"keep": "some"}, r"keep: got 'some', wanted all, nearest or how many people, from 1 to 99"),
        ({"keep": 0}, r"keep: got 0, wanted all"),
        ({"keep": True}, r"keep: got True, wanted all"),
        ({"keep": 100}, r"keep: got 100, wanted all"),
        ({"keep": 1.0}, r"keep: got 1.0, wanted all"),
    ],
)
def test_a_bad_value_is_refused_and_changes_nothing(values: dict[str, Any], message: str) -> None:
    controls = Controls(Live(background="white"), opaque=True)
    controls.on_change = lambda names: pytest.fail(f"{names} did not change")
    live, look = controls.live, controls.look
    with pytest.raises(LivematteError, match=message):
        controls.change(**{"mirror": True, **values})
    assert (controls.live, controls.look) == (live, look)


def test_who_stays_is_changed() -> None:
    told: list[set[str]] = []
    controls = Controls(Live(background="white"))
    controls.on_change = told.append
    controls.change(keep="nearest")
    controls.change(keep=2)
    controls.change(keep=2)
    assert told == [{"keep"}, {"keep"}]
    assert controls.live.keep == 2


@pytest.mark.parametrize("place", [(-0.1, 0.5), (0.5, 1.1), (float("nan"), 0.5)])
def test_a_click_is_in_the_picture(place: tuple[float, float]) -> None:
    controls = Controls(Live(background="white"))
    controls.on_choose = lambda x, y: pytest.fail("there is no such place")
    with pytest.raises(ValueError, match="wanted 0 to 1"):
        controls.choose(*place)


def test_no_background_is_for_outputs_with_alpha() -> None:
    controls = Controls(Live(background="white"))
    controls.change(background="none")
    assert controls.look.background is None
    with pytest.raises(SettingsError, match="no background wants outputs that hold alpha"):
        Controls(Live(background="none"), opaque=True)


class Counted:
    """A background that counts how often it was closed."""

    def __init__(self, name: str) -> None:
        self.name, self.closed = name, 0

    def planes(self, frame: Any, matte: Matte) -> Any:
        return frame.planes

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Counted]:
    """Every background that is opened, in order."""
    made: list[Counted] = []
    monkeypatch.setattr(module, "open_background", lambda spec: (made.append(Counted(spec)), made[-1])[1])
    return made


def test_who_prepares_may_refuse(opened: list[Counted]) -> None:
    controls = Controls(Live(background="white"))
    seen: list[Look] = []

    def prepare(look: Look) -> None:
        seen.append(look)
        raise SourceError("no")

    controls.prepare = prepare
    live, look = controls.live, controls.look
    with pytest.raises(SourceError, match="no"):
        controls.change(background="black", choke=1.0)
    assert (controls.live, controls.look) == (live, look)
    assert seen[0].choke == 1.0
    assert [background.closed for background in opened] == [0, 1]
    with pytest.raises(SourceError, match="no"):
        controls.change(choke=1.0)
    assert [background.closed for background in opened] == [0, 1], "the one in use stays open"


def test_close_closes_the_background(opened: list[Counted]) -> None:
    controls = Controls(Live(background="white"))
    controls.close()
    assert [background.closed for background in opened] == [1]


def test_changes_from_many_threads_are_all_there() -> None:
    controls = Controls(Live(background="white"))
    told: list[set[str]] = []
    controls.on_change = told.append
    values = [
        {"choke": 1.0},
        {"feather": 2.0},
        {"smooth": 0.5},
        {"mirror": True},
        {"detail": 256},
        {"paused": True},
        {"background": "black"},
    ]
    threads = [threading.Thread(target=controls.change, kwargs=value) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert controls.live == Live("black", smooth=0.5, choke=1.0, feather=2.0, detail=256, mirror=True, paused=True)
    assert sorted(map(sorted, told)) == sorted(map(sorted, values))


def test_the_next_background_goes_round(picture: str) -> None:
    controls = Controls(Live(background="blur", backgrounds=("blur", picture, "green")))
    assert [controls.next_background() for _ in range(4)] == [picture, "green", "blur", picture]
    assert luma(controls.look) == 235


def test_the_next_background_begins_with_the_first_where_the_present_is_none_of_them() -> None:
    controls = Controls(Live(background="red", backgrounds=("blur", "green")))
    assert [controls.next_background() for _ in range(3)] == ["blur", "green", "blur"]


@pytest.mark.parametrize("bad", ["/nowhere.png", "blue-ish", "none"])
def test_a_next_background_that_cannot_be_shown_is_told_and_passed_over(bad: str) -> None:
    told: list[str] = []
    controls = Controls(Live(background="blur", backgrounds=("blur", bad, "green")), opaque=True, tell=told.append)
    assert controls.next_background() == "green"
    assert len(told) == 1
    assert controls.next_background() == "blur"


def test_where_no_other_can_be_shown_the_present_stays() -> None:
    controls = Controls(Live(background="blur", backgrounds=("blur", "bad", "worse")), tell=lambda text: None)
    assert controls.next_background() == "blur"
    assert Controls(Live(background="blur")).next_background() == "blur"


@pytest.mark.parametrize(
    ("now", "steps", "then"),
    [
        ("blur", 1, "blur:8"),
        ("blur", -1, "blur:2"),
        ("blur:4", 1, "blur:8"),
        ("blur:1", -1, "blur:1"),
        ("blur:16", 1, "blur:16"),
        ("blur:5", -1, "blur:2"),
        ("green", 1, "green"),
    ],
)
def test_blur_goes_by_steps(now: str, steps: int, then: str) -> None:
    controls = Controls(Live(background=now))
    assert controls.blur(steps) == then
    assert controls.live.background == then


@pytest.mark.parametrize(("now", "steps"), [("blur:30", 1), ("blur:1", -1)])
def test_more_blur_is_never_less(now: str, steps: int) -> None:
    controls = Controls(Live(background=now))
    strength = float(controls.blur(steps).partition(":")[2])
    assert (strength - float(now.partition(":")[2])) * steps >= 0


def test_a_background_that_breaks_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    clip = media.clip(tmp_path / "clip.mp4", frames=3, size=(32, 24))
    controls = Controls(Live(background=str(clip)), tell=told.append)
    clip.unlink()
    luma(controls.look)
    assert len(told) == 1
    assert told[0].startswith("the background broke: there is no ")
    controls.close()
