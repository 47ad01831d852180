"""Bytes on their way into a pipe whose reader may take its time: a thread writes them, nobody else waits."""

from __future__ import annotations

import os
import threading
import time
from collections import deque


class Outbox:
    """put() takes bytes and returns at once; they are written to the file descriptor `fd` in order.

    limit: bytes that may wait before it is `full`; whoever puts should then leave something out. error: why nothing can be written any
    more, None while it can."""

    def __init__(self, fd: int, *, limit: int) -> None:
        self._fd, self._limit = fd, limit
        self._waiting: deque[memoryview] = deque()
        self._size = 0
        self._since: float | None = None
        self._ended = False
        self._change = threading.Condition()
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._write_all, name="outbox", daemon=True)
        self._thread.start()

    def put(self, data: bytes) -> None:
        with self._change:
            if self.error is None:
                self._waiting.append(memoryview(data))
                self._size += len(data)
                self._change.notify_all()

    def wait(self, seconds: float | None) -> bool:
        """Waits until it is not full, at most so long; None: as long as it takes. Whether it is not."""
        with self._change:
            return self._change.wait_for(lambda: not self.full or self.error is not None, seconds)

    @property
    def full(self) -> bool:
        return self._size > self._limit

    @property
    def stalled(self) -> float:
        """Seconds for which the reader has taken nothing, though something is there for it."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def end(self, seconds: float | None) -> bool:
        """Waits for what is still to be written, at most so long; None: as long as it takes. Whether all of it was."""
        with self._change:
            self._ended = True
            self._change.notify_all()
        self._thread.join(seconds)
        return not self._thread.is_alive() and self.error is None

    def _write_all(self) -> None:
        while (data := self._next()) is not None:
            try:
                while data:
                    self._since = time.monotonic()
                    data = data[os.write(self._fd, data) :]
            except OSError as error:
                with self._change:
                    self.error = error
                    self._change.notify_all()
                return
            finally:
                self._since = None

    def _next(self) -> memoryview | None:
        with self._change:
            while not self._waiting and not self._ended:
                self._change.wait()
            if not self._waiting:
                return None
            data = self._waiting.popleft()
            self._size -= len(data)
            self._change.notify_all()
            return data
