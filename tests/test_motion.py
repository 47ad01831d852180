"""Motion from frame to frame, and what is known brought over to another grid."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livematte.frame import Frame, pixel_format
from livematte.matting.draft import Small
from livematte.motion import Moment, Motion, on_grid, regridded

SIZE = (256, 144)


def wall(right: float = 0, down: float = 0, *, seed: int = 0) -> NDArray[np.uint8]:
    """A textured picture, moved by so many pixels."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.uniform(-1, 1, (200 // n, 320 // n)).astype(np.float32), (320, 200)) for n in (4, 10, 30)]
    place = np.array([[1, 0, right - 32], [0, 1, down - 28]], np.float64)
    return cv2.warpAffine(110 + 30 * sum(layers), place, SIZE).clip(0, 255).astype(np.uint8)


def frame_at(luma: NDArray[np.uint8] | NDArray[np.uint16], seconds: float = 0.0) -> Frame:
    known = pixel_format("gray" if luma.dtype == np.uint8 else "gray10le")
    assert known is not None
    return Frame((luma,), known[0], pts=round(seconds * 1000), time_base=Fraction(1, 1000))


def moments(*lumas: NDArray[np.uint8]) -> list[Moment]:
    motion = Motion()
    return [motion.step(frame_at(luma, i / 25)) for i, luma in enumerate(lumas)]


@pytest.mark.parametrize(("right", "down"), [(0, 0), (1, 0), (3, -2), (-6, 4)])
def test_flow_leads_to_where_things_were(right: int, down: int) -> None:
    first, second = moments(wall(), wall(right, down))
    assert first.starts
    assert first.flow is None
    assert first.sure is None
    assert not second.starts
    assert second.passed == pytest.approx(0.04)
    assert second.flow is not None
    assert second.sure is not None
    inner = np.s_[16:-16, 16:-16]
    # It is found at a quarter of the size, to a third of a pixel of ours.
    assert np.median(second.flow[inner], axis=(0, 1)) == pytest.approx((-right, -down), abs=0.35)
    assert second.sure[inner].mean() > 0.95


def test_what_was_hidden_is_not_sure() -> None:
    other = wall()
    other[40:100, 80:160] = wall(seed=7)[40:100, 80:160] // 2
    _, second = moments(wall(), other)
    assert second.sure is not None
    assert second.sure[50:90, 90:150].mean() < 0.3
    assert second.sure[:24].mean() > 0.95


def test_a_cut_a_size_a_step_back_no_time_and_a_reset_start_anew() -> None:
    for case in ("cut", "size", "back", "no time", "reset", None):
        motion = Motion()
        motion.step(frame_at(wall(), 0.0 if case == "no time" else 1.0))
        if case == "reset":
            motion.reset()
        luma = 255 - wall(seed=3) // 3 if case == "cut" else wall()
        frame = frame_at(luma[:100] if case == "size" else luma, 0.5 if case == "back" else 1.04)
        moment = motion.step(replace(frame, pts=None) if case == "no time" else frame)
        assert moment.starts == (case is not None), case
        assert (moment.flow is None) == moment.starts
        assert moment.passed == pytest.approx(0 if moment.starts else 0.04)


def test_the_luma_is_small_and_of_eight_bits() -> None:
    large = cv2.resize(wall(), (1280, 720), interpolation=cv2.INTER_LINEAR)
    eight, ten = Motion().step(frame_at(large)), Motion().step(frame_at(large.astype(np.uint16) << 2))
    assert eight.size == (1280, 720)
    assert eight.luma.shape == ten.luma.shape == (144, 256)
    assert np.abs(eight.luma.astype(int) - ten.luma).max() <= 1  # rounding


@pytest.mark.parametrize("size", [(1, 1), (12, 1), (1, 40), (8, 11), (8, 12), (640, 18)])
def test_any_size_has_motion(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(90, 110, size[::-1]).astype(np.uint8)
    first, second = moments(picture, picture)
    assert second.flow is not None
    assert second.flow.shape == (*first.luma.shape, 2)


def ramp(box: tuple[int, int, int, int], size: tuple[int, int]) -> Small:
    """Alpha that is the frame's own x / 300, y / 600 more."""
    x = box[0] + (np.arange(size[0]) + 0.5) * ((box[2] - box[0]) / size[0])
    y = box[1] + (np.arange(size[1]) + 0.5) * ((box[3] - box[1]) / size[1])
    return Small((x / 300 + y[:, None] / 600).astype(np.float32), box)


def test_the_same_grid_is_the_same_alpha() -> None:
    was = ramp((0, 0, 200, 100), (50, 25))
    assert regridded(was, ramp((0, 0, 200, 100), (50, 25))) is was.pha


@pytest.mark.parametrize("to", [ramp((40, 20, 120, 80), (40, 30)), ramp((40, 20, 120, 80), (16, 12)), ramp((10, 10, 190, 90), (90, 40))])
def test_another_grid_shows_the_same_places(to: Small) -> None:
    # A ramp is interpolated exactly, but for OpenCV's places, which are whole 32nds of a sample of 4 pixels.
    np.testing.assert_allclose(regridded(ramp((0, 0, 200, 100), (50, 25)), to), to.pha, atol=4 / 32 / 300)


def test_outside_of_what_was_looked_at_is_what_is_seen_now() -> None:
    was = Small(np.full((20, 30), 0.7, np.float32), (60, 40, 120, 80))
    to = Small(np.full((50, 100), 0.1, np.float32), (0, 0, 200, 100))
    expected = to.pha.copy()
    expected[20:40, 30:60] = 0.7
    np.testing.assert_allclose(regridded(was, to), expected, atol=1e-6)


@pytest.mark.parametrize(("box", "size"), [((0, 0, 1280, 720), (320, 180)), ((320, 180, 960, 540), (160, 96)), ((5, 7, 100, 90), (64, 64))])
def test_on_grid_finds_the_places_of_a_part(box: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    moment = Moment(0.0, 0.0, True, (1280, 720), np.zeros((144, 256), np.uint8))
    luma, part = ramp((0, 0, 1280, 720), (256, 144)), ramp(box, size)
    got = on_grid(luma.pha, moment, part)
    inner = np.s_[4:-4, 4:-4]  # beyond the luma's outermost samples nothing is known
    sample = max((box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1])
    np.testing.assert_allclose(got[inner], part.pha[inner], atol=sample / 300)  # it is right to a sample, as it says
    two = on_grid(np.dstack([luma.pha, -luma.pha]), moment, part)
    np.testing.assert_allclose(two[..., 0], got, atol=5 / 32 / 300)
