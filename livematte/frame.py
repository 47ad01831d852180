"""Frame: one picture in its native planes, its time, its colour tags; and small views of it.

A frame is never turned into full-size RGB floats and back: the planes that came from the decoder go to the encoder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from livematte import colour as colours
from livematte.colour import Colour

Plane = NDArray[Any]  # (h, w), or (h, w, 2) where Cb and Cr are interleaved; uint8, or uint16 above 8 bits
Size = tuple[int, int]  # (width, height)
Blend = Callable[[tuple[Plane, ...]], tuple[Plane, ...]]

SUBSAMPLING = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "440": (1, 2), "411": (4, 1), "410": (4, 4)}
_PIECE, _BESIDE = 64, 8  # rows of a piece, and rows beside it that its chroma is interpolated from; whole chroma samples
_SEMI = {"nv12": 8, "p010le": 10, "p012le": 12, "p016le": 16}
# One channel order per family; everything else is converted once, where it comes in, to the closest of these that loses nothing.
_PLANAR = re.compile(r"(yuv|gbr|gray)(a?)(p?)(4\d\d)?(p?)(\d\d?)?(le)?")


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """What a frame's planes are. name: libav's, without alpha. sub: luma samples per chroma sample, (across, down).

    family: "yuv" (Y, U, V), "semi" (Y, UV interleaved), "gbr" (G, B, R), "gray" (Y). shift: bits a sample is shifted up in its
    uint16, as in p010le."""

    name: str
    family: Literal["yuv", "semi", "gbr", "gray"]
    bits: int
    sub: Size = (1, 1)

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def shift(self) -> int:
        return 16 - self.bits if self.family == "semi" and self.bits > 8 else 0

    def plane_size(self, index: int, size: Size) -> Size:
        """(width, height) of plane `index` of a frame of `size`; odd sizes round up."""
        if index == 0 or self.family in ("gbr", "gray"):
            return size
        return -(-size[0] // self.sub[0]), -(-size[1] // self.sub[1])

    @property
    def plane_count(self) -> int:
        return {"yuv": 3, "semi": 2, "gbr": 3, "gray": 1}[self.family]


@lru_cache(maxsize=128)
def pixel_format(name: str) -> tuple[PixelFormat, bool] | None:
    """(format without alpha, whether `name` has alpha) for a format that frames keep as it is; None for one to convert first."""
    if name in _SEMI:
        return PixelFormat(name, "semi", _SEMI[name], (2, 2)), False
    match = _PLANAR.fullmatch(name.replace("yuvj", "yuv"))
    if not match:
        return None
    family, alpha, _, sub, _, bits, little = match.groups()
    depth = int(bits or 8)
    if (family == "yuv") != (sub in SUBSAMPLING) or (depth > 8) != (little == "le") or (family == "gray" and alpha) or depth > 16:
        return None
    plain = f"{family}{'' if family == 'gray' else (sub or '') + 'p'}{bits or ''}{little or ''}"
    return PixelFormat(plain, family, depth, SUBSAMPLING.get(sub, (1, 1))), bool(alpha)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    planes: as PixelFormat says, each (h, w) or (h, w, 2), uint8 or uint16, read-only by agreement.
    pha: (H, W) float32 in [0, 1], straight alpha that goes with the planes; None = opaque.
    pts, duration: in units of time_base; pts None only for pictures without a time.
    label: what a picture is called, for outputs named after the inputs.
    captured: when a camera took it or a stream brought it, by time.monotonic(); None for what lay in a file.
    sample_aspect: width of a sample over its height. field_order: "" progressive, "tff" or "bff" interlaced.
    profile: the ICC profile of R'G'B' made of the planes, which rgb() and from_rgb() leave as it is; None = sRGB, or as `colour` says."""

    planes: tuple[Plane, ...]
    format: PixelFormat
    pts: int | None = None
    time_base: Fraction = Fraction(1, 1000)
    duration: int = 0
    colour: Colour = field(default_factory=Colour)
    sample_aspect: Fraction = Fraction(1)
    pha: NDArray[np.float32] | None = None
    field_order: Literal["", "tff", "bff"] = ""
    label: str = ""
    captured: float | None = None
    profile: bytes | None = None

    @property
    def size(self) -> Size:
        height, width = self.planes[0].shape[:2]
        return width, height

    @property
    def seconds(self) -> float:
        return float((self.pts or 0) * self.time_base)

    @property
    def full_range(self) -> bool:
        """Untagged R'G'B' is full range, untagged Y'CbCr and grey limited, as players take it."""
        return self.format.family == "gbr" if self.colour.full_range is None else self.colour.full_range

    @property
    def depth(self) -> int:
        """Bits of a code value as it lies in a plane: for p010 and its like, which hold their bits at the top, 16."""
        return self.format.bits + self.format.shift

    def with_planes(self, planes: tuple[Plane, ...], *, pha: NDArray[np.float32] | None = None) -> Frame:
        """The same instant and tags with other planes of the same format."""
        return replace(self, planes=planes, pha=pha)

    def crop(self, left: int, top: int, right: int, bottom: int) -> Frame:
        """The pixels [top, bottom) x [left, right) as views. Left and top must be multiples of the chroma subsampling."""
        across, down = self.format.sub
        cropped = [self.planes[0][top:bottom, left:right]]
        for plane in self.planes[1:]:
            cropped.append(plane[top // down : -(-bottom // down), left // across : -(-right // across)])
        tags = replace(self.colour, matrix=self.colour.matrix_for(self.size[1]))  # an untagged piece is of its whole's height
        return replace(self, planes=tuple(cropped), pha=None, colour=tags)

    def rgb(self, size: Size | None = None) -> NDArray[np.float32]:
        """R'G'B' (H, W, 3) float32 in [0, 1] at `size` (the frame's own if None), for the network and for pictures.

        Planes are resized first, each by itself, so a small view never makes a full-size one: halved while twice too large, then
        sampled bilinearly (as good a matte as the mean over the covered samples, in a fifth of the time). HDR is shown as SDR."""
        size = size or self.size
        return self.rgb_of(_stacked([_resized(p, size) for p in self.planes], self.format.family))

    def rgb_pieces(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """rgb() of the frame's own size, from the top: (first row, (h, W, 3)). The floats of a whole photo are hundreds of megabytes."""
        width, height = self.size
        # A piece's chroma lies over its luma as the whole's does, so the odd last row is only the picture's own.
        rows = _PIECE if height % self.format.sub[1] == 0 else height
        for top in range(0, height, rows):
            above, below = max(0, top - _BESIDE), min(height, top + rows + _BESIDE)
            yield top, self.crop(0, above, width, below).rgb()[top - above :][: min(rows, height - top)]

    def rgb_of(self, stack: NDArray[np.float32]) -> NDArray[np.float32]:
        """R'G'B' (h, w, 3) float32 in [0, 1] of samples of this frame's: (h, w, C) in code values, in the order Y U V, R G B or Y."""
        rgb = self.own_rgb(stack)
        np.clip(rgb, 0, 1, out=rgb)
        return colours.hdr_to_sdr(rgb, self.colour.transfer)

    def own_rgb(self, stack: NDArray[np.float32]) -> NDArray[np.float32]:
        """As rgb_of, but in the frame's own transfer (of HDR as of SDR) and not clipped: own_codes gives the codes back."""
        import cv2

        if self.format.family in ("gbr", "gray"):
            zero, scale, _ = colours.code_range(self.full_range, self.depth)
            grey = (stack - np.float32(zero)) * np.float32(1 / scale)
            return grey if stack.shape[2] == 3 else np.repeat(grey, 3, axis=2)
        m, offset = colours.yuv_to_rgb(self.colour.matrix_for(self.size[1]), self.full_range, self.depth)
        return cv2.transform(stack, np.hstack([m, offset[:, None]]))

    def from_rgb(self, rgb: NDArray[np.float32]) -> tuple[Plane, ...]:
        """SDR R'G'B' (H, W, 3) float32 in [0, 1] as planes like this frame's (same format, tags and range, any size)."""
        rgb = colours.sdr_to_hdr(np.clip(rgb, 0, 1), self.colour.transfer, self.colour.primaries)
        return to_planes(self.own_codes(rgb), self.format)

    def own_codes(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """R'G'B' (h, w, 3) in the frame's own transfer as code values in the order of its channels: (h, w, C), Y Cb Cr, G B R or Y."""
        import cv2

        zero, scale, _ = colours.code_range(self.full_range, self.depth)
        if self.format.family == "gbr":
            return rgb[..., [1, 2, 0]] * np.float32(scale) + np.float32(zero)
        m, offset = colours.rgb_to_yuv(self.colour.matrix_for(self.size[1]), self.full_range, self.depth)
        yuv = cv2.transform(np.ascontiguousarray(rgb), np.hstack([m, offset[:, None]]))
        return yuv[..., :1] if self.format.family == "gray" else yuv

    def delta_planes(self, delta: NDArray[np.float32]) -> NDArray[np.float32]:
        """An R'G'B' difference (h, w, 3) as a difference in this frame's own channels, in code values: (h, w, 3), or (h, w) for grey."""
        import cv2

        _, scale, _ = colours.code_range(self.full_range, self.depth)
        if self.format.family == "gbr":
            return cv2.transform(delta, np.float32(scale) * np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float32))
        m, _ = colours.rgb_to_yuv(self.colour.matrix_for(self.size[1]), self.full_range, self.depth)
        return cv2.transform(delta, m[:1] if self.format.family == "gray" else m)


class Matte:
    """What a Matter makes of a frame. pha: (H, W) float32 in [0, 1]. fgr: the frame with the straight foreground colour where
    0 < pha < 1; where pha is 1 (and where it is 0) its planes are the source's, bit for bit.

    A matte may be made later: what a network says of a frame is small, and its full size is worked out by the thread that first asks,
    so that the network can go on with the next frame. And it may lie on a graphics card: pha and fgr are then fetched when asked for."""

    __slots__ = ("_fgr", "_pha")

    def __init__(self, pha: NDArray[np.float32], fgr: Frame) -> None:
        self._pha, self._fgr = pha, fgr

    @staticmethod
    def later(make: Callable[[], Matte]) -> Matte:
        """A matte that make() gives once, when it is first asked for anything; by one thread."""
        return Later(make)

    @property
    def pha(self) -> NDArray[np.float32]:
        return self._pha

    @property
    def fgr(self) -> Frame:
        return self._fgr

    @property
    def blend(self) -> Blend | None:
        """Of a matte that lies on a card: the background's planes in, the composite's out, as planes.blended gives them. Else None."""
        return None

    @property
    def sizes(self) -> tuple[Size, Size]:
        """Of pha and of fgr."""
        return (self._pha.shape[1], self._pha.shape[0]), self._fgr.size

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest alpha; neither is a number where any is none."""
        return float(self._pha.min()), float(self._pha.max())

    def work_out(self) -> Matte:
        """The matte, made where that was left for later; what lies on a card stays there."""
        return self


class Later(Matte):
    """What Matte.later gives."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Matte]) -> None:
        self._make: Callable[[], Matte] | None = make
        self._made: Matte | None = None

    @property
    def pha(self) -> NDArray[np.float32]:
        return self.work_out().pha

    @property
    def fgr(self) -> Frame:
        return self.work_out().fgr

    @property
    def blend(self) -> Blend | None:
        return self.work_out().blend

    @property
    def sizes(self) -> tuple[Size, Size]:
        return self.work_out().sizes

    @property
    def bounds(self) -> tuple[float, float]:
        return self.work_out().bounds

    def work_out(self) -> Matte:
        if self._made is None:
            assert self._make is not None
            self._made, self._make = self._make().work_out(), None
        return self._made


def to_integers(values: NDArray[np.float32], bits: int) -> Plane:
    """Rounded to nearest, clamped to the depth, cast: the one place where floats become samples."""
    dtype = np.uint8 if bits <= 8 else np.uint16
    return np.clip(np.floor(values + np.float32(0.5)), 0, (1 << bits) - 1).astype(dtype)


def to_planes(stack: NDArray[np.float32], fmt: PixelFormat) -> tuple[Plane, ...]:
    """Full-size channels (H, W, C) in code values -> planes of `fmt`; chroma is the mean of the samples that it covers."""
    channels = [np.ascontiguousarray(stack[..., i]) for i in range(stack.shape[2])]
    if fmt.family in ("yuv", "semi"):
        channels[1:] = [shrink(c, fmt.sub) for c in channels[1:]]
    # p010 and its like are read without their low bits: rounding must happen above these, or it is a truncation.
    planes = [to_integers(c * np.float32(1 / (1 << fmt.shift)), fmt.bits) << fmt.shift for c in channels]
    if fmt.family == "semi":
        planes[1:] = [np.stack(planes[1:], axis=-1)]
    return tuple(planes)


def shrink(plane: NDArray[np.float32], sub: Size) -> NDArray[np.float32]:
    """Mean of each (sub[1], sub[0]) block of a (H, W) float32 plane; the last row and column are repeated where the size is odd."""
    import cv2

    if sub == (1, 1):
        return plane
    height, width = plane.shape
    down, right = -height % sub[1], -width % sub[0]
    if down or right:
        plane = cv2.copyMakeBorder(plane, 0, down, 0, right, cv2.BORDER_REPLICATE)
    return cv2.resize(plane, (plane.shape[1] // sub[0], plane.shape[0] // sub[1]), interpolation=cv2.INTER_AREA)


def _resized(plane: Plane, size: Size) -> Plane:
    import cv2

    while plane.shape[1] >= 2 * size[0] and plane.shape[0] >= 2 * size[1]:
        height, width = plane.shape[0] // 2, plane.shape[1] // 2
        plane = cv2.resize(plane[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return plane if plane.shape[1::-1] == size else cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)


def _stacked(planes: list[Plane], family: str) -> NDArray[np.float32]:
    """Planes of one size -> (H, W, C) float32 in the order Y U V, R G B or Y."""
    import cv2

    if family == "semi":
        planes = [planes[0], planes[1][..., 0], planes[1][..., 1]]
    if family == "gbr":
        planes = [planes[2], planes[0], planes[1]]
    return np.atleast_3d(cv2.merge(planes)).astype(np.float32)  # merged as integers: thirty times quicker than as floats
