"""Clips to measure on: the example's moving person, enlarged and looped, with sound; made once and kept in out/bench."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "out" / "bench"
PORTRAIT = ROOT / "examples" / "portrait.mp4"
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}


def person(name: str, frames: int) -> Path:
    """A clip of `frames` frames, name "720p" or "1080p": H.264, 30 fps, with AAC."""
    path = FOLDER / f"person-{name}-{frames}.mp4"
    if not _is_fresh(path):
        part = path.with_suffix(".part")
        _loop(_one_turn(name), part, frames)
        part.replace(path)
    return path


def _is_fresh(path: Path) -> bool:
    return path.exists() and path.stat().st_mtime > PORTRAIT.stat().st_mtime


def _one_turn(name: str) -> Path:
    """The portrait, once, at the size; it ends as it begins."""
    path = FOLDER / f"person-{name}.mp4"
    if not _is_fresh(path):
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        _enlarge(part, SIZES[name])
        part.replace(path)
    return path


def _enlarge(path: Path, size: tuple[int, int]) -> None:
    with av.open(str(PORTRAIT)) as source, av.open(str(path), "w", format="mp4") as target:
        picture, sound = source.streams.video[0], source.streams.audio[0]
        video = target.add_stream("libx264", rate=picture.average_rate, options={"crf": "18", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.time_base = picture.time_base
        video.codec_context.colorspace, video.codec_context.color_range = (
            picture.codec_context.colorspace,
            picture.codec_context.color_range,
        )
        tracks = {sound.index: target.add_stream_from_template(sound)}
        grain = _grain(size)
        for packet in source.demux():
            if packet.stream is sound:
                _copy(packet, tracks, target, Fraction(0))
                continue
            for frame in picture.decode(packet):
                target.mux(video.encode(_enlarged(frame, size, next(grain))))
        target.mux(video.encode())


def _grain(size: tuple[int, int]) -> Iterator[NDArray[np.int16]]:
    """A camera's noise, which enlarging smooths away: without it the encoder has an easy time."""
    rng = np.random.default_rng(0)
    field = np.round(rng.normal(0, 1.5, (size[1], size[0]))).astype(np.int16)
    while True:
        yield np.roll(field, tuple(rng.integers(0, 256, 2)), (0, 1))


def _enlarged(frame: av.VideoFrame, size: tuple[int, int], grain: NDArray[np.int16]) -> av.VideoFrame:
    large = frame.reformat(*size, format="yuv420p", interpolation="BICUBIC")
    pixels = large.to_ndarray()
    pixels[: size[1]] = np.clip(pixels[: size[1]] + grain, 16, 235)
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
