"""What every sink is: frames out, under a temporary name until the output is whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from livematte.frame import Frame

if TYPE_CHECKING:
    import av


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is encoded; None leaves it to the sink. crf: the encoder's quality scale. bitrate: bits per second."""

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    bitrate: int | None = None


class Sink(Protocol):
    """Frames out. name: the output as the user wrote it. alpha: whether it holds a frame's pha.

    send takes the frames in order, all of one size and format. pass_on takes packets of the source's other tracks, whose streams were
    in SourceInfo.tracks; a sink without tracks ignores them. Then either close(), which makes the output whole and gives it its final
    name, or abandon(), which ends it early: with keep it finishes a playable part under the temporary name and returns where (None if
    there is nothing to keep), without keep it leaves nothing behind. SinkError where writing fails. notes: what to tell the user once,
    complete after close. As a context it closes, or on an error abandons and keeps the part."""

    notes: list[str]

    @property
    def name(self) -> str: ...
    @property
    def alpha(self) -> bool: ...
    def send(self, frame: Frame) -> None: ...
    def pass_on(self, packet: av.Packet[Any]) -> None: ...
    def close(self) -> None: ...
    def abandon(self, *, keep: bool) -> Path | None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
