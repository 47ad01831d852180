"""Which frame the network takes: the one that waits, or where that has grown old, the next one.

A frame that takes the network long makes the next one wait, and this the one after it, until there is time to spare: the picture would lag
for several frames. One that is left out makes the delay good at once, and is missed no more than those that would be dropped on the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from livematte.channels import Channel
from livematte.live.feed import Captured

_OLD = 0.5  # of the time between two frames: one that waited longer is left out for the next. Later, delays go on; sooner, too many are
_LATE = 1.25  # of it, after which the next one is not waited for: the source has paused


class Fresh:
    """Iterates over the frames worth taking. every: seconds between two frames of the source, 0 where that is not known.

    dropped: frames that were left out."""

    def __init__(self, frames: Channel[Captured], every: Callable[[], float]) -> None:
        self.dropped = 0
        self._frames, self._every = frames, every

    def __iter__(self) -> Iterator[Captured]:
        for frame in self._frames:
            yield self._newer(frame) or frame

    def _newer(self, frame: Captured) -> Captured | None:
        every, waited = self._every(), time.monotonic() - frame.came
        if not _OLD * every < waited < every:
            return None
        newer = self._frames.take(_LATE * every - waited)
        self.dropped += newer is not None
        return newer
