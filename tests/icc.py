"""ICC profiles made from numbers (ICC.1:2022), as cameras, working spaces and printers have them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

XYZ = Sequence[float]
SRGB = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)]
DISPLAY_P3 = [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)]
ADOBE_RGB = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
_D50 = (0.9642, 1.0, 0.8249)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def srgb_light(code: np.ndarray) -> np.ndarray:
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def gamma(exponent: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256)) + bytes(2)


def table(light: np.ndarray) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">I", len(light)) + np.round(light * 65535).astype(">u2").tobytes()


def parametric(kind: int, *numbers: float) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + b"".join(map(_fixed, numbers))


SRGB_CURVE = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def rgb_profile(colorants: Sequence[XYZ] = DISPLAY_P3, curve: bytes = SRGB_CURVE) -> bytes:
    """Of colorants as XYZ at D50, and one curve for all three."""
    tags = {f"{name}TRC": curve for name in "rgb"}
    tags |= {f"{name}XYZ": _xyz(value) for name, value in zip("rgb", colorants, strict=True)}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(curve: bytes) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {"kTRC": curve})


def printer_profile(inks: Mapping[int, XYZ], *, channels: int = 4, space: bytes = b"CMYK", paper: XYZ = (100, 0, 0)) -> bytes:
    """A table of two steps each way. inks: Lab of the corners whose number, in bits (the first channel the highest), is given."""
    nodes = [inks.get(corner, paper) for corner in range(1 << channels)]
    codes = bytes(round(v) for L, a, b in nodes for v in (L * 2.55, a + 128, b + 128))
    straight = bytes(range(256))
    head = b"mft1" + bytes(4) + bytes([channels, 3, 2, 0]) + b"".join(_fixed(v) for v in np.eye(3).ravel())
    return _profile(b"prtr", space, b"Lab ", {"A2B0": head + straight * channels + codes + straight * 3})


def _xyz(value: XYZ) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, value))


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[str, bytes]) -> bytes:
    words = b"desc" + bytes(4) + struct.pack(">I", 5) + b"Test\0" + bytes(78)
    tags = {"desc": words, "cprt": b"text" + bytes(4) + b"none\0", "wtpt": _xyz(_D50), **tags}
    start, entries, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        entries += name.encode() + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, device, space, connection)
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(_fixed, _D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body
