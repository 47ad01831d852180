"""All measures of all pairs; frames are measured on all cores at once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np

from livematte import metrics
from livematte.evaluate.flow import warping
from livematte.evaluate.pairs import Pair
from livematte.evaluate.reading import Moment, moments

Values = dict[str, float]
Step = tuple[Moment | None, Moment]  # a frame, after the one before it
Item = TypeVar("Item")
Result = TypeVar("Result")

# In the order of the tables. A measure of two frames in a row has no value for a clip's first.
ALPHA: dict[str, metrics.Measure] = {"MAD": metrics.mad, "MSE": metrics.mse, "Grad": metrics.grad, "Conn": metrics.conn}
NAMES = (*ALPHA, "dtSSD", "warp", "outline", "fgr MAD", "fgr MSE")


@dataclass(frozen=True)
class Measured:
    """Of one pair. seconds, values: of each frame, in order. worst: the frame of the largest MAD."""

    name: str
    seconds: list[float] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)

    @property
    def means(self) -> Values:
        return means(self.values)

    @property
    def worst(self) -> int:
        return max(range(len(self.values)), key=lambda index: self.values[index].get("MAD", 0.0))


def means(values: Sequence[Values]) -> Values:
    """Of each measure, over those that have it."""
    present = {name: [each[name] for each in values if name in each] for name in NAMES}
    return {name: math.fsum(each) / len(each) for name, each in present.items() if each}


def measure(
    pairs: Sequence[Pair], *, names: Sequence[str] = NAMES, workers: int, tell: Callable[[str, int], None] = lambda name, frames: None
) -> list[Measured]:
    """Of each pair, in order. names: of NAMES, those wanted. tell: hears how many frames of a pair are done. Errors as of `moments`."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the frames share the cores already
    try:
        with ThreadPoolExecutor(workers) as pool:
            return [_measured(pair, names, pool, 2 * workers, tell) for pair in pairs]
    finally:
        cv2.setNumThreads(before)


def _measured(pair: Pair, names: Sequence[str], pool: ThreadPoolExecutor, ahead: int, tell: Callable[[str, int], None]) -> Measured:
    def work(step: Step) -> tuple[Moment, Values]:
        return step[1], of_frame(*step, names)

    done = Measured(pair.name)
    for moment, values in _in_order(pool, work, _steps(pair), ahead):
        done.seconds.append(moment.seconds)
        done.values.append(values)
        tell(pair.name, len(done.values))
    return done


def _steps(pair: Pair) -> Iterator[Step]:
    """Each frame with the one before it."""
    before = None
    for moment in moments(pair):
        yield before, moment
        before = moment


def _in_order(pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int) -> Iterator[Result]:
    """map(), with no more than `ahead` items read and not yet done: a clip does not fit into memory."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def of_frame(before: Moment | None, now: Moment, names: Sequence[str] = NAMES) -> Values:
    """The measures of one frame. before: the frame before it, None for a clip's first; of another size it is no neighbour."""
    values = {name: measure(now.pha[None], now.true[None]) for name, measure in ALPHA.items() if name in names}
    if "outline" in names:
        values["outline"] = metrics.outline(now.pha[None], now.true[None])
    if before is not None and before.true.shape == now.true.shape:  # pictures of a set have sizes of their own
        if "dtSSD" in names:
            values["dtSSD"] = _dtssd(before, now)
        if "warp" in names:
            values["warp"] = warping(now.pha, before.pha, now.true, before.true)
    if now.fgr is not None and now.true_fgr is not None:
        colours = now.fgr[None], now.true_fgr[None], now.true[None]
        values |= {name: of(*colours) for name, of in (("fgr MAD", metrics.fgr_mad), ("fgr MSE", metrics.fgr_mse)) if name in names}
    return values


def _dtssd(before: Moment, now: Moment) -> float:
    return metrics.dtssd(np.stack([before.pha, now.pha]), np.stack([before.true, now.true]))
