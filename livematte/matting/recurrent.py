"""Matting by a recurrent network (arXiv 2108.11515): a small picture and the state in, coefficients and the next state out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livematte.engines import Engine
from livematte.frame import Frame, Matte, Size
from livematte.matting.refine import refine
from livematte.matting.scenes import WARM_UP, CutDetector

AUTO_DETAIL = 512  # the paper's inner resolution for HD: the longest side at which people were seen in training
_GRAIN = 16  # the network halves its picture four times; sides that divide cost least, and snapped sizes are reused


class RecurrentMatter:
    """A Matter. detail: longest side of the network's picture in pixels, None = 512; more helps full-body shots, and costs time."""

    def __init__(self, engine: Engine, *, detail: int | None = None) -> None:
        if detail is not None and detail < _GRAIN:
            raise ValueError(f"got {detail = }, wanted at least {_GRAIN} pixels, or None")
        self.engine = engine
        self.detail = detail or AUTO_DETAIL
        self._cuts = CutDetector()
        self._rec: object | None = None
        self._primed = False

    def step(self, frame: Frame) -> Matte:
        if self._cuts.starts_scene(frame) and not self._primed:
            self._rec = None
        self._primed = False
        coef = self._run(frame)
        return Matte.later(lambda: refine(frame, coef))

    def reset(self) -> None:
        self._rec = None
        self._cuts = CutDetector()
        self._primed = False

    def prime(self, frames: Sequence[Frame]) -> None:
        """Plays the scene's frames backwards, so that the state is settled when its first frame comes; a lone frame is repeated."""
        self._rec = None
        self._primed = True
        following = list(frames[1:]) or [frames[0]] * WARM_UP
        for frame in reversed(following):
            self._run(frame)

    def _run(self, frame: Frame) -> NDArray[np.float32]:
        src_sm = small_picture(frame, self.detail)
        coef, self._rec = self.engine.run(src_sm, self._rec)
        return coef


def small_picture(frame: Frame, detail: int) -> NDArray[np.float32]:
    """(3, h, w) float32 in [0, 1], R'G'B', as the network takes it."""
    rgb = frame.rgb(small_size(frame, detail))
    return np.ascontiguousarray(rgb.transpose(2, 0, 1))


def small_size(frame: Frame, detail: int) -> Size:
    """The frame's size with square pixels, its longest side at most `detail`; neither side is ever longer than the frame's own."""
    aspect = float(frame.sample_aspect)
    width, height = frame.size[0] * min(1.0, aspect), frame.size[1] / max(1.0, aspect)
    ratio = min(1.0, detail / max(width, height))
    if ratio == aspect == 1.0:
        return frame.size
    return _snapped(width * ratio, frame.size[0]), _snapped(height * ratio, frame.size[1])


def _snapped(side: float, limit: int) -> int:
    nearest = max(_GRAIN, round(side / _GRAIN) * _GRAIN)
    return nearest if nearest <= limit else limit // _GRAIN * _GRAIN or limit
