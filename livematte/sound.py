"""Sound on its way through a live job: decoded once where it comes in, encoded by each output that holds sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

RATE = 48_000  # samples per second, of every Sound
CHANNELS = 2


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of sound. samples: (2, N) float32 in [-1, 1] at 48 kHz. pts: of the first one, in 1/48000 s, on the frames' clock."""

    samples: NDArray[np.float32]
    pts: int

    @property
    def seconds(self) -> Fraction:
        """When it begins."""
        return Fraction(self.pts, RATE)
