"""The frames of a pair, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livematte import colour as colours
from livematte.errors import SourceError
from livematte.evaluate.pairs import Pair
from livematte.frame import Frame
from livematte.sources import open_source

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Moment:
    """One frame of a pair. pha, true: (H, W) float32 in [0, 1]. fgr, true_fgr: (H, W, 3), R'G'B', None where either is not known."""

    index: int
    seconds: float
    pha: Floats
    true: Floats
    fgr: Floats | None = None
    true_fgr: Floats | None = None


def moments(pair: Pair) -> Iterator[Moment]:
    """In order. SourceError where a side ends before the other, or a frame has another size."""
    pred, truth = _frames(pair.pha), _frames(pair.true)
    colour, true_colour = (_frames(path) if path else iter(()) for path in (pair.fgr, pair.true_fgr))
    for index, (frame, true) in enumerate(zip_longest(pred, truth)):
        if frame is None or true is None:
            short, long = (pair.pha, pair.true) if frame is None else (pair.true, pair.pha)
            raise SourceError(f"{short} ends after {index} frames, {long} goes on; wanted as many of each")
        if frame.size != true.size:
            raise SourceError(
                f"frame {index} of {pair.pha} is {_by(frame)}, of {pair.true} {_by(true)}; wanted one size (the measures are of pixels)"
            )
        fgr, true_fgr = _colours(frame, true) if pair.fgr is None else (_rgb(colour), _rgb(true_colour))
        yield Moment(index, true.seconds, alpha_of(frame), alpha_of(true), fgr, true_fgr)


def alpha_of(frame: Frame) -> Floats:
    """The frame's alpha where it has one; else the frame is a picture of alpha, and what its luma says."""
    if frame.pha is not None:
        return frame.pha
    zero, scale, _ = colours.code_range(frame.full_range or frame.format.family == "gray", frame.depth)
    plane = frame.planes[0].astype(np.float32)  # of R'G'B' it is green, which a grey picture has like the others
    return np.clip((plane - np.float32(zero)) * np.float32(1 / scale), 0, 1)


def _colours(frame: Frame, true: Frame) -> tuple[Floats | None, Floats | None]:
    """Of two cutouts."""
    if frame.pha is None or true.pha is None:
        return None, None
    return frame.rgb(), true.rgb()


def _rgb(frames: Iterator[Frame]) -> Floats:
    return next(frames).rgb()


def _frames(path: Path) -> Iterator[Frame]:
    with open_source(path) as source:
        yield from source


def _by(frame: Frame) -> str:
    return "x".join(map(str, frame.size))
