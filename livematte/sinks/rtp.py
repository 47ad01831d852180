"""Pictures and sound as packets for RTP: H.264 with its headers before every key frame, Opus in stretches of 20 ms; and when to send."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import SinkError
from livematte.frame import Frame
from livematte.sinks import codecs, naming, pixels
from livematte.sinks.base import Encoding
from livematte.sinks.stream import sensible_bitrate
from livematte.sound import CHANNELS, RATE, Sound

if TYPE_CHECKING:
    import av

TIME_BASE = Fraction(1, 90_000)  # of RTP's video
_KEYFRAMES = 2.0  # seconds between key frames; servers that cut the stream into segments want them
_LEAST_GAP = 0.25  # seconds between key frames, however many receivers ask for one
_STRETCH = RATE // 50  # samples in a packet of sound
_SOUND_BITRATE = 128_000
_SETTLING = 1.0  # seconds over which lateness is averaged, and after which a kind that is silent is not waited for
_JUMP = 0.5  # seconds by which lateness changes at once: another clock
_LONGEST_WAIT = 0.3


class Pictures:
    """Frames to H.264: constrained baseline, without delay. A frame of another size or with other colour tags begins a new sequence.

    name: the output's, for errors."""

    def __init__(self, name: str, encoding: Encoding, rate: Fraction) -> None:
        self._name, self._encoding, self._rate = name, encoding, rate
        self._context: av.VideoCodecContext | None = None
        self._tags: tuple[Any, ...] = ()
        self._last = -math.inf  # seconds
        self._last_key = -math.inf

    def encode(self, frame: Frame, *, key: bool) -> tuple[list[av.Packet[Any]], bool]:
        """(packets, whether they begin with a key frame). key: one is wanted. A frame that is not later than the last gives none."""
        from av.video.frame import PictureType

        if frame.seconds <= self._last:
            return [], False
        self._last = frame.seconds
        picture = pixels.picture(pixels.even(pixels.square(frame)), "yuv420p", full_range=False)
        picture.pts, picture.time_base = round((frame.pts or 0) * frame.time_base / TIME_BASE), TIME_BASE
        context = self._context_for(picture)
        since = frame.seconds - self._last_key
        if (key and since >= _LEAST_GAP) or since >= (self._encoding.keyframes or _KEYFRAMES):
            picture.pict_type = PictureType.I
            self._last_key = frame.seconds
        return context.encode(picture), self._last_key == frame.seconds

    def _context_for(self, picture: av.VideoFrame) -> av.VideoCodecContext:
        tags = (picture.width, picture.height, picture.colorspace, picture.color_primaries, picture.color_trc, picture.color_range)
        if self._context is None or tags != self._tags:
            self._tags, self._last_key = tags, -math.inf
            self._context = self._open(picture)
        return self._context

    def _open(self, picture: av.VideoFrame) -> av.VideoCodecContext:
        import av

        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = picture.width, picture.height, "yuv420p"
        context.time_base, context.framerate = TIME_BASE, self._rate
        context.colorspace, context.color_range = picture.colorspace, picture.color_range
        context.color_primaries, context.color_trc = picture.color_primaries, picture.color_trc
        context.thread_count = codecs.ENCODER_THREADS
        context.gop_size = 10_000  # key frames are made by time
        context.profile = "Baseline"
        bitrate = self._encoding.bitrate or sensible_bitrate((picture.width, picture.height), self._rate)
        options = {"preset": self._encoding.preset or "veryfast", "tune": "zerolatency", "forced-idr": "1"}
        options |= {"maxrate": str(bitrate), "bufsize": str(bitrate)}
        if self._encoding.crf is None:
            context.bit_rate = bitrate
        else:
            options["crf"] = str(self._encoding.crf)
        context.options = options
        try:
            context.open()
        except (av.FFmpegError, ValueError) as error:
            raise SinkError(f"{self._name}: libx264 does not start: {naming.reason(error)}; try another --preset or --bitrate") from error
        return context


class Sounds:
    """Sound to Opus. Stretches that follow each other are joined; after a gap a new one begins at its own time."""

    def __init__(self) -> None:
        import av

        self._context = av.CodecContext.create("libopus", "w")
        self._context.sample_rate, self._context.layout, self._context.format = RATE, "stereo", "flt"
        self._context.time_base = Fraction(1, RATE)
        self._context.bit_rate = _SOUND_BITRATE
        self._rest: NDArray[np.float32] = np.zeros((CHANNELS, 0), np.float32)
        self._begin = 0  # pts of the rest

    def encode(self, sound: Sound) -> list[av.Packet[Any]]:
        """The packets that are full."""
        if abs(sound.pts - self._begin - self._rest.shape[1]) > _STRETCH // 2:
            self._rest, self._begin = self._rest[:, :0], max(sound.pts, self._begin)  # RTP's time only grows
        self._rest = np.concatenate([self._rest, sound.samples], axis=1)
        packets: list[av.Packet[Any]] = []
        while self._rest.shape[1] >= _STRETCH:
            packets += self._context.encode(self._stretch(self._rest[:, :_STRETCH]))
            self._rest, self._begin = self._rest[:, _STRETCH:], self._begin + _STRETCH
        return packets

    def _stretch(self, samples: NDArray[np.float32]) -> av.AudioFrame:
        import av

        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._begin, Fraction(1, RATE)
        return frame


class Playout:
    """When to send what belongs to a time, so that pictures and sound of one time leave together: receivers learn from RTP's sender
    reports which times belong together, and these say when a packet was sent. The kind that comes later on the average is waited for."""

    def __init__(self) -> None:
        self._lines = {"video": _Line(), "audio": _Line()}

    def due(self, kind: str, seconds: float) -> float:
        """When to send what belongs to the time `seconds` and came just now, by time.monotonic(). kind: "video" or "audio"."""
        now = time.monotonic()
        self._lines[kind].came(seconds, now - seconds)
        live = [line.late for line in self._lines.values() if abs(seconds - line.last) < _SETTLING]
        return now if len(live) < 2 else min(now + _LONGEST_WAIT, seconds + max(live))


@dataclass(slots=True)
class _Line:
    """late: seconds from a time to its arrival, averaged. last: the last such time. count: of arrivals since its clock was new."""

    late: float = 0.0
    last: float = -math.inf
    count: int = 0

    def came(self, seconds: float, late: float) -> None:
        self.count = self.count + 1 if abs(late - self.late) < _JUMP else 1
        gain = max(1 / self.count, min(1.0, (seconds - self.last) / _SETTLING))  # at first the mean: the first frame waits for its encoder
        self.late += gain * (late - self.late)
        self.last = seconds
