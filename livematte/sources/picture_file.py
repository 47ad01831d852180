"""A picture's file becomes a Frame: libav decodes it where it can, so a JPEG keeps its own Y'CbCr samples and a PNG its 16 bits; Pillow
reads what a file says of itself, and what libav does not decode rightly: CMYK, Lab, transparency in AVIF, pictures in several tiles.

What a file is follows from its content: phones and web sites name HEIC and WebP files ".jpg".
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from livematte import profiles
from livematte.colour import RGB_MATRIX, UNSPECIFIED, Colour
from livematte.errors import SourceError
from livematte.frame import Frame, Size, pixel_format, to_integers

LARGEST = 250  # megapixels; a phone's largest has 200, and each takes up to 40 bytes on its way
# Kinds of files, as Pillow's modules for them are called.
_JPEG, _PNG, _GIF, _WEBP, _AVIF, _TIFF, _HEIC = "Jpeg", "Png", "Gif", "WebP", "Avif", "Tiff", "Heic"
_STARTS = {_JPEG: b"\xff\xd8\xff", _PNG: b"\x89PNG", _GIF: b"GIF8", "Bmp": b"BM", "Jpeg2K": b"\0\0\0\x0cjP  "}
_BY_PILLOW = ("CMYK", "LAB")  # modes that libav reads without a profile, or not at all
_ASSOCIATED = 1  # TIFF's ExtraSamples of colours that alpha is multiplied into
_EXTRA_SAMPLES = 338
# What Pillow raises of damaged files: its AVIF a RuntimeError, its WebP an EOFError.
_DAMAGE = (SyntaxError, OSError, ValueError, KeyError, IndexError, TypeError, RuntimeError, EOFError, struct.error)
_ONE_AT_A_TIME = threading.Lock()


class Header(NamedTuple):
    """What a file says of itself. picture: Pillow's, nothing of which is decoded yet."""

    kind: str
    picture: Any
    animated: bool

    @property
    def size(self) -> Size:
        width, height = self.picture.size
        return width, height


def read_picture(path: Path) -> tuple[Frame, tuple[str, ...]]:
    """The picture in a file, called by its name, and what to tell of it; the first picture of an animation.

    SourceError where it can't be read, or is not whole."""
    data = _bytes(path)
    kind = kind_of(data)
    if kind == _HEIC:
        from livematte.sources.heif import read_heif

        frame, notes = read_heif(data, name=str(path))
    else:
        frame, notes = _read(data, kind, path)
    return replace(_tidy(frame), label=path.stem), notes


def is_animation(path: Path) -> bool:
    """Whether there is more than one picture in it, one after the other. SourceError where it may not be read, and for WebP, which libav
    writes and does not read."""
    data = _bytes(path)
    header = header_of(data, kind_of(data))
    if header is None or not header.animated:
        return False
    if header.kind == _WEBP:
        raise SourceError(f"{path} is an animated WebP, which libav cannot decode; convert it to .gif, .png or a clip first")
    return True


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} may not be read: {error.strerror}; check its permissions") from error
    if not data:
        raise SourceError(f"{path} cannot be read: it is empty, of 0 bytes")
    return data


def kind_of(data: bytes) -> str:
    """By content; "" for one that only libav may know."""
    for kind, start in _STARTS.items():
        if data.startswith(start):
            return kind
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _TIFF
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _WEBP
    if data[4:8] == b"ftyp":
        brands = data[8 : min(64, int.from_bytes(data[:4], "big"))]
        if b"avif" in brands or b"avis" in brands:
            return _AVIF
        if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1")):
            return _HEIC
    return ""


def header_of(data: bytes, kind: str) -> Header | None:
    """None where Pillow cannot make sense of it."""
    if kind in ("", _HEIC):
        return None
    from importlib import import_module

    from PIL import Image

    module = import_module(f"PIL.{kind}ImagePlugin")
    try:
        with _up_to_our_largest(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it can do without
            picture = getattr(module, f"{kind}ImageFile")(io.BytesIO(data), "")
            animated = kind != _TIFF and bool(getattr(picture, "is_animated", False))
    except (*_DAMAGE, Image.DecompressionBombError):
        return None
    return Header(kind, picture, animated)


@contextmanager
def _up_to_our_largest() -> Iterator[None]:
    """Pillow warns of pictures from 89 megapixels on, and refuses those from 179 on, some when they are opened, others when they are
    loaded; phones take both. Its limit is one for the process, and is its own again afterwards."""
    from PIL import Image

    with _ONE_AT_A_TIME:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, LARGEST * 1_000_000
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _read(data: bytes, kind: str, path: Path) -> tuple[Frame, tuple[str, ...]]:
    header = header_of(data, kind)
    if header is None:
        return _unknown(data, kind, path), ()
    check_size(header.size, str(path))
    if not _ends(data, kind):
        raise SourceError(f"{path} is cut off: its end is missing; copy it anew")
    if header.picture.mode in _BY_PILLOW:
        return _by_pillow(header, path)
    profile = header.picture.info.get("icc_profile")
    try:
        frame = _by_libav(data, path)
    except SourceError as error:
        return _by_pillow(header, path, instead_of=error)
    if kind == _AVIF and (sorted(frame.size) != sorted(header.size) or header.picture.mode == "RGBA"):
        return _by_pillow(header, path)
    if kind == _TIFF and _ASSOCIATED in header.picture.tag_v2.get(_EXTRA_SAMPLES, ()):
        frame = _straight(frame)
    return with_profile(frame, profile), ()


def _unknown(data: bytes, kind: str, path: Path) -> Frame:
    """What Pillow cannot make sense of: a kind that libav alone knows, or damage."""
    try:
        return _by_libav(data, path)
    except SourceError as error:
        if not kind:
            raise
        raise SourceError(f"{path} cannot be read: it is damaged or not whole") from error


def check_size(size: Size, name: str) -> None:
    """SourceError for one that would fill the memory."""
    if size[0] * size[1] > LARGEST * 1_000_000:
        raise SourceError(f"{name} is {size[0]}x{size[1]}, wanted at most {LARGEST} megapixels; make it smaller first")


def _ends(data: bytes, kind: str) -> bool:
    """Whether a JPEG or a GIF has its end mark: libav makes up what is missing, and says nothing. Of the others it does."""
    if kind == _GIF:
        return data.rstrip(b"\0").endswith(b";")
    if kind != _JPEG:
        return True
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
        # A segment, which may hold a thumbnail with an end mark of its own; or a byte that fills.
        at += 1 if data[at + 1 : at + 2] == b"\xff" else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data.find(b"\xff\xd9", at) > 0


def _by_libav(data: bytes, path: Path) -> Frame:
    from livematte.sources.video import VideoSource

    with VideoSource(io.BytesIO(data), name=str(path)) as source:
        return next(iter(source))


def _by_pillow(header: Header, path: Path, *, instead_of: SourceError | None = None) -> tuple[Frame, tuple[str, ...]]:
    """Upright, as R'G'B' or grey of 8 bits; instead_of: libav's error, where it has tried."""
    from PIL import Image, ImageOps

    try:
        with _up_to_our_largest():
            header.picture.load()
        picture = ImageOps.exif_transpose(header.picture)
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        why = str(error) or type(error).__name__
        raise SourceError(f"{path} cannot be read: it is damaged or not whole ({why})") from (instead_of or error)
    if picture.mode in ("I", "F"):
        raise SourceError(f"{path} cannot be read: it has 32 bits a sample; save it with 16") from instead_of
    profile = picture.info.get("icc_profile")
    notes: tuple[str, ...] = ()
    if picture.mode in _BY_PILLOW:
        picture, notes = _to_srgb(picture, profile, path)
        profile = None
    return with_profile(_frame_of(picture), profile), notes


def _to_srgb(picture: Any, profile: bytes | None, path: Path) -> tuple[Any, tuple[str, ...]]:
    """Printing inks, or Lab, as sRGB."""
    from PIL import ImageCms

    if picture.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return profiles.by_littlecms(picture, lab.tobytes()), ()
    converted = profiles.by_littlecms(picture, profile) if profile else None
    if converted is not None:
        return converted, ()
    return picture.convert("RGB"), (f"{path.name} is CMYK without a colour profile: its colours are guessed",)


def _frame_of(picture: Any) -> Frame:
    clear = picture.has_transparency_data
    if picture.mode.startswith("I;16"):
        return full_range((np.array(picture, np.uint16),), "gray16le")
    if picture.mode in ("1", "L") and not clear:
        return full_range((np.array(picture.convert("L")),), "gray")
    samples = np.asarray(picture.convert("RGBA" if clear else "RGB"))
    pha = samples[..., 3].astype(np.float32) * np.float32(1 / 255) if clear else None
    return full_range(tuple(np.ascontiguousarray(samples[..., i]) for i in (1, 2, 0)), "gbrp", pha)


def full_range(planes: tuple[Any, ...], name: str, pha: Any = None) -> Frame:
    known = pixel_format(name)
    assert known is not None, name
    matrix = RGB_MATRIX if known[0].family == "gbr" else UNSPECIFIED
    return Frame(planes, known[0], pha=pha, colour=Colour(matrix=matrix, full_range=True))


def _straight(frame: Frame) -> Frame:
    """Colours that alpha was multiplied into, divided by it again; they are black where it is 0."""
    if frame.pha is None:
        return frame
    pha = np.maximum(frame.pha, np.float32(1 / 65535))
    planes = tuple(to_integers(np.divide(plane, pha, dtype=np.float32), frame.format.bits) for plane in frame.planes)
    return frame.with_planes(planes, pha=frame.pha)


def with_profile(frame: Frame, profile: bytes | None) -> Frame:
    """Only R'G'B' profiles stay with a frame: outputs have three channels, so grey becomes sRGB's grey."""
    kind = profiles.kind_of(profile or b"")
    if kind == "RGB" and frame.format.family != "gray":
        return replace(frame, profile=profile)
    if kind == "GRAY" and frame.format.family == "gray":
        return profiles.in_srgb(replace(frame, profile=profile))
    return frame


def _tidy(frame: Frame) -> Frame:
    """Without an alpha that is 1 everywhere, as lossless WebP and palettes have it; and grey as R'G'B', so that it may stand before
    something coloured."""
    if frame.pha is not None and frame.pha.min() == 1:
        frame = replace(frame, pha=None)
    if frame.format.family != "gray" or not frame.full_range:
        return frame
    known = pixel_format(frame.format.name.replace("gray", "gbrp"))
    assert known is not None, frame.format
    return replace(frame, planes=frame.planes * 3, format=known[0], colour=replace(frame.colour, matrix=RGB_MATRIX))
