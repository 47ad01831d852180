"""What a live job measures of itself: rates over the last seconds, and how old pictures are when they are sent."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

_WINDOW = 3.0  # seconds over which a rate is taken
_LEAST = 0.5  # seconds over which it is taken at least
_KEPT = 20_000  # latencies: eleven minutes at 30 frames a second


class Rate:
    """How often tick() was called: in all, and a second, lately."""

    def __init__(self) -> None:
        self.count = 0
        self._first = 0.0
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def tick(self) -> None:
        with self._lock:
            self._first = time.monotonic() if not self.count else self._first
            self.count += 1
            self._times.append(time.monotonic())
            self._forget()

    def _forget(self) -> None:
        while self._times and self._times[0] < time.monotonic() - _WINDOW:
            self._times.popleft()

    @property
    def now(self) -> float:
        with self._lock:
            self._forget()
            if len(self._times) < 2:
                return 0.0
            return len(self._times) / max(_LEAST, min(_WINDOW, time.monotonic() - self._first))


class Latencies:
    """Seconds from the capture of a frame to its first sending."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_KEPT)

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)

    def at(self, *shares: float, last: int = _KEPT) -> tuple[float, ...]:
        """The latencies below which these shares lie, of the last so many; zeros where there is none."""
        known = sorted(list(self._seconds)[-last:])
        return tuple(known[min(len(known) - 1, int(share * len(known)))] if known else 0.0 for share in shares)


class Times:
    """Seconds at work, by kind of work."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}

    def note(self, stage: str, seconds: float) -> None:
        total, count = self._sums.get(stage, (0.0, 0))
        self._sums[stage] = total + seconds, count + 1

    def means_ms(self) -> dict[str, float]:
        return {stage: round(1000 * total / count, 2) for stage, (total, count) in list(self._sums.items())}


@dataclass
class LiveReport:
    """A live job so far. Rates are frames a second over the last seconds; latency: milliseconds from capture to sending, p50 p95 p99, of
    the last minutes; stages: mean milliseconds a frame; state: "" or why there is the stand-in; outputs: frames sent, by
    name; breaks: how often each broke."""

    state: str = ""
    seconds: float = 0.0
    frames_in: int = 0
    frames_matted: int = 0
    frames_out: int = 0
    dropped: int = 0
    fps_in: float = 0.0
    fps_matted: float = 0.0
    fps_out: float = 0.0
    latency_ms: tuple[float, ...] = (0.0, 0.0, 0.0)
    detail: int = 0
    stages_ms: dict[str, float] = field(default_factory=dict)
    reconnects: int = 0
    stand_in_seconds: float = 0.0
    bad_frames: int = 0
    outputs: dict[str, int] = field(default_factory=dict)
    breaks: dict[str, int] = field(default_factory=dict)
    watchers: int | None = None
    background: str = ""

    @property
    def line(self) -> str:
        """For a status line."""
        rates = f"{self.fps_in:.1f} in, {self.fps_matted:.1f} matted, {self.fps_out:.1f} out, {self.dropped} dropped"
        latency = "/".join(f"{ms:.0f}" for ms in self.latency_ms)
        return f"{rates}  {latency} ms  detail {self.detail}{f'  stand-in: {self.state}' if self.state else ''}"
