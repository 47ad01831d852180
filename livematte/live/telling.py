"""What a live job has to say, to whoever listens, if anybody still does."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

_AGAIN = 60.0  # seconds after which what comes back is told again


class Teller:
    """For many threads. tell: takes a line or two for the user."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: dict[str, float] = {}  # when it last happened

    def say(self, text: str) -> None:
        with suppress(OSError, ValueError):  # nobody listens any more; the picture goes on
            self._tell(text)

    def once(self, text: str) -> None:
        """What may happen at every frame: once, and again where it had stopped for a while."""
        now = time.monotonic()
        if now - self._told.get(text, -_AGAIN) >= _AGAIN:
            self.say(text)
        self._told[text] = now
