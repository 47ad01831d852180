"""Clips to measure speed on: the example's moving person, enlarged and looped, with sound; made once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.bench import scenes
from livematte.bench.options import SIZES
from livematte.bench.places import made, portrait
from livematte.frame import Frame, Size
from livematte.sources import open_source

_FIGURE_SHARE = 1 / 3  # of the frame, what the box around the person of the clip "figure" fills
Draw = Callable[[av.VideoFrame], av.VideoFrame]


def person(name: str, frames: int) -> Path:
    """A clip of `frames` frames, name of SIZES: H.264, 30 fps, with AAC. "figure" has the person smaller, before a still wall."""
    return made(f"person-{name}-{frames}.mp4", lambda path: _loop(_one_turn(name), path, frames), portrait(), Path(__file__))


def _one_turn(name: str) -> Path:
    """The portrait, once, at the size; it ends as it begins."""

    def make(path: Path) -> None:
        size = SIZES[name]
        draw = _figure(size) if name == "figure" else lambda frame: frame.reformat(*size, format="yuv420p", interpolation="BICUBIC")
        _write_turn(path, size, draw)

    return made(f"person-{name}.mp4", make, portrait(), Path(__file__))


def _figure(size: Size) -> Draw:
    """Gives, for each of the portrait's frames, the person of that frame on a backdrop of its own."""
    cutouts = _cutouts()
    bgr = scenes.backdrop(size, np.random.default_rng(0))
    where = scenes.standing(cutouts[0].size, size, scale=_figure_scale(cutouts, size))

    def draw(frame: av.VideoFrame) -> av.VideoFrame:
        fgr, pha = scenes.placed(cutouts.pop(0), where, size)
        rgb = np.clip(scenes.over(fgr, bgr, pha) * 255 + 0.5, 0, 255).astype(np.uint8)
        drawn = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p", dst_colorspace=1)
        drawn.pts, drawn.time_base = frame.pts, frame.time_base
        return drawn

    return draw


def _cutouts() -> list[Frame]:
    with open_source(scenes.person(portrait(), _frames_of(portrait()))) as source:
        return list(source)


def _frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return container.streams.video[0].frames


def _figure_scale(cutouts: list[Frame], size: Size) -> float:
    """The scale at which the person's box is _FIGURE_SHARE of the frame, on the mean."""
    areas = []
    for cutout in cutouts:
        assert cutout.pha is not None
        _, _, width, height = cv2.boundingRect((cutout.pha > 0.5).astype(np.uint8))
        areas.append(width * height)
    each = float(np.sqrt(_FIGURE_SHARE * size[0] * size[1] / np.mean(areas)))  # pixels for one of the cutout's
    return each * cutouts[0].size[1] / size[1]


def _write_turn(path: Path, size: Size, draw: Draw) -> None:
    """The portrait's frames as they are drawn, with grain, and its sound."""
    with av.open(str(portrait())) as source, av.open(str(path), "w", format="mp4") as target:
        picture, sound = source.streams.video[0], source.streams.audio[0]
        video: Any = target.add_stream("libx264", rate=picture.average_rate, options={"crf": "18", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt, video.time_base = *size, "yuv420p", picture.time_base
        video.codec_context.colorspace, video.codec_context.color_range = 1, 1
        tracks = {sound.index: target.add_stream_from_template(sound)}
        grain = _grain(size)
        for packet in source.demux():
            if packet.stream is sound:
                _copy(packet, tracks, target, Fraction(0))
                continue
            for frame in picture.decode(packet):
                target.mux(video.encode(_grainy(draw(frame), next(grain))))
        target.mux(video.encode())


def _grain(size: Size) -> Iterator[NDArray[np.int16]]:
    """A camera's noise, which enlarging smooths away: without it the encoder has an easy time."""
    rng = np.random.default_rng(0)
    field = np.round(rng.normal(0, 1.5, (size[1], size[0]))).astype(np.int16)
    while True:
        yield np.roll(field, tuple(rng.integers(0, 256, 2)), (0, 1))


def _grainy(frame: av.VideoFrame, grain: NDArray[np.int16]) -> av.VideoFrame:
    pixels = frame.to_ndarray()
    pixels[: grain.shape[0]] = np.clip(pixels[: grain.shape[0]] + grain, 16, 235)
    noisy = av.VideoFrame.from_ndarray(pixels, "yuv420p")
    noisy.pts, noisy.time_base = frame.pts, frame.time_base
    return noisy


def _loop(turn: Path, path: Path, frames: int) -> None:
    """Turn after turn of the same packets, later each time: a long clip in the time that copying takes."""
    with av.open(str(turn)) as source, av.open(str(path), "w", format="mp4") as target:
        tracks = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        video = source.streams.video[0]
        assert video.duration is not None
        assert video.time_base is not None
        length, left = video.duration * video.time_base, frames
        for turns in range(-(-frames // video.frames)):
            source.seek(0)
            left -= _turn(source, tracks, target, turns * length, left)


def _turn(source: Any, tracks: dict[int, Any], target: Any, later: Fraction, left: int) -> int:
    """Copies one turn's packets, of the video at most `left`, and returns how many of it."""
    video = source.streams.video[0]
    end, shown = video.duration * video.time_base, 0
    for packet in source.demux():
        if packet.stream is video:
            shown += packet.size > 0
            if shown > left:
                return left
        elif packet.dts is not None and not 0 <= packet.dts * packet.time_base <= end - packet.duration * packet.time_base:
            continue  # the lead-in and what sounds on after the picture would overlap with the turns beside
        _copy(packet, tracks, target, later)
    return shown


def _copy(packet: Any, tracks: dict[int, Any], target: Any, later: Fraction) -> None:
    if packet.dts is None:  # the empty packet at the end of each stream
        return
    ticks = round(later / packet.time_base)
    packet.pts += ticks
    packet.dts += ticks
    packet.stream = tracks[packet.stream_index]
    target.mux(packet)
