"""What sink tests share: a source's info, sending frames and tracks, and reading back what was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import media
from av.stream import Disposition

from livematte.frame import Frame, Size
from livematte.pyav import from_av
from livematte.sinks import Encoding, Sink, open_sink
from livematte.sources.base import SourceInfo

VFR = (0, 400, 3003, 3004, 9009, 9876)  # in 1/30000 s


def like(**changes: Any) -> SourceInfo:
    return replace(SourceInfo("elsewhere", media.SIZE, media.NTSC, 1 / media.NTSC), **changes)


def clip(
    pixels: str = "yuv420p",
    *,
    times: Sequence[int] = range(6),
    time_base: Fraction = 1 / media.NTSC,
    size: Size = media.SIZE,
    **changes: Any,
) -> list[Frame]:
    """The test picture's frames at `times`; a format with alpha ("yuva420p") has alpha."""
    duration = max(1, round(Fraction(1) / (media.NTSC * time_base)))
    timed = {"time_base": time_base, "duration": duration} | changes
    return [replace(media.frame(i, size, pixels), pts=pts, **timed) for i, pts in enumerate(times)]


def write(path: Path, sent: Iterable[Frame], *, encoding: Encoding | None = None, **info: Any) -> Sink:
    """Writes the frames and closes; gives the sink for its notes."""
    with open_sink(path, like=like(**info), encoding=encoding or Encoding()) as sink:
        for frame in sent:
            sink.send(frame)
    return sink


def read(path: Path, decoder: str | None = None) -> list[Frame]:
    """A file's video frames. decoder: another than libav's usual one."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        context = av.CodecContext.create(decoder, "r") if decoder else stream.codec_context
        packets = list(file.demux(stream))
        return [
            from_av(picture, time_base=stream.time_base)
            for packet in packets
            for picture in context.decode(packet if packet.size else None)
        ]


def times(frames: Iterable[Frame]) -> list[Fraction]:
    return [(frame.pts or 0) * frame.time_base for frame in frames]


def stream_of(path: Path) -> dict[str, Any]:
    """What the container and the codec say of the video stream."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        colour = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        return {
            "codec": context.codec.canonical_name,
            "tag": context.codec_tag,
            "pixels": context.pix_fmt,
            "aspect": stream.sample_aspect_ratio,
            "colour": tuple(map(int, colour)),
            "field_order": int(context.field_order),
            "metadata": dict(stream.metadata),
            "size": (context.width, context.height),
        }


def play(source: Path, *outputs: Path) -> list[Sink]:
    """Copies a clip to all outputs in one pass, with its tracks, as the program does."""
    with av.open(str(source)) as file:
        video = next(s for s in file.streams.video if not s.disposition & Disposition.attached_pic)
        info = like(
            name=str(source),
            rate=video.average_rate,
            tracks=tuple(s for s in file.streams if s.index != video.index),
            metadata=dict(file.metadata),
            video_metadata=dict(video.metadata),
            chapters=tuple(file.chapters()),
        )
        sinks = [open_sink(output, like=info) for output in outputs]
        for packet in file.demux([s for s in file.streams if s.type in ("video", "audio", "subtitle")]):
            ready = [from_av(picture) for picture in packet.decode()] if packet.stream.index == video.index else []
            for sink in sinks:
                for frame in ready:
                    sink.send(frame)
                if packet.stream.index != video.index:
                    sink.pass_on(packet)
        for sink in sinks:
            sink.close()
    return sinks


def packets(path: Path, kind: str, number: int = 0) -> list[tuple[Fraction, bytes]]:
    """(seconds, data) of the packets of a file's `number`-th track of a kind; empty ones left out."""
    with av.open(str(path)) as file:
        stream = [s for s in file.streams if s.type == kind][number]
        return [((p.pts or 0) * p.time_base, bytes(p)) for p in file.demux(stream) if p.size]
