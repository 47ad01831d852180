"""What every sink is: frames out, under a temporary name until the output is whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from livematte.frame import Frame
from livematte.sound import Sound

if TYPE_CHECKING:
    import av


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file or a stream is encoded; None leaves it to the sink.

    crf: the encoder's quality scale. bitrate: bits per second. keyframes: seconds between key frames, for streams."""

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    bitrate: int | None = None
    keyframes: float | None = None


class Sink(Protocol):
    """Frames out. name: the output as the user wrote it. alpha: whether it holds a frame's pha.

    send takes the frames in order, all of one size and format. pass_on takes packets of the source's other tracks, whose streams were
    in SourceInfo.tracks; a sink without tracks ignores them. hear takes the sound of a live job, whose frames' clock it shares, where
    SourceInfo.sound; a sink without sound ignores it. paced: a device, whose watchers expect a picture at every 1/rate s, if need be the
    same one again; others are sent each frame once. Then either close(), which makes the output whole and gives it its final
    name, or abandon(), which ends it early: with keep it finishes a playable part under the temporary name and returns where (None if
    there is nothing to keep), without keep it leaves nothing behind. SinkError where writing fails. notes: what to tell the user once,
    complete after close. As a context it closes, or on an error abandons and keeps the part."""

    notes: list[str]
    paced: bool

    @property
    def name(self) -> str: ...
    @property
    def alpha(self) -> bool: ...
    def send(self, frame: Frame) -> None: ...
    def pass_on(self, packet: av.Packet[Any]) -> None: ...
    def hear(self, sound: Sound) -> None: ...
    def close(self) -> None: ...
    def abandon(self, *, keep: bool) -> Path | None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class Device(ABC):
    """Base of sinks that show frames and keep none: there is nothing to name at the end, nor to abandon."""

    paced = True
    alpha = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[str] = []

    @abstractmethod
    def send(self, frame: Frame) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Lets the device go. May be called more than once."""

    def pass_on(self, packet: av.Packet[Any]) -> None:  # noqa: B027 (most have no other tracks)
        """Other tracks do not go along."""

    def hear(self, sound: Sound) -> None:  # noqa: B027 (most are mute)
        """Sound does not go along."""

    def abandon(self, *, keep: bool) -> Path | None:
        self.close()
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
