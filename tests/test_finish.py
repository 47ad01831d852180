"""What is done to mattes between the network and the full size: in which order, when not at all, and when it starts anew."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scenes import frame_of, room_scene

from livematte.finish import Finish, Finished
from livematte.frame import Frame, Matte
from livematte.opening import Asked, Prepared, make_finish
from livematte.props import Box, Props
from livematte.settings import make_settings

SIZE = (320, 180)


def still(pts: int, seed: int = 0) -> Frame:
    return frame_of(room_scene(SIZE, seed=seed).src, pts=pts)


def two_bodies(frame: Frame) -> Matte:
    """A large one on the left, a small one on the right."""
    pha = np.zeros(SIZE[::-1], np.float32)
    pha[40:, 30:130] = 1
    pha[90:150, 220:260] = 1
    return Matte(pha, frame)


def large_body(frame: Frame) -> Matte:
    pha = two_bodies(frame).pha.copy()
    pha[:, 200:] = 0
    return Matte(pha, frame)


def room_frame(pts: int, *, stranger: bool) -> Frame:
    """A still room, and who stands on the right of it."""
    src = room_scene(SIZE, seed=0).src.copy()
    src[100:180, 210:270] = (0.5, 0.3, 0.2)
    if stranger:
        src[90:150, 220:260] = (0.2, 0.5, 0.6)
    return frame_of(src, pts=pts)


def speckled(frame: Frame) -> Matte:
    matte = two_bodies(frame)
    pha = matte.pha.copy()
    pha[10:14, 300:304] = 1
    return Matte(pha, frame)


def test_with_nothing_to_do_a_matte_is_left_alone() -> None:
    frame = still(0)
    matte = speckled(frame)
    finish = Finish()
    assert finish.step(frame, matte) is matte
    assert not finish.starts


def test_each_part_does_its_own() -> None:
    frame = still(0)
    tidied, alone = Finish(tidy=True).step(frame, speckled(frame)), Finish(keep="nearest").step(frame, two_bodies(frame))
    assert (tidied.pha[10:14, 300:304] == 0).all()
    assert (tidied.pha[95:145, 225:255] == 1).all()
    assert (alone.pha[95:145, 225:255] == 0).all()
    assert (alone.pha[60:170, 50:110] == 1).all()


def test_smoothing_settles_and_can_be_set_anew() -> None:
    finish = Finish(smooth=1.0)
    frames = [still(pts) for pts in range(3)]
    finish.step(frames[0], Matte(np.full(SIZE[::-1], 1, np.float32), frames[0]))
    held = finish.step(frames[1], Matte(np.full(SIZE[::-1], 0.8, np.float32), frames[1])).pha
    assert (held > 0.9).all()
    finish.smooth = 0
    assert finish.smooth == 0
    matte = Matte(np.full(SIZE[::-1], 0.5, np.float32), frames[2])
    assert finish.step(frames[2], matte) is matte


def test_a_click_keeps_one_person_alone_and_a_click_beside_all() -> None:
    finish = Finish()
    frames = [still(pts) for pts in range(4)]
    finish.step(frames[0], two_bodies(frames[0]))
    finish.choose(240 / SIZE[0], 120 / SIZE[1])
    for frame in frames[1:3]:
        pha = finish.step(frame, two_bodies(frame)).pha
        assert (pha[95:145, 225:255] == 1).all()
        assert (pha[60:170, 50:110] == 0).all()
    finish.choose(0.95, 0.05)
    assert (finish.step(frames[3], two_bodies(frames[3])).pha[60:170, 50:110] == 1).all()


def test_who_stays_can_be_set_anew() -> None:
    finish = Finish()
    frames = [still(pts) for pts in range(3)]
    kept = []
    for frame, keep in zip(frames, ("all", "nearest", "all"), strict=True):
        finish.keep = keep
        kept.append(bool((finish.step(frame, two_bodies(frame)).pha[95:145, 225:255] == 1).all()))
    assert kept == [True, False, True]
    assert finish.keep == "all"


def test_it_tells_where_scenes_start() -> None:
    finish = Finish(watches=True)
    told = []
    for frame in [still(0), still(1), still(2, seed=5), still(3, seed=5), still(1, seed=5)]:
        finish.step(frame, two_bodies(frame))
        told.append(finish.starts)
    assert told == [True, False, True, False, True]


@pytest.mark.parametrize("how", ["reset", "cut"])
def test_nothing_is_carried_over(how: str) -> None:
    """Alpha falls by half at once: smoothing would hold it."""
    finish = Finish(smooth=5.0, tidy=True)
    for pts in range(4):
        finish.step(still(pts), Matte(np.full(SIZE[::-1], 1, np.float32), still(pts)))
    after = still(4, seed=7 if how == "cut" else 0)
    if how == "reset":
        finish.reset()
    half = np.full(SIZE[::-1], 0.5, np.float32)
    np.testing.assert_array_equal(finish.step(after, Matte(half, after)).pha, half)


class Given:
    """A Matter with a matte for each frame."""

    ran = False

    def __init__(self) -> None:
        self.calls: list[str] = []

    def step(self, frame: Frame) -> Matte:
        return speckled(frame)

    def reset(self) -> None:
        self.calls.append("reset")

    def prime(self, frames: Any) -> None:
        self.calls.append("prime")


def test_a_finished_matter_is_a_matter() -> None:
    given = Given()
    matter = Finished(given, Finish(tidy=True))
    assert (matter.step(still(0)).pha[10:14, 300:304] == 0).all()
    matter.reset()
    matter.prime([still(0)])
    assert given.calls == ["reset", "prime"]
    assert not matter.ran


@pytest.mark.parametrize(
    ("usual", "values", "smooth", "tidies"),
    [
        ({}, {}, 0.0, False),
        ({"smooth": 0.1, "tidy": True}, {}, 0.1, True),
        ({"smooth": 0.1, "tidy": True}, {"smooth": "0", "tidy": "off"}, 0.0, False),
        ({}, {"smooth": "0.3"}, 0.3, False),
    ],
)
def test_a_job_does_what_is_usual_unless_it_is_told(usual: dict[str, Any], values: dict[str, str], smooth: float, tidies: bool) -> None:
    settings = make_settings(input="-", **values)
    finish = make_finish(Asked(settings), Prepared(lambda: None, **usual))  # type: ignore[arg-type, return-value]
    assert finish.smooth == smooth
    frame = still(0)
    assert (finish.step(frame, speckled(frame)).pha[12, 302] == 0) == tidies


def test_props_from_a_box_stay_and_a_frames_own_alpha_rules() -> None:
    scene = room_scene(SIZE, seed=0)
    settings = make_settings(input="-", props="60,60,30,35")
    finish = make_finish(Asked(settings, still=True), Prepared(lambda: None))  # type: ignore[arg-type, return-value]
    frame = frame_of(scene.src, pts=0)
    nobody = Matte(np.zeros(SIZE[::-1], np.float32), frame)
    assert finish.step(frame, nobody).pha[115:165, 200:280].max() == 1
    own = replace(frame, pha=np.zeros(SIZE[::-1], np.float32))
    finish.reset()
    assert finish.step(own, nobody).pha.max() == 0


@pytest.mark.parametrize("since", [0, 20])
def test_who_is_not_kept_is_no_prop(since: int) -> None:
    """In the box where props stand, from the first frame on or later: never learned as one, nor shown through one that they hide."""
    finish = Finish(keep="nearest", props=Props((Box(60, 40, 30, 60),), live=True))
    shown = 0.0
    for index in range(50):
        frame = replace(room_frame(index, stranger=index >= since), time_base=Fraction(1, 10))
        pha = finish.step(frame, two_bodies(frame) if index >= since else large_body(frame)).pha
        if index >= since:
            shown = max(shown, float(pha[88:152, 218:262].max()))
        elif index == since - 1:
            assert pha[110:140, 225:255].min() > 0.9, "the prop that was to be hidden"
    assert shown == 0


def test_what_was_known_before_a_pause_counts_no_more() -> None:
    """Set to nothing for some seconds and back: neither old alpha nor who was kept then comes back with it."""
    finish = Finish(smooth=1.0, watches=True)
    frames = [still(pts) for pts in range(6)]
    finish.step(frames[0], Matte(np.full(SIZE[::-1], 1, np.float32), frames[0]))
    finish.smooth = 0
    finish.step(frames[1], Matte(np.full(SIZE[::-1], 0.6, np.float32), frames[1]))
    finish.smooth = 1.0
    assert np.allclose(finish.step(frames[2], Matte(np.full(SIZE[::-1], 0.6, np.float32), frames[2])).pha, 0.6, atol=0.01)
    finish = Finish(keep="nearest", watches=True)
    small = np.zeros(SIZE[::-1], np.float32)
    small[90:150, 220:260] = 1
    finish.step(frames[0], Matte(small, frames[0]))
    finish.keep = "all"
    finish.step(frames[1], two_bodies(frames[1]))
    finish.keep = "nearest"
    pha = finish.step(frames[2], two_bodies(frames[2])).pha
    assert (pha[60:170, 50:110] == 1).all()
    assert (pha[95:145, 225:255] == 0).all()


def test_another_keep_ends_what_was_chosen() -> None:
    finish = Finish(watches=True)
    frames = [still(pts) for pts in range(3)]
    finish.choose(240 / SIZE[0], 120 / SIZE[1])
    assert (finish.step(frames[0], two_bodies(frames[0])).pha[60:170, 50:110] == 0).all()
    finish.keep = "nearest"
    finish.step(frames[1], two_bodies(frames[1]))
    finish.keep = "all"
    assert (finish.step(frames[2], two_bodies(frames[2])).pha[60:170, 50:110] == 1).all()
