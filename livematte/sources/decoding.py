"""Packets of a video stream become Frames: the right decoder, times where the file has none, upright, with all tags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.pyav import from_av
from livematte.sources import orientation
from livematte.sources.demux import TS_DISCONT

if TYPE_CHECKING:
    import av
    from av.video.stream import VideoStream

# Decoding shares the cores with the network and the encoder, which need them more.
DECODER_THREADS = 2
_LONGEST_PAUSE = Fraction(1, 4)  # seconds without a frame that are not worth a word
# libav's own VP8 and VP9 decoders drop the alpha channel that lies beside the picture.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_BOTTOM_FIELD_FIRST = (3, 4)  # AV_FIELD_BB, AV_FIELD_TB


class Decoder:
    """decode(packet) gives the frames that are ready, decode(None) at the end the rest.

    picture: the file is a picture, not a clip. skipped: packets that could not be decoded. damaged: frames that libav mended.
    first, end: seconds at which the first frame begins and the last one ends. frames: how many came. pause: from when to when no frame
    was shown, by the frames' own durations, for the first time; pauses: how many such there were. low_delay: each frame is given at once
    rather than when the next ones are decoded too."""

    def __init__(self, stream: VideoStream, *, name: str, threads: int | None, picture: bool, low_delay: bool = False) -> None:
        self._stream, self._name, self._picture = stream, name, picture
        # Broadcast packets are flagged when a part got lost on the way; what is left is still a picture.
        self._lossy = bool(stream.container.format.flags & TS_DISCONT)
        self.time_base = stream.time_base or Fraction(1, 1000)
        self.rate = _rate(stream)
        self._turn: tuple[int, orientation.Orientation] | None = None
        self._context = _context(stream, threads or DECODER_THREADS, low_delay)
        self.reset()

    def reset(self) -> None:
        """Forgets what came so far, for a seek."""
        self.skipped = self.damaged = self.frames = 0
        self.first = self.end = Fraction(0)
        self.first_is_key = False
        self.pause: tuple[Fraction, Fraction] | None = None
        self.pauses = 0
        self._last: int | None = None
        self._context.flush_buffers()

    def decode(self, packet: av.Packet[Any] | None) -> Iterator[Frame]:
        import av

        if packet is not None and packet.has_sidedata("encryption_info"):
            raise SourceError(f"{self._name} is encrypted; wanted a clip without copy protection")
        if packet is not None and packet.is_corrupt and not self._lossy:
            self.skipped += 1  # a cut-off packet; and its error would take finished frames of the other threads with it
            return
        try:
            pictures = self._context.decode(packet)
        except av.error.EOFError:
            return
        except (av.error.PatchWelcomeError, av.error.NotImplementedError) as error:
            kind = self._stream.codec_context.name
            raise SourceError(
                f"{self._name}: this kind of {kind} cannot be decoded ({error.strerror}); convert it to H.264 first"
            ) from error
        except av.error.FFmpegError:
            self.skipped += 1
            return
        for picture in pictures:
            yield self._frame(picture)

    def _frame(self, picture: av.VideoFrame) -> Frame:
        self.damaged += picture.is_corrupt
        duration = picture.duration or max(1, round(1 / (self.rate * self.time_base)))
        frame = from_av(picture, time_base=self.time_base)
        frame = replace(
            frame,
            pts=self._pts(picture, duration),
            duration=duration,
            sample_aspect=self._stream.sample_aspect_ratio or Fraction(1),
            field_order=self._field_order(picture),
            colour=self._colour(frame),
        )
        self._count(frame, picture)
        return orientation.upright(frame, self._orientation(picture))

    def _count(self, frame: Frame, picture: av.VideoFrame) -> None:
        start = (frame.pts or 0) * self.time_base
        if not self.frames:
            self.first, self.first_is_key = start, picture.key_frame
        elif start - self.end > _LONGEST_PAUSE:
            self.pause = self.pause or (self.end, start)
            self.pauses += 1
        self.frames += 1
        self.end = start + frame.duration * self.time_base

    def _pts(self, picture: av.VideoFrame, duration: int) -> int:
        pts = picture.dts if picture.pts is None else picture.pts
        if self._last is not None and (pts is None or pts <= self._last):
            pts = self._last + duration
        self._last = pts or 0
        return self._last

    def _field_order(self, picture: av.VideoFrame) -> Any:
        if not picture.interlaced_frame:
            return ""
        return "bff" if self._stream.codec_context.field_order in _BOTTOM_FIELD_FIRST else "tff"

    def _colour(self, frame: Frame) -> Any:
        # Grey pictures are full range, as JPEG and PNG have it; libav leaves a grey JPEG untagged.
        untagged = frame.colour.full_range is None and frame.format.family == "gray"
        return replace(frame.colour, full_range=True) if self._picture and untagged else frame.colour

    def _orientation(self, picture: av.VideoFrame) -> orientation.Orientation:
        # A clip keeps its matrix; reading it again for each frame is only worth it when the angle changes.
        angle = picture.rotation
        if self._turn is None or self._turn[0] != angle:
            self._turn = angle, orientation.of_picture(picture)
        return self._turn[1]


def _context(stream: VideoStream, threads: int, low_delay: bool) -> Any:
    import av

    context: Any = stream.codec_context
    name = _ALPHA_DECODERS.get(context.name)
    if name and "1" in (stream.metadata.get("alpha_mode"), stream.metadata.get("ALPHA_MODE")):
        tags = ("color_primaries", "color_trc", "colorspace", "color_range")
        own: Any = av.CodecContext.create(name, "r")
        for tag in tags:
            setattr(own, tag, getattr(context, tag))
        context = own
    context.thread_type = "SLICE" if low_delay else "AUTO"  # threads that have a frame each give it late
    if low_delay:
        context.flags |= av.codec.context.Flags.low_delay
    context.thread_count = threads
    return context


def _rate(stream: VideoStream) -> Fraction:
    """Average frames per second; 30 where the file does not tell. A bare codec stream's average is libav's guess of 25."""
    average = None if stream.start_time is None else stream.average_rate
    return Fraction(average or stream.guessed_rate or stream.base_rate or 30)
