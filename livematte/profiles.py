"""ICC profiles of pictures: kept where a picture's own numbers are kept, left behind where these meet others, which are sRGB.

Of a matrix profile (ICC.1:2022, F.3: cameras, displays, working spaces) each channel's curve gives light, and a matrix XYZ at D50; that is
worked out here, in floats, so that 16 bits stay 16. What is made of tables (scanners, printers) LittleCMS works out, at 8 bits.
"""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte import colour as colours
from livematte.colour import Colour
from livematte.frame import Frame, pixel_format, to_integers

Array = NDArray[np.float32]

_CODES = 1 << 16
_CHANNELS = {b"RGB ": (b"r", b"g", b"b"), b"GRAY": (b"k",)}
# sRGB's colorants as profiles hold them, adapted to D50 (IEC 61966-2-1, annex; ICC.1:2022, annex E).
_SRGB_TO_XYZ = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
_SRGB = Colour(1, 13, colours.RGB_MATRIX, True)
_NEAR = 2e-3  # by which makers' sRGB profiles differ from each other: half a code of 255


class Shaper(NamedTuple):
    """A profile without tables. curves: light of each of 65536 codes, float32; matrix: (3, 3), light to linear sRGB, None of grey."""

    curves: tuple[Array, ...]
    matrix: Array | None


def kind_of(profile: bytes) -> str:
    """What a profile's numbers are: "RGB", "GRAY", "CMYK", …; "" where it is no profile."""
    return profile[16:20].decode("latin-1").strip() if profile[36:40] == b"acsp" else ""


def in_srgb(frame: Frame) -> Frame:
    """The frame as sRGB, without a profile; itself where it has none. R'G'B' planes of 8 or 16 bits, unless it was sRGB all along.

    A profile that cannot be read is taken for sRGB, as viewers do."""
    if frame.profile is None:
        return frame
    plain = replace(frame, profile=None)
    shaper = _shaper(frame.profile)
    if shaper is not None and _is_srgb(shaper):
        return plain
    known = pixel_format("gbrp" if frame.format.bits == 8 else "gbrp16le")
    assert known is not None
    planes = tuple(np.empty(frame.size[::-1], known[0].dtype) for _ in range(3))
    for top, piece in plain.rgb_pieces():
        shown = _by_tables(piece, frame.profile) if shaper is None else _shown(piece, shaper)
        codes = to_integers(shown * np.float32((1 << known[0].bits) - 1), known[0].bits)
        for plane, channel in zip(planes, (1, 2, 0), strict=True):
            plane[top : top + len(piece)] = codes[..., channel]
    return replace(plain, planes=planes, format=known[0], colour=_SRGB)


def _shown(rgb: Array, shaper: Shaper) -> Array:
    """R'G'B' (h, w, 3) in [0, 1] of the profile as sRGB's."""
    codes = cv2.split(to_integers(rgb * np.float32(_CODES - 1), 16))
    curves = shaper.curves if len(shaper.curves) == 3 else shaper.curves * 3
    light = cv2.merge([np.take(curve, code) for curve, code in zip(curves, codes, strict=True)])
    if shaper.matrix is not None:
        light = cv2.transform(light, shaper.matrix)
    roots = cv2.sqrt(np.clip(light, 0, 1))
    return np.take(_from_roots(), to_integers(roots * np.float32(_CODES - 1), 16))


@lru_cache(maxsize=1)
def _from_roots() -> Array:
    """sRGB of the light whose square root is each of 65536 even steps: nowhere steep, unlike sRGB of the light itself."""
    return colours.linear_to_srgb(np.linspace(0, 1, _CODES, dtype=np.float32) ** 2)


def _by_tables(rgb: Array, profile: bytes) -> Array:
    from PIL import Image

    picture = Image.fromarray(to_integers(rgb * np.float32(255), 8))
    converted = by_littlecms(picture, profile)
    return rgb if converted is None else np.asarray(converted, np.float32) * np.float32(1 / 255)


def by_littlecms(picture: Any, profile: bytes) -> Any | None:
    """A Pillow picture in any profile's colours as one in sRGB; None where LittleCMS cannot read the profile, or it is of other kinds."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        # As photo editors do: white becomes white, and black black.
        flags, intent = ImageCms.Flags.BLACKPOINTCOMPENSATION, ImageCms.Intent.RELATIVE_COLORIMETRIC
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), intent, "RGB", flags=flags)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


@lru_cache(maxsize=8)
def _shaper(profile: bytes) -> Shaper | None:
    """None of a profile that is made of tables, or that cannot be read."""
    channels = _CHANNELS.get(profile[16:20])
    try:
        tags = _tags(profile)
        if channels is None or b"A2B0" in tags:
            return None
        curves = tuple(_curve(tags[name + b"TRC"]) for name in channels)
        if len(channels) == 1:
            return Shaper(curves, None)
        to_xyz = np.array([struct.unpack(">3i", tags[name + b"XYZ"][8:20]) for name in channels]).T / 65536
    except (KeyError, struct.error, ValueError):
        return None
    return Shaper(curves, np.asarray(np.linalg.solve(_SRGB_TO_XYZ, to_xyz), np.float32))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack(">I", profile[128:132])
    entries = [struct.unpack(">4sII", profile[at : at + 12]) for at in range(132, 132 + 12 * min(count, 100), 12)]
    return {name: profile[start : start + length] for name, start, length in entries}


def _curve(tag: bytes) -> Array:
    """The light of 65536 even steps, of a curveType or parametricCurveType (ICC.1:2022, 10.6 and 10.18). ValueError for another."""
    code = np.arange(_CODES) / (_CODES - 1)
    if tag[:4] == b"curv":
        (count,) = struct.unpack(">I", tag[8:12])
        values = np.frombuffer(tag, ">u2", count, 12)
        if count < 2:
            return np.asarray(code ** (values[0] / 256 if count else 1), np.float32)
        return np.interp(code, np.linspace(0, 1, count), values / 65535).astype(np.float32)
    if tag[:4] == b"para":
        return _parametric(code, tag)
    raise ValueError(tag[:4])


def _parametric(code: NDArray[np.float64], tag: bytes) -> Array:
    (kind,) = struct.unpack(">H", tag[8:10])
    counts = (1, 3, 4, 5, 7)
    given = np.frombuffer(tag, ">i4", counts[kind] if kind < len(counts) else -1, 12) / 65536
    g, a, b, c, d, e, f = np.pad(given, (0, 7 - len(given)))
    if kind == 0:
        a = 1.0
    if kind in (1, 2) and not a:
        raise ValueError(kind)
    if kind in (1, 2):  # the straight piece ends where the curve's base is 0
        c, d, e, f = 0.0, -b / a, c, c
    bent = np.maximum(a * code + b, 0) ** g + e
    return np.clip(np.where(code >= d, bent, c * code + f), 0, 1).astype(np.float32)


def _is_srgb(shaper: Shaper) -> bool:
    some = np.linspace(0, 1, 17, dtype=np.float32)
    probes = np.stack(np.meshgrid(some, some, some), axis=-1).reshape(1, -1, 3)
    if shaper.matrix is None:
        probes = np.repeat(some, 3).reshape(1, -1, 3)
    return float(np.abs(_shown(probes, shaper) - probes).max()) < _NEAR
