"""Live outputs to a URL: H.264 and AAC with little delay, encoded here and carried there by a process of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

from livematte.errors import SettingsError, SinkError
from livematte.frame import Frame
from livematte.sinks import codecs, pixels
from livematte.sinks.base import Device, Encoding
from livematte.sinks.codecs import Codec
from livematte.sinks.courier import Courier
from livematte.sinks.encoder import Encoder, Plan, counted_from
from livematte.sinks.voice import Voice
from livematte.sound import RATE, Sound
from livematte.urls import masked, shown

if TYPE_CHECKING:
    import av

    from livematte.sources.base import SourceInfo

_ANSWER = 10.0  # seconds that a server may take to accept the stream
_STALL = 5.0  # seconds for which it may take nothing
_KEYFRAMES = 2.0  # seconds between two, unless asked otherwise: how long a new viewer waits, and what servers cut segments at
# AAC begins a frame of its own before the first sound, and RTMP takes nothing from before the first picture.
_LEAD = Fraction(1024, RATE)
_FAMILIES = ("h264", "hevc")
# Picture and sound go out as they come. Otherwise the muxer holds one back until there is some of the other.
_AT_ONCE = {"flush_packets": "1", "max_interleave_delta": "1"}
# A receiver holds MPEG-TS back by as much as it says that it may be late.
_TS = {"max_delay": "100000", "omit_video_pes_length": "0", **_AT_ONCE}
_FLV = {"flvflags": "no_duration_filesize", **_AT_ONCE}
_RTSP = {"rtsp_transport": "tcp", **_AT_ONCE}
_RTP = {"max_delay": "100000", "flush_packets": "1"}  # a stream within a stream, whose packets must be in order
_MUXERS = {"rtmp": ("flv", _FLV), "rtmps": ("flv", _FLV), "rtsp": ("rtsp", _RTSP), "rtsps": ("rtsp", _RTSP), "rtp": ("rtp_mpegts", _RTP)}
# Quick enough beside the network, and no frame held back: superfast takes half the time of veryfast, for 0.1 to 0.3 dB (720p, 3 Mb/s).
_OPTIONS = {
    "libx264": {"preset": "superfast", "tune": "zerolatency", "forced-idr": "1", "sc_threshold": "0"},
    "libx265": {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1", "x265-params": "log-level=error"},
    "h264_nvenc": {"preset": "p4", "tune": "ull", "rc": "cbr", "zerolatency": "1", "forced-idr": "1"},
    "hevc_nvenc": {"preset": "p4", "tune": "ull", "rc": "cbr", "zerolatency": "1", "forced-idr": "1"},
    "h264_qsv": {"async_depth": "1", "forced_idr": "1"},
    "hevc_qsv": {"async_depth": "1", "forced_idr": "1"},
    "h264_amf": {"usage": "ultralowlatency", "rc": "cbr", "forced_idr": "1"},
    "hevc_amf": {"usage": "ultralowlatency", "rc": "cbr"},
    "h264_videotoolbox": {"realtime": "1"},
    "hevc_videotoolbox": {"realtime": "1"},
}


class StreamSink(Device):
    """A stream to an rtmp(s), rtsp(s), udp, rtp, tcp or srt URL. It connects with the first frame.

    SettingsError for a codec that such a stream does not hold; from send(), SinkError where there is no connection, where it breaks or
    the server takes nothing any more, and for a frame with alpha. Frames that the line has no room for are left out."""

    paced = False

    def __init__(self, spec: str, *, like: SourceInfo, encoding: Encoding) -> None:
        super().__init__(shown(spec))
        if encoding.codec and not codecs.named(encoding.codec, _FAMILIES):
            raise SettingsError(
                f"--codec {encoding.codec} cannot be in a stream to {self.name}; wanted one of {', '.join(codecs.names(_FAMILIES))}"
            )
        self._codec = codecs.find(encoding.codec or "h264", _FAMILIES)
        self._url, self._like, self._encoding = spec, like, encoding
        self._began: Fraction | None = None
        self._encoder: Encoder | None = None
        self._voice: Voice | None = None
        self._courier: Courier | None = None

    def send(self, frame: Frame) -> None:
        if frame.pha is not None:
            raise SinkError(f"{self.name}: a stream holds no alpha; choose a background")
        seconds = Fraction(frame.pts or 0) * frame.time_base
        if self._began is None:
            self._began = seconds
        frame = counted_from(frame, self._began)
        encoder = self._encoder or self._begin(frame)
        encoder.check(frame)
        if self._courier is not None:
            self._check(self._courier)
            if self._courier.full:
                return
        packets = encoder.encode(frame)
        if self._courier is None and packets:
            self._courier = self._connect(packets[0])
        if self._courier is not None:
            self._courier.send(packets)
            if self._voice is not None:
                self._courier.send(self._voice.keep_up(seconds))

    def hear(self, sound: Sound) -> None:
        """Sound before the first frame, and what the line has no room for, is left out."""
        if self._courier is not None and self._voice is not None and not self._courier.full:
            self._courier.send(self._voice.take(sound))

    def _begin(self, frame: Frame) -> Encoder:
        """Opens the encoders. They need a container to belong to: one in memory, whose header tells the courier of them."""
        import av

        self._header = BytesIO()
        self._container = av.open(self._header, "w", format="nut")
        plan = _plan(frame, self._codec, self._encoding, rate=self._like.rate or Fraction(30))
        self._encoder = Encoder(self._container, plan, frame)
        if self._like.sound:
            self._voice = Voice(self._container, "aac", begin=self._began or Fraction(0), lead=_LEAD)
        return self._encoder

    def _connect(self, first: av.Packet[Any]) -> Courier:
        self._container.mux(first)
        self._container.close()
        scheme = _scheme(self._url)
        container, options = _MUXERS.get(scheme, ("mpegts", _TS))
        courier = Courier(_with_size(self._url, scheme), container=container, options=options, header=self._header.getvalue())
        try:
            if not courier.connect(_ANSWER):
                self._check(courier)
                raise SinkError(f"{self.name} did not answer within {_ANSWER:.0f} s; check the address and that the server is running")
        except BaseException:
            courier.close()
            raise
        return courier

    def _check(self, courier: Courier) -> None:
        if (failure := courier.failure) is not None:
            raise SinkError(_why(self.name, self._url, failure, connected=courier.connected))
        if courier.stalled > _STALL:
            raise SinkError(f"{self.name} has taken nothing for {_STALL:.0f} s; is the line too slow? try a lower --bitrate")

    def close(self) -> None:
        courier, self._courier = self._courier, None
        if courier is not None:
            courier.close()


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _with_size(url: str, scheme: str) -> str:
    """Datagrams of whole packets of MPEG-TS, or the loss of one would damage two."""
    if scheme != "udp" or "pkt_size=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}pkt_size=1316"


def _why(name: str, url: str, failure: dict[str, str], *, connected: bool) -> str:
    if failure["error"] == "ProtocolNotFoundError":
        scheme = _scheme(url)
        other = f"livematte … -o - | ffmpeg -i - -c:v libx264 -tune zerolatency -c:a aac -f mpegts '{scheme}://…'"
        return f"{name}: this build of libav does not speak {scheme}; an ffmpeg that does can pass it on:\n{other}"
    # What the server said is in libav's log, beside where libav connected to, which may hold a password.
    said = failure.get("said", "")
    reason = failure["reason"] if not said or "://" in said else f"{failure['reason']} ({said})"
    refused = re.search(r"\b40[13]\b|[Aa]uth", reason)
    reason = masked(reason, url)
    if connected:
        return f"{name} broke off: {reason}"
    if refused:
        return f"{name} refuses user, password or key: {reason}; check the address"
    return f"{name} cannot be reached: {reason}; check the address and that the server is running"


def _plan(frame: Frame, codec: Codec, encoding: Encoding, *, rate: Fraction) -> Plan:
    width, height = frame.size
    size = (width + width % 2, height + height % 2)
    bitrate = encoding.bitrate or sensible_bitrate(size, rate)
    keyframes = encoding.keyframes or _KEYFRAMES
    options = {**_OPTIONS.get(codec.encoder, {}), "bf": "0", "maxrate": str(bitrate), "bufsize": str(bitrate)}
    # Key frames come by the clock, as frames do not come evenly. This is for encoders that do not heed that.
    options["g"] = str(round(2 * rate * Fraction(keyframes)))
    if encoding.preset and codec.preset:
        options[codec.preset] = encoding.preset
    by_quality = encoding.crf is not None and codec.quality != ""
    if by_quality:
        options[codec.quality] = str(encoding.crf)
    name_of_pixels = codecs.pixels_for(codec, frame.format, alpha=False)
    return Plan(
        codec.encoder,
        name_of_pixels,
        size,
        frame.time_base,
        rate,
        _Draw(name_of_pixels, keyframes),
        options=options,
        bitrate=None if by_quality else bitrate,
        threads=codecs.ENCODER_THREADS,
        at_once=True,
        sample_aspect=frame.sample_aspect,
    )


def sensible_bitrate(size: tuple[int, int], rate: Fraction) -> int:
    """Bits per second: 3 million at 1280x720 and 30 frames a second; larger pictures need less for each of their pixels."""
    share = size[0] * size[1] * float(rate) / (1280 * 720 * 30)
    return round(3_000_000 * share**0.75, -4)


class _Draw:
    """Frames as pictures for the encoder, in limited range, which all players take for granted; a key frame every so many seconds."""

    def __init__(self, name_of_pixels: str, keyframes: float) -> None:
        self._pixels, self._keyframes = name_of_pixels, keyframes
        self._last: float | None = None

    def __call__(self, frame: Frame) -> Iterable[av.VideoFrame]:
        from av.video.frame import PictureType

        picture = pixels.picture(pixels.even(frame), self._pixels, full_range=False)
        if self._last is None or frame.seconds - self._last >= self._keyframes:
            self._last = frame.seconds
            picture.pict_type = PictureType.I
        return [picture]
