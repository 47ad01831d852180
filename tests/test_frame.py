"""Frames in their native planes: in and out of PyAV, to R'G'B' and back, small views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from livematte.colour import Colour
from livematte.frame import Frame, from_av, pixel_format, shrink, to_av, to_integers, to_planes

MakeFrame = Callable[..., Frame]
YUV = ["yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv420p16le"]
SEMI = ["nv12", "p010le", "p012le", "p016le"]
OTHERS = ["gbrp", "gbrp10le", "gbrp16le", "gray", "gray10le", "gray16le"]
KEPT = [*YUV, *SEMI, *OTHERS]
WITH_ALPHA = ["yuva420p", "yuva444p", "yuva444p10le", "yuva444p12le", "gbrap", "gbrap10le", "gbrap16le"]


def smooth(size: tuple[int, int]) -> np.ndarray:
    """R'G'B' without edges, so that chroma subsampling loses next to nothing."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    return np.dstack([0.2 + 0.5 * x / size[0], 0.3 + 0.4 * y / size[1], 0.6 - 0.3 * x / size[0]]).astype(np.float32)


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


@pytest.mark.parametrize("name", ["rgb24", "yuyv422", "yuv420p10be", "pal8", "ya8", "gbrpf32le", "gray32le", "gbrap32le", "nonsense", ""])
def test_other_formats_are_to_be_converted_first(name: str) -> None:
    assert pixel_format(name) is None


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


@pytest.mark.parametrize("target", ["yuva444p10le", "yuva420p", "gbrap", "yuv422p10le", "nv12", "yuva444p12le"])
@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "nv12", "p010le", "gbrp", "yuv444p12le"])
def test_conversion_for_an_encoder_keeps_the_look(make_frame: MakeFrame, name: str, target: str) -> None:
    frame = make_frame(name)
    frame = frame.with_planes(frame.from_rgb(smooth((64, 48))))
    back = from_av(to_av(frame, target))
    inside = (slice(4, -4), slice(4, -4))  # libswscale sites chroma on the left, which shows at the rims
    np.testing.assert_allclose(back.rgb()[inside], frame.rgb()[inside], atol=0.02)


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "nv12", "p010le", "gbrp"])
def test_small_views_are_means(make_frame: MakeFrame, name: str) -> None:
    frame, rgb = make_frame(name), smooth((64, 48))
    small = frame.with_planes(frame.from_rgb(rgb)).rgb((8, 6))
    assert small.dtype == np.float32
    np.testing.assert_allclose(
        small, rgb.reshape(6, 8, 8, 8, 3).mean((1, 3)), atol=4.4 / 224
    )  # a code in Y', Cb and Cr: three halvings, each rounded


def test_small_views_that_are_not_smooth_are_samples(make_frame: MakeFrame) -> None:
    frame = make_frame("gray", colour=Colour(full_range=True))
    sampled = frame.rgb((8, 6), smooth=False)[..., 0]
    corners = frame.planes[0].reshape(6, 8, 8, 8)[:, 3:5, :, 3:5].mean((1, 3))  # half-way between the four in a block's middle
    np.testing.assert_allclose(sampled * 255, corners, atol=0.51)  # OpenCV rounds to a code
    np.testing.assert_allclose(
        frame.rgb((8, 6))[..., 0] * 255, frame.planes[0].reshape(6, 8, 8, 8).mean((1, 3)), atol=1.51
    )  # and so at each of three halvings


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
