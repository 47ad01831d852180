"""Every view is a frame like the one that came in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from livematte.background import Solid
from livematte.composite import composite, cutout
from livematte.frame import Frame, Matte
from livematte.views import view

MakeFrame = Callable[..., Frame]
FORMATS = ["yuv420p", "yuv422p10le", "yuv444p", "nv12", "p010le", "gbrp", "gray", "yuv411p"]


def a_matte(frame: Frame) -> Matte:
    width, height = frame.size
    return Matte(np.repeat(np.linspace(0, 1, width, dtype=np.float32)[None], height, axis=0), frame)


def test_composite_and_cutout_are_the_functions_of_that_name(make_frame: MakeFrame) -> None:
    frame = make_frame()
    matte, green = a_matte(frame), Solid("green")
    np.testing.assert_array_equal(view("composite", frame, matte, green).planes[0], composite(frame, matte, green).planes[0])
    for pre in (False, True):
        np.testing.assert_array_equal(view("cutout", frame, matte, premultiplied=pre).planes[0], cutout(matte, premultiplied=pre).planes[0])
    with pytest.raises(ValueError, match="got no background"):
        view("composite", frame, matte)


@pytest.mark.parametrize("name", FORMATS)
def test_alpha_is_shown_as_grey(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name, (63, 47))
    matte = a_matte(frame)
    shown = view("alpha", frame, matte)
    assert [(p.shape, p.dtype) for p in shown.planes] == [(p.shape, p.dtype) for p in frame.planes]
    rgb = shown.rgb()
    # half a code of 219 steps and float32; p010's full scale is 64/65535 short of white
    np.testing.assert_allclose(rgb, np.repeat(matte.pha[..., None], 3, axis=2), atol=0.5 / 219 + 1e-4)
    assert shown.pha is None


def test_foreground_stands_on_white(make_frame: MakeFrame) -> None:
    frame = make_frame("yuv444p10le")
    matte = a_matte(frame)
    np.testing.assert_array_equal(view("foreground", frame, matte).planes[1], composite(frame, matte, Solid("white")).planes[1])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_triptych_is_three_panels_that_begin_on_chroma_samples(make_frame: MakeFrame, name: str, size: tuple[int, int]) -> None:
    frame = make_frame(name, size)
    matte = a_matte(frame)
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
    shown = view("triptych", plain, a_matte(plain))
    label = shown.planes[0][220:, :240] >> frame.format.shift
    white, dark = (255, 0) if name == "gbrp" else (235 << (frame.format.bits - 8), 16 << (frame.format.bits - 8))
    assert label.max() == white
    assert label.min() == dark
    if name != "gbrp":
        assert (shown.planes[1][:, : shown.planes[1].shape[1] // 3] == plain.planes[1].flat[0]).all()
    assert plain.planes[0].min() == plain.planes[0].max()  # the frame itself was not written to
