"""Telling a clip that ends from a clip that broke off. libav reads what is there and often says nothing about the rest."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import av

_SEGMENT = b"\x18\x53\x80\x67"
_MEDIA_BOXES = (b"mdat", b"moof", b"moov")
_FIRST_BOXES = (b"ftyp", b"styp", b"wide", b"moov", b"mdat")


class Progress:
    """How far a container was read. end: seconds at which the furthest packet of any track ends."""

    def __init__(self) -> None:
        self.end = Fraction(0)
        self.video_end = Fraction(0)
        self.video_packets = 0
        self.last_corrupt = False
        self.error: Exception | None = None

    def saw(self, packet: av.Packet[Any], *, video: bool) -> None:
        self.last_corrupt = packet.is_corrupt
        stamp = packet.pts if packet.pts is not None else packet.dts
        end = Fraction(0) if stamp is None else (stamp + (packet.duration or 0)) * packet.time_base
        self.end = max(self.end, end)
        if video:
            self.video_packets += 1
            self.video_end = max(self.video_end, end)

    def why_broken(self, path: Path | None, *, promised_seconds: float | None, promised_packets: int) -> str | None:
        """Why the clip is not whole, None if it is or if nothing tells. Two witnesses are wanted, so that good files with a loose
        idea of their own length (variable rate, edit lists) pass: the file is damaged at its end, and less came than its header
        promised."""
        if self.error is not None:
            return getattr(self.error, "strerror", None) or str(self.error)
        missing = promised_seconds is None or float(self.end) < promised_seconds - 0.04 or self.video_packets < promised_packets
        if missing and path is not None and is_short(path):
            return "the file is shorter than its header says"
        return "the file ends within a packet" if missing and self.last_corrupt else None


def is_short(path: Path) -> bool:
    """Whether a Matroska, AVI or MP4 file says of itself that it is longer than it is."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska_end(file) > size
        if head[:4] == b"RIFF":
            return int.from_bytes(head[4:8], "little") + 8 > size
        boxes = _boxes(file, size) if head[4:8] in _FIRST_BOXES else iter(())
        return any(end > size for name, end in boxes if name in _MEDIA_BOXES)


def lacks_index(path: Path) -> bool:
    """Whether a file is an MP4 whose index (moov) is missing. It is written last, so a broken recording has none."""
    try:
        with path.open("rb") as file:
            boxes = list(_boxes(file, path.stat().st_size))
    except OSError:
        return False
    return bool(boxes) and boxes[0][0] in _FIRST_BOXES and all(name != b"moov" for name, _ in boxes)


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment ends, 0 if it does not tell. The EBML header before it is a few dozen bytes."""
    file.seek(0)
    head = file.read(4096)
    at = head.find(_SEGMENT) + len(_SEGMENT)
    if at < len(_SEGMENT) or at >= len(head) or not head[at]:
        return 0
    length = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + length], "big") & ((1 << 7 * length) - 1)
    unknown = value == (1 << 7 * length) - 1
    return 0 if unknown else at + length + value


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """(name, where it ends) of an MP4's boxes, which follow each other as (length, name, content); the last may end beyond the file."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        at = at + length if length >= 8 else size  # 0: to the end of the file
        yield head[4:8], at
