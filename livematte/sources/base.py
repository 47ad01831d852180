"""What every source is: frames in order, and on the way past them the packets of its other tracks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, Self

from livematte.frame import Frame, Size
from livematte.sound import Sound

if TYPE_CHECKING:
    import av
    from av.stream import Stream


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source before its first frame; what a sink needs to open.

    size: upright, as frames come. rate: average frames per second. frames, seconds: how much to expect, None where unknown; for
    progress only. tracks: libav's other streams (audio, subtitles, attachments) that ride along, as templates for a sink, and only
    while the source is open.
    real_time: frames come when they happen, from a camera or a stream. sound: a LiveSource gives Sound too.
    notes: what to tell the user once, such as "interlaced, kept as it is"."""

    name: str
    size: Size
    rate: Fraction
    time_base: Fraction
    frames: int | None = None
    seconds: float | None = None
    tracks: tuple[Stream, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    video_metadata: dict[str, str] = field(default_factory=dict)
    chapters: tuple[dict[str, Any], ...] = ()
    still: bool = False  # one picture or a folder of pictures: no time of its own
    piped: bool = False  # another program gives the frames, when it has them
    real_time: bool = False
    sound: bool = False
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """Frames in. Iterating gives the frames; items() gives the frames and, in file order between them, packets of the other tracks.

    A source may be read once. It raises SourceError where it breaks, after everything that could be read was given."""

    @property
    def info(self) -> SourceInfo: ...
    def items(self) -> Iterator[Frame | av.Packet[Any]]: ...
    def __iter__(self) -> Iterator[Frame]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class LiveSource(Protocol):
    """Frames in for a live job. items() gives the frames and, between them, the sound, decoded; times on one clock.

    Frames of a real-time source carry `captured`. It never waits for ever: SourceError where nothing came for SILENCE seconds, where the
    device or the sender is gone, and BusyError on opening where another program has it. It may then be opened anew."""

    @property
    def info(self) -> SourceInfo: ...
    def items(self) -> Iterator[Frame | Sound]: ...
    def close(self) -> None: ...


SILENCE = 5.0  # seconds without a frame after which a camera or a stream has failed


@dataclass(frozen=True, slots=True)
class Wish:
    """What to ask a camera for; None leaves it to the camera. pixels: "mjpeg", "yuyv422", "nv12", … as libav names them."""

    size: Size | None = None
    rate: Fraction | None = None
    pixels: str | None = None


ANYTHING = Wish()


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of a clip to read. start, end: seconds from the clip's beginning, end exclusive; frames: at most so many."""

    start: float = 0.0
    end: float | None = None
    frames: int | None = None


WHOLE = Cut()
