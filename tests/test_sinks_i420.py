"""Pictures for a virtual camera, decoded as its watchers do: I420, BT.601, limited range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from livematte import colour as colours
from livematte.colour import BT601, BT709, PQ, Colour
from livematte.frame import Frame, pixel_format
from livematte.sinks import i420
from livematte.sinks.pixels import even

SIZE = (64, 48)
BLOCK = 16  # every chroma sample of any format lies in one block, but for those at its edges


def decoded(code: NDArray[np.uint8]) -> NDArray[np.float32]:
    """R'G'B' (H, W, 3) in [0, 1] as a program takes an untagged camera: BT.601, limited, chroma repeated."""
    height, width = code.shape[0] * 2 // 3, code.shape[1]
    flat = code.reshape(-1)
    luma = flat[: width * height].reshape(height, width)
    chroma = [plane.reshape(height // 2, width // 2).repeat(2, 0).repeat(2, 1) for plane in np.split(flat[width * height :], 2)]
    m, offset = colours.yuv_to_rgb(BT601, False, 8)
    return np.clip(np.dstack([luma, *chroma]).astype(np.float32) @ m.T + offset, 0, 1)


def patches(seed: int) -> NDArray[np.float32]:
    """R'G'B' of flat squares: what colour conversion does, without what resampling does."""
    colours_of = np.random.default_rng(seed).random((SIZE[1] // BLOCK, SIZE[0] // BLOCK, 3), np.float32)
    return colours_of.repeat(BLOCK, 0).repeat(BLOCK, 1)


def centres(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return picture[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK]


def frame_of(rgb: NDArray[np.float32], name: str, colour: Colour) -> Frame:
    known = pixel_format(name)
    assert known is not None
    fmt = known[0]
    height, width = rgb.shape[:2]
    like = Frame((np.zeros((height, width), fmt.dtype),), fmt, colour=colour)
    return like.with_planes(like.from_rgb(rgb))


@settings(deadline=None, max_examples=120)
@given(
    name=st.sampled_from(["yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "nv12", "yuv420p10le", "yuv444p12le", "p010le"]),
    matrix=st.sampled_from([colours.UNSPECIFIED, BT709, 5, BT601, 9]),
    full=st.sampled_from([None, False, True]),
    seed=st.integers(0, 2**32 - 1),
)
def test_watchers_see_the_frame_s_colours(name: str, matrix: int, full: bool | None, seed: int) -> None:
    frame = frame_of(patches(seed), name, Colour(matrix=matrix, full_range=full))
    code = i420.blank(SIZE)
    i420.write(frame, code)
    # Half a code of luma and of chroma, at blue's weight: (0.5 · 1.164 + 0.5 · 2.017) / 255; the frame's own rounding is not counted.
    np.testing.assert_allclose(centres(decoded(code)), np.clip(centres(frame.rgb()), 0, 1), rtol=0, atol=1.6 / 255)


@pytest.mark.parametrize("name", ["gray", "gray10le", "gbrp", "gbrp10le"])
@pytest.mark.parametrize("full", [False, True])
def test_grey_and_rgb_frames_keep_their_colours(name: str, full: bool) -> None:
    rgb = patches(3)
    rgb = rgb.mean(2, keepdims=True).repeat(3, 2) if name.startswith("gray") else rgb
    frame = frame_of(rgb, name, Colour(matrix=colours.RGB_MATRIX if name.startswith("gbr") else colours.UNSPECIFIED, full_range=full))
    code = i420.blank(SIZE)
    i420.write(frame, code)
    np.testing.assert_allclose(centres(decoded(code)), centres(rgb), rtol=0, atol=2 / 255)


@pytest.mark.parametrize("name", ["yuv420p", "nv12"])
def test_what_is_bt601_and_limited_passes_bit_for_bit(name: str, make_frame: Callable[..., Frame]) -> None:
    frame = make_frame(name, colour=Colour(matrix=BT601, full_range=False))
    code = i420.blank(SIZE)
    i420.write(frame, code)
    chroma = frame.planes[1:] if name == "yuv420p" else (frame.planes[1][..., 0], frame.planes[1][..., 1])
    assert code.tobytes() == b"".join(np.ascontiguousarray(plane).tobytes() for plane in (frame.planes[0], *chroma))


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "yuv422p"])
def test_planes_may_be_views(name: str, make_frame: Callable[..., Frame]) -> None:
    """Mirrored, cut out of wider rows, or one sample seen many times."""
    frame = make_frame(name, (128, 48), colour=Colour(matrix=BT709, full_range=True))
    half = replace(frame, planes=tuple(plane[:, plane.shape[1] // 2 :][:, ::-1] for plane in frame.planes))
    flat = replace(half, planes=tuple(np.broadcast_to(plane[:1, :1], plane.shape) for plane in half.planes))
    for view in (half, flat):
        copied = replace(view, planes=tuple(plane.copy() for plane in view.planes))
        codes = [i420.blank(SIZE), i420.blank(SIZE)]
        i420.write(view, codes[0])
        i420.write(copied, codes[1])
        np.testing.assert_array_equal(codes[0], codes[1])


def test_chroma_beyond_the_codes_stays_at_their_ends() -> None:
    known = pixel_format("yuv420p")
    assert known is not None
    planes = tuple(np.full(shape, code, np.uint8) for shape, code in (((48, 64), 128), ((24, 32), 0), ((24, 32), 255)))
    code = i420.blank(SIZE)
    i420.write(Frame(planes, known[0], colour=Colour(matrix=BT709, full_range=False)), code)
    assert set(code[48:56].flat) == {0}  # Cb would be -13


def test_odd_sizes_fit_once_they_are_even(make_frame: Callable[..., Frame]) -> None:
    frame = even(make_frame("yuv420p", (63, 47), colour=Colour(matrix=BT601, full_range=False)))
    code = i420.blank(frame.size)
    i420.write(frame, code)
    np.testing.assert_array_equal(code[:47, 63], frame.planes[0][:47, 62])


def test_hdr_is_shown_as_sdr() -> None:
    grey = np.full((48, 64, 3), 0.5, np.float32)
    frame = frame_of(grey, "yuv420p10le", Colour(9, PQ, 9, False))
    code = i420.blank(SIZE)
    i420.write(frame, code)
    np.testing.assert_allclose(decoded(code), 0.5, atol=2 / 255)
    assert abs(int(code[0, 0]) - (int(frame.planes[0][0, 0]) >> 2)) > 5  # its own code values are others
