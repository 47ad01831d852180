"""An audio track's packets become Sound: decoded, in stereo at 48 kHz, on the frames' clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from livematte.sound import CHANNELS, RATE, Sound

if TYPE_CHECKING:
    import av

_LONGEST_DAMAGE = Fraction(1)  # seconds; a packet that says it is longer is not to be believed


def ear_for(tracks: Iterable[Any]) -> Ear | None:
    """An Ear for the audio track that a player would choose among `tracks`; None where there is none that can be decoded."""
    audio = [track for track in tracks if track.type == "audio" and track.codec_context is not None]
    if not audio:
        return None
    best = audio[0].container.streams.best("audio")
    return Ear(best if best in audio else audio[0])


class Ear:
    """hear(packet) gives the sound of a packet of the track `index`. A damaged packet is silence.

    It decodes with the track's own decoder: nothing else may."""

    def __init__(self, track: Any) -> None:
        self.index: int = track.index
        self._context = track.codec_context
        self._form: tuple[Any, ...] = ()

    def hear(self, packet: av.Packet[Any]) -> Iterator[Sound]:
        import av

        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            yield from _silence(packet)
            return
        for frame in frames:
            for part in self._resampled(frame):
                if part.samples and part.pts is not None and part.time_base is not None:
                    yield Sound(part.to_ndarray().astype(np.float32, copy=False), round(part.pts * part.time_base * RATE))

    def _resampled(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        import av

        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:  # also where the track goes on with other channels or at another rate
            self._form = form
            self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        return self._resampler.resample(frame)


def _silence(packet: av.Packet[Any]) -> Iterator[Sound]:
    if packet.pts is None or not packet.duration or packet.time_base is None:
        return
    seconds = min(_LONGEST_DAMAGE, packet.duration * packet.time_base)
    yield Sound(np.zeros((CHANNELS, round(seconds * RATE)), np.float32), round(packet.pts * packet.time_base * RATE))
