"""What every way to a matte is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from livematte.frame import Frame, Matte


class Matter(Protocol):
    """A frame becomes a matte. The only owner of recurrent state."""

    def step(self, frame: Frame) -> Matte:
        """The next frame's matte; starts anew by itself on a cut and on a change of size."""
        ...

    def reset(self) -> None:
        """Forgets all frames so far: after a seek, or between pictures that have nothing to do with each other."""
        ...

    def prime(self, frames: Sequence[Frame]) -> None:
        """Starts anew, with a look ahead: frames[0] is what step gets next, the others come after it in the same scene."""
        ...
