"""The matte's edge moved and softened."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livematte.edges import shape
from livematte.frame import Frame, Matte, PixelFormat

MakeFrame = Callable[..., Frame]


def block(make_frame: MakeFrame) -> Matte:
    """A person from column 20 to 43, row 12 to the bottom."""
    pha = np.zeros((48, 64), np.float32)
    pha[12:, 20:44] = 1
    return Matte(pha, make_frame())


def width_of(matte: Matte, row: int = 30) -> float:
    return float(matte.pha[row].sum())


def test_nothing_asked_is_nothing_done(make_frame: MakeFrame) -> None:
    matte = block(make_frame)
    assert shape(matte) is matte
    empty = Matte(np.zeros((48, 64), np.float32), matte.fgr)
    assert shape(empty, choke=3, feather=4) is empty


@pytest.mark.parametrize("choke", [0.25, 1, 1.5, 2, 4.75, -0.5, -1, -3.25])
def test_choke_moves_each_edge_by_so_many_pixels(make_frame: MakeFrame, choke: float) -> None:
    matte = block(make_frame)
    before = matte.pha.copy()
    assert width_of(shape(matte, choke=choke)) == pytest.approx(24 - 2 * choke)
    np.testing.assert_array_equal(matte.pha, before)


def test_the_person_goes_on_beyond_the_pictures_rim(make_frame: MakeFrame) -> None:
    matte = block(make_frame)
    for changed in (shape(matte, choke=3), shape(matte, feather=4)):
        np.testing.assert_array_equal(changed.pha[-1, 28:36], 1)


def test_choke_keeps_the_foreground(make_frame: MakeFrame) -> None:
    matte = block(make_frame)
    assert shape(matte, choke=2).fgr is matte.fgr


@given(st.floats(-6, 6), st.floats(0, 8), st.sampled_from([0.0, 1.0]))
def test_constants_stay_exactly(choke: float, feather: float, value: float) -> None:
    pha = np.full((24, 32), value, np.float32)
    frame = Frame((np.zeros((24, 32), np.uint8),), PixelFormat("gray", "gray", 8))
    np.testing.assert_array_equal(shape(Matte(pha, frame), choke=choke, feather=feather).pha, value)


@pytest.mark.parametrize("feather", [0.5, 2, 4, 6])
def test_feather_is_symmetric_and_leaves_the_far_alone(make_frame: MakeFrame, feather: float) -> None:
    soft = shape(block(make_frame), feather=feather).pha
    reach = int(np.ceil(1.5 * feather))
    assert 0 < soft[30, 19] < 0.5 < soft[30, 20] < 1
    np.testing.assert_allclose(soft[30, 20 : 20 + reach] + soft[30, 19 : 19 - reach : -1], 1, atol=1e-5)
    np.testing.assert_array_equal(soft[30, : 20 - reach], 0)
    np.testing.assert_array_equal(soft[30, 20 + reach : 44 - reach], 1)
    assert (np.diff(soft[30, :32]) >= 0).all()
    assert soft.min() >= 0
    assert soft.max() <= 1


def test_a_feathered_edge_brings_no_rim_of_the_room(make_frame: MakeFrame) -> None:
    matte = block(make_frame)
    person, room = 90, 200
    luma = np.where(matte.pha > 0, person, room).astype(np.uint8)
    matte = Matte(matte.pha, matte.fgr.with_planes((luma, *matte.fgr.planes[1:])))
    for changed in (shape(matte, feather=4), shape(matte, choke=-3)):
        np.testing.assert_array_equal(changed.fgr.planes[0][changed.pha > 0], person)
