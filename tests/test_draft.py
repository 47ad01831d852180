"""Alpha changed while it is small: what stays stays bit for bit, what becomes 0 or 1 is that at full size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livematte.errors import EngineError
from livematte.frame import Frame, Matte
from livematte.matting.canvas import Look
from livematte.matting.draft import Draft, Small, small_of, with_small
from livematte.matting.follow import Cells
from livematte.matting.refine import refine

SIZE = (64, 48)
Sizes = Callable[..., Frame]


def draft(frame: Frame, coef: np.ndarray, region: tuple[int, int, int, int] | None = None) -> Draft:
    src_sm = np.random.default_rng(2).random((3, *coef.shape[1:]), dtype=np.float32)
    look = Look(Cells(0, 0, 2, 2), 0.0, coef, src_sm, ())
    return Draft(frame, look, region, lambda alpha: refine(frame, coef, alpha=alpha, region=region))


def coefficients(seed: int = 0, shape: tuple[int, int] = (12, 16)) -> np.ndarray:
    """Of which a third of the samples lie beyond 0 or 1 each."""
    return np.random.default_rng(seed).normal(0.4, 0.6, (8, *shape)).astype(np.float32)


def test_a_draft_nobody_changes_is_what_refine_gives(make_frame: Sizes) -> None:
    frame, coef = make_frame("yuv420p", SIZE), coefficients()
    matte = draft(frame, coef)
    assert with_small(frame, matte, small_of(frame, matte), small_of(frame, matte).pha) is matte
    wanted = refine(frame, coef)
    np.testing.assert_array_equal(matte.pha, wanted.pha)
    for plane, other in zip(matte.fgr.planes, wanted.fgr.planes, strict=True):
        np.testing.assert_array_equal(plane, other)


def test_what_stays_equal_changes_nothing(make_frame: Sizes) -> None:
    """A change in one corner leaves all that is not interpolated from it."""
    frame, coef = make_frame("yuv420p", SIZE), coefficients()
    matte = draft(frame, coef)
    small = small_of(frame, matte)
    pha = small.pha.copy()
    pha[:4, :4] = 0.5
    changed, plain = with_small(frame, matte, small, pha), refine(frame, coef)
    np.testing.assert_array_equal(changed.pha[20:], plain.pha[20:])
    np.testing.assert_array_equal(changed.pha[:, 20:], plain.pha[:, 20:])
    assert np.abs(changed.pha[:12, :12] - 0.5).max() < 0.5  # the picture's detail stays, about what was asked for
    assert not np.array_equal(changed.pha[:12, :12], plain.pha[:12, :12])


def test_a_draft_takes_the_alpha_that_it_is_given(make_frame: Sizes) -> None:
    """At the network's own size, where nothing lies between the samples."""
    frame, coef = make_frame("gbrp", SIZE), coefficients(shape=(48, 64))
    src_sm = frame.rgb().transpose(2, 0, 1)
    look = Look(Cells(0, 0, 4, 3), 0.0, coef, src_sm, ())
    matte = Draft(frame, look, None, lambda alpha: refine(frame, coef, alpha=alpha))
    small = small_of(frame, matte)
    wanted = np.clip(small.pha + np.random.default_rng(1).normal(0, 0.3, (48, 64)).astype(np.float32), 0, 1)
    np.testing.assert_allclose(with_small(frame, matte, small, wanted).pha, wanted, atol=1e-5)  # float sums of some ten


def undecided(shape: tuple[int, int] = (12, 16)) -> np.ndarray:
    """Of which no sample is 0 or 1."""
    coef = coefficients(3, shape) * np.float32(0.1)
    coef[7] += np.float32(0.4)
    return coef


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_what_becomes_decided_is_decided_at_full_size(make_frame: Sizes, value: float) -> None:
    frame, coef = make_frame("yuv420p", SIZE), undecided()
    matte = draft(frame, coef)
    small = small_of(frame, matte)
    pha = small.pha.copy()
    pha[3:9, 4:12] = value
    found = with_small(frame, matte, small, pha)
    assert (found.pha[14:34, 18:46] == value).all()  # the samples' own pixels, and those between them
    for plane, source in zip(found.fgr.planes, frame.planes, strict=True):
        down, across = (48 // plane.shape[0], 64 // plane.shape[1])
        inner = np.s_[16 // down : 32 // down, 20 // across : 44 // across]
        np.testing.assert_array_equal(plane[inner], source[inner])


def test_a_region_keeps_its_place(make_frame: Sizes) -> None:
    frame, coef = make_frame("yuv420p", SIZE), undecided((8, 8))
    matte = draft(frame, coef, (16, 8, 48, 40))
    small = small_of(frame, matte)
    assert small.box == (16, 8, 48, 40)
    found = with_small(frame, matte, small, np.ones_like(small.pha))
    wanted = np.zeros((48, 64), np.float32)
    wanted[8:40, 16:48] = 1
    np.testing.assert_array_equal(found.pha, wanted)


def test_a_frame_keeps_its_own_alpha(make_frame: Sizes) -> None:
    own = np.full((48, 64), 0.5, np.float32)
    frame, coef = replace(make_frame("yuv420p", SIZE), pha=own), undecided()
    for matte in (draft(frame, coef), Matte(own * np.float32(0.5), frame)):
        small = small_of(frame, matte)
        np.testing.assert_array_equal(with_small(frame, matte, small, np.ones_like(small.pha)).pha, own)


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_numbers_that_are_none_are_no_alpha(make_frame: Sizes, number: float) -> None:
    coef = undecided()
    coef[7, 3, 3] = number
    with pytest.raises(EngineError, match="numbers that are none"):
        draft(make_frame("yuv420p", SIZE), coef)


def test_a_full_size_matte_is_reduced(make_frame: Sizes) -> None:
    frame = make_frame("gray", (1280, 960))
    pha = np.zeros((960, 1280), np.float32)
    pha[:480] = 1
    small = small_of(frame, Matte(pha, frame))
    assert small.box == (0, 0, 1280, 960)
    assert small.pha.shape == (384, 512)
    assert (small.pha[:192] == 1).all()
    assert (small.pha[192:] == 0).all()


def test_a_full_size_matte_keeps_its_detail(make_frame: Sizes) -> None:
    frame = make_frame("gray", (1280, 960))
    pha = np.random.default_rng(0).random((960, 1280), dtype=np.float32) * np.float32(0.5) + np.float32(0.25)
    matte = Matte(pha, frame)
    before = small_of(frame, matte)
    assert with_small(frame, matte, before, before.pha) is matte
    lower = before.pha.copy()
    lower[:200] -= np.float32(0.25)
    lower[300:] = 0
    found = with_small(frame, matte, before, lower).pha
    np.testing.assert_array_equal(found[520:740], pha[520:740])
    np.testing.assert_allclose(found[:480], np.maximum(pha[:480] - 0.25, 0), atol=1e-6)
    assert (found[752:] == 0).all()


def test_no_step_makes_anything_of_an_equal_copy(make_frame: Sizes) -> None:
    frame = make_frame("gray", SIZE)
    matte = Matte(np.full((48, 64), 0.3, np.float32), frame)
    before = small_of(frame, matte)
    assert with_small(frame, matte, before, before.pha.copy()) is matte
    assert isinstance(before, Small)
