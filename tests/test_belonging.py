"""What makes a person belong, on frames."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livematte.belonging import Belonging
from livematte.errors import SettingsError
from livematte.frame import Frame, Matte
from livematte.planes import solid

MakeFrame = Callable[..., Frame]
FORMATS = ["yuv420p", "yuv420p10le", "yuv422p", "nv12", "p010le", "gbrp", "gray", "yuv411p"]


def matte_of(frame: Frame) -> Matte:
    width, height = frame.size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return Matte(np.clip(height / 3 - np.hypot(x - width / 2, y - height / 2), 0, 1).astype(np.float32), frame)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_asked_for_is_the_same_matte(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name)
    matte = matte_of(frame)
    assert Belonging().step(frame, matte, solid(frame, (1, 1, 1))) is matte


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(320, 240), (101, 75), (63, 47)])
def test_every_format_and_size(make_frame: MakeFrame, name: str, size: tuple[int, int]) -> None:
    frame = make_frame(name, size)
    matte, bgr = matte_of(frame), solid(frame, (0.1, 0.08, 0.05))
    found = Belonging(light_wrap=0.7, match=0.7).step(frame, matte, bgr)
    assert found.pha is matte.pha
    assert [(p.shape, p.dtype) for p in found.fgr.planes] == [(p.shape, p.dtype) for p in frame.planes]
    low = (1 << frame.format.shift) - 1
    for plane, was in zip(found.fgr.planes, frame.planes, strict=True):
        assert not (plane & low).any()
        assert (plane != was).any()
    assert found.fgr.planes[0].astype(float).mean() < 0.95 * frame.planes[0].astype(float).mean()


def test_the_frames_own_planes_are_not_written(make_frame: MakeFrame) -> None:
    frame = make_frame()
    before = [np.array(plane) for plane in frame.planes]
    Belonging(light_wrap=1, match=1).step(frame, matte_of(frame), solid(frame, (0, 0, 0)))
    for plane, was in zip(frame.planes, before, strict=True):
        np.testing.assert_array_equal(plane, was)


@pytest.mark.parametrize("amounts", [{"light_wrap": 1.1}, {"match": -0.1}, {"match": float("nan")}])
def test_amounts_out_of_range(amounts: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=r"got (light wrap|match) .*, wanted 0 \(off\) to 1"):
        Belonging(**amounts)


def test_a_reset_forgets_the_scene_before(make_frame: MakeFrame) -> None:
    frames = [replace(make_frame(size=(160, 90)), pts=i) for i in range(2)]
    dark, bright = (solid(frames[0], (level,) * 3) for level in (0.05, 0.9))
    fresh = Belonging(match=1).step(frames[1], matte_of(frames[1]), bright).fgr.planes[0]
    for reset in (True, False):
        belonging = Belonging(match=1)
        belonging.step(frames[0], matte_of(frames[0]), dark)
        if reset:
            belonging.reset()
        found = belonging.step(frames[1], matte_of(frames[1]), bright).fgr.planes[0]
        assert np.array_equal(found, fresh) is reset


def test_a_picture_with_nobody_in_it_between_changes_nothing(make_frame: MakeFrame) -> None:
    """A live job's stand-in is made by another thread, at whatever time, perhaps of another size."""
    frames = [replace(make_frame(size=(160, 90)), pts=10 * i) for i in range(20)]
    dark, bright = (solid(frames[0], (level,) * 3) for level in (0.05, 0.9))

    def shown(belonging: Belonging) -> list[np.ndarray]:
        return [belonging.step(f, matte_of(f), dark if i < 3 else bright).fgr.planes[0] for i, f in enumerate(frames)]

    alone = shown(Belonging(match=1))
    belonging, empty = Belonging(match=1), make_frame(size=(64, 48))
    nobody = Matte(np.zeros((48, 64), np.float32), empty)
    done = threading.Event()

    def stand_in() -> None:
        while not done.is_set():
            assert belonging.step(empty, nobody, solid(empty, (1, 1, 1))) is nobody

    thread = threading.Thread(target=stand_in)
    thread.start()
    try:
        beside = shown(belonging)
    finally:
        done.set()
        thread.join()
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(one, other)
