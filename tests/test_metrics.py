"""Measures of alpha against the truth, by cases that can be worked out by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from livematte import metrics
from livematte.metrics import MEASURES, conn, dtssd, fgr_mad, fgr_mse, grad, mad, magnitude, mse, outline

Floats = NDArray[np.float32]


EVERY = {**MEASURES, "Conn": conn, "outline": outline}


def noise(seed: int, shape: tuple[int, ...] = (3, 12, 16)) -> Floats:
    return np.random.default_rng(seed).random(shape, np.float32)


def flat(*levels: float) -> Floats:
    """A clip whose pictures are of one level each."""
    return np.stack([np.full((12, 16), level, np.float32) for level in levels])


@pytest.mark.parametrize("measure", EVERY.values(), ids=EVERY)
@given(seed=st.integers(0, 50))
def test_nothing_is_between_a_clip_and_itself(measure: metrics.Measure, seed: int) -> None:
    assert measure(noise(seed), noise(seed)) == 0


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@given(seed=st.integers(0, 50))
def test_the_distance_is_the_same_both_ways_and_in_a_mirror(measure: metrics.Measure, seed: int) -> None:
    pha, true = noise(seed), noise(seed + 100)
    there = measure(pha, true)
    assert there > 0
    assert measure(true, pha) == pytest.approx(there)
    assert measure(np.ascontiguousarray(pha[:, :, ::-1]), np.ascontiguousarray(true[:, :, ::-1])) == pytest.approx(there, rel=1e-5)


def test_mad_and_mse_of_an_offset() -> None:
    assert mad(flat(0.5, 0.5), flat(0.25, 0.5)) == pytest.approx(125)  # a quarter in one of two pictures
    assert mse(flat(0.5, 0.5), flat(0.25, 0.5)) == pytest.approx(31.25)


def test_one_wrong_pixel_in_a_thousand() -> None:
    true = np.zeros((1, 20, 50), np.float32)
    pha = true.copy()
    pha[0, 3, 4] = 1
    assert mad(pha, true) == mse(pha, true) == pytest.approx(1)


def test_grad_knows_no_offset_but_at_an_edge() -> None:
    assert grad(flat(0.2, 0.7), flat(0.9, 0.1)) == pytest.approx(0, abs=1e-9)
    step = np.zeros((1, 12, 16), np.float32)
    step[:, :, 8:] = 1
    assert grad(step, step * 0.5) == pytest.approx(grad(step, np.zeros_like(step)) / 4, rel=1e-5)


def test_grad_of_a_ramp() -> None:
    """By a ramp of s a pixel, the derivative filter x·g(x) / |x·g| answers s·sum(x²·g) / |x·g|, the Gaussian sum(g) / |g|."""
    x = np.arange(-4, 5)
    gauss = np.exp(-(x**2) / (2 * 1.4**2))
    answer = (x**2 * gauss).sum() / sqrt(((x * gauss) ** 2).sum()) * gauss.sum() / sqrt((gauss**2).sum())
    ramp = np.tile(np.arange(40, dtype=np.float32) / 40, (30, 1))
    inside = magnitude(ramp)[:, 8:-8]
    np.testing.assert_allclose(inside, answer / 40, rtol=1e-5)


def test_grad_is_a_sum_of_squares_by_the_thousand_and_a_mean_over_pictures() -> None:
    pha, true = noise(1), np.zeros((3, 12, 16), np.float32)
    sums = [float((magnitude(picture) ** 2).sum()) for picture in pha]
    assert grad(pha, true) == pytest.approx(sum(sums) / 3 / 1000, rel=1e-5)


def test_dtssd_of_a_flicker() -> None:
    still = flat(0.5, 0.5, 0.5)
    assert dtssd(flat(0.5, 0.6, 0.5), still) == pytest.approx(10, rel=1e-5)  # a tenth up, a tenth down
    assert dtssd(flat(0.5, 0.6, 0.6), still) == pytest.approx(5, rel=1e-5)


def test_dtssd_knows_no_standing_error_and_takes_missed_motion_for_one() -> None:
    assert dtssd(flat(0.1, 0.3), flat(0.6, 0.8)) == pytest.approx(0, abs=1e-5)
    assert dtssd(flat(0.5, 0.5), flat(0.5, 0.8)) == pytest.approx(30, rel=1e-5)


def test_dtssd_of_a_pixel_in_a_hundred_is_the_root() -> None:
    still = np.zeros((2, 10, 10), np.float32)
    blink = still.copy()
    blink[1, 0, 0] = 1
    assert dtssd(blink, still) == pytest.approx(10)
    assert dtssd(still[:1], blink[:1]) == 0


@pytest.mark.parametrize("measure", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize(("pha", "true"), [((2, 4, 4), (2, 4, 5)), ((4, 4), (4, 4)), ((1, 4, 4), (2, 4, 4)), ((0, 4, 4), (0, 4, 4))])
def test_shapes_must_be_one(measure: metrics.Measure, pha: tuple[int, ...], true: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"got alpha of shape .* and truth of shape .*, wanted one shape \(T, H, W\)"):
        measure(np.zeros(pha, np.float32), np.zeros(true, np.float32))


def body(*boxes: tuple[int, int, int, int, float]) -> Floats:
    """One picture, 40x60, of boxes (left, top, right, bottom, alpha)."""
    picture = np.zeros((1, 40, 60), np.float32)
    for left, top, right, bottom, level in boxes:
        picture[0, top:bottom, left:right] = level
    return picture


def test_conn_counts_what_hangs_loose() -> None:
    """A spot of 10 pixels apart from the body is connected at level 0 only, so its whole alpha is too much."""
    true = body((5, 5, 25, 35, 1.0))
    assert conn(body((5, 5, 25, 35, 1.0), (40, 10, 50, 11, 0.8)), true) == pytest.approx(10 * 0.8 / 1000, rel=1e-5)
    assert conn(body((5, 5, 25, 35, 1.0), (40, 10, 50, 11, 0.1)), true) == 0  # less than 0.15 does not count


def test_conn_of_a_body_that_is_thinner_than_the_truth() -> None:
    """Ten pixels of the body have 0.55: they hang together with it up to 0.5, the truth's 1 is 0.5 above, the rest 0.05 below 0.15."""
    thin = body((5, 5, 25, 35, 1.0), (5, 5, 15, 6, 0.55))
    assert conn(thin, body((5, 5, 25, 35, 1.0))) == pytest.approx(10 * 0.5 / 1000, rel=1e-5)


def test_outlines_that_are_near_agree() -> None:
    true = body((10, 10, 40, 30, 1.0))
    reach = 0.008 * sqrt(40**2 + 60**2)  # 0.58 pixels: one pixel aside is too far
    assert reach < 1
    assert outline(body((10, 10, 40, 30, 0.6)), true) == 0  # where alpha is 0.5 counts, not how sure it is
    assert outline(body((11, 10, 41, 30, 1.0)), true) == pytest.approx(100 * (1 - 58 / 96))  # two rows of 29 of an outline of 96
    assert outline(body(), true) == 100
    assert outline(body(), body()) == 0


def test_a_body_that_leaves_the_picture_has_no_outline_there() -> None:
    assert outline(body((0, 0, 60, 40, 1.0)), body()) == 0
    assert outline(body((0, 0, 30, 40, 1.0)), body((0, 0, 30, 40, 1.0), (50, 0, 60, 40, 0.4))) == 0


def test_colour_counts_where_there_is_somebody() -> None:
    true = body((0, 0, 30, 40, 1.0), (30, 0, 40, 40, 0.2))
    colour = np.zeros((1, 40, 60, 3), np.float32)
    other = colour + 1
    other[0, :, :40] = (0.1, 0.0, 0.2)
    assert fgr_mad(other, colour, true) == pytest.approx(100)
    assert fgr_mse(other, colour, true) == pytest.approx(1000 * 0.05 / 3)
    assert fgr_mad(colour, colour, true) == fgr_mse(other, colour, np.zeros_like(true)) == 0


def test_colours_must_be_of_one_shape() -> None:
    colour, true = np.zeros((1, 4, 4, 3), np.float32), np.zeros((1, 4, 4), np.float32)
    for wrong in ((colour[..., :2], colour, true), (colour, colour[:, :3], true), (colour, colour, true[:, :3])):
        with pytest.raises(ValueError, match=r"wanted \(T, H, W, 3\) twice and \(T, H, W\)"):
            fgr_mad(*wrong)
