"""The person over a background, cut out, and pictures of both, in the frame's own format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from livematte.background import Solid
from livematte.belonging import Belonging
from livematte.colour import Colour
from livematte.composite import composite, cutout, view
from livematte.frame import Frame, Matte
from livematte.planes import over, pha_for

MakeFrame = Callable[..., Frame]
FORMATS = ["yuv420p", "yuv420p10le", "yuv422p", "nv12", "p010le", "gbrp", "gray"]
SHOWN = ["yuv420p", "yuv422p10le", "yuv444p", "nv12", "p010le", "gbrp", "gray", "yuv411p"]


def half_matte(size: tuple[int, int]) -> np.ndarray:
    """0, a slope, 1 from left to right."""
    width, height = size
    slope = np.clip((np.arange(width, dtype=np.float32) - width // 3) / (width // 3), 0, 1)
    return np.repeat(slope[None], height, axis=0)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_composite_keeps_the_person_bit_for_bit(make_frame: MakeFrame, name: str, size: tuple[int, int]) -> None:
    frame, pha = make_frame(name, size, seed=3), half_matte(size)
    background = Solid("green")
    matte = Matte(pha, frame)
    com = composite(frame, matte, background)
    for i, (plane, behind) in enumerate(zip(com.planes, background.planes(frame, matte), strict=True)):
        alpha = pha_for(pha, frame.format, i)
        np.testing.assert_array_equal(plane[alpha == 1], frame.planes[i][alpha == 1])
        np.testing.assert_array_equal(plane[alpha == 0], behind[alpha == 0])
        np.testing.assert_array_equal(plane, over(frame.planes[i], behind, alpha, shift=frame.format.shift))


def test_composite_keeps_time_and_tags(make_frame: MakeFrame) -> None:
    frame = replace(
        make_frame("yuv420p10le", pts=1001, colour=Colour(9, 16, 9, False)),
        time_base=Fraction(1, 30000),
        duration=1001,
        sample_aspect=Fraction(4, 3),
        field_order="tff",
    )
    com = composite(frame, Matte(half_matte(frame.size), frame), Solid("green"))
    assert com.pha is None
    assert replace(com, planes=frame.planes) == replace(frame, pha=None)


def test_composite_shows_the_mattes_foreground_colour(make_frame: MakeFrame) -> None:
    frame, fgr = make_frame(seed=1), make_frame(seed=2)
    pha = np.full((48, 64), 0.5, np.float32)
    behind = Solid("white").planes(frame, Matte(pha, fgr))
    com = composite(frame, Matte(pha, fgr), Solid("white"))
    np.testing.assert_array_equal(com.planes[0], over(fgr.planes[0], behind[0], pha))


@pytest.mark.parametrize("name", FORMATS)
def test_a_person_who_belongs_is_composited_as_they_became(make_frame: MakeFrame, name: str) -> None:
    frame, pha, white = make_frame(name, seed=3), half_matte((64, 48)), Solid("white")
    matte = Matte(pha, frame)
    found = composite(frame, matte, white, belonging=Belonging(light_wrap=1, match=1))
    became = Belonging(light_wrap=1, match=1).step(frame, matte, white.planes(frame, matte))
    for one, other, plain in zip(found.planes, composite(frame, became, white).planes, composite(frame, matte, white).planes, strict=True):
        np.testing.assert_array_equal(one, other)
        assert (one != plain).any()


@pytest.mark.parametrize("name", FORMATS)
def test_straight_cutout_shows_no_room_where_alpha_is_zero(make_frame: MakeFrame, name: str) -> None:
    frame, pha = make_frame(name), half_matte((64, 48))
    marker = frame.format.dtype(250 << (frame.format.bits - 8) << frame.format.shift)  # no legal code: the fixture ends at 235
    planes = []
    for i, plane in enumerate(frame.planes):
        alpha = pha_for(pha, frame.format, i)
        planes.append(np.where((alpha if plane.ndim == 2 else alpha[..., None]) == 0, marker, plane))
    cut = cutout(Matte(pha, frame.with_planes(tuple(planes))))
    assert cut.pha is pha
    for i, plane in enumerate(cut.planes):
        alpha = pha_for(pha, frame.format, i)
        assert plane.max() < marker
        np.testing.assert_array_equal(plane[alpha >= 1 / 64], frame.planes[i][alpha >= 1 / 64])


def test_straight_cutout_over_a_colour_is_the_composite(make_frame: MakeFrame) -> None:
    frame, pha = make_frame(), half_matte((64, 48))
    cut = cutout(Matte(pha, frame))
    matte = Matte(pha, frame.with_planes(cut.planes))
    again = composite(frame, matte, Solid("blue"))
    once = composite(frame, Matte(pha, frame), Solid("blue"))
    for one, other in zip(again.planes, once.planes, strict=True):
        # below alpha 1/64 colours fade, which weighs 1/220 at most; 1 for the rounding of either
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 2


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("full", [False, True])
def test_premultiplied_cutout_fades_to_black(make_frame: MakeFrame, name: str, full: bool) -> None:
    frame, pha = make_frame(name, colour=Colour(full_range=full)), half_matte((64, 48))
    cut = cutout(Matte(pha, frame), premultiplied=True)
    bits, low = frame.format.bits, frame.format.shift
    assert cut.pha is pha
    for i, plane in enumerate(cut.planes):
        chroma = i > 0 and frame.format.family in ("yuv", "semi")
        zero = 1 << (bits - 1) if chroma else 0 if full else 16 << (bits - 8)
        alpha = pha_for(pha, frame.format, i).astype(np.float64)
        alpha = alpha if plane.ndim == 2 else alpha[..., None]
        wanted = np.floor(((frame.planes[i] >> low) - float(zero)) * alpha + zero + 0.5)
        np.testing.assert_array_equal(plane >> low, wanted)


def test_premultiplied_r_g_b_is_zero_where_alpha_is(make_frame: MakeFrame) -> None:
    frame, pha = make_frame("gbrp"), half_matte((64, 48))
    cut = cutout(Matte(pha, frame), premultiplied=True)
    assert not any(plane[pha == 0].any() for plane in cut.planes)


def ramp(frame: Frame) -> Matte:
    width, height = frame.size
    return Matte(np.repeat(np.linspace(0, 1, width, dtype=np.float32)[None], height, axis=0), frame)


def test_composite_and_cutout_are_the_functions_of_that_name(make_frame: MakeFrame) -> None:
    frame = make_frame()
    matte, green = ramp(frame), Solid("green")
    np.testing.assert_array_equal(view("composite", frame, matte, green).planes[0], composite(frame, matte, green).planes[0])
    for pre in (False, True):
        np.testing.assert_array_equal(view("cutout", frame, matte, premultiplied=pre).planes[0], cutout(matte, premultiplied=pre).planes[0])
    with pytest.raises(ValueError, match="got no background"):
        view("composite", frame, matte)
    with pytest.raises(ValueError, match="got view 'cutuot', wanted composite, cutout,"):
        view("cutuot", frame, matte)


@pytest.mark.parametrize("name", SHOWN)
def test_alpha_is_shown_as_grey(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name, (63, 47))
    matte = ramp(frame)
    shown = view("alpha", frame, matte)
    assert [(p.shape, p.dtype) for p in shown.planes] == [(p.shape, p.dtype) for p in frame.planes]
    rgb = shown.rgb()
    # half a code of 219 steps and float32; p010's full scale is 64/65535 short of white
    np.testing.assert_allclose(rgb, np.repeat(matte.pha[..., None], 3, axis=2), atol=0.5 / 219 + 1e-4)
    assert shown.pha is None


def test_foreground_stands_on_white(make_frame: MakeFrame) -> None:
    frame = make_frame("yuv444p10le")
    matte = ramp(frame)
    np.testing.assert_array_equal(view("foreground", frame, matte).planes[1], composite(frame, matte, Solid("white")).planes[1])


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_triptych_is_three_panels_that_begin_on_chroma_samples(make_frame: MakeFrame, name: str, size: tuple[int, int]) -> None:
    frame = make_frame(name, size)
    matte = ramp(frame)
    fmt = frame.format
    shown = view("triptych", frame, matte)
    panel = -(-size[0] // fmt.sub[0]) * fmt.sub[0]
    assert shown.size == (3 * panel, size[1])
    assert [p.shape[1::-1] for p in shown.planes] == [fmt.plane_size(i, shown.size) for i in range(fmt.plane_count)]
    parts = (frame, view("foreground", frame, matte), view("alpha", frame, matte))
    above = size[1] * 2 // 3  # the label is in the lowest twelfth
    for i, part in enumerate(parts):
        for k, plane in enumerate(part.planes):
            start = panel * i // (fmt.sub[0] if k and fmt.family in ("yuv", "semi") else 1)
            rows = above // (fmt.sub[1] if k and fmt.family in ("yuv", "semi") else 1)
            got = shown.planes[k][:rows, start : start + plane.shape[1]]
            np.testing.assert_array_equal(got, plane[:rows])


@pytest.mark.parametrize("name", ["yuv420p", "p010le", "gbrp"])
def test_triptych_has_labels_in_luma_only(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name, (240, 240))
    plain = frame.with_planes(tuple(np.full_like(p, 120 << (frame.format.bits - 8) << frame.format.shift) for p in frame.planes))
    shown = view("triptych", plain, ramp(plain))
    label = shown.planes[0][220:, :240] >> frame.format.shift
    white, dark = (255, 0) if name == "gbrp" else (235 << (frame.format.bits - 8), 16 << (frame.format.bits - 8))
    assert dark <= label.min() < dark + white // 20
    assert white * 0.9 < label.max() <= white
    if name != "gbrp":
        assert (shown.planes[1][:, : shown.planes[1].shape[1] // 3] == plain.planes[1].flat[0]).all()
    assert plain.planes[0].min() == plain.planes[0].max()  # the frame itself was not written to
