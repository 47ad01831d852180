"""Clocks that start over: a broadcast recording, or two joined end to end, may go on with times that begin anew.

Only containers without a zero of their own (MPEG-TS and its like) do so; in others a jump in time is meant.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from livematte.sources.cut import move

if TYPE_CHECKING:
    import av

_BACK = Fraction(1, 2)  # seconds; streams are interleaved and frames reordered by less than this
_FORWARD = Fraction(10)  # a gap that long is no gap of reception: ffmpeg takes the same


class Continuity:
    """Moves packets so that time goes on where the clock jumps. For one pass over a container; each packet once, in order."""

    def __init__(self) -> None:
        # What the clock is ahead, and was before it last jumped: a demuxer holds the last packet of a stream back until the next.
        self._shifts = [Fraction(0)]
        self._ends: dict[int, Fraction] = {}  # by stream: when its last packet ends

    def join(self, packet: av.Packet[Any]) -> None:
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is None:
            return
        clock = stamp * packet.time_base
        end = self._ends.get(packet.stream_index, clock - self._shifts[0])
        shift = min(self._shifts, key=lambda shift: abs(clock - shift - end))
        steady = packet.stream.type in ("audio", "video")  # between two subtitles any time may pass
        if steady and not -_BACK < clock - shift - end < _FORWARD:
            # All streams share one clock: they are moved alike, and their offsets stay.
            shift = clock - end
            self._shifts = [shift, self._shifts[0]]
        move(packet, shift)
        self._ends[packet.stream_index] = clock - shift + (packet.duration or 0) * packet.time_base
