"""Laws of smoothing: a constant stays, what moves follows at once, time counts and not frames, nothing lingers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from livematte.frame import Frame, Matte, pixel_format
from livematte.smooth import Smoother

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
