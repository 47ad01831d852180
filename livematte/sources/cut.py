"""Which part of a clip is read, exact to the frame, and how its times move so that the part begins at zero."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from livematte.frame import Frame
from livematte.sources.base import WHOLE, Cut

if TYPE_CHECKING:
    import av

# People type milliseconds: a frame at 3.2032 s is meant by 3.203 and by 3.2035. Start and end use the same, so that cuts tile.
_TYPED = Fraction(1, 2000)
# Tracks are interleaved by time, give or take; sound that comes this long after the picture is not waited for.
_INTERLEAVE = Fraction(2)


def checked(cut: Cut) -> Cut:
    """The cut itself. ValueError where it can't hold a frame."""
    if cut.start < 0 or (cut.end is not None and cut.end <= cut.start) or (cut.frames is not None and cut.frames < 1):
        raise ValueError(f"got {cut}, wanted 0 <= start < end and frames >= 1")
    return cut


def indices(cut: Cut, *, rate: Fraction, count: int) -> range:
    """Which of `count` pictures at a constant rate lie in the cut."""
    first = _first_at(cut.start, rate)
    last = count if cut.end is None else min(count, _first_at(cut.end, rate))
    return range(first, last if cut.frames is None else min(last, first + cut.frames))


def _first_at(seconds: float, rate: Fraction) -> int:
    return max(0, -int((_TYPED - Fraction(seconds)) * rate // 1))


class Window:
    """A cut as it meets frames and packets, in clip time: lets through what is inside, moved to begin at zero.

    origin: the first kept frame's time, None until it came; 0 where there is no start, so that nothing moves. closed: no frame
    after this one is wanted."""

    def __init__(self, cut: Cut, audio: set[int]) -> None:
        self.cut = checked(cut)
        self.closed = False
        self.origin: Fraction | None = None if cut.start else Fraction(0)
        self._end = None if cut.end is None else Fraction(cut.end) - _TYPED
        self._left = cut.frames
        self._waiting: list[av.Packet[Any]] = []
        self._audio = set(audio)

    def covers(self, seconds: Fraction) -> bool:
        """Whether a seek that gave a frame at `seconds` went back far enough."""
        return seconds <= Fraction(self.cut.start) + _TYPED

    def frame(self, frame: Frame) -> Frame | None:
        """The frame with its time in the cut, None if it lies outside."""
        time = (frame.pts or 0) * frame.time_base
        if self.closed or time < Fraction(self.cut.start) - _TYPED:
            return None
        if self._end is not None and time >= self._end:
            self.closed = True
            return None
        if self.origin is None:
            self.origin = time
        self._count(time + frame.duration * frame.time_base)
        return replace(frame, pts=_moved(frame.pts or 0, self.origin, frame.time_base))

    def _count(self, end: Fraction) -> None:
        if self._left is None:
            return
        self._left -= 1
        if self._left == 0:
            self.closed = True
            self._end = end if self._end is None else min(end, self._end)

    def packets(self, packet: av.Packet[Any] | None) -> Iterator[av.Packet[Any]]:
        """The packets inside, each once, from when the first frame has told where the cut begins."""
        if packet is not None:
            self._waiting.append(packet)
        if self.origin is None:
            return
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if self._place(each):
                yield each

    def _place(self, packet: av.Packet[Any]) -> bool:
        time = packet_time(packet)
        assert self.origin is not None
        if time is None:
            return True  # a cover picture
        if (self.cut.start and time < self.origin) or (self._end is not None and time >= self._end):
            return False
        move(packet, self.origin)
        return True

    def finished(self, packet: av.Packet[Any]) -> bool:
        """Whether, after this packet, nothing of the cut can follow: the picture is past its end, and so is every audio track."""
        time = packet_time(packet)
        if not self.closed or time is None or self._end is None:
            return False
        if time >= self._end:
            self._audio.discard(packet.stream_index)
        return not self._audio or time > self._end + _INTERLEAVE

    def chapters(self, chapters: list[Any], seconds: float | None) -> tuple[dict[str, Any], ...]:
        """The chapters that the cut touches, clipped to it and moved with it. seconds: how long the cut is, where known."""
        kept = []
        for chapter in chapters:
            base = chapter["time_base"] or Fraction(1)
            start = max(0, _moved(chapter["start"], self.origin or Fraction(0), base))
            end = _moved(chapter["end"], self.origin or Fraction(0), base)
            if self.cut != WHOLE and seconds is not None:
                end = min(end, round(Fraction(seconds) / base))
            if end > start:
                kept.append({**chapter, "start": start, "end": end})
        return tuple(kept)

    def length(self, whole: float | None) -> float | None:
        """Seconds in the cut of a clip of `whole` seconds, not counting a limit on frames."""
        ends = [e for e in (whole, self.cut.end) if e is not None]
        return max(0.0, min(ends) - self.cut.start) if ends else None


def packet_time(packet: av.Packet[Any]) -> Fraction | None:
    """Seconds at which a packet's content is shown, or where that is not told, decoded."""
    stamp = packet.dts if packet.pts is None else packet.pts
    return None if stamp is None else stamp * packet.time_base


def move(packet: av.Packet[Any], by: Fraction) -> None:
    """Makes a packet's times earlier by so many seconds, rounded to its time base."""
    if by:
        packet.pts = None if packet.pts is None else _moved(packet.pts, by, packet.time_base)
        packet.dts = None if packet.dts is None else _moved(packet.dts, by, packet.time_base)


def _moved(stamp: int, by: Fraction, time_base: Fraction) -> int:
    return stamp - round(by / time_base)
