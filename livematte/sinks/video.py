"""Everything that libav writes: clips with their sound, and animated pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from livematte.errors import SinkError
from livematte.frame import Frame
from livematte.profiles import in_srgb
from livematte.sinks import naming
from livematte.sinks.encoder import Encoder, Plan, counted_from
from livematte.sinks.kinds import Kind
from livematte.sinks.naming import Target
from livematte.sinks.tracks import Order, Track, describe_file, open_tracks
from livematte.sinks.voice import Voice
from livematte.sound import Sound

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer

    from livematte.sources.base import SourceInfo

# Muxers' options: an .mp4 plays before it is all there; Matroska would move everything later because sound begins a little before 0
# (an encoder's lead-in); animations run for ever.
_MUXER = {
    "mp4": {"movflags": "+faststart"},
    "matroska": {"avoid_negative_ts": "disabled"},
    "webm": {"avoid_negative_ts": "disabled"},
    "gif": {"loop": "0"},
    "webp": {"loop": "0"},
    "apng": {"plays": "0"},
}


class VideoSink:
    """A file by libav. The first frame decides its size and format; the source must be open until then, for its tracks.

    notes: what to tell the user once the output is begun. Failing to write, in whatever way, leaves no file behind; a frame that is
    refused leaves what came before it, to be closed or abandoned."""

    paced = False

    def __init__(self, target: Target, kind: Kind, *, like: SourceInfo, alpha: bool, plan: Callable[[Frame], Plan]) -> None:
        self.name = str(target.final)
        self.alpha = alpha
        self.notes: list[str] = []
        self._target = target
        self._kind = kind
        self._like = like
        self._plan = plan
        self._container: OutputContainer | None = None
        self._encoder: Encoder | None = None
        self._tracks: dict[int, Track] = {}
        self._order = Order(kind)
        self._waiting: list[av.Packet[Any]] = []
        self._voice: Voice | None = None
        # Clips keep their own times.
        self._began: Fraction | None = None if like.real_time else Fraction(0)
        self._ended = False

    def send(self, frame: Frame) -> None:
        """Writes a frame. Raises SinkError if its size changed, if it has alpha and the file holds none, or if writing fails."""
        frame = in_srgb(frame)
        if self._encoder is not None:
            self._encoder.check(frame)
        seconds = Fraction(frame.pts or 0) * frame.time_base
        if self._began is None:
            self._began = seconds
        frame = counted_from(frame, self._began)
        with self._failing():
            encoder = self._encoder or self._open(frame)
            self._mux(encoder.encode(frame))
            if self._voice is not None:
                self._mux(self._voice.keep_up(seconds))

    def hear(self, sound: Sound) -> None:
        """Writes sound of a live job. What comes before the first frame is left out, as is what a file without sound cannot hold."""
        if self._voice is not None:
            with self._failing():
                self._mux(self._voice.take(sound))

    def pass_on(self, packet: av.Packet[Any]) -> None:
        """Writes a packet of one of the source's other tracks. Before the first frame it waits."""
        with self._failing():
            if self._container is None:
                self._waiting.append(packet)
            elif packet.stream_index in self._tracks and packet.size:
                self._mux(self._tracks[packet.stream_index].take(packet))

    def _open(self, frame: Frame) -> Encoder:
        import av

        plan = self._plan(frame)
        place = f"file:{self._target.part}"  # or "a:b.mov" would be a protocol
        container = av.open(place, "w", format=self._kind.container, container_options=_muxer_options(self._kind, plan))
        self._container = container
        self._encoder = Encoder(container, plan, frame)
        tracks = [track for track in self._like.tracks if self._kind.new_audio]
        self._tracks, notes = open_tracks(container, self._kind, tracks, self._waiting)
        if self._like.sound and self._kind.new_audio:
            self._voice = Voice(container, self._kind.new_audio, begin=self._began or Fraction(0))
        self.notes += [*plan.notes, *notes]
        describe_file(container, self._like)
        container.start_encoding()
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self.pass_on(packet)
        return self._encoder

    def _mux(self, packets: Iterable[av.Packet[Any]]) -> None:
        assert self._container is not None
        for packet in packets:
            if self._order.has_next(packet):
                self._container.mux(packet)

    def close(self) -> None:
        """Makes the file whole and gives it its name. Raises SinkError if there is nothing in it, or if writing fails."""
        if self._ended:
            return
        with self._failing():
            if self._encoder is None:
                raise SinkError(f"{self.name}: no frame came, so nothing is written")
            self._finish(self._encoder)
        self._ended = True
        self._target.commit()

    def _finish(self, encoder: Encoder) -> None:
        assert self._container is not None
        self._mux(encoder.finish())
        for track in self._tracks.values():
            self._mux(track.finish())
        if self._voice is not None:
            self._mux(self._voice.finish())
        container, self._container = self._container, None
        container.close()
        if encoder.dropped:
            self.notes.append(f"{self.name}: {encoder.dropped} frames that were not later than the one before are left out")
        if self._order.dropped:
            self.notes.append(f"{self.name}: {self._order.dropped} packets of sound or subtitles that were not later are left out")

    def abandon(self, *, keep: bool) -> Path | None:
        """Ends early: keep finishes a playable part under the temporary name and gives it, otherwise nothing is left behind."""
        if self._ended:
            return None
        self._ended = True
        if keep and self._encoder is not None and self._encoder.frames:
            container = self._container
            with suppress(*_failures()):
                self._finish(self._encoder)
                return self._target.part
            if self._kind.container == "matroska":  # it plays without its end, as where the disk is full
                self._container = None
                with suppress(*_failures()):
                    if container is not None:
                        container.close()
                return self._target.part
        self._remove()
        return None

    def _remove(self) -> None:
        # Unnamed before it is closed, or a large .mp4 would first be rewritten with its index at the front.
        with suppress(OSError):
            self._target.discard()
        container, self._container = self._container, None
        if container is not None:
            with suppress(*_failures()):
                container.close()
        self._target.discard()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        if self._ended:
            raise SinkError(f"{self.name} is closed")
        try:
            yield
        except SinkError:
            self.abandon(keep=False)
            raise
        except _failures() as error:
            # A clip can be done again; of what a camera gave, nothing may be lost.
            part = self.abandon(keep=self._like.real_time)
            kept = f"\nwhat was written so far: {part}" if part else ""
            raise SinkError(f"cannot write {self.name}: {naming.reason(error)}{kept}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if exc[0] is None:
            self.close()
        else:
            self.abandon(keep=True)


def _muxer_options(kind: Kind, plan: Plan) -> dict[str, str]:
    options = dict(_MUXER.get(kind.container, {}))
    if kind.container in ("mov", "mp4"):
        # A late start is written in the whole file's units, 1/1000 s unless told so: these hold a frame's time exactly.
        unit = plan.time_base.denominator
        options["movie_timescale"] = str(unit * -(-1000 // unit))
    return options


def _failures() -> tuple[type[Exception], ...]:
    import av

    return av.FFmpegError, OSError, ValueError
