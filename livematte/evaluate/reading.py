"""The frames of a pair, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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

_GLANCE = (64, 64)  # pixels, that are enough to see whether a picture has colours
_GREY = 0.05  # of the range: what compression may leave between the channels of a grey picture


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
    apart = [path for path in (pair.true_fgr, pair.fgr) if path is not None]
    paths = [pair.pha, pair.true, *apart]
    sides = [_alphas(pair.pha), _alphas(pair.true), *map(_frames, apart)]
    for index, frames in enumerate(zip_longest(*sides)):
        _check_alike(index, paths, frames)
        pred, true, *foregrounds = frames
        yield Moment(index, true.seconds, alpha_of(pred), alpha_of(true), *_colours(pred, true, foregrounds))


def _check_alike(index: int, paths: Sequence[Path], frames: Sequence[Frame | None]) -> None:
    """SourceError: one of them is missing, or is not of the truth's size."""
    ended = [path for path, frame in zip(paths, frames, strict=True) if frame is None]
    if ended:
        long = next(path for path in paths if path not in ended)
        raise SourceError(f"{ended[0]} ends after {index} frames, {long} goes on; wanted as many of each")
    true = frames[1]
    for path, frame in zip(paths, frames, strict=True):
        assert frame is not None
        assert true is not None
        if frame.size != true.size:
            raise SourceError(
                f"frame {index} of {path} is {_by(frame)}, of {paths[1]} {_by(true)}; wanted one size (the measures are of pixels)"
            )


def alpha_of(frame: Frame) -> Floats:
    """The frame's alpha where it has one; else the frame is a picture of alpha, and what its luma says."""
    if frame.pha is not None:
        return frame.pha
    zero, scale, _ = colours.code_range(frame.full_range or frame.format.family == "gray", frame.depth)
    plane = frame.planes[0].astype(np.float32)  # of R'G'B' it is green, which a grey picture has like the others
    return np.clip((plane - np.float32(zero)) * np.float32(1 / scale), 0, 1)


def _colours(pred: Frame, true: Frame, apart: Sequence[Frame]) -> tuple[Floats | None, Floats | None]:
    """Of the truth's foreground and, where it lies apart too, the prediction's; else of cutouts. None, None where there are none."""
    if len(apart) == 2:
        return apart[1].rgb(), apart[0].rgb()
    of = apart[0] if apart else true
    if pred.pha is None or (true.pha is None and not apart):
        return None, None
    return pred.rgb(), of.rgb()


def _frames(path: Path) -> Iterator[Frame]:
    """Of a file or a folder."""
    with open_source(path) as source:
        yield from source


def _alphas(path: Path) -> Iterator[Frame]:
    """Of a file or a folder. Without alpha are only pictures of alpha, which are grey: one with colours, and any after a frame that has
    alpha, is an opaque cutout, for a picture's reader leaves out an alpha that is 1 everywhere. SourceError: no frame of a clip has any."""
    cutouts = alpha = False
    for frame in _frames(path):
        alpha = alpha or frame.pha is not None
        cutouts = cutouts or alpha or _coloured(frame)
        opaque = cutouts and frame.pha is None
        yield replace(frame, pha=np.ones(frame.size[::-1], np.float32)) if opaque else frame
    if cutouts and not alpha:
        raise SourceError(f"{path} has colours and no alpha; wanted a clip or pictures with alpha, or of alpha as grey")


def _coloured(frame: Frame) -> bool:
    rgb = frame.rgb(_GLANCE)
    return bool((rgb.max(axis=2) - rgb.min(axis=2)).max() > _GREY)


def _by(frame: Frame) -> str:
    return "x".join(map(str, frame.size))
