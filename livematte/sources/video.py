"""Whatever libav opens: a clip, a picture, a container on standard input, a URL; frames with their tracks in one pass.

The first frame is decoded when the source opens, so that what can't be read says so then, and the size is the real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sources import demux
from livematte.sources.base import WHOLE, Cut, SourceInfo
from livematte.sources.continuity import Continuity
from livematte.sources.cut import Window, move
from livematte.sources.damage import Progress
from livematte.sources.decoding import Decoder
from livematte.sources.reader import Reader
from livematte.urls import shown

if TYPE_CHECKING:
    import av

# How far before the wanted second to look for a key frame that decoding can start from; then from the beginning.
_SEEK_BACK = (Fraction(1, 2), Fraction(4), Fraction(16))
_ANIMATED = ("gif", "apng")  # containers that hold one picture as often as a clip


class VideoSource(Reader):
    """A container's video as frames, and the packets of its other tracks.

    file: a path, a URL (remote) or a binary file object. name: what the user calls it. SourceError where it can't be read, and, after
    everything that could be read was given, where it breaks."""

    def __init__(self, file: Any, *, name: str, cut: Cut = WHOLE, threads: int | None = None, remote: bool = False) -> None:
        self._name = shown(name) if remote else name
        self._path = file if isinstance(file, Path) and file.is_file() else None
        self._ahead: list[Frame | av.Packet[Any]] = []
        self._sought = False
        self._connect(file, threads, remote)
        try:
            if not cut.start or not self._seek(cut):
                # To seek back to the beginning is not exact in MPEG-TS; to open again is.
                if cut.start and self._path:
                    self.close()
                    self._connect(file, threads, remote)
                self._begin(cut)
            self._info = self._known(self._first(cut))
        except BaseException:
            self.close()
            raise

    def _connect(self, file: Any, threads: int | None, remote: bool) -> None:
        self._container = demux.open_container(file, name=self._name, remote=remote)
        try:
            self._streams = demux.choose(self._container, name=self._name)
            self._zero = demux.zero(self._container, remote=remote)
            self._decoder = Decoder(self._streams.video, name=self._name, threads=threads, picture=self._is_picture)
        except BaseException:
            self.close()
            raise

    @property
    def _is_picture(self) -> bool:
        name = self._container.format.name
        return name == "image2" or name.endswith("_pipe") or name in _ANIMATED

    def _until_frame(self) -> Iterator[Frame | av.Packet[Any]]:
        for item in self._rest:
            yield item
            if isinstance(item, Frame):
                return

    def _first(self, cut: Cut) -> Frame:
        for item in self._ahead:
            if isinstance(item, Frame):
                return item
        if self._decoder.frames and self._window.closed:
            raise SourceError(f"{self._name} has no frame between {cut.start:g} s and {cut.end:g} s; try a longer part")
        if self._decoder.frames:
            raise SourceError(f"start {cut.start:g} s lies beyond the end of {self._name}, which is {float(self._decoder.end):.2f} s long")
        raise SourceError(f"{self._name} holds no frame that can be decoded; wanted a clip with a picture")

    # -- what is known ------------------------------------------------------------------------------------------------------------

    @property
    def info(self) -> SourceInfo:
        """What is known so far; notes grow as the clip is read."""
        return replace(self._info, notes=self._info.notes + self._damage_notes())

    def _damage_notes(self) -> tuple[str, ...]:
        skipped, damaged = self._decoder.skipped, self._decoder.damaged
        notes = [f"{skipped} damaged packets were skipped"] if skipped else []
        notes += [f"{damaged} frames are damaged in the file"] if damaged else []
        if pause := self._decoder.pause:
            more = f", and {self._decoder.pauses - 1} more such" if self._decoder.pauses > 1 else ""
            notes.append(f"no frames from {float(pause[0]):.2f} to {float(pause[1]):.2f} s: a pause, or damage{more}")
        return tuple(notes)

    def _known(self, first: Frame) -> SourceInfo:
        container, video = self._container, self._streams.video
        seconds = self._window.length(self._whole_seconds())
        still = self._is_still()
        return SourceInfo(
            self._name,
            first.size,
            self._decoder.rate,
            self._decoder.time_base,
            frames=1 if still else self._expected(seconds),
            seconds=seconds,
            tracks=self._streams.tracks,
            metadata=dict(container.metadata),
            video_metadata=dict(video.metadata),
            chapters=self._window.chapters(container.chapters(), seconds),
            still=still,
            piped=self._name == demux.STANDARD_INPUT,
            notes=self._streams.notes + (("interlaced, kept as it is",) if first.field_order else ()),
        )

    def _is_still(self) -> bool:
        if self._container.format.name in _ANIMATED:
            self._ahead += self._until_frame()
        return self._is_picture and sum(isinstance(i, Frame) for i in self._ahead) == 1

    def _whole_seconds(self) -> float | None:
        video = self._streams.video
        if video.duration and video.time_base:
            return float(video.duration * video.time_base)
        return self._container.duration / 1_000_000 if self._container.duration else None

    def _expected(self, seconds: float | None) -> int | None:
        cut, promised = self._window.cut, self._streams.video.frames
        whole = not cut.start and cut.end is None
        count = promised if whole and promised else None if seconds is None else max(1, round(seconds * float(self._decoder.rate)))
        if cut.frames is None:
            return count
        return cut.frames if count is None else min(count, cut.frames)

    # -- reading ------------------------------------------------------------------------------------------------------------------

    def _read(self) -> Iterator[Frame | av.Packet[Any]]:
        ahead, self._ahead = self._ahead, []
        yield from ahead
        yield from self._rest

    def _decoded(self) -> Iterator[Frame | av.Packet[Any]]:
        """What the cut lets through, then SourceError if the clip broke before its end."""
        window, video = self._window, self._streams.video
        kept = {s.index for s in self._streams.tracks}
        for packet in self._packets():
            if packet.stream_index == video.index:
                if not window.closed:
                    yield from self._admitted(packet)
            elif packet.stream_index in kept:
                yield from window.packets(packet)
            if window.finished(packet):
                return
        yield from self._admitted(None)
        if not window.closed:
            self._check_whole()

    def _admitted(self, packet: av.Packet[Any] | None) -> Iterator[Frame | av.Packet[Any]]:
        for frame in self._decoder.decode(packet):
            if kept := self._window.frame(frame):
                yield kept
        yield from self._window.packets(None)

    def _packets(self) -> Iterator[av.Packet[Any]]:
        """Every packet in the order of the file, with its time from zero. An error of the container ends it and is kept."""
        import av

        video = self._streams.video.index
        try:
            for packet in self._container.demux():
                if not packet.size:
                    continue  # PyAV's sign that a stream is at its end
                move(packet, self._zero)
                if self._container.format.flags & demux.TS_DISCONT:
                    self._continuity.join(packet)
                self._progress.saw(packet, video=packet.stream_index == video)
                yield packet
        except av.error.FFmpegError as error:
            self._progress.error = error

    def _check_whole(self) -> None:
        promised = self._container.duration / 1_000_000 if self._container.duration else None
        packets = 0 if self._sought else self._streams.video.frames
        reason = self._progress.why_broken(self._path, promised_seconds=promised, promised_packets=packets)
        if reason is None and self._decoder.skipped and self._progress.video_end - self._decoder.end > Fraction(1, 2):
            reason = "what follows cannot be decoded"
        if reason is not None:
            raise SourceError(f"{self._name} broke at {float(self._decoder.end):.2f} s ({self._place()}): {reason}")

    def _place(self) -> str:
        if self._sought:
            return "counted from its beginning"
        expected = self._streams.video.frames or round((self._whole_seconds() or 0) * float(self._decoder.rate))
        return f"frame {self._decoder.frames}{f' of ~{expected}' if expected > self._decoder.frames else ''}"

    # -- seeking ------------------------------------------------------------------------------------------------------------------

    def _begin(self, cut: Cut) -> None:
        """Reads from where the container stands to the first frame that is wanted."""
        audio = {s.index for s in self._streams.tracks if s.type == "audio"}
        self._window, self._progress, self._continuity = Window(cut, audio), Progress(), Continuity()
        self._rest = self._decoded()
        self._ahead = list(self._until_frame())

    def _seek(self, cut: Cut) -> bool:
        """Begins at a key frame from which every frame from the cut's start on can be decoded. False where there is none. A container's
        own seek is only a hint (MPEG-TS lands anywhere): what comes out first is looked at."""
        if self._path is None or not demux.has_times(self._container):
            return False
        for back in _SEEK_BACK:
            target = Fraction(cut.start) - back
            if target > 0 and self._jump(target):
                self._sought = True
                self._begin(cut)
                if self._decoder.first_is_key and self._window.covers(self._decoder.first):
                    return True
        self._sought = False
        return False

    def _jump(self, seconds: Fraction) -> bool:
        import av

        self._decoder.reset()
        try:
            self._container.seek(round((seconds + self._zero) * 1_000_000))
        except av.error.FFmpegError:
            return False
        return True

    def close(self) -> None:
        """Closes the container. Streams and packets of it must not be touched any more: PyAV reads freed memory."""
        self._container.close()
