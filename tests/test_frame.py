"""Frames in their native planes: to R'G'B' and back, small views, parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from formats import SEMI, YUV, smooth

from livematte.colour import Colour
from livematte.frame import Blend, Frame, Matte, Size, pixel_format, shrink, to_integers, to_planes

MakeFrame = Callable[..., Frame]


@pytest.mark.parametrize("name", ["rgb24", "yuyv422", "yuv420p10be", "pal8", "ya8", "gbrpf32le", "gray32le", "gbrap32le", "nonsense", ""])
def test_other_formats_are_to_be_converted_first(name: str) -> None:
    assert pixel_format(name) is None


@pytest.mark.parametrize("name", [*YUV, *SEMI, "gbrp", "gbrp10le"])
@pytest.mark.parametrize("colour", [Colour(), Colour(1, 1, 1, False), Colour(5, 6, 5, True), Colour(9, 14, 9, False)])
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_rgb_comes_back_from_planes(make_frame: MakeFrame, name: str, colour: Colour, size: tuple[int, int]) -> None:
    frame, rgb = make_frame(name, size, colour=colour), smooth(size)
    planes = frame.from_rgb(rgb)
    assert [(p.shape, p.dtype) for p in planes] == [(p.shape, p.dtype) for p in frame.planes]
    assert not any((p & ((1 << frame.format.shift) - 1)).any() for p in planes)
    # half a code in each of Y', Cb, Cr of 8 bits, and 0.5/64 a luma sample of slope that chroma blocks of up to 4 average away
    np.testing.assert_allclose(frame.with_planes(planes).rgb(), rgb, atol=2.2 / 224 + 0.025 * (frame.format.sub != (1, 1)))


def test_grey_is_the_luma_of_its_matrix(make_frame: MakeFrame) -> None:
    frame = make_frame("gray10le", colour=Colour(matrix=9, full_range=True))
    rgb = smooth((64, 48))
    luma = frame.from_rgb(rgb)[0]
    np.testing.assert_allclose(luma / 1023, rgb @ np.array([0.2627, 0.6780, 0.0593]), atol=0.6 / 1023)
    np.testing.assert_allclose(frame.with_planes((luma,)).rgb(), np.repeat(luma[..., None] / 1023, 3, axis=2), atol=1e-5)


@pytest.mark.parametrize("name", ["yuv420p", "p010le", "gbrp", "yuv444p12le", "gray"])
def test_white_and_black_have_their_codes(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name)
    step, shift, middle = 1 << (frame.format.bits - 8), frame.format.shift, 1 << (frame.format.bits - 1)
    low, high = (0, 255) if name == "gbrp" else (16 * step, 235 * step)
    for level, code in ((0.0, low), (1.0, high)):
        planes = frame.from_rgb(np.full((48, 64, 3), level, np.float32))
        assert (planes[0] >> shift == code).all()
        if frame.format.family in ("yuv", "semi"):
            assert all((p >> shift == middle).all() for p in planes[1:])


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "nv12", "p010le", "gbrp"])
def test_small_views_are_means(make_frame: MakeFrame, name: str) -> None:
    frame, rgb = make_frame(name), smooth((64, 48))
    small = frame.with_planes(frame.from_rgb(rgb)).rgb((8, 6))
    assert small.dtype == np.float32
    np.testing.assert_allclose(
        small, rgb.reshape(6, 8, 8, 8, 3).mean((1, 3)), atol=4.4 / 224
    )  # a code in Y', Cb and Cr: three halvings, each rounded


def test_small_views_see_every_sample(make_frame: MakeFrame) -> None:
    frame = make_frame("gray", colour=Colour(full_range=True))
    blocks = frame.planes[0].reshape(6, 8, 8, 8).mean((1, 3))
    np.testing.assert_allclose(frame.rgb((8, 6))[..., 0] * 255, blocks, atol=1.51)  # half a code at each of three halvings


def test_views_at_other_sizes(make_frame: MakeFrame) -> None:
    frame = make_frame("yuv420p10le", (63, 47))
    assert frame.rgb().shape == (47, 63, 3)
    assert frame.rgb((126, 94)).shape == (94, 126, 3)
    assert frame.rgb((10, 94)).shape == (94, 10, 3)


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "p010le", "gbrp", "gray", "yuv411p"])
def test_crop_is_a_view_of_the_part(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name, (63, 47))
    part = frame.crop(8, 4, 39, 33)
    assert part.size == (31, 29)
    assert [p.shape[1::-1] for p in part.planes] == [part.format.plane_size(i, (31, 29)) for i in range(part.format.plane_count)]
    np.testing.assert_array_equal(part.planes[0], frame.planes[0][4:33, 8:39])
    assert np.shares_memory(part.planes[0], frame.planes[0])
    if frame.format.sub == (1, 1):
        np.testing.assert_allclose(part.rgb(), frame.rgb()[4:33, 8:39], atol=1e-6)


def test_crop_of_an_untagged_frame_keeps_its_matrix(make_frame: MakeFrame) -> None:
    frame = make_frame("yuv444p", (64, 720))
    np.testing.assert_allclose(frame.crop(0, 0, 64, 48).rgb(), frame.rgb()[:48], atol=1e-6)


@pytest.mark.parametrize("name", ["yuv444p", "yuv444p10le", "gbrp", "gray10le"])
def test_a_difference_of_colour_is_a_difference_of_codes(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name)
    rgb = smooth((64, 48))
    delta = np.full_like(rgb, 0.1)
    delta[..., 1] = -0.05
    before, after = (np.dstack(frame.from_rgb(v)).astype(np.float32) for v in (rgb, rgb + delta))
    got = np.atleast_3d(frame.delta_planes(delta))
    np.testing.assert_allclose(got, after - before, atol=1.01)  # two roundings of half a code


def test_chroma_of_planes_is_the_mean_of_its_block() -> None:
    fmt = pixel_format("yuv420p")
    assert fmt is not None
    stack = np.random.default_rng(0).uniform(20, 220, (6, 8, 3)).astype(np.float32)
    planes = to_planes(stack, fmt[0])
    blocks = stack[..., 1].reshape(3, 2, 4, 2).mean((1, 3))
    np.testing.assert_array_equal(planes[1], np.floor(blocks + 0.5))


def test_shrink_repeats_the_rim_of_odd_sizes() -> None:
    plane = np.arange(15, dtype=np.float32).reshape(3, 5)
    np.testing.assert_array_equal(shrink(plane, (2, 2)), [[3, 5, 6.5], [10.5, 12.5, 14]])
    assert shrink(plane, (1, 1)) is plane


def test_integers_are_rounded_and_clamped() -> None:
    values = np.array([-3, 0.4999, 0.5, 254.5, 300], np.float32)
    assert to_integers(values, 8).tolist() == [0, 0, 1, 255, 255]
    assert to_integers(values * 4, 10).tolist() == [0, 2, 2, 1018, 1023]


@pytest.mark.parametrize(
    ("name", "tag", "full"), [("gbrp", None, True), ("yuv420p", None, False), ("gray", None, False), ("yuv420p", True, True)]
)
def test_untagged_range_is_what_players_take(make_frame: MakeFrame, name: str, tag: bool | None, full: bool) -> None:
    assert make_frame(name, colour=Colour(full_range=tag)).full_range is full


def test_time_in_seconds(make_frame: MakeFrame) -> None:
    assert replace(make_frame(pts=1001), time_base=Fraction(1, 30000)).seconds == 1001 / 30000
    assert replace(make_frame(), pts=None).seconds == 0


class Elsewhere(Matte):
    """A matte that says that it lies on a card, and can't be fetched."""

    def __init__(self) -> None: ...

    @property
    def blend(self) -> Blend:
        return lambda bgr: bgr[::-1]

    @property
    def sizes(self) -> tuple[Size, Size]:
        return (4, 3), (2, 1)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.25, 0.75


def test_a_matte_in_memory_has_sizes_bounds_and_no_way_to_blend(make_frame: MakeFrame) -> None:
    pha = np.linspace(0.25, 0.75, 12, dtype=np.float32).reshape(3, 4)
    matte = Matte(pha, make_frame(size=(64, 48)))
    assert matte.blend is None
    assert matte.sizes == ((4, 3), (64, 48))
    assert matte.bounds == (0.25, 0.75)
    assert matte.work_out() is matte
    pha[1, 1] = np.nan
    assert np.isnan(matte.bounds).all()


def test_a_later_matte_is_made_once_at_the_first_question(make_frame: MakeFrame) -> None:
    made: list[Matte] = []

    def make() -> Matte:
        made.append(Matte(np.ones((48, 64), np.float32), make_frame()))
        return made[-1]

    matte = Matte.later(make)
    assert not made
    assert matte.bounds == (1, 1)
    assert matte.pha is made[0].pha
    assert matte.fgr is made[0].fgr
    assert matte.sizes == ((64, 48), (64, 48))
    assert matte.work_out() is made[0]
    assert len(made) == 1


def test_a_later_matte_that_lies_elsewhere_stays_there(make_frame: MakeFrame) -> None:
    matte = Matte.later(lambda: Matte.later(Elsewhere))
    assert isinstance(matte.work_out(), Elsewhere)
    assert matte.sizes == ((4, 3), (2, 1))
    assert matte.bounds == (0.25, 0.75)
    assert matte.blend is not None
    planes = make_frame().planes
    assert matte.blend(planes) == planes[::-1]


def test_a_later_matte_that_fails_is_asked_again() -> None:
    attempts: list[int] = []

    def make() -> Matte:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("not yet")
        return Elsewhere()

    matte = Matte.later(make)
    with pytest.raises(ValueError, match="not yet"):
        matte.work_out()
    assert matte.bounds == (0.25, 0.75)
