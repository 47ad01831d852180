"""`-`: frames for another program on standard output, as a NUT container, which needs no seeking.

They are raw: as cheap as can be, and the one form with alpha that keeps the frame rate at any size; what reads NUT (ffmpeg and all that
is made of it, OBS's media source too) reads it. NUT carries no colour tags, so frames are in what untagged ones are taken for: limited
range, BT.709 from 720 lines on, else BT.601. --codec ffv1 is a third of the bytes, for a slow line, and of their depth.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from livematte.colour import Colour
from livematte.errors import SettingsError, SinkError
from livematte.frame import Frame
from livematte.sinks import codecs, naming, pixels
from livematte.sinks.base import Device, Encoding
from livematte.sinks.codecs import Codec
from livematte.sinks.encoder import Encoder, Plan, counted_from
from livematte.sinks.kinds import Kind
from livematte.sinks.outbox import Outbox
from livematte.sinks.recolour import Codes, recoloured
from livematte.sinks.tracks import Order, Track, open_tracks
from livematte.sinks.voice import Voice
from livematte.sound import Sound

if TYPE_CHECKING:
    import av

    from livematte.sources.base import SourceInfo

_FAMILIES = ("rawvideo", "ffv1")
_SOUND = "pcm_s16le"
_KIND = Kind("nut", _FAMILIES, True, new_audio=_SOUND)
_PATIENCE = 1.0  # seconds that a live job's frame waits for its reader
_FAREWELL = 2.0  # seconds to write what is left at the end
_NAME = "standard output"


class PipeSink(Device):
    """Frames with alpha, where they have any, and their sound. Frames of a live job are left out while nobody reads; a clip's wait.

    SinkError where standard output is a terminal, and from send() once the reader is gone."""

    paced = False
    alpha = True

    def __init__(self, *, like: SourceInfo, encoding: Encoding) -> None:
        super().__init__(_NAME)
        if encoding.codec and not codecs.named(encoding.codec, _FAMILIES):
            raise SettingsError(f"--codec {encoding.codec} cannot be on {_NAME}; wanted one of {', '.join(codecs.names(_FAMILIES))}")
        if sys.stdout is None or sys.stdout.isatty():
            raise SinkError(f"{_NAME} is a terminal; pipe it into a program, as in: livematte … -o - | ffplay -i -")
        self._codec = codecs.find(encoding.codec or "rawvideo", _FAMILIES)
        self._like = like
        self._fd = _binary(sys.stdout.fileno())
        self._began: Fraction | None = None if like.real_time else Fraction(0)  # clips keep their own times
        self._outbox: Outbox | None = None
        self._container: Any = None
        self._encoder: Encoder | None = None
        self._voice: Voice | None = None
        self._tracks: dict[int, Track] = {}
        self._waiting: list[av.Packet[Any]] = []
        self._order = Order(_KIND)

    def send(self, frame: Frame) -> None:
        seconds = Fraction(frame.pts or 0) * frame.time_base
        if self._began is None:
            self._began = seconds
        frame = counted_from(frame, self._began)
        encoder = self._encoder or self._open(frame)
        encoder.check(frame)
        if not self._has_room():
            return
        self._mux(encoder.encode(frame))
        if self._voice is not None:
            self._mux(self._voice.keep_up(seconds))

    def hear(self, sound: Sound) -> None:
        """Sound before the first frame is left out."""
        if self._voice is not None and self._has_room():
            self._mux(self._voice.take(sound))

    def pass_on(self, packet: av.Packet[Any]) -> None:
        """A packet of one of a clip's other tracks; those before the first frame wait for it."""
        if self._encoder is None:
            self._waiting.append(packet)
        elif packet.stream_index in self._tracks and packet.size:
            self._mux(self._tracks[packet.stream_index].take(packet))

    def _open(self, frame: Frame) -> Encoder:
        import av

        size = frame.size[0] * frame.size[1]
        self._outbox = Outbox(self._fd, limit=size)  # no more than a frame waits: it would only grow old
        self._container = av.open(_Writer(self._outbox), "w", format="nut", container_options={"flush_packets": "1"})
        plan = _plan(frame, self._codec, rate=self._like.rate or Fraction(30))
        self._encoder = Encoder(self._container, plan, frame)
        if self._like.sound:
            self._voice = Voice(self._container, _SOUND, begin=self._began or Fraction(0))
        sounds = [track for track in self._like.tracks if track.type == "audio"]
        self._tracks, self.notes = open_tracks(self._container, _KIND, sounds, ())
        self._container.start_encoding()
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self.pass_on(packet)
        return self._encoder

    def _has_room(self) -> bool:
        """Waits for the reader. Whether it is ready for more."""
        assert self._outbox is not None
        ready = self._outbox.wait(_PATIENCE if self._like.real_time else None)
        if self._outbox.error is not None:
            raise SinkError(f"the program that reads {_NAME} is gone: {naming.reason(self._outbox.error)}")
        return ready

    def _mux(self, packets: Iterable[av.Packet[Any]]) -> None:
        for packet in packets:
            if self._order.has_next(packet):
                self._container.mux(packet)

    def close(self) -> None:
        """Writes what is left; to a reader that takes nothing any more, for some seconds at most."""
        encoder, self._encoder = self._encoder, None
        if encoder is None or self._outbox is None:
            return
        self._mux(encoder.finish())
        for track in self._tracks.values():
            self._mux(track.finish())
        if self._voice is not None:
            self._mux(self._voice.finish())
        self._container.close()
        self._outbox.end(_FAREWELL if self._like.real_time else None)


class _Writer:
    """An Outbox as the file object that PyAV writes to."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def write(self, data: bytes) -> int:
        self._outbox.put(bytes(data))
        return len(data)


def _binary(fd: int) -> int:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(fd, os.O_BINARY)
    return fd


def _plan(frame: Frame, codec: Codec, *, rate: Fraction) -> Plan:
    name_of_pixels = codecs.pixels_for(codec, frame.format, alpha=frame.pha is not None)
    return Plan(
        codec.encoder,
        name_of_pixels,
        frame.size,
        frame.time_base if frame.pts is not None else 1 / rate,
        rate,
        partial(_draw, name_of_pixels=name_of_pixels),
        options=dict(codec.options),
        threads=codecs.ENCODER_THREADS,
        at_once=True,
        sample_aspect=frame.sample_aspect,
    )


def _draw(frame: Frame, *, name_of_pixels: str) -> list[av.VideoFrame]:
    known = Codes(Colour().matrix_for(frame.size[1]), False)
    return [pixels.picture(recoloured(frame, known), name_of_pixels, full_range=False)]
