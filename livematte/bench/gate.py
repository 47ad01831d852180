"""What is measured of a variant's alpha, and when it is refused.

Arithmetic (precision, engine, the refiner's way) must give what the reference gives, frame by frame:
    mean      of |pha - ref| over a clip; the worst clip's counts, at most 1e-3
    tail      below which 99.9 % of |pha - ref| lie, over all pixels of all clips, at most 0.03
    temporal  mean of |pha_t - pha_{t-1}| over all clips, as a part of the reference's: at most 1.01, so that nothing shimmers
Methods (following, reuse, smoothing) may give something else that is as near to the truth:
    MAD, Grad, dtSSD as livematte.metrics, the mean over the clips, as a part of the reference's: at most 1.01 each
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livematte.metrics import MEASURES

Floats = NDArray[np.float32]

MEAN, TAIL, TEMPORAL = 1e-3, 0.03, 1.01
WORSE = 1.01
JUDGED = ("MAD", "Grad", "dtSSD")
_SHARE = 0.999
_STEPS = 10_000  # of a difference between 0 and 1: as finely as the tail is known


@dataclass(frozen=True)
class Closeness:
    """Of one clip to the reference's. counts: pixels by difference in steps of 1e-4. moves, ref_moves: mean |pha_t - pha_{t-1}|."""

    mean: float
    counts: NDArray[np.int64]
    moves: float
    ref_moves: float

    @property
    def tail(self) -> float:
        return _tail(self.counts)

    @property
    def temporal(self) -> float:
        return ratio(self.moves, self.ref_moves)


def closeness(pha: Floats, ref: Floats) -> Closeness:
    """pha, ref: (T, H, W) in [0, 1]."""
    difference = np.abs(pha - ref)
    steps = np.ceil(difference * _STEPS).astype(np.int64)
    return Closeness(float(difference.mean(dtype=np.float64)), np.bincount(steps.ravel(), minlength=_STEPS + 1), moves(pha), moves(ref))


def moves(pha: Floats) -> float:
    """Mean |pha_t - pha_{t-1}|; 0 for a single picture."""
    return float(np.abs(np.diff(pha, axis=0)).mean(dtype=np.float64)) if len(pha) > 1 else 0.0


def _tail(counts: NDArray[np.int64]) -> float:
    """The difference below which _SHARE of the pixels lie, rounded up to a step."""
    return int(np.searchsorted(np.cumsum(counts), _SHARE * counts.sum())) / _STEPS


def ratio(value: float, reference: float) -> float:
    """Of two errors; where the reference has none, only none is as good."""
    return value / reference if reference else (1.0 if not value else float("inf"))


def pooled(clips: Sequence[Closeness]) -> dict[str, float]:
    """What is judged, over all clips: "mean", "tail", "temporal"."""
    return {
        "mean": max(clip.mean for clip in clips),
        "tail": _tail(np.sum([clip.counts for clip in clips], axis=0)),
        "temporal": ratio(sum(clip.moves for clip in clips), sum(clip.ref_moves for clip in clips)),
    }


def is_close(figures: dict[str, float]) -> bool:
    return figures["mean"] <= MEAN and figures["tail"] <= TAIL and figures["temporal"] <= TEMPORAL


def errors(pha: Floats, true: Floats) -> dict[str, float]:
    """All of livematte.metrics, by name."""
    return {name: measure(pha, true) for name, measure in MEASURES.items()}


def averaged(clips: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: sum(clip[name] for clip in clips) / len(clips) for name in MEASURES}


def is_no_worse(figures: dict[str, float], reference: dict[str, float]) -> bool:
    return all(ratio(figures[name], reference[name]) <= WORSE for name in JUDGED)
