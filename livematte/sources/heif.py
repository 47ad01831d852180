"""HEIC pictures, as iPhones take them: many tiles, turned, in Display P3. libav decodes single tiles; libheif puts them together."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np

from livematte.colour import HLG, PQ
from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sources.picture_file import check_size, full_range, with_profile


def read_heif(data: bytes, *, name: str) -> tuple[Frame, tuple[str, ...]]:
    """The main picture of a HEIC file, upright: R'G'B' of 8 bits, or of 16 where it has more, with its alpha; and no notes.

    SourceError where it cannot be read, or where pi-heif is not installed."""
    try:
        import pi_heif
    except ImportError as error:
        raise SourceError(f"{name} is a HEIC picture, for which pi-heif is wanted; pip install 'livematte[heif]'") from error
    try:
        picture = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        check_size(picture.size, name)
        samples = np.asarray(picture)
    except (OSError, ValueError, EOFError, SyntaxError, RuntimeError) as error:
        raise SourceError(f"{name} cannot be read: {error}") from error
    return _frame(samples, picture.info), ()


def _frame(samples: np.ndarray[Any, Any], info: dict[str, Any]) -> Frame:
    bits = info["bit_depth"] if samples.dtype == np.uint16 else 8
    samples = np.atleast_3d(samples) >> (16 - bits if bits > 8 else 0)  # they come in the upper bits, where white would not be white
    pha = None
    if samples.shape[2] in (2, 4):
        pha = samples[..., -1].astype(np.float32) * np.float32(1 / ((1 << bits) - 1))
    order, name = ((0,), "gray") if samples.shape[2] < 3 else ((1, 2, 0), "gbrp")
    planes = tuple(np.ascontiguousarray(samples[..., i]) for i in order)
    frame = full_range(planes, name if bits == 8 else f"{name}{bits}le", pha)
    tags = info.get("nclx_profile") or {}
    if tags.get("transfer_characteristics") in (PQ, HLG):
        colour = replace(frame.colour, primaries=tags["color_primaries"], transfer=tags["transfer_characteristics"])
        frame = replace(frame, colour=colour)
    return with_profile(frame, info.get("icc_profile"))
