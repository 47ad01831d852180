"""The arithmetic of colour against the figures in the standards."""

from __future__ import annotations

import numpy as np
import pytest

from livematte.colour import BT601, BT709, HLG, PQ, Colour, code_range, hdr_to_sdr, rgb_to_yuv, sdr_to_hdr, yuv_to_rgb

MATRICES = [1, 4, 5, 6, 7, 9, 10]


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_the_two_ways_are_inverse(matrix: int, full: bool, bits: int) -> None:
    there, offset = rgb_to_yuv(matrix, full, bits)
    back, back_offset = yuv_to_rgb(matrix, full, bits)
    rgb = np.random.default_rng(0).random((50, 3))
    np.testing.assert_allclose((rgb @ there.T + offset) @ back.T + back_offset, rgb, atol=2e-6)  # float32 coefficients


@pytest.mark.parametrize(
    ("matrix", "rgb", "codes"),
    [
        # 75 % colour bars: SMPTE RP 219 (BT.709) and EBU/BT.601, limited range, 8 bits
        (BT709, (0.75, 0.75, 0), (168, 44, 136)),
        (BT709, (0, 0.75, 0.75), (145, 147, 44)),
        (BT709, (0.75, 0, 0), (51, 109, 212)),
        (BT601, (0.75, 0.75, 0), (162, 44, 142)),
        (BT601, (0, 0, 0.75), (35, 212, 114)),
        (BT709, (1, 1, 1), (235, 128, 128)),
        (BT601, (0, 0, 0), (16, 128, 128)),
    ],
)
def test_colour_bars_have_their_published_codes(matrix: int, rgb: tuple[float, ...], codes: tuple[int, ...]) -> None:
    m, offset = rgb_to_yuv(matrix, False, 8)
    np.testing.assert_array_equal(np.round(m @ np.array(rgb, np.float32) + offset), codes)


@pytest.mark.parametrize(
    ("full", "bits", "wanted"),
    [
        (False, 8, (16, 219, 224)),
        (False, 10, (64, 876, 896)),
        (False, 16, (4096, 56064, 57344)),
        (True, 8, (0, 255, 255)),
        (True, 10, (0, 1023, 1023)),
    ],
)
def test_code_ranges(full: bool, bits: int, wanted: tuple[float, float, float]) -> None:
    assert code_range(full, bits) == wanted


def test_untagged_matrix_goes_by_height() -> None:
    assert Colour().matrix_for(480) == BT601
    assert Colour().matrix_for(720) == BT709
    assert Colour(matrix=9).matrix_for(480) == 9
    assert Colour(matrix=0).matrix_for(1080) == BT709


def test_which_transfers_are_hdr() -> None:
    assert Colour(transfer=PQ).hdr
    assert Colour(transfer=HLG).hdr
    assert not Colour(transfer=1).hdr
    assert not Colour().hdr


def test_sdr_is_left_alone() -> None:
    rgb = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    assert hdr_to_sdr(rgb, 1) is rgb
    assert sdr_to_hdr(rgb, 1, 9) is rgb


def test_white_lies_at_reference_white() -> None:
    white = np.ones((1, 3), np.float32)
    np.testing.assert_allclose(sdr_to_hdr(white, PQ, 1), 0.581, atol=0.001)  # 203 cd/m2 in ST 2084 (BT.2408, table 1: 58 %)
    np.testing.assert_allclose(sdr_to_hdr(white, PQ, 9), 0.581, atol=0.001)  # white stays white in wider primaries
    np.testing.assert_allclose(sdr_to_hdr(white, HLG, 1), 0.75, atol=0.005)  # BT.2408: 75 % in HLG


def test_pq_shows_as_sdr_and_back_up_to_the_shoulder() -> None:
    grey = np.linspace(0, 0.85, 30, dtype=np.float32)[:, None].repeat(3, 1)  # the shoulder begins at 80 % light, 0.9 in R'G'B'
    np.testing.assert_allclose(hdr_to_sdr(sdr_to_hdr(grey, PQ, 1), PQ), grey, atol=2e-3)  # powers of 78 in float32
    codes = np.linspace(0, 1, 200, dtype=np.float32)[:, None].repeat(3, 1)
    shown = hdr_to_sdr(codes, PQ)
    assert shown.dtype == np.float32
    assert (np.diff(shown[:, 0]) >= 0).all()
    assert 0 <= shown.min() <= shown.max() <= 1
