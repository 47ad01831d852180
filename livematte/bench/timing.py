"""A stretch of work, its frames, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

_SETTLE = 0.3  # seconds in which threads of what was measured before (OpenMP's) spin on


@dataclass(frozen=True)
class Figure:
    """frames took `seconds` on the clock and `cpu` seconds of processor time, user and system, of all threads. stages: seconds at work of
    a job, by kind of work."""

    frames: int
    seconds: float
    cpu: float
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        return self.frames / self.seconds

    @property
    def each(self) -> float:
        """Seconds on the clock for a frame."""
        return self.seconds / self.frames

    @property
    def cpu_each(self) -> float:
        """Processor seconds for a frame."""
        return self.cpu / self.frames


def timed(work: Callable[[], int]) -> Figure:
    """work returns how many frames it did."""
    time.sleep(_SETTLE)
    clock, cpu = time.perf_counter(), time.process_time()
    frames = work()
    return Figure(frames, time.perf_counter() - clock, time.process_time() - cpu)
