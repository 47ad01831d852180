"""Laws of smoothing: a constant stays, what moves follows at once, time counts and not frames, nothing lingers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from livematte.frame import Frame, Matte, pixel_format
from livematte.smooth import Held, OneFrameDelay, Smoother, one_frame_late

SIZE = (64, 48)


def at(seconds: Fraction, luma: int = 100) -> Frame:
    known = pixel_format("gray")
    assert known is not None
    return Frame((np.full((SIZE[1], SIZE[0]), luma, np.uint8),), known[0], pts=round(seconds * 90_000), time_base=Fraction(1, 90_000))


def flat(value: float, frame: Frame) -> Matte:
    return Matte(np.full((SIZE[1], SIZE[0]), value, np.float32), frame)


@pytest.mark.parametrize("value", [0.0, 1 / 3, 1.0])
def test_a_constant_stays_exactly(value: float) -> None:
    smoother = Smoother(0.2)
    for i in range(20):
        frame = at(Fraction(i, 30))
        assert (smoother.step(frame, flat(value, frame)).pha == np.float32(value)).all()


def test_without_seconds_nothing_happens() -> None:
    smoother = Smoother()
    matte = flat(0.5, at(Fraction(0)))
    assert smoother.step(at(Fraction(0)), matte) is matte


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_the_time_to_settle_is_in_seconds(rate: int) -> None:
    smoother = Smoother(0.2)
    smoother.step(at(Fraction(0)), flat(0, at(Fraction(0))))
    for i in range(1, rate // 5 + 1):
        frame = at(Fraction(i, rate))
        pha = smoother.step(frame, flat(1, frame)).pha
    assert pha == pytest.approx(1 - np.exp(-1), abs=1e-5)


def test_what_moves_follows_at_once_and_what_stands_does_not() -> None:
    smoother = Smoother(1.0)
    frame = at(Fraction(0))
    smoother.step(frame, flat(0, frame))
    planes = frame.planes[0].copy()
    planes[:, 32:] += 40
    moved = replace(at(Fraction(1, 30)), planes=(planes,))
    pha = smoother.step(moved, flat(1, moved)).pha
    assert (pha[:, 40:] == 1).all()
    assert (pha[:, :24] < 0.1).all()


def test_nothing_lingers() -> None:
    smoother = Smoother(0.1)
    frame = at(Fraction(0))
    smoother.step(frame, flat(1, frame))
    for i in range(1, 60):
        frame = at(Fraction(i, 30))
        pha = smoother.step(frame, flat(0, frame)).pha
    assert not pha.any()


@pytest.mark.parametrize("change", ["cut", "size", "back", "reset"])
def test_another_scene_starts_anew(change: str) -> None:
    smoother = Smoother(1.0)
    frame = at(Fraction(1))
    smoother.step(frame, flat(0, frame))
    if change == "reset":
        smoother.reset()
    frame = at(Fraction(1 if change != "back" else 0) + Fraction(1, 30), luma=230 if change == "cut" else 100)
    if change == "size":
        frame = frame.with_planes((frame.planes[0][:24],))
    pha = smoother.step(frame, Matte(np.ones(frame.planes[0].shape, np.float32), frame)).pha
    assert (pha == 1).all()


def through(*phas: float, raises: bool = True) -> list[float]:
    """What OneFrameDelay makes of frames whose alpha is the same all over."""
    delay: OneFrameDelay[int] = OneFrameDelay(raises=raises)
    out = []
    for i, pha in enumerate(phas):
        frame = at(Fraction(i, 30))
        out.append(delay.push(frame, flat(pha, frame), i))
    given = [held for held in (*out, delay.flush()) if held is not None]
    assert [held.tag for held in given] == list(range(len(phas)))
    assert [held.frame.seconds for held in given] == pytest.approx([i / 30 for i in range(len(phas))], abs=1e-4)
    return [float(held.matte.pha.mean()) for held in given]


def test_a_frame_that_flickers_takes_its_neighbours_mean() -> None:
    assert through(0.9, 0.2, 0.94) == pytest.approx([0.9, 0.92, 0.94])
    assert through(0.2, 0.9, 0.1, 0.9, 0.2) == pytest.approx([0.2, 0.15, 0.1, 0.15, 0.2])


def test_what_was_taken_away_may_stay_away() -> None:
    assert through(0.9, 0.2, 0.94, raises=False) == pytest.approx([0.9, 0.2, 0.94])
    assert through(0.1, 0.9, 0.1, raises=False) == pytest.approx([0.1, 0.1, 0.1])


def test_motion_and_small_changes_stay() -> None:
    assert through(0.0, 0.5, 1.0) == pytest.approx([0.0, 0.5, 1.0])
    assert through(0.0, 1.0, 1.0, 0.0) == pytest.approx([0.0, 1.0, 1.0, 0.0])
    assert through(0.50, 0.58, 0.51) == pytest.approx([0.50, 0.58, 0.51])


def test_only_the_pixels_that_flicker_change() -> None:
    delay: OneFrameDelay[None] = OneFrameDelay()
    frames = [at(Fraction(i, 30)) for i in range(3)]
    phas = [np.full((SIZE[1], SIZE[0]), 1.0, np.float32) for _ in frames]
    phas[1][:, :10] = 0
    assert delay.push(frames[0], Matte(phas[0], frames[0]), None) is None
    delay.push(frames[1], Matte(phas[1], frames[1]), None)
    held = delay.push(frames[2], Matte(phas[2], frames[2]), None)
    assert isinstance(held, Held)
    assert (held.matte.pha == 1).all()
    assert held.matte.fgr is frames[1]


def test_one_frame_delay_compares_nothing_across_a_cut() -> None:
    delay: OneFrameDelay[None] = OneFrameDelay()
    frames = [at(Fraction(0)), at(Fraction(1, 30)), at(Fraction(2, 30), luma=220), at(Fraction(3, 30), luma=220)]
    mattes = [flat(pha, frame) for pha, frame in zip((1.0, 0.0, 1.0, 0.0), frames, strict=True)]
    given = [delay.push(frame, matte, None) for frame, matte in zip(frames, mattes, strict=True)]
    assert given[0] is None
    assert [held.matte for held in given[1:] if held is not None] == mattes[:3]
    last = delay.flush()
    assert last is not None
    assert last.matte is mattes[3]
    assert delay.flush() is None


def test_what_lies_between_frames_keeps_its_place() -> None:
    frames = [at(Fraction(i, 30)) for i in range(3)]
    items: list[object] = ["a", (frames[0], flat(1, frames[0])), "b", (frames[1], flat(0, frames[1])), "c", "d"]
    items += [(frames[2], flat(1, frames[2])), "e"]
    out = list(one_frame_late(items))
    assert [item if isinstance(item, str) else item[0].pts for item in out] == [  # type: ignore[index]
        "a",
        *(0, "b", 3000, "c", "d", 6000, "e"),
    ]
    assert (out[3][1].pha == 1).all()  # type: ignore[index]


def test_one_frame_late_of_nothing_is_nothing() -> None:
    assert list(one_frame_late(["a"])) == ["a"]
    assert list(one_frame_late([])) == []
