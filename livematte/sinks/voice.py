"""The sound of a live job as one track of a file or a stream: without gaps, whatever comes or does not come."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livematte.sound import CHANNELS, RATE, Sound

if TYPE_CHECKING:
    import av

_BITRATE = {"aac": 128_000, "libopus": 128_000}
_FORMAT = {"aac": "fltp", "libopus": "flt", "pcm_s16le": "s16"}
# Times that come in whole milliseconds, or that were moved to another clock, are not exact to the sample. Following them would click.
_LOOSE = RATE // 50
# Sound that is later than this is missing. Muxers, servers and players wait for it with the picture: silence takes its place.
_LATE = RATE // 2
_PIECE = RATE // 10  # samples of silence made at a time


class Voice:
    """An audio stream of a container. take(sound) and keep_up(seconds) give the packets to mux, finish() the last ones.

    begin: where the container's times begin, on the job's clock. lead: how long after that sound begins, in seconds; what was before is
    left out."""

    def __init__(self, container: Any, encoder: str, *, begin: Fraction, lead: Fraction = Fraction(0)) -> None:
        self._stream = container.add_stream(encoder, rate=RATE, layout="stereo", format=_FORMAT[encoder])
        self._form = _FORMAT[encoder]
        self._stream.bit_rate = _BITRATE.get(encoder, 0)
        self._stream.time_base = Fraction(1, RATE)
        self._begin = round(begin * RATE)
        self._next = round(lead * RATE)  # where the next sample goes

    def take(self, sound: Sound) -> Iterator[av.Packet[Any]]:
        at = sound.pts - self._begin
        samples = sound.samples
        if abs(at - self._next) <= _LOOSE:
            at = self._next
        yield from self._silence(at)
        yield from self._encode(samples[:, max(0, self._next - at) :])

    def keep_up(self, seconds: Fraction) -> Iterator[av.Packet[Any]]:
        """A frame was shown at `seconds` of the job."""
        behind = round(seconds * RATE) - self._begin - self._next
        if behind > _LATE:
            yield from self._silence(self._next + behind - _LATE // 2)

    def _silence(self, until: int) -> Iterator[av.Packet[Any]]:
        while self._next < until:
            yield from self._encode(np.zeros((CHANNELS, min(_PIECE, until - self._next)), np.float32))

    def _encode(self, samples: NDArray[np.float32]) -> Iterator[av.Packet[Any]]:
        import av

        if not samples.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(_laid_out(samples, self._form), self._form, "stereo")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), self._next
        self._next += samples.shape[1]
        yield from self._stream.encode(frame)

    def finish(self) -> list[av.Packet[Any]]:
        return list(self._stream.encode(None))


def _laid_out(samples: NDArray[np.float32], form: str) -> NDArray[Any]:
    """(2, N) float32 as libav has it: planar as it is, else (1, 2N) interleaved, for s16 in whole steps."""
    if form == "fltp":
        return np.ascontiguousarray(samples)
    woven = np.ascontiguousarray(samples.T).reshape(1, -1)
    if form == "s16":
        return np.clip(np.floor(woven * np.float32(32767) + np.float32(0.5)), -32768, 32767).astype(np.int16)
    return woven
