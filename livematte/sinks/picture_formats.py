"""Single pictures as files: PNG, TIFF, JPEG, WebP and AVIF, each with as much of the frame as it holds, and the frame's ICC profile."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import SinkError
from livematte.frame import Frame
from livematte.sinks import pixels

# zlib's quickest, and rows as differences to those above: half the time of OpenCV's own choice, for a fourteenth more bytes.
_DEFLATE = 1
_JPEG_QUALITY, _WEBP_QUALITY, _AVIF_QUALITY = 95, 90, 80  # each hard to tell from the original
# A side's pixels, of the kinds that end below what a Frame may have; AVIF's is what libavif reads again.
_LARGEST = {
    ".jpg": ("JPEG", 65500),
    ".jpeg": ("JPEG", 65500),
    ".webp": ("WebP", 16383),
    ".avif": ("AVIF", 32768),
}


def encode(frame: Frame, suffix: str) -> bytes:
    """A frame as the file of that name's kind, such as ".png". SinkError where that cannot hold it.

    Straight R'G'B'A, or R'G'B' where it is opaque. PNG and TIFF have 16 bits a channel where the frame has more than 8."""
    suffix = suffix.lower()
    name, largest = _LARGEST.get(suffix, ("", None))
    if largest is not None and max(frame.size) > largest:
        raise SinkError(f"{name} holds {largest} pixels a side, got {'x'.join(map(str, frame.size))}; write .png or .tif")
    return _ENCODERS[suffix](frame)


def encode_png(frame: Frame) -> bytes:
    import cv2

    options = [cv2.IMWRITE_PNG_COMPRESSION, _DEFLATE, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
    return _by_opencv(frame, ".png", pixels.rgba(frame), options)


def _encode_jpeg(frame: Frame) -> bytes:
    import cv2

    if frame.pha is not None:
        raise SinkError("JPEG holds no alpha; write .png, .webp or .tif, or choose a background")
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _by_opencv(frame, ".jpg", pixels.rgba(frame, bits=8), options)


def _encode_webp(frame: Frame) -> bytes:
    import cv2

    return _by_opencv(frame, ".webp", pixels.rgba(frame, bits=8), [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY])


def _encode_avif(frame: Frame) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    options: dict[str, Any] = {} if frame.profile is None else {"icc_profile": frame.profile}
    picture = Image.fromarray(pixels.rgba(frame, bits=8))
    try:
        picture.save(file, "AVIF", quality=_AVIF_QUALITY, subsampling="4:4:4", **options)
    except RuntimeError as error:
        raise SinkError(f"AVIF does not hold a picture of {'x'.join(map(str, frame.size))} ({error}); write .png or .tif") from error
    return file.getvalue()


def _encode_tiff(frame: Frame) -> bytes:
    import tifffile

    file = io.BytesIO()
    rgba = pixels.rgba(frame)
    tifffile.imwrite(
        file,
        rgba,
        photometric="rgb",
        extrasamples=["unassalpha"] if rgba.shape[2] == 4 else None,
        compression="zlib",
        compressionargs={"level": _DEFLATE},
        predictor=True,
        iccprofile=frame.profile,
        metadata=None,
    )
    return file.getvalue()


def _by_opencv(frame: Frame, suffix: str, rgba: NDArray[Any], options: list[int]) -> bytes:
    import cv2

    samples = cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA if rgba.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    if frame.profile is None:
        done, data = cv2.imencode(suffix, samples, options)
    else:
        profile = np.frombuffer(frame.profile, np.uint8)
        done, data = cv2.imencodeWithMetadata(suffix, samples, [cv2.IMAGE_METADATA_ICCP], [profile], options)
    assert done, (suffix, rgba.shape, rgba.dtype)
    return bytes(data)


_ENCODERS: dict[str, Callable[[Frame], bytes]] = {
    ".png": encode_png,
    ".jpg": _encode_jpeg,
    ".jpeg": _encode_jpeg,
    ".webp": _encode_webp,
    ".avif": _encode_avif,
    ".tif": _encode_tiff,
    ".tiff": _encode_tiff,
}
