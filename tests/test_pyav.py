"""Frames in and out of PyAV: samples, alpha, time and tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from formats import SEMI, YUV, smooth

from livematte.colour import RGB_MATRIX, UNSPECIFIED, Colour
from livematte.frame import Frame, pixel_format
from livematte.pyav import from_av, to_av

MakeFrame = Callable[..., Frame]
KEPT = [*YUV, *SEMI, "gbrp", "gbrp10le", "gbrp16le", "gray", "gray10le", "gray16le"]
WITH_ALPHA = ["yuva420p", "yuva444p", "yuva444p10le", "yuva444p12le", "gbrap", "gbrap10le", "gbrap16le"]


@pytest.mark.parametrize("name", [*KEPT, *WITH_ALPHA])
def test_kept_formats_are_libavs(name: str) -> None:
    known = pixel_format(name)
    assert known is not None
    fmt, alpha = known
    libav = av.VideoFormat(name, 64, 48)
    assert alpha == any(c.is_alpha for c in libav.components)
    assert max(c.bits for c in libav.components) == fmt.bits
    picture = av.VideoFrame(63, 47, name)
    assert len(picture.planes) == fmt.plane_count + alpha
    for i in range(fmt.plane_count):
        assert fmt.plane_size(i, (63, 47)) == (picture.planes[i].width, picture.planes[i].height)


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("size", [(64, 48), (63, 47), (1, 1)])
def test_planes_come_back_from_av_exactly(make_frame: MakeFrame, name: str, size: tuple[int, int]) -> None:
    frame = make_frame(name, size, pts=1234, colour=Colour(1, 13, 0 if name.startswith("gbr") else 1, True))
    picture = to_av(frame)
    assert (picture.format.name, picture.width, picture.height, picture.pts) == (name, *size, 1234)
    back = from_av(picture)
    assert back.format == frame.format
    assert (back.pts, back.time_base, back.duration, back.colour) == (1234, Fraction(1, 30), 1, frame.colour)
    for got, plane in zip(back.planes, frame.planes, strict=True):
        assert got.dtype == plane.dtype
        np.testing.assert_array_equal(got, plane)


def test_planes_are_views_of_the_decoders_memory() -> None:
    picture = av.VideoFrame(64, 48, "yuv420p")
    frame = from_av(picture)
    picture.planes[0].update(bytes([77]) * picture.planes[0].buffer_size)
    assert (frame.planes[0] == 77).all()


@pytest.mark.parametrize("name", WITH_ALPHA)
def test_alpha_goes_to_av_and_back(make_frame: MakeFrame, name: str) -> None:
    fmt = pixel_format(name)
    assert fmt is not None
    pha = np.random.default_rng(0).random((47, 63), np.float32)
    pha[0], pha[1] = 0, 1
    frame = replace(make_frame(fmt[0].name, (63, 47)), pha=pha)
    back = from_av(to_av(frame, name))
    top = (1 << fmt[0].bits) - 1
    assert back.pha is not None
    assert back.format == frame.format
    np.testing.assert_array_equal(back.planes[0], frame.planes[0])
    np.testing.assert_allclose(back.pha, pha, atol=0.5 / top + 1e-6)
    np.testing.assert_array_equal(back.pha[:2], pha[:2])
    opaque = from_av(to_av(replace(frame, pha=None), name))
    assert opaque.pha is not None
    assert (opaque.pha == 1).all()
    again = from_av(to_av(back, name))  # alpha that came from integers goes back to the same
    np.testing.assert_array_equal(again.pha, back.pha)


@pytest.mark.parametrize("name", ["rgb24", "bgr24", "rgba", "bgra", "argb", "abgr"])
def test_packed_rgb_becomes_planar_without_loss(name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (47, 63, 3 if name.endswith("24") else 4), dtype=np.uint8)
    frame = from_av(av.VideoFrame.from_ndarray(pixels, format=name))
    assert frame.format.name == "gbrp"
    channels = dict(zip("gbr", frame.planes, strict=True))
    for i, letter in enumerate(name.removesuffix("24")):
        if letter == "a":
            assert frame.pha is not None
            np.testing.assert_array_equal(np.round(frame.pha * 255), pixels[..., i])
        else:
            np.testing.assert_array_equal(channels[letter], pixels[..., i])
    assert (frame.pha is not None) == ("a" in name)
    assert frame.full_range


def test_yuyv_of_webcams_becomes_planar_without_loss() -> None:
    picture = av.VideoFrame(64, 48, "yuyv422")
    packed = np.random.default_rng(0).integers(0, 256, (48, 128), dtype=np.uint8)
    np.frombuffer(picture.planes[0], np.uint8).reshape(48, -1)[:, :128] = packed
    frame = from_av(picture)
    assert frame.format.name == "yuv422p"
    for plane, wanted in zip(frame.planes, (packed[:, ::2], packed[:, 1::4], packed[:, 3::4]), strict=True):
        np.testing.assert_array_equal(plane, wanted)


def test_yuvj_is_full_range() -> None:
    frame = from_av(av.VideoFrame(64, 48, "yuvj420p"))
    assert frame.format.name == "yuv420p"
    assert frame.colour.full_range


def test_time_base_given_wins(make_frame: MakeFrame) -> None:
    picture = to_av(make_frame(pts=90))
    frame = from_av(picture, time_base=Fraction(1, 90))
    assert (frame.pts, frame.seconds) == (90, 1.0)


def test_unknown_output_format_is_an_error(make_frame: MakeFrame) -> None:
    with pytest.raises(ValueError, match="got pixel format 'rgb24', wanted a planar one"):
        to_av(make_frame(), "rgb24")


@pytest.mark.parametrize("target", ["yuva444p10le", "yuva420p", "gbrap", "yuv422p10le", "nv12", "yuva444p12le"])
@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "nv12", "p010le", "gbrp", "yuv444p12le"])
@pytest.mark.parametrize("colour", [Colour(), Colour(1, 1, 1, True)], ids=["untagged", "BT.709 full"])
def test_conversion_for_an_encoder_keeps_the_look(make_frame: MakeFrame, name: str, target: str, colour: Colour) -> None:
    frame = make_frame(name, colour=colour)
    frame = frame.with_planes(frame.from_rgb(smooth((64, 48))))
    back = from_av(to_av(frame, target))
    inside = (slice(4, -4), slice(4, -4))  # libswscale sites chroma on the left, which shows at the rims
    np.testing.assert_allclose(back.rgb()[inside], frame.rgb()[inside], atol=0.02)


@pytest.mark.parametrize(("name", "matrix"), [("gray", UNSPECIFIED), ("gbrp", RGB_MATRIX)])
def test_only_rgb_has_the_matrix_of_rgb(name: str, matrix: int) -> None:
    """Grey PNGs come tagged as R'G'B'; the Y'CbCr that is made of them would play in false colours."""
    picture = av.VideoFrame(64, 48, name)
    picture.colorspace = RGB_MATRIX
    assert from_av(picture).colour.matrix == matrix


@pytest.mark.parametrize(
    ("packed", "kept"),
    [
        ("gray10be", "gray10le"),
        ("p210le", "yuv422p10le"),
        ("rgb48be", "gbrp16le"),
        ("gbrapf32le", "gbrp16le"),
        ("ya8", "gbrp"),
        ("pal8", "gbrp"),
    ],
)
def test_other_formats_become_the_closest_that_is_kept(packed: str, kept: str) -> None:
    frame = from_av(av.VideoFrame(64, 48, packed))
    assert frame.format.name == kept
    assert (frame.pha is not None) == (packed in ("gbrapf32le", "ya8", "pal8"))


def test_range_of_what_an_encoder_gets(make_frame: MakeFrame) -> None:
    full = Colour(1, 1, 1, True)
    cases = [
        (make_frame("gbrp"), "yuv420p", False, (16, 235)),
        (make_frame("yuv420p", colour=full), "yuv422p", False, (0, 255)),
        (make_frame("yuv420p", colour=full), "yuv422p", True, (16, 235)),
        (make_frame("yuv420p"), "gbrp", False, (0, 255)),
    ]
    for frame, name, limited, wanted in cases:
        for level, code in zip((0, 1), wanted, strict=True):
            plain = frame.with_planes(frame.from_rgb(np.full((48, 64, 3), level, np.float32)))
            made = from_av(to_av(plain, name, limited=limited))
            assert abs(int(made.planes[0][24, 32]) - code) <= 1, (frame.format.name, name, limited)
            assert made.full_range == (wanted == (0, 255))
