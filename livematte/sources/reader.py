"""What all sources share: frames are the items that are frames, a source is read once, and `with` closes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sources.base import SourceInfo

if TYPE_CHECKING:
    import av


class Reader(ABC):
    """Base of the sources: `info` and `_read` are theirs."""

    _begun = False

    @property
    @abstractmethod
    def info(self) -> SourceInfo: ...

    @abstractmethod
    def _read(self) -> Iterator[Frame | av.Packet[Any]]: ...

    def items(self) -> Iterator[Frame | av.Packet[Any]]:
        """Frames, and packets of the other tracks, in the order of the file. Raises SourceError where the source breaks."""
        if self._begun:
            raise SourceError(f"{self.info.name} was read already; open it again to read it again")
        self._begun = True
        return self._read()

    def __iter__(self) -> Iterator[Frame]:
        return (item for item in self.items() if isinstance(item, Frame))

    def close(self) -> None:  # noqa: B027 (most sources hold nothing)
        """Releases what the source holds. May be called more than once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
