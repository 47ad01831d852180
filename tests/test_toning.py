"""Exposure and white balance on native planes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from livematte.colour import Colour
from livematte.frame import Frame
from livematte.planes import solid
from livematte.toning import toned

MakeFrame = Callable[..., Frame]
FORMATS = ["yuv420p", "yuv420p10le", "yuv422p", "nv12", "p010le", "gbrp", "gbrp10le", "yuv411p", "yuv444p"]
WHOLE = (0, 0, 64, 48)


def shown(frame: Frame, rgb: tuple[float, float, float], stops: tuple[float, float, float]) -> np.ndarray:
    """What one colour becomes."""
    flat = frame.with_planes(tuple(np.array(plane) for plane in solid(frame, rgb)))
    return np.asarray(flat.with_planes(toned(flat, np.array(stops), box=WHOLE)).rgb()[20, 20])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("stops", [(-1.0, -1.0, -1.0), (0.6, 0.6, 0.6), (0.25, -0.05, -0.3), (-0.2, 0.02, 0.33), (-0.8, -0.9, -1.1)])
def test_all_formats_show_the_same(make_frame: MakeFrame, name: str, full: bool, stops: tuple[float, float, float]) -> None:
    """Planes of Y'CbCr are moved by what greys of their luma get: of a colour, what R'G'B' planes show, nearly."""
    frame, rgb = make_frame(name, colour=Colour(matrix=1, full_range=full)), (0.55, 0.42, 0.35)
    plain = make_frame("gbrp16le", colour=Colour(full_range=True))
    np.testing.assert_allclose(shown(frame, rgb, stops), shown(plain, rgb, stops), atol=0.02)


@pytest.mark.parametrize("name", [*FORMATS, "gray"])
def test_a_stop_darker_is_half_the_light(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name)
    before = shown(frame, (0.6, 0.45, 0.4), (0, 0, 0))
    np.testing.assert_allclose(shown(frame, (0.6, 0.45, 0.4), (-1, -1, -1)), before * np.sqrt(0.5), atol=1.5 / 219)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("stops", [(1.0, 1.0, 1.0), (1.3, 0.9, 0.8), (-0.2, 0.023, 0.35)])
def test_white_stays_white_and_nothing_is_clipped(make_frame: MakeFrame, name: str, stops: tuple[float, float, float]) -> None:
    frame = make_frame(name, colour=Colour(matrix=1))
    np.testing.assert_allclose(shown(frame, (1, 1, 1), stops), 1, atol=1.5 / 219)
    greys = np.array([shown(frame, (v, v, v), stops).max() for v in np.linspace(0.02, 0.98, 25)])
    assert (np.diff(greys) > -1.5 / 219).all()  # but for a code's rounding
    assert (np.diff(greys[::4]) > 0).all()  # levels that were apart stay apart
    assert greys[-2] < 1  # the last may be rounded to white


@pytest.mark.parametrize("name", FORMATS)
def test_black_stays_black(make_frame: MakeFrame, name: str) -> None:
    for stops in ((1.0, 1.0, 1.0), (-1.0, -0.8, -0.7)):
        np.testing.assert_allclose(shown(make_frame(name), (0, 0, 0), stops), 0, atol=0.6 / 219)


@pytest.mark.parametrize("name", [*FORMATS, "gray"])
def test_no_stops_leave_every_bit_and_a_box_leaves_what_lies_outside(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name)
    for plane, was in zip(toned(frame, np.zeros(3), box=WHOLE), frame.planes, strict=True):
        np.testing.assert_array_equal(plane, was)
    out = frame.with_planes(toned(frame, np.full(3, -0.7), box=(16, 8, 48, 40)))
    for one, other in zip(frame.crop(0, 0, 16, 48).planes, out.crop(0, 0, 16, 48).planes, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (out.crop(16, 8, 48, 40).planes[0] != frame.crop(16, 8, 48, 40).planes[0]).any()


def test_whiter_than_white_is_kept(make_frame: MakeFrame) -> None:
    frame = make_frame("gray")
    bright = frame.with_planes((np.full((48, 64), 250, np.uint8),))
    np.testing.assert_array_equal(toned(bright, np.full(3, 0.8), box=WHOLE)[0], 250)
