"""Frames come upright: the display matrix that phones and cameras write is applied to the planes, all eight orientations of it.

The matrix (a, b, c, d) shows the stored sample (x, y) at (a x + c y, b x + d y), as ISO/IEC 14496-12 has it.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from livematte.colour import Colour
from livematte.frame import Frame, PixelFormat, Plane, Size, pixel_format

if TYPE_CHECKING:
    import av

_SWAPPED_SUB = {"422": "440", "440": "422", "420": "420", "444": "444", "410": "410"}


class Orientation(NamedTuple):
    """What brings a picture upright: first exchange rows and columns, then reverse each row, then the order of the rows."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False


UPRIGHT = Orientation()


def of_picture(picture: av.VideoFrame) -> Orientation:
    """The orientation that a decoded picture's side data asks for."""
    matrix: Any = _with_matrix_only(picture).side_data.get("DISPLAYMATRIX")
    return UPRIGHT if matrix is None else of_matrix(bytes(matrix))


@lru_cache(maxsize=16)
def of_matrix(matrix: bytes) -> Orientation:
    """The closest of the eight orientations to libav's display matrix: nine 32-bit integers, of which a, b, c, d turn."""
    a, b, _, c, d = (int(v) for v in np.frombuffer(matrix, np.int32)[:5])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, mirrored=c < 0, flipped=b < 0)
    return Orientation(False, mirrored=a < 0, flipped=d < 0)


def _with_matrix_only(picture: av.VideoFrame) -> av.VideoFrame:
    """Without other side data: PyAV can't list what is newer than itself (Exif, stereo views), and what has words with it (a PNG's colour
    profile) it frees twice, which ends the program. So libav takes that away before PyAV looks."""
    from av.filter import Graph
    from av.sidedata.sidedata import Type

    graph, time_base = Graph(), picture.time_base or Fraction(1, 1000)
    steps: list[Any] = [graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=time_base)]
    wanted: Any = Type.DISPLAYMATRIX.value
    steps += [graph.add("sidedata", f"mode=delete:type={n}") for n in range(64) if n != wanted]
    steps.append(graph.add("buffersink"))
    for first, second in pairwise(steps):
        first.link_to(second)
    graph.configure()
    graph.push(picture)
    cleaned: Any = graph.pull()
    return cleaned


def upright(frame: Frame, turn: Orientation) -> Frame:
    """The frame turned. Samples are moved, never computed, so they stay bit for bit; chroma is repeated to full size where the
    turned frame could not hold it at the same place (odd sizes, and layouts that have no turned twin)."""
    if turn == UPRIGHT:
        return frame
    fmt = _turned_format(frame.format, turn.transposed)
    if fmt is None or _shifts_chroma(frame.format, frame.size, turn):
        frame = _full_chroma(frame)
        fmt = frame.format
    planes = tuple(_turned(p, turn) for p in frame.planes)
    aspect = 1 / frame.sample_aspect if turn.transposed else frame.sample_aspect
    pha = None if frame.pha is None else _turned(frame.pha, turn)
    order = _field_order(frame, turn)
    turned = replace(frame, planes=planes, format=fmt, pha=pha, sample_aspect=aspect, field_order=order)
    return replace(turned, colour=_colour(frame, turned))


def _colour(frame: Frame, turned: Frame) -> Colour:
    """An untagged picture's matrix is guessed from its height, which turning must not change: then it is named."""
    matrix = frame.colour.matrix_for(frame.size[1])
    same = frame.format.family in ("gbr", "gray") or matrix == frame.colour.matrix_for(turned.size[1])
    return frame.colour if same else replace(frame.colour, matrix=matrix)


def _turned(plane: Plane, turn: Orientation) -> Plane:
    if turn.transposed:
        plane = plane.swapaxes(0, 1)
    rows, columns = -1 if turn.flipped else 1, -1 if turn.mirrored else 1
    return np.ascontiguousarray(plane[::rows, ::columns])


def _turned_format(fmt: PixelFormat, transposed: bool) -> PixelFormat | None:
    """The format with (across, down) of its chroma exchanged; None where libav has no such format."""
    if not transposed or fmt.sub[0] == fmt.sub[1]:
        return fmt
    old = next((n for n in ("422", "440", "411") if n in fmt.name), "")
    # libav has 4:4:0 at 8, 10 and 12 bits only
    if old not in _SWAPPED_SUB or fmt.bits not in (8, 10, 12):
        return None
    known = pixel_format(fmt.name.replace(old, _SWAPPED_SUB[old]))
    return known[0] if known else None


def _shifts_chroma(fmt: PixelFormat, size: Size, turn: Orientation) -> bool:
    """Whether a chroma sample would come to lie over other luma samples: the last one, which covers fewer, would be the first."""
    across, down = (turn.flipped, turn.mirrored) if turn.transposed else (turn.mirrored, turn.flipped)
    return bool((across and size[0] % fmt.sub[0]) or (down and size[1] % fmt.sub[1]))


def _full_chroma(frame: Frame) -> Frame:
    fmt, (width, height) = frame.format, frame.size
    luma, *chroma = frame.planes
    if fmt.family == "semi":
        luma = luma >> fmt.shift
        chroma = [chroma[0][..., i] >> fmt.shift for i in (0, 1)]
    full = [np.repeat(np.repeat(p, fmt.sub[1], axis=0), fmt.sub[0], axis=1)[:height, :width] for p in chroma]
    known = pixel_format("yuv444p" if fmt.bits == 8 else f"yuv444p{fmt.bits}le")
    assert known is not None, fmt
    return replace(frame, planes=(luma, *full), format=known[0])


def _field_order(frame: Frame, turn: Orientation) -> Any:
    if not frame.field_order or turn.transposed:
        return ""  # fields are lines; columns can't be fields
    if turn.flipped and frame.size[1] % 2 == 0:
        return {"tff": "bff", "bff": "tff"}[frame.field_order]
    return frame.field_order
