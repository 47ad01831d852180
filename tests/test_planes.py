"""Laws of the blend, and of colour carried into holes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livematte.frame import Frame, Matte, pixel_format
from livematte.planes import black, blended, extended, fill, over, pha_for, solid, spread

MakeFrame = Callable[..., Frame]


def reference(fgr: np.ndarray, bgr: np.ndarray, pha: np.ndarray) -> np.ndarray:
    f, b, a = fgr.astype(np.float64), bgr.astype(np.float64), pha.astype(np.float64)
    return np.floor(b + (f - b) * a + 0.5).astype(fgr.dtype)


def noise(bits: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << bits, shape, dtype=np.uint8 if bits == 8 else np.uint16)


def a_matte(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Alpha with a plateau of 1, a plateau of 0 and noise between them."""
    width, height = size
    pha = np.random.default_rng(seed).random((height, width), np.float32)
    pha[:, : width // 3] = 0
    pha[:, 2 * width // 3 :] = 1
    return pha


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_over_is_rounded_to_nearest(bits: int) -> None:
    shape = (130, 601)  # several tiles, none of them whole at the rims
    fgr, bgr, pha = noise(bits, shape, 1), noise(bits, shape, 2), a_matte((601, 130))
    np.testing.assert_array_equal(over(fgr, bgr, pha), reference(fgr, bgr, pha))


def test_over_takes_the_faintest_alpha() -> None:
    fgr, bgr = np.full((3, 5), 1000, np.uint16), np.zeros((3, 5), np.uint16)
    assert (over(fgr, bgr, np.full((3, 5), 0.001, np.float32)) == 1).all()
    assert (over(fgr, bgr, np.full((3, 5), 0.999, np.float32)) == 999).all()


def test_over_takes_a_tie_up() -> None:
    fgr, bgr = np.array([[0, 1, 3, 255]], np.uint8), np.array([[1, 0, 0, 254]], np.uint8)
    assert over(fgr, bgr, np.full((1, 4), 0.5, np.float32)).tolist() == [[1, 1, 2, 255]]


@given(st.sampled_from([8, 10, 16]), st.integers(1, 70), st.integers(1, 70), st.integers(0, 99))
def test_over_keeps_its_three_laws(bits: int, width: int, height: int, seed: int) -> None:
    fgr, bgr = noise(bits, (height, width), seed), noise(bits, (height, width), seed + 1)
    pha = np.random.default_rng(seed).random((height, width), np.float32)
    np.testing.assert_array_equal(over(fgr, bgr, np.ones_like(pha)), fgr)
    np.testing.assert_array_equal(over(fgr, bgr, np.zeros_like(pha)), bgr)
    np.testing.assert_array_equal(over(fgr, fgr.copy(), pha), fgr)


def test_over_blends_interleaved_channels_as_separate_planes() -> None:
    fgr, bgr, pha = noise(8, (40, 30, 2), 1), noise(8, (40, 30, 2), 2), a_matte((30, 40))
    got = over(fgr, bgr, pha)
    for i in range(2):
        np.testing.assert_array_equal(got[..., i], over(fgr[..., i], bgr[..., i], pha))


def test_over_rounds_above_a_samples_empty_bits() -> None:
    fgr, bgr, pha = noise(10, (40, 30), 1), noise(10, (40, 30), 2), a_matte((30, 40))
    np.testing.assert_array_equal(over(fgr << 6, bgr << 6, pha, shift=6), over(fgr, bgr, pha) << 6)


def test_over_fades_in_between_two_alphas_only() -> None:
    fgr, bgr = np.full((1, 5), 200, np.uint8), np.zeros((1, 5), np.uint8)
    pha = np.array([[0, 0.125, 0.1875, 0.25, 0.5]], np.float32)
    assert over(fgr, bgr, pha, fade=(0.125, 0.25)).tolist() == [[0, 0, 100, 200, 200]]
    for column in range(5):  # each alone in its tile, where shorter ways are taken
        at = np.s_[:, column : column + 1]
        np.testing.assert_array_equal(over(fgr[at], bgr[at], pha[at], fade=(0.125, 0.25)), over(fgr, bgr, pha, fade=(0.125, 0.25))[at])


@pytest.mark.parametrize(("name", "sub"), [("yuv420p", (2, 2)), ("yuv422p", (2, 1)), ("yuv411p", (4, 1)), ("yuv410p", (4, 4))])
@pytest.mark.parametrize("size", [(64, 48), (63, 47), (1, 1)])
def test_chroma_alpha_is_the_mean_of_what_it_covers(name: str, sub: tuple[int, int], size: tuple[int, int]) -> None:
    fmt = pixel_format(name)
    assert fmt is not None
    pha = a_matte(size)
    wide = np.pad(pha, ((0, -size[1] % sub[1]), (0, -size[0] % sub[0])), mode="edge")
    blocks = wide.reshape(wide.shape[0] // sub[1], sub[1], wide.shape[1] // sub[0], sub[0])
    got = pha_for(pha, fmt[0], 1)
    assert got.shape[::-1] == fmt[0].plane_size(1, size)
    np.testing.assert_allclose(got, blocks.mean((1, 3)), atol=1e-6)  # float32 sums of up to 16 values
    np.testing.assert_array_equal(pha_for(np.ones_like(pha), fmt[0], 1), 1)
    assert pha_for(pha, fmt[0], 0) is pha


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "nv12", "p010le", "gbrp", "gray", "gray10le", "yuv444p12le", "yuv410p"])
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_every_plane_is_the_foregrounds_where_alpha_is_one(make_frame: MakeFrame, name: str, size: tuple[int, int]) -> None:
    fgr, bgr, pha = make_frame(name, size, seed=1), make_frame(name, size, seed=2), a_matte(size)
    for i, plane in enumerate(blended(fgr, bgr.planes, pha)):
        alpha = pha_for(pha, fgr.format, i)
        np.testing.assert_array_equal(plane[alpha == 1], fgr.planes[i][alpha == 1])
        np.testing.assert_array_equal(plane[alpha == 0], bgr.planes[i][alpha == 0])
        assert plane.dtype == fgr.format.dtype
        assert not (plane & ((1 << fgr.format.shift) - 1)).any()


def test_ten_bits_give_the_same_picture_as_eight(make_frame: MakeFrame) -> None:
    fgr, bgr, pha = make_frame("yuv420p", seed=1), make_frame("yuv420p", seed=2), a_matte((64, 48))
    deep, deep_bgr = (make_frame("yuv420p10le").with_planes(tuple(p.astype(np.uint16) * 4 for p in f.planes)) for f in (fgr, bgr))
    for plane, coarse in zip(blended(deep, deep_bgr.planes, pha), blended(fgr, bgr.planes, pha), strict=True):
        assert np.abs(plane.astype(int) - 4 * coarse.astype(int)).max() <= 2  # half a level of 8 bits


@pytest.mark.parametrize("name", ["yuv420p", "p010le", "gbrp10le", "gray"])
def test_solid_is_the_colour_everywhere(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name, (63, 47))
    planes = solid(frame, (0.5, 0.5, 0.5))
    assert [p.shape for p in planes] == [p.shape for p in frame.planes]
    np.testing.assert_allclose(frame.with_planes(planes).rgb(), 0.5, atol=0.5 / 219 + 1e-4)  # half a code of limited range


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "p010le", "yuv444p10le", "gbrp", "gray", "yuv411p"])
@pytest.mark.parametrize("size", [(64, 48), (63, 47), (5, 3)])
def test_extended_leaves_nothing_of_the_room(make_frame: MakeFrame, name: str, size: tuple[int, int]) -> None:
    room = make_frame(name, size)
    fmt = room.format
    pha = np.zeros(size[::-1], np.float32)
    pha[: size[1] // 2 // 4 * 4 or 1, : size[0] // 2 // 4 * 4 or 1] = 1  # ends on a chroma sample
    person, marker = (np.array(c << (fmt.bits - 8) << fmt.shift, fmt.dtype) for c in (90, 201))
    planes = tuple(
        np.where(a[..., None] > 0 if p.ndim == 3 else a > 0, np.full_like(p, person), marker)
        for p, a in ((p, pha_for(pha, fmt, i)) for i, p in enumerate(room.planes))
    )
    for plane in extended(Matte(pha, room.with_planes(planes))):
        np.testing.assert_array_equal(plane, person)  # one colour in, one colour everywhere


def test_extended_without_a_person_is_black(make_frame: MakeFrame) -> None:
    frame = make_frame("yuv420p")
    for plane, code in zip(extended(Matte(np.zeros((48, 64), np.float32), frame)), black(frame), strict=True):
        np.testing.assert_array_equal(plane, code)


def test_extended_shows_no_room_where_an_8_bit_alpha_is_zero(make_frame: MakeFrame) -> None:
    frame = make_frame("gbrp")
    pha = np.zeros((48, 64), np.float32)
    pha[:24, :32], pha[24:] = 1, 0.0019  # a network's haze, which 8 bits hold as 0
    planes = tuple(np.where(pha == 1, np.uint8(90), np.uint8(201)) for _ in range(3))
    for plane in extended(Matte(pha, frame.with_planes(planes))):
        np.testing.assert_array_equal(plane, 90)


def test_extended_keeps_every_colour_that_counts(make_frame: MakeFrame) -> None:
    frame, pha = make_frame("yuv420p10le"), a_matte((64, 48))
    for i, plane in enumerate(extended(Matte(pha, frame))):
        sure = pha_for(pha, frame.format, i) >= 1 / 64
        np.testing.assert_array_equal(plane[sure], frame.planes[i][sure])


def test_spread_takes_nothing_that_weighs_nothing(make_frame: MakeFrame) -> None:
    frame = make_frame("yuv420p")
    luma = np.full_like(frame.planes[0], 50)
    luma[20:, :] = 235
    weight = np.zeros((24, 32), np.float32)
    weight[:10] = 1
    planes = spread(frame.with_planes((luma, *frame.planes[1:])), weight, step=2, cells=12)
    np.testing.assert_array_equal(planes[0], 50)


def test_fill_carries_the_nearest_colour_into_a_hole() -> None:
    stack = np.zeros((16, 16, 2), np.float32)
    stack[:, 0], stack[:, -1] = (10, 1), (90, 1)
    filled = fill(stack)
    np.testing.assert_allclose(filled[..., 1], 1, atol=1e-5)
    assert np.abs(filled[:, 0, 0] - 10).max() < 1e-3
    assert (filled[:, 4, 0] < 45).all()
    assert (filled[:, 11, 0] > 55).all()
    assert not fill(np.zeros((5, 3, 4), np.float32)).any()


def test_fill_trusts_a_cell_as_far_as_it_weighs() -> None:
    stack = np.zeros((8, 8, 2), np.float32)
    stack[:, :4] = (50, 1)
    stack[:, 7] = (200 / 64, 1 / 64)  # a sixteenth of what is trusted wholly
    faint = fill(stack)[:, 7, 0]
    assert (faint > 50).all()
    assert (faint < 80).all()


def test_extended_carries_each_colour_from_where_it_is_near(make_frame: MakeFrame) -> None:
    frame = make_frame("gray", (64, 96))
    pha = np.zeros((96, 64), np.float32)
    pha[:16], pha[80:] = 1, 1
    luma = np.full((96, 64), 128, np.uint8)
    luma[:48], luma[48:] = 40, 200
    carried = extended(Matte(pha, frame.with_planes((luma,))))[0].astype(int)
    assert np.abs(carried[17:24] - 40).max() < 30
    assert np.abs(carried[72:79] - 200).max() < 30
