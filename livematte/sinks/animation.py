"""Animated pictures: .gif, .webp, .png. All are R'G'B' with alpha as far as the format has it."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from livematte.frame import Frame
from livematte.sinks import pixels
from livematte.sinks.base import Encoding
from livematte.sinks.encoder import Plan

if TYPE_CHECKING:
    import av

    from livematte.sources.base import SourceInfo

# GIF counts in 1/100 s, and viewers show what is shorter than 2/100 s for 10/100 s.
_GIF_TICK, _GIF_SHORTEST = Fraction(1, 100), Fraction(2, 100)
_TICK = Fraction(1, 1000)
# apng: half the time of its usual level and mixed prediction, a fifth more bytes.
_OPTIONS = {"libwebp_anim": {"quality": "85", "compression_level": "2"}, "apng": {"pred": "up", "compression_level": "1"}, "gif": {}}


def plan_animation(frame: Frame, *, encoder: str, encoding: Encoding, like: SourceInfo) -> Plan:
    """The plan for an animation by `encoder` ("gif", "libwebp_anim" or "apng") whose first frame is `frame`."""
    rate = like.rate or Fraction(25)
    draw = _DrawGif(rate) if encoder == "gif" else _Draw(encoder, 16 if encoder == "apng" and frame.format.bits > 8 else 8)
    options = dict(_OPTIONS[encoder])
    notes = []
    if encoding.crf is not None:
        notes.append(f"--crf does not apply to {encoder}")
    if draw.step > 1:
        notes.append(f"{float(rate):g} frames a second are too many for .gif: every {draw.step}. is written")
    first = pixels.square(frame)
    return Plan(
        encoder,
        draw.pixels(first),
        first.size,
        draw.tick,
        rate,
        draw,
        options=options,
        threads=1,
        notes=tuple(notes),
    )


class _Draw:
    """Frames as interleaved RGB or RGBA, their times in ticks."""

    tick = _TICK
    step = 1

    def __init__(self, encoder: str, bits: int) -> None:
        self._bits = bits
        self._blue_first = encoder != "apng"

    def pixels(self, frame: Frame) -> str:
        if self._blue_first:
            return "bgra"
        if self._bits == 16:
            return "rgb48be" if frame.pha is None else "rgba64be"
        return "rgb24" if frame.pha is None else "rgba"

    def __call__(self, frame: Frame) -> list[av.VideoFrame]:
        frame = pixels.square(frame)
        picture = _interleaved(pixels.rgba(frame, bits=self._bits), self.pixels(frame))
        self._time(picture, frame)
        return [picture]

    def _time(self, picture: av.VideoFrame, frame: Frame) -> None:
        start, end = (round(pts * frame.time_base / self.tick) for pts in (frame.pts or 0, (frame.pts or 0) + frame.duration))
        picture.pts, picture.duration, picture.time_base = start, end - start, self.tick


class _DrawGif(_Draw):
    """Frames in 256 colours of their own each, one of them clear. At high rates every step-th, by its time."""

    tick = _GIF_TICK

    def __init__(self, rate: Fraction) -> None:
        super().__init__("gif", 8)
        self.step = math.ceil(_GIF_SHORTEST * rate)
        # Half a frame early is still in time: a variable rate's frames do not come on the dot.
        self._gap = (self.step - Fraction(1, 2)) / rate
        self._next: Fraction | None = None
        self._palette: Any = None

    def pixels(self, frame: Frame) -> str:
        return "pal8"

    def __call__(self, frame: Frame) -> list[av.VideoFrame]:
        time = (frame.pts or 0) * frame.time_base
        if self._next is not None and time < self._next:
            return []
        self._next = max(time + self._gap, time + _GIF_SHORTEST / 2)
        frame = pixels.square(frame)
        rgba = _interleaved(pixels.rgba(frame, bits=8), "bgra")
        self._palette = self._palette or _palette_filter(rgba)
        self._palette.push(rgba)
        picture: av.VideoFrame = self._palette.pull()
        self._time(picture, replace(frame, duration=frame.duration * self.step))  # what the last one stands for, it stays
        return [picture]


def _interleaved(rgba: np.ndarray[Any, Any], name: str) -> av.VideoFrame:
    """(H, W, 3|4) uint8 or uint16 as a PyAV frame of an interleaved format; "bgra" gets an alpha of 1 where there is none."""
    import av

    if name == "bgra":
        if rgba.shape[2] == 3:
            rgba = np.dstack([rgba, np.full(rgba.shape[:2], 255, np.uint8)])
        rgba = rgba[..., [2, 1, 0, 3]]
    native = name.replace("be", "le")
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgba), native)
    return picture if native == name else picture.reformat(format=name)


def _palette_filter(picture: av.VideoFrame) -> Any:
    """libav's filters for the best 256 colours of each picture by itself: an ordered pattern stands still where error diffusion boils."""
    import av.filter

    graph = av.filter.Graph()
    start = graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=_GIF_TICK)
    split = graph.add("split")
    choose = graph.add("palettegen", "stats_mode=single:reserve_transparent=1")
    use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4:alpha_threshold=128")
    start.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(choose, 1, 0)
    choose.link_to(use, 0, 1)
    use.link_to(graph.add("buffersink"))
    graph.configure()
    return graph
