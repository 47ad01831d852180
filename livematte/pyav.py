"""Frames from and to PyAV: planes without a copy on the way in, in an encoder's format on the way out, with time and colour tags."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from livematte import colour as colours
from livematte.colour import Colour
from livematte.frame import SUBSAMPLING, Frame, PixelFormat, Plane, pixel_format, to_integers

if TYPE_CHECKING:
    import av


def from_av(picture: av.VideoFrame, *, time_base: Fraction | None = None) -> Frame:
    """A PyAV frame as a Frame, its planes views of the decoder's memory where the layout is one that frames keep, else converted.

    time_base: of its pts, where the stream knows better. Whether fields lie in it, and which is first, the stream must tell too."""
    known = pixel_format(picture.format.name)
    if known is None:
        picture = picture.reformat(format=_closest(picture.format))
        known = pixel_format(picture.format.name)
        assert known is not None, picture.format.name
    fmt, has_alpha = known
    planes = [_view(p, fmt, i) for i, p in enumerate(picture.planes)]
    pha = None
    if has_alpha:
        pha = planes.pop().astype(np.float32) * np.float32(1 / ((1 << fmt.bits) - 1))
    return Frame(
        tuple(planes),
        fmt,
        pts=picture.pts,
        time_base=time_base or picture.time_base or Fraction(1, 1000),
        duration=picture.duration or 0,
        colour=_colour(picture, fmt),
        pha=pha,
    )


def _closest(fmt: av.VideoFormat) -> str:
    """The kept format that holds every sample of `fmt`: packed becomes planar, big-endian little, palette gbrap."""
    bits = max(c.bits for c in fmt.components)
    alpha = any(c.is_alpha for c in fmt.components) or fmt.has_palette
    depth = "" if bits <= 8 else f"{next((b for b in (10, 12, 14) if bits <= b), 16)}le"
    if fmt.is_rgb or fmt.has_palette or fmt.is_bayer:
        return f"gbr{'a' if alpha else ''}p{depth}"
    if len(fmt.components) <= 2 and not alpha:
        return f"gray{depth}"
    if len(fmt.components) == 2:  # grey with alpha: there is no planar form; three equal channels hold it
        return f"gbrap{depth}"
    across, down = -(-4 // fmt.chroma_width(4)), -(-4 // fmt.chroma_height(4))
    sub = next((n for n, s in SUBSAMPLING.items() if s == (across, down)), "444")
    return f"yuv{'a' if alpha else ''}{sub}p{depth}"


def _view(plane: Any, fmt: PixelFormat, index: int) -> Plane:
    item = np.dtype(fmt.dtype).itemsize
    channels = 2 if fmt.family == "semi" and index == 1 else 1
    rows = np.frombuffer(plane, fmt.dtype).reshape(plane.height, plane.line_size // item)
    view = rows[:, : plane.width * channels]
    return view.reshape(plane.height, plane.width, 2) if channels == 2 else view


def _colour(picture: av.VideoFrame, fmt: PixelFormat) -> Colour:
    full = {1: False, 2: True}.get(int(picture.color_range))
    if picture.format.name.startswith("yuvj"):
        full = True
    matrix = int(picture.colorspace)
    if fmt.family == "gbr":
        matrix = colours.RGB_MATRIX
    elif matrix == colours.RGB_MATRIX:  # PNG's decoder says so of grey pictures too; Y'CbCr made of these must not
        matrix = colours.UNSPECIFIED
    return Colour(int(picture.color_primaries), int(picture.color_trc), matrix, full)


def to_av(frame: Frame, name: str | None = None, *, limited: bool = False) -> av.VideoFrame:
    """A Frame as a new PyAV frame in the libav format `name` (the frame's own if None).

    Colour planes in another layout or depth are converted by libswscale inside the frame's own matrix and range. A format with alpha
    gets pha (opaque where None), rounded to nearest at that depth. limited: full-range Y'CbCr becomes limited, for codecs that know
    no other. ValueError for a format that frames do not keep."""
    import av

    fmt, has_alpha = (frame.format, False) if name is None else _known(name)
    if frame.format.family == "gray" and fmt.family != "gray":
        frame = _with_chroma(frame)
    picture = av.VideoFrame(*frame.size, frame.format.name)
    for i, plane in enumerate(frame.planes):
        _view(picture.planes[i], frame.format, i)[...] = plane
    colour = _colour_in(frame, fmt)
    if limited and colour.full_range and fmt.family != "gbr":
        colour = replace(colour, full_range=False)
    if fmt != frame.format or colour.full_range != frame.colour.full_range:
        picture = _converted(picture, frame, replace(frame, format=fmt, colour=colour))
    if has_alpha:
        picture = _with_alpha(picture, frame, fmt, str(name))
    _tag(picture, frame, colour)
    return picture


def _colour_in(frame: Frame, fmt: PixelFormat) -> Colour:
    """The frame's colour tags once its planes are `fmt`: R'G'B' becomes limited Y'CbCr or grey, those become full R'G'B'."""
    if (frame.format.family == "gbr") == (fmt.family == "gbr"):
        return frame.colour
    if fmt.family == "gbr":
        return replace(frame.colour, matrix=colours.RGB_MATRIX, full_range=True)
    return replace(frame.colour, matrix=frame.colour.matrix_for(frame.size[1]), full_range=False)


def _with_chroma(frame: Frame) -> Frame:
    """A grey frame as 4:2:0 without colour: libswscale takes every grey for full range and would stretch a limited one."""
    fmt = _known(frame.format.name.replace("gray", "yuv420p"))[0]
    width, height = fmt.plane_size(1, frame.size)
    neutral = np.full((height, width), 1 << (fmt.bits - 1), fmt.dtype)
    return replace(frame, planes=(frame.planes[0], neutral, neutral), format=fmt)


def _known(name: str) -> tuple[PixelFormat, bool]:
    known = pixel_format(name)
    if known is None:
        raise ValueError(f"got pixel format {name!r}, wanted a planar one such as yuv420p or yuva444p10le")
    return known


def _converted(picture: av.VideoFrame, frame: Frame, like: Frame) -> av.VideoFrame:
    """`picture`, which holds the frame's planes, in the format and range of `like`."""
    matrix = frame.colour.matrix_for(frame.size[1])
    # Both ends are named, or libswscale takes BT.601 for one of them.
    return picture.reformat(
        format=like.format.name,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=2 if frame.full_range else 1,
        dst_color_range=2 if like.full_range else 1,
    )


def _with_alpha(picture: av.VideoFrame, frame: Frame, fmt: PixelFormat, name: str) -> av.VideoFrame:
    import av

    width, height = frame.size
    out = av.VideoFrame(width, height, name)
    for i in range(fmt.plane_count):
        _view(out.planes[i], fmt, i)[...] = _view(picture.planes[i], fmt, i)
    alpha = _view(out.planes[fmt.plane_count], fmt, 0)
    if frame.pha is None:
        alpha[...] = (1 << fmt.bits) - 1
    else:
        alpha[...] = to_integers(frame.pha * np.float32((1 << fmt.bits) - 1), fmt.bits)
    return out


def _tag(picture: av.VideoFrame, frame: Frame, colour: Colour) -> None:
    """Writes the frame's time, and colour tags, into a PyAV frame."""
    picture.pts = frame.pts
    picture.time_base = frame.time_base
    picture.duration = frame.duration
    picture.colorspace = colour.matrix
    picture.color_primaries = colour.primaries
    picture.color_trc = colour.transfer
    picture.color_range = {None: 0, False: 1, True: 2}[colour.full_range]
