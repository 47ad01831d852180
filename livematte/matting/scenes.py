"""Scenes: hard cuts found on a tiny luma picture, and a look ahead at each scene's first frames.

A recurrent network's error falls over its first ~15 frames. A clip's frames are all there, so a scene's first ones are played to the
network backwards before they count. Mean absolute error of the first four frames, x1e3, on eight clips with known alpha:
4.31 4.64 4.32 3.94 without; 3.79 4.21 4.01 3.72 with six frames; 3.73 4.14 3.95 3.68 with ten. A picture has only itself to be settled
by: 3.83 without (24 of these clips' frames), 3.71 shown once before it counts, 3.67 twice, 3.64 four times, 3.63 six and ten times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame
from livematte.matting.base import Matter
from livematte.matting.stills import LeaveOut, still_mattes

WARM_UP = 6
REPEATS = 2  # of a picture without others: three runs of the network rather than seven, for a hundredth more error
_TINY = (32, 18)
_SHIFT = (4, 3)  # of the tiny picture's samples, by which a camera may have swung: an eighth of the width, a sixth of the height
_UNLIKE = 0.27  # 1 - correlation, at the best shift: at most 0.22 while a camera is shaken, at least 0.31 from one scene to another
_FLAT = 0.008  # contrast, of the luma's range, below which there is nothing to compare but brightness
_CHANGED = 0.25  # of the contrast, by half of the samples: who walks past the lens changes fewer at a time
_SUDDEN = 0.08  # of the range, on the mean, and _TIMES_SUDDEN what is usual: where it comes at once, fewer samples count too
_TIMES_UNLIKE = 2.5  # a cut is this many times less like the last frame than the scene's frames have been
_TIMES_SUDDEN = 4.0
_FORGET = 0.8  # of those habits is left a frame later

_Ahead = deque[tuple[object, bool]]  # what was read, each with whether it starts a scene


class CutDetector:
    """Tells whether a frame starts a scene: the first, another size, or one that is not the last one in another light or a little aside.

    Flashes, light switched on and off, fades and dissolves are no cuts; a pan that is very fast is one start, not one for each of its
    frames. light: a sudden change of light starts a scene too, for those who judge colours by their level. `livematte bench cuts` holds
    this to spliced clips; figures in docs/benchmark.md. Somebody who stands elsewhere at once, in a view that stays, is a cut only where
    that is most of the picture: of smaller jumps the network, which knows the view, makes more than of a start."""

    def __init__(self, *, light: bool = False) -> None:
        self._light = light
        self._last: NDArray[np.float32] | None = None
        self._shape: tuple[object, ...] | None = None
        self._usual = 0.0, 0.0  # how unlike, and by how much changed, frames have been

    def starts_scene(self, frame: Frame) -> bool:
        """Takes each frame once, in order."""
        last, shape, (usual_unlike, usual_change) = self._last, self._shape, self._usual
        tiny = _tiny_luma(frame)
        self._last, self._shape, self._usual = tiny, (frame.size, frame.sample_aspect), (0.0, 0.0)
        if last is None or shape != self._shape:
            return True
        unlike, change = _unlike(last, tiny), float(np.abs(tiny - last).mean())
        sudden = change > max(_SUDDEN, _TIMES_SUDDEN * usual_change)
        cut = unlike > max(_UNLIKE, _TIMES_UNLIKE * usual_unlike) and (sudden or _changed(last, tiny) > _CHANGED)
        cut = cut or (self._light and sudden)
        counted = 0.5 if cut else 1.0
        self._usual = max(counted * unlike, _FORGET * usual_unlike), max(counted * change, _FORGET * usual_change)
        return cut


def _unlike(last: NDArray[np.float32], tiny: NDArray[np.float32]) -> float:
    """0 to 2: 1 - the correlation of the middle of `tiny` with the part of `last` that is most like it, whatever their brightness."""
    if min(float(last.std()), float(tiny.std())) < _FLAT:
        return float(abs(float(tiny.mean()) - float(last.mean())) > _SUDDEN)
    across, down = _SHIFT
    middle = np.ascontiguousarray(tiny[down:-down, across:-across])
    return 1 - float(cv2.matchTemplate(last, middle, cv2.TM_CCOEFF_NORMED).max())


def _changed(last: NDArray[np.float32], tiny: NDArray[np.float32]) -> float:
    """By how much half of the samples changed at least, of the pictures' contrast."""
    contrast = (float(last.std()) + float(tiny.std())) / 2
    return float(np.median(np.abs(tiny - last))) / max(contrast, _FLAT)


def _tiny_luma(frame: Frame) -> NDArray[np.float32]:
    plane = frame.planes[0]
    step = max(1, plane.shape[0] // 144)
    tiny = cv2.resize(np.ascontiguousarray(plane[::step, ::step]), _TINY, interpolation=cv2.INTER_AREA)
    return tiny.astype(np.float32) * np.float32(1 / (1 << frame.depth))


def mattes(
    matter: Matter, items: Iterable[object], *, warm_up: int = WARM_UP, stills: bool = False, leave_out: LeaveOut | None = None
) -> Iterator[object]:
    """(frame, its matte) for each frame, in order, `warm_up` frames behind what is read; anything else passes in its place.

    stills: the frames are pictures that have nothing to do with each other, each a scene of its own; leave_out: as of still_mattes."""
    if stills:
        yield from still_mattes(matter, items, leave_out=leave_out)
        return
    cuts = CutDetector()
    ahead: _Ahead = deque()
    frames = 0
    for item in items:
        is_frame = isinstance(item, Frame)
        ahead.append((item, isinstance(item, Frame) and cuts.starts_scene(item)))
        frames += is_frame
        while frames > warm_up:
            frames -= isinstance(ahead[0][0], Frame)
            yield _next(matter, ahead)
    while ahead:
        yield _next(matter, ahead)


def _next(matter: Matter, ahead: _Ahead) -> object:
    item, starts = ahead.popleft()
    if not isinstance(item, Frame):
        return item
    if starts:
        matter.prime([item, *_scene_ahead(ahead)])
    return item, matter.step(item)


def _scene_ahead(ahead: Iterable[tuple[object, bool]]) -> Iterator[Frame]:
    for item, starts in ahead:
        if starts:
            return
        if isinstance(item, Frame):
            yield item
