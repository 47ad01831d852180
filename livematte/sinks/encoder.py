"""One video stream: a plan made from the first frame, and the encoder that follows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from livematte.errors import SinkError
from livematte.frame import Frame, Size
from livematte.sinks import naming
from livematte.sinks.recolour import codes_of, recoloured

if TYPE_CHECKING:
    import av

_FIELD_ORDER = {"tff": 2, "bff": 3}  # AV_FIELD_TT, AV_FIELD_BB


@dataclass(frozen=True, slots=True)
class Plan:
    """How a stream is encoded; the first frame decides it.

    pixels: libav's pixel format. draw: a frame as pictures of that format and size with their times in time_base: one, or none where
    the file cannot show so many a second. field_order: "" for a stream of whole pictures. at_once: each frame's packet is wanted before the
    next frame. notes: what to tell the user."""

    encoder: str
    pixels: str
    size: Size
    time_base: Fraction
    rate: Fraction
    draw: Callable[[Frame], Iterable[av.VideoFrame]]
    options: dict[str, str] = field(default_factory=dict)
    bitrate: int | None = None
    threads: int = 1
    tag: str = ""
    sample_aspect: Fraction = Fraction(1)
    field_order: str = ""
    at_once: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def counted_from(frame: Frame, begin: Fraction) -> Frame:
    """The frame with its time counted from `begin` seconds: a live job's clock runs since it began, an output's since its first frame."""
    if frame.pts is None or not begin:
        return frame
    return replace(frame, pts=frame.pts - round(begin / frame.time_base))


class Encoder:
    """The video stream of a container, by a plan. Raises SinkError where the encoder refuses to start."""

    def __init__(self, container: Any, plan: Plan, first: Frame) -> None:
        self._plan = plan
        self._size = first.size
        self._alpha = first.pha is not None
        self._durations: dict[int, int] = {}
        self._codes = codes_of(first)
        self._drawn = list(plan.draw(self._timed(first, 0)))
        self.frames = 0
        self.dropped = 0
        self._last: Fraction | None = None
        self._stream = container.add_stream(
            plan.encoder, rate=plan.rate, options=plan.options, width=plan.size[0], height=plan.size[1], time_base=plan.time_base
        )
        self._stream.metadata.update(plan.metadata)
        self._set_up(self._stream.codec_context, self._drawn[0])

    def _set_up(self, context: av.VideoCodecContext, picture: av.VideoFrame) -> None:
        import av

        plan = self._plan
        context.pix_fmt = plan.pixels
        context.sample_aspect_ratio = plan.sample_aspect
        context.thread_count, context.thread_type = plan.threads, "SLICE" if plan.at_once else "AUTO"
        context.color_primaries, context.color_trc = picture.color_primaries, picture.color_trc
        context.colorspace, context.color_range = picture.colorspace, picture.color_range
        if plan.bitrate:
            context.bit_rate = plan.bitrate
        if plan.tag:
            context.codec_tag = plan.tag
        if plan.field_order:
            flags = av.codec.context.Flags
            context.flags |= flags.interlaced_dct | flags.interlaced_me
            context.field_order = _FIELD_ORDER[plan.field_order]
        if plan.encoder == "libsvtav1":  # it writes to standard error by itself unless told so here
            os.environ.setdefault("SVT_LOG", "1")
        try:
            context.open()
        except (av.FFmpegError, ValueError) as error:
            raise SinkError(_no_start(plan, error)) from error

    def check(self, frame: Frame) -> None:
        """Raises SinkError for a frame that does not go with those before it."""
        which = f"frame {self.frames + 1} (at {frame.seconds:.2f} s)"
        if frame.size != self._size:
            raise SinkError(f"{which} is {_by(frame.size)}, the output began as {_by(self._size)}; cut the clip there, or write pictures")
        if frame.pha is not None and not self._alpha:
            raise SinkError(f"{which} has alpha, the output began without; composite all frames or none")

    def encode(self, frame: Frame) -> list[av.Packet[Any]]:
        """The packets that are ready after this frame. A frame that is not later than the one before is left out and counted."""
        frame = self._timed(frame, self.frames + self.dropped)
        time = (frame.pts or 0) * frame.time_base
        if self._last is not None and time <= self._last:
            self.dropped += 1
            return []
        self._last = time
        self.frames += 1
        # The stream's tags stay what they are when a camera comes back in another matrix or range.
        pictures, self._drawn = self._drawn or list(self._plan.draw(recoloured(frame, self._codes))), []
        return [packet for picture in pictures for packet in self._encode(picture)]

    def _timed(self, frame: Frame, count: int) -> Frame:
        """A frame with a time and a duration: a picture without one gets its turn, a duration that is not known is one frame's."""
        one = Fraction(1) / (self._plan.rate * frame.time_base)
        if frame.pts is None:
            one = Fraction(1) / (self._plan.rate * self._plan.time_base)
            frame = replace(frame, pts=round(count * one), time_base=self._plan.time_base)
        return replace(frame, duration=frame.duration or max(1, round(one)))

    def _encode(self, picture: av.VideoFrame | None) -> list[av.Packet[Any]]:
        if picture is not None and picture.pts is not None:
            self._durations[picture.pts] = picture.duration
        packets: list[av.Packet[Any]] = self._stream.encode(picture)
        for packet in packets:  # most encoders forget durations, and with them how long the last picture stays
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration)
        return packets

    def finish(self) -> list[av.Packet[Any]]:
        return self._encode(None)


_HARDWARE = {"nvenc": "an NVIDIA card", "qsv": "an Intel GPU", "amf": "an AMD card", "videotoolbox": "a Mac"}


def _no_start(plan: Plan, error: Exception) -> str:
    maker = _HARDWARE.get(plan.encoder.rpartition("_")[2])
    if maker:
        family = plan.encoder.partition("_")[0]
        return f"{plan.encoder} does not start; it wants {maker} that encodes {family}, and its driver\ntry --codec {family}"
    asked = " ".join(f"{k}={v}" for k, v in plan.options.items())
    got = f"{plan.encoder} does not start with {_by(plan.size)} {plan.pixels} {asked}: {naming.reason(error)}"
    return f"{got}\ntry another --codec, or no --crf, --preset and --bitrate"


def _by(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
