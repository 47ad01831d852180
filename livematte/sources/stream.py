"""Live sources by libav: a stream from the network with as little delay as can be, and the sound of any source, decoded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sound import Sound
from livematte.sources import demux
from livematte.sources.base import SILENCE, WHOLE, Cut, LiveSource, Source, SourceInfo
from livematte.sources.continuity import Continuity
from livematte.sources.cut import move
from livematte.sources.decoding import Decoder
from livematte.sources.hearing import Ear, ear_for
from livematte.urls import shown

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

# A key frame, without which nothing can be decoded, comes every 2 s in most streams and every 10 s in some.
_FIRST_FRAME = 15.0
_SEGMENTED = ("hls", "dash")  # come in files of some seconds each
_LATE = 1.0  # seconds behind its time after which a frame sets a new one


class Audible:
    """A source that isn't real-time, with its sound decoded, for a live job. Its other tracks stay behind."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ear = ear_for(source.info.tracks)

    @property
    def info(self) -> SourceInfo:
        return replace(self._source.info, tracks=(), sound=self._ear is not None)

    def items(self) -> Iterator[Frame | Sound]:
        for item in self._source.items():
            if isinstance(item, Frame):
                yield item
            elif self._ear is not None and item.stream_index == self._ear.index:
                yield from self._ear.hear(item)

    def close(self) -> None:
        self._source.close()


def open_stream(url: str, *, cut: Cut = WHOLE) -> LiveSource:
    """A stream as it comes; or, by http, a clip that lies there, which has an end and is read in its own time.

    cut: the part of a clip to read. SourceError where there is none to be had, within some seconds, and for a part of a stream."""
    name = shown(url)
    container = demux.open_container(url, name=name, remote=True, live=True)
    if url.lower().startswith("http") and container.duration:
        from livematte.sources.video import VideoSource

        container.close()
        return Audible(VideoSource(url, name=url, cut=cut, remote=True))
    if cut != WHOLE:
        container.close()
        raise SourceError(f"--start and --end are for clips; {name} is a stream, which is read from now until it ends")
    return StreamSource(container, name=name)


class StreamSource:
    """A stream that is open. Frames are given as soon as they are decoded; those of a stream that comes in files, when they are due.

    SourceError where nothing can be decoded, where the sender ends, and where no frame came for SILENCE seconds."""

    def __init__(self, container: InputContainer, *, name: str) -> None:
        self._name = name
        self._container = container
        try:
            streams = demux.choose(container, name=name)
            self._decoder = Decoder(streams.video, name=name, threads=None, picture=False, low_delay=True)
            self._ear: Ear | None = ear_for(streams.tracks)
            self._video = streams.video.index
            self._pace = _Pace() if container.format.name in _SEGMENTED else None
            self._rest = self._decoded()
            self._ahead = list(self._until_frame())
        except BaseException:
            self.close()
            raise
        first = self._ahead[-1]
        assert isinstance(first, Frame)
        self.info = SourceInfo(
            name,
            first.size,
            self._decoder.rate,
            self._decoder.time_base,
            real_time=True,
            sound=self._ear is not None,
            notes=streams.notes,
        )

    def items(self) -> Iterator[Frame | Sound]:
        """Frames and sound; in the end a SourceError that says why there are no more."""
        ahead, self._ahead = self._ahead, []
        yield from ahead
        yield from self._rest

    def _until_frame(self) -> Iterator[Frame | Sound]:
        for item in self._rest:
            yield item
            if isinstance(item, Frame):
                return

    def _decoded(self) -> Iterator[Frame | Sound]:
        latest = time.monotonic() + _FIRST_FRAME
        for packet in self._packets():
            if packet.stream_index == self._video:
                for frame in self._decoder.decode(packet):
                    yield self._timed(frame)
                    latest = time.monotonic() + SILENCE
            elif self._ear is not None:
                yield from self._ear.hear(packet)
            if time.monotonic() > latest:
                raise SourceError(f"{self._name} brings no picture that can be decoded; check what is sent")
        raise SourceError(f"{self._name} has ended; the sender has stopped, or the line is cut")

    def _timed(self, frame: Frame) -> Frame:
        if self._pace is not None:
            self._pace.wait(frame.seconds)
        return replace(frame, captured=time.monotonic())

    def _packets(self) -> Iterator[av.Packet[Any]]:
        import av

        zero = demux.zero(self._container, remote=True)
        continuity = Continuity()
        kept = {self._video, -1 if self._ear is None else self._ear.index}
        try:
            for packet in self._container.demux():
                if packet.size and packet.stream_index in kept:
                    move(packet, zero)
                    continuity.join(packet)
                    yield packet
        except av.error.ExitError as error:
            raise SourceError(f"{self._name} was silent for {SILENCE:.0f} s; check the sender and the line") from error
        except av.FFmpegError as error:
            raise SourceError(f"{self._name} broke off: {error.strerror}") from error

    def close(self) -> None:
        self._container.close()


class _Pace:
    """Lets frames wait until they are due, by their own times, where they come many at once."""

    def __init__(self) -> None:
        self._began: float | None = None

    def wait(self, seconds: float) -> None:
        now = time.monotonic()
        if self._began is None or not -_LATE < self._began + seconds - now < SILENCE:
            self._began = now - seconds
        time.sleep(max(0.0, self._began + seconds - now))
