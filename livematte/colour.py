"""Colour tags and the arithmetic between a frame's own Y'CbCr (or G'B'R', grey) planes and R'G'B' in [0, 1].

Matrices from ITU-T H.273 (MatrixCoefficients): Y' = Kr R' + Kg G' + Kb B', Cb = (B' - Y') / (2 (1 - Kb)), Cr likewise. Transfer
functions of HDR (SMPTE ST 2084, ARIB STD-B67) are only used to show the network, and SDR pictures, what they are used to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

UNSPECIFIED = 2
_KR_KB = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
BT709, BT601, RGB_MATRIX = 1, 6, 0
PQ, HLG = 16, 18
BT2020_PRIMARIES = 9
_SDR_WHITE_IN_PQ = 203 / 10000  # ITU-R BT.2408: reference white of an HDR programme
_BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]], np.float32)

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Colour:
    """H.273 code points as libav numbers them; 2 is "unspecified". full_range: None means untagged (then limited, as players take it)."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool | None = None

    def matrix_for(self, height: int) -> int:
        """The matrix to compute with: the tag, or for untagged pictures what players take (BT.709 from 720 lines, else BT.601)."""
        if self.matrix in _KR_KB:
            return self.matrix
        return BT709 if height >= 720 else BT601

    @property
    def hdr(self) -> bool:
        return self.transfer in (PQ, HLG)


@lru_cache(maxsize=64)
def yuv_to_rgb(matrix: int, full_range: bool, bits: int) -> tuple[Array, Array]:
    """(M, offset) such that R'G'B' in [0, 1] = M @ (Y, Cb, Cr in code values) + offset."""
    kr, kb = _KR_KB[matrix]
    kg = 1 - kr - kb
    m = np.array([[1, 0, 2 * (1 - kr)], [1, -2 * kb * (1 - kb) / kg, -2 * kr * (1 - kr) / kg], [1, 2 * (1 - kb), 0]])
    zero, y_scale, c_scale = code_range(full_range, bits)
    m = m @ np.diag([1 / y_scale, 1 / c_scale, 1 / c_scale])
    offset = -m @ np.array([zero, 1 << (bits - 1), 1 << (bits - 1)])
    return m.astype(np.float32), offset.astype(np.float32)


@lru_cache(maxsize=64)
def rgb_to_yuv(matrix: int, full_range: bool, bits: int) -> tuple[Array, Array]:
    """(M, offset) such that (Y, Cb, Cr) in code values = M @ R'G'B' + offset: the inverse of yuv_to_rgb."""
    kr, kb = _KR_KB[matrix]
    kg = 1 - kr - kb
    rows = np.array([[kr, kg, kb], [-kr, -kg, 1 - kb], [1 - kr, -kg, -kb]])
    rows[1] /= 2 * (1 - kb)
    rows[2] /= 2 * (1 - kr)
    zero, y_scale, c_scale = code_range(full_range, bits)
    m = np.diag([y_scale, c_scale, c_scale]) @ rows
    return m.astype(np.float32), np.array([zero, 1 << (bits - 1), 1 << (bits - 1)], np.float32)


def code_range(full_range: bool, bits: int) -> tuple[float, float, float]:
    """(code of black, codes from black to white in Y' or R'G'B', codes that Cb and Cr span) at a depth (H.273, 8.3)."""
    if full_range:
        top = float((1 << bits) - 1)
        return 0.0, top, top
    step = float(1 << (bits - 8))
    return 16 * step, 219 * step, 224 * step


def hdr_to_sdr(rgb: Array, transfer: int) -> Array:
    """A display-like SDR rendering of PQ R'G'B': reference white to white, a soft shoulder above. HLG is made to be shown as it is.

    rgb: (..., 3) or (3, ...) float32 in [0, 1]; gives the same shape and range."""
    if transfer != PQ:
        return rgb
    light = _pq_to_linear(rgb) / _SDR_WHITE_IN_PQ
    shoulder = np.where(light < 0.8, light, 1 - 0.2 * np.exp(-(light - 0.8) / 0.2))
    return linear_to_srgb(shoulder)


def sdr_to_hdr(rgb: Array, transfer: int, primaries: int) -> Array:
    """SDR R'G'B' (..., 3) float32 in [0, 1] as it belongs into an HDR picture: white at reference white, BT.2020 where tagged."""
    if transfer not in (PQ, HLG):
        return rgb
    light = _srgb_to_linear(rgb)
    if primaries == BT2020_PRIMARIES:
        light = light @ _BT709_TO_BT2020.T
    return _linear_to_pq(light * _SDR_WHITE_IN_PQ) if transfer == PQ else _linear_to_hlg(light * 0.265)


def _srgb_to_linear(v: Array) -> Array:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_to_srgb(v: Array) -> Array:
    v = np.clip(v, 0, 1)
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055).astype(np.float32)


def _pq_to_linear(v: Array) -> Array:
    p = np.clip(v, 0, 1) ** (32 / 2523)
    light = np.maximum(p - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * p)
    return np.asarray(light ** (8192 / 1305), np.float32)


def _linear_to_pq(light: Array) -> Array:
    p = np.clip(light, 0, 1) ** (1305 / 8192)
    return np.asarray(((3424 / 4096 + 2413 / 128 * p) / (1 + 2392 / 128 * p)) ** (2523 / 32), np.float32)


def _linear_to_hlg(light: Array) -> Array:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    light = np.clip(light, 0, 1)
    return np.where(light <= 1 / 12, np.sqrt(3 * light), a * np.log(np.maximum(12 * light - b, 1e-6)) + c).astype(np.float32)
