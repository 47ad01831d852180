"""A stretch of work, its frames, and what they cost."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """frames took `seconds` on the clock and `cpu` seconds of processor time, user and system, of all threads."""

    frames: int
    seconds: float
    cpu: float

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
    time.sleep(0.3)  # threads of what was measured before (OpenMP's) spin on for a while
    clock, cpu = time.perf_counter(), time.process_time()
    frames = work()
    return Figure(frames, time.perf_counter() - clock, time.process_time() - cpu)
