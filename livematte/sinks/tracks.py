"""A source's other tracks on their way into a file: copied as they are where the container takes them, else written anew.

Packets are cloned before they are muxed, because muxing rewrites their times and several outputs may share one source.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from livematte.errors import SinkError
from livematte.sinks.kinds import ANY, Kind

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer

    from livematte.sources.base import SourceInfo

_BITRATE = {"libopus": 64_000, "aac": 96_000, "pcm_s16le": 0}  # bits per second and channel: transparent for speech and music
_RATES = {"libopus": (48_000,), "aac": (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)}
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}  # those that both encoders take
# Languages that libav's .mov knows by another code only (QuickTime's numbers, ISO 639-2/B); others of these it would drop.
_MAC_LANGUAGES = {"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb", "hye": "arm", "kat": "geo"}
_MAC_LANGUAGES |= {"swe": "sve", "fre": "fra", "mkd": "mac", "msa": "may", "mya": "bur", "bod": "tib", "rum": "ron", "cze": "ces"}
# What a muxer or an encoder writes by itself, and what speaks of the source file instead of the clip.
_OF_THE_FILE = ("encoder", "major_brand", "minor_version", "compatible_brands", "handler_name", "vendor_id", "duration", "bps")
_OF_THE_PICTURE = ("rotate", "alpha_mode", "stereo_mode", "number_of_frames", "number_of_bytes")
_OWN_TAGS = frozenset(_OF_THE_FILE + _OF_THE_PICTURE)


class Track(Protocol):
    """One track. take gives the packets to mux for one packet of the source, finish those that are left at the end."""

    def take(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]: ...
    def finish(self) -> list[av.Packet[Any]]: ...


class Copied:
    """A track whose packets go along as they are."""

    def __init__(self, container: OutputContainer, track: Any) -> None:
        self._stream = container.add_stream_from_template(track, opaque=True)
        _describe(self._stream, track)

    def take(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        return [_clone(packet, self._stream)]

    def finish(self) -> list[av.Packet[Any]]:
        return []


class Sound:
    """An audio track decoded and encoded anew, at its own times: a gap at its start stays."""

    def __init__(self, container: Any, track: Any, encoder: str) -> None:
        import av

        self._decoder = _decoder(track)
        source = track.codec_context
        rates = _RATES.get(encoder, (source.sample_rate,))
        rate = source.sample_rate if source.sample_rate in rates else 48_000
        self._stream = container.add_stream(encoder, rate=rate)
        channels = source.layout.nb_channels
        self._stream.layout = _LAYOUTS.get(channels, "stereo")
        self._stream.bit_rate = _BITRATE[encoder] * self._stream.layout.nb_channels
        _describe(self._stream, track)
        self._damage: type[Exception] = av.InvalidDataError

    def take(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        try:
            frames = self._decoder.decode(packet)
        except self._damage:  # a lost packet is a short silence, as in a player
            return []
        if frames and frames[0].pts is not None:
            frames[0].pts += round(_skipped(packet) / frames[0].sample_rate / frames[0].time_base)
        return [out for frame in frames for out in self._stream.encode(frame)]

    def finish(self) -> list[av.Packet[Any]]:
        frames = self._decoder.decode(None) if self._decoder.is_open else []
        last = [out for frame in frames for out in self._stream.encode(frame)]
        return [*last, *self._stream.encode(None)]


class Text:
    """A subtitle track of text in another container's form."""

    def __init__(self, container: Any, track: Any, encoder: str) -> None:
        self._decoder = _decoder(track)
        self._decoder.open(strict=False)
        self._stream = container.add_stream(encoder)
        self._stream.time_base = Fraction(1, 1000)
        self._stream.codec_context.subtitle_header = self._decoder.subtitle_header
        _describe(self._stream, track)

    def take(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        subtitle = self._decoder.decode2(packet)
        if not subtitle:
            return []
        made = self._stream.codec_context.encode_subtitle(subtitle)
        made.pts = made.dts = packet.pts
        made.duration, made.time_base = packet.duration, packet.time_base
        made.stream = self._stream
        return [made]

    def finish(self) -> list[av.Packet[Any]]:
        return []


class Nothing:
    """A track that the container cannot hold, or that is already in its header."""

    def take(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        return []

    def finish(self) -> list[av.Packet[Any]]:
        return []


def open_tracks(
    container: OutputContainer, kind: Kind, tracks: Iterable[Any], waiting: Iterable[av.Packet[Any]]
) -> tuple[dict[int, Track], list[str]]:
    """The source's tracks, by their index there, as streams of the container, and what to tell about those that cannot go along.

    waiting: packets that came before the first frame; a cover picture must be among them to go into a file that attaches it."""
    opened: dict[int, Track] = {}
    notes: list[str] = []
    covers = {packet.stream_index: bytes(packet) for packet in waiting if packet.stream.type == "video"}
    for track in tracks:
        made = _open(container, kind, track, covers.get(track.index))
        if made is None and not _is_index(track):
            notes.append(f"{track.type} track {track.index} ({_codec(track) or 'unknown'}) is left out: {kind.name} cannot hold it")
        opened[track.index] = made or Nothing()
    return opened, notes


def _open(container: OutputContainer, kind: Kind, track: Any, cover: bytes | None) -> Track | None:
    if track.type == "audio" and kind.new_audio:
        return _copied(container, track, kind.audio) or Sound(container, track, kind.new_audio)
    if track.type == "subtitle" and kind.new_subtitles:
        copied = _copied(container, track, kind.subtitles)
        return copied or (Text(container, track, kind.new_subtitles) if _is_text(track) else None)
    if track.type == "video" and kind.cover:
        return Copied(container, track)
    if track.type == "video" and kind.attachments and cover:
        return _attach(container, *_COVERS.get(_codec(track), ("cover.jpg", "image/jpeg")), cover)
    if track.type == "attachment" and kind.attachments:
        return _attach(container, track.metadata.get("filename", track.name or "attachment"), track.mimetype or _BINARY, track.data)
    return None


_COVERS = {"png": ("cover.png", "image/png"), "mjpeg": ("cover.jpg", "image/jpeg"), "webp": ("cover.webp", "image/webp")}
_BINARY = "application/octet-stream"


def _attach(container: OutputContainer, name: str, mimetype: str, data: bytes) -> Nothing:
    container.add_attachment(name, mimetype, data)
    return Nothing()


def _copied(container: OutputContainer, track: Any, codecs: frozenset[str]) -> Copied | None:
    if codecs is not ANY and _codec(track) not in codecs:
        return None
    try:
        return Copied(container, track)
    except ValueError:  # the muxer has no form for this codec
        return None


def _is_index(track: Any) -> bool:
    """Whether it is a data track that the muxer makes itself: of chapters' titles, of time code."""
    of_chapters = track.name == "bin_data" and track.metadata.get("handler_name") == "SubtitleHandler"
    return track.type == "data" and (of_chapters or "timecode" in track.metadata)


def _codec(track: Any) -> str:
    context = track.codec_context
    return "" if context is None else str(context.codec.canonical_name)


def _is_text(track: Any) -> bool:
    from av.codec.codec import Properties

    return bool(track.codec_context.codec.properties & Properties.TEXT_SUB.value)


def _decoder(track: Any) -> Any:
    """A decoder of our own with all of the track's parameters: the track's belongs to its source, and other outputs may want it too.

    The null muxer's streams are where PyAV makes one from a template."""
    import av

    holder = av.open("nowhere", "w", format="null")
    return holder.add_stream_from_template(track, opaque=True).codec_context


class Order:
    """Tells, of each packet on its way into a container, whether it is later than the one before in its stream. Others, as sound that
    overlaps where a recording starts over, no muxer takes."""

    def __init__(self, kind: Kind) -> None:
        self._last: dict[int, int] = {}
        # In Matroska subtitles that begin at one time are common.
        self._step = 0 if kind.container in ("matroska", "webm") else 1
        self.dropped = 0

    def has_next(self, packet: av.Packet[Any]) -> bool:
        stamp = packet.pts if packet.dts is None else packet.dts
        last = self._last.get(packet.stream_index)
        if stamp is None:
            return True
        if last is not None and stamp < last + self._step:
            self.dropped += 1
            return False
        self._last[packet.stream_index] = stamp
        return True


def _skipped(packet: av.Packet[Any]) -> int:
    """How many samples, an encoder's lead-in, the decoder drops from the front of a packet; what is left keeps the packet's time."""
    if not packet.has_sidedata("skip_samples"):
        return 0
    return int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")


def _clone(packet: av.Packet[Any], stream: Any) -> av.Packet[Any]:
    import av

    clone: av.Packet[Any] = av.Packet(packet)  # type: ignore[arg-type]  # any buffer will do
    clone.pts, clone.dts, clone.duration = packet.pts, packet.dts, packet.duration
    clone.time_base, clone.is_keyframe = packet.time_base, packet.is_keyframe
    for side in packet.iter_sidedata():
        clone.set_sidedata(side)
    clone.stream = stream
    return clone


def _describe(stream: Any, track: Any) -> None:
    kept = tags(track.metadata)
    if "language" in kept and stream.container.format.name == "mov":
        kept["language"] = _MAC_LANGUAGES.get(kept["language"], kept["language"])
    stream.metadata.update(kept)
    stream.disposition = track.disposition


def tags(metadata: dict[str, str]) -> dict[str, str]:
    """What of a file's or a track's metadata goes along."""
    kept = {k: v for k, v in metadata.items() if not _is_own(k, metadata) and (k, v) != ("language", "und")}
    if "name" in kept:  # MP4's word for a track's title
        kept.setdefault("title", kept.pop("name"))
    return kept


def _is_own(key: str, metadata: dict[str, str]) -> bool:
    doubled = "-" in key and key.split("-", maxsplit=1)[0] in metadata  # MP4's "title-eng" beside "title"
    return key.lower() in _OWN_TAGS or key.startswith("_STATISTICS") or doubled


def describe_file(container: OutputContainer, like: SourceInfo) -> None:
    """The source's title, date, place and chapters."""
    container.metadata.update(tags(like.metadata))
    try:
        container.set_chapters([dict(chapter) for chapter in like.chapters])  # type: ignore[misc]
    except (KeyError, TypeError, ValueError) as error:
        raise SinkError(f"chapters cannot be written: {error}") from error
