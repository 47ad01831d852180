"""A network's step as CUDA graphs: its 250 operations started by one call, at each size that stays.

At 512x288 most of them are done sooner than Python starts the next: without graphs the card waits for Python. torch.compile is not
used: it needs a compiler on the user's machine, and minutes at each new size, where a crop that follows a person brings one now and
then. A graph is captured in the time of a few frames.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from livematte.engines.kept import Kept
from livematte.networks.rvm import Recurrent

Result = tuple[Tensor, Recurrent]
Step = Callable[[Tensor, Recurrent | None], Result]
Record = Callable[[Callable[[], Result]], tuple[Callable[[], object], Result]]

_WARM_UP = 3  # runs at a size before its capture: libraries then have their workspaces, which must not be made within one
_log = logging.getLogger(__name__)


def record_graph(work: Callable[[], Result]) -> tuple[Callable[[], object], Result]:
    """(what runs `work` again on the buffers that it used, where its results then lie). RuntimeError where that is not possible."""
    graph = torch.cuda.CUDAGraph()
    # The capture is this thread's own: another one may use the device meanwhile, as the one that makes full-size mattes does.
    with torch.cuda.graph(graph, stream=torch.cuda.Stream(), capture_error_mode="thread_local"):  # type: ignore[no-untyped-call]
        results = work()
    return graph.replay, results


class Graphs:
    """A Step that runs as it is at first, and as a graph once a size has come a few times. Results are the caller's to keep.

    Where a capture fails, that is logged once, and no more are made."""

    def __init__(self, step: Step, *, record: Record = record_graph) -> None:
        self._step, self._record = step, record
        self._sizes = Kept(lambda size: _AtSize())
        self._works = True

    def __call__(self, src: Tensor, rec: Recurrent | None) -> Result:
        here = self._sizes.get((src.shape[-1], src.shape[-2]))
        here.runs += 1
        if self._works and here.graph is None and here.runs > _WARM_UP and rec is not None:
            here.graph = self._capture(src, rec)
        return self._step(src, rec) if here.graph is None else here.graph.run(src, rec)

    def forget(self) -> None:
        """Gives all graphs' memory back."""
        self._sizes.clear()

    def _capture(self, src: Tensor, rec: Recurrent) -> _Graph | None:
        try:
            return _Graph(self._step, src, rec, self._record)
        except RuntimeError as error:
            _log.warning("CUDA graphs do not work here, the network runs without them: %s", str(error).strip().partition("\n")[0])
            self._works = False
            return None


@dataclass
class _AtSize:
    runs: int = 0
    graph: _Graph | None = None


class _Graph:
    """One size's. A graph remembers addresses: what goes in is copied to buffers of its own, and what comes out from them."""

    def __init__(self, step: Step, src: Tensor, rec: Recurrent, record: Record) -> None:
        self._src, self._rec = src.clone(), Recurrent(*(state.clone() for state in rec))
        self._replay, (self._coef, self._next) = record(lambda: step(self._src, self._rec))

    def run(self, src: Tensor, rec: Recurrent | None) -> Result:
        self._src.copy_(src)
        for i, state in enumerate(self._rec):
            state.zero_() if rec is None else state.copy_(rec[i])  # zeros are the fresh state
        self._replay()
        return self._coef.clone(), Recurrent(*(state.clone() for state in self._next))
