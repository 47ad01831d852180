"""Measures of alpha against the truth, by cases that can be worked out by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from livematte import metrics
from livematte.metrics import MEASURES, dtssd, grad, mad, magnitude, mse

Floats = NDArray[np.float32]


def noise(seed: int, shape: tuple[int, ...] = (3, 12, 16)) -> Floats:
    return np.random.default_rng(seed).random(shape, np.float32)


def flat(*levels: float) -> Floats:
    """A clip whose pictures are of one level each."""
    return np.stack([np.full((12, 16), level, np.float32) for level in levels])


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
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


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize(("pha", "true"), [((2, 4, 4), (2, 4, 5)), ((4, 4), (4, 4)), ((1, 4, 4), (2, 4, 4)), ((0, 4, 4), (0, 4, 4))])
def test_shapes_must_be_one(measure: metrics.Measure, pha: tuple[int, ...], true: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"got alpha of shape .* and truth of shape .*, wanted one shape \(T, H, W\)"):
        measure(np.zeros(pha, np.float32), np.zeros(true, np.float32))
