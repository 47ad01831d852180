"""The end of the guided filter on a frame's own planes: equal to the plain full-size arithmetic, and touching nothing that is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from full_size import SIZES, coefficients
from hypothesis import given, settings
from hypothesis import strategies as st
from media import frame as drawn_frame

from livematte.colour import BT2020_PRIMARIES, PQ, Colour
from livematte.frame import Frame, Plane, Size, shrink, to_integers
from livematte.matting.refine import refine
from livematte.planes import pha_for

MakeFrame = Callable[..., Frame]
FORMATS = ["yuv420p", "yuv422p10le", "nv12", "p010le", "gbrp", "gray", "yuv411p", "yuv410p"]


def plain(frame: Frame, coef: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """(pha, the foreground's planes before rounding) by the formula, at full size."""
    rgb = full_rgb(frame).astype(np.float64)
    full = np.stack([cv2.resize(c, frame.size, interpolation=cv2.INTER_LINEAR) for c in coef]).astype(np.float64)
    pha = np.clip(full[3] * rgb.mean(axis=2) + full[7], 0, 1)
    fgr = np.stack([np.clip(rgb[..., i] * (1 + full[i]) + full[4 + i], 0, 1) for i in range(3)], axis=2)
    undecided = ((pha > 0) & (pha < 1))[..., None]
    delta = np.atleast_3d(frame.delta_planes(((fgr - rgb) * undecided).astype(np.float32)))
    channels = [shrink(np.ascontiguousarray(delta[..., i]), frame.format.sub if i else (1, 1)) for i in range(delta.shape[2])]
    if frame.format.family == "gbr":
        channels = [np.ascontiguousarray(delta[..., i]) for i in range(3)]
    if frame.format.family == "semi":
        channels[1:] = [np.dstack(channels[1:])]
    return pha, tuple(p + c for p, c in zip(frame.planes, channels, strict=True))


def full_rgb(frame: Frame) -> np.ndarray:
    """R'G'B' with each chroma sample over the pixels that it covers, the last ones repeated where the size is odd."""
    (width, height), (across, down) = frame.size, frame.format.sub
    luma = np.pad(frame.planes[0], ((0, -height % down), (0, -width % across)), mode="edge")
    return replace(frame, planes=(luma, *frame.planes[1:])).rgb()[:height, :width]


def nearest(values: np.ndarray, frame: Frame) -> Plane:
    shift = frame.format.shift
    return to_integers(values / (1 << shift), frame.format.bits) << shift


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("size", "small"), SIZES)
def test_equals_the_full_size_formula(make_frame: MakeFrame, name: str, size: Size, small: Size) -> None:
    frame, coef = make_frame(name, size, seed=1), coefficients(small, 2)
    matte = refine(frame, coef)
    pha, planes = plain(frame, coef)
    assert 0.05 < ((pha > 0) & (pha < 1)).mean() < 0.9  # the test's own: there is something to refine, and something not to
    np.testing.assert_allclose(matte.pha, pha, atol=1e-4)
    step = 1 << frame.format.shift
    for got, exact in zip(matte.fgr.planes, planes, strict=True):
        off = np.abs(got.astype(np.float64) - nearest(exact, frame))
        assert off.max() <= step  # where float32 and float64 fall on two sides of a tie
        assert (off > 0).mean() < 0.002


@given(width=st.integers(17, 90), height=st.integers(17, 90), across=st.floats(1, 4), down=st.floats(1, 4), seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_equals_the_formula_at_any_size(width: int, height: int, across: float, down: float, seed: int) -> None:
    frame = drawn_frame(seed % 7, (width, height))
    small = max(16, int(width / across)), max(16, int(height / down))
    coef = coefficients(small, seed, cells=6)
    np.testing.assert_allclose(refine(frame, coef).pha, plain(frame, coef)[0], atol=1e-4)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(160, 120), (83, 71)])
def test_planes_are_the_frames_own_where_alpha_is_decided(make_frame: MakeFrame, name: str, size: Size) -> None:
    frame = make_frame(name, size, seed=3)
    matte = refine(frame, coefficients((40, 36), 4))
    undecided = ((matte.pha > 0) & (matte.pha < 1)).astype(np.float32)
    changed = 0
    for i, (plane, fgr) in enumerate(zip(frame.planes, matte.fgr.planes, strict=True)):
        decided = pha_for(undecided, frame.format, i) == 0
        assert decided.any()
        np.testing.assert_array_equal(fgr[decided], plane[decided])
        changed += np.count_nonzero(fgr != plane)
    assert changed


def test_frame_itself_is_left_alone(make_frame: MakeFrame) -> None:
    frame = make_frame(size=(160, 120))
    before = [p.copy() for p in frame.planes]
    matte = refine(frame, coefficients((64, 48), 2))
    for plane, old in zip(frame.planes, before, strict=True):
        np.testing.assert_array_equal(plane, old)
    assert replace(matte.fgr, planes=frame.planes) == frame


@pytest.mark.parametrize(("at", "pha"), [(1.5, 1), (1, 1), (0, 0), (-0.5, 0)])
def test_decided_everywhere_is_the_source(make_frame: MakeFrame, at: float, pha: int) -> None:
    frame = make_frame("yuv420p10le", (90, 70))
    coef = np.full((8, 36, 40), 0.3, np.float32)
    coef[3], coef[7] = 0, at
    matte = refine(frame, coef)
    assert (matte.pha == pha).all()
    for plane, fgr in zip(frame.planes, matte.fgr.planes, strict=True):
        np.testing.assert_array_equal(fgr, plane)


def test_a_sharp_step_between_1_and_0_is_still_interpolated(make_frame: MakeFrame) -> None:
    frame = make_frame(size=(120, 120))
    coef = np.zeros((8, 40, 40), np.float32)
    coef[7, :, 20:] = 1
    np.testing.assert_allclose(refine(frame, coef).pha, plain(frame, coef)[0], atol=1e-4)


def test_frames_own_alpha_multiplies(make_frame: MakeFrame) -> None:
    frame, coef = make_frame(size=(160, 120)), coefficients((64, 48), 2)
    own = np.random.default_rng(5).random((120, 160), np.float32)
    matte = refine(replace(frame, pha=own), coef)
    np.testing.assert_array_equal(matte.pha, refine(frame, coef).pha * own)
    assert matte.fgr.pha is None


def test_low_bits_of_p010_stay_empty(make_frame: MakeFrame) -> None:
    matte = refine(make_frame("p010le", (160, 120)), coefficients((64, 48), 2))
    assert all((plane & 63).max() == 0 for plane in matte.fgr.planes)


def test_pq_keeps_its_own_colour(make_frame: MakeFrame) -> None:
    frame = make_frame("yuv420p10le", (160, 120), colour=Colour(BT2020_PRIMARIES, PQ, 9, False))
    matte = refine(frame, coefficients((64, 48), 2))
    assert ((matte.pha > 0) & (matte.pha < 1)).any()
    for plane, fgr in zip(frame.planes, matte.fgr.planes, strict=True):
        np.testing.assert_array_equal(fgr, plane)
