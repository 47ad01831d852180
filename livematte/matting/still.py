"""Work that need not be done again: while a picture stays as it was, so do the network's coefficients.

What is reused are the coefficients alone, applied to the new frame's own pixels. The measure is the mean of each patch of the network's
picture: a camera's noise averages out in it, while a sharp edge that moves by a tenth of a sample does not. It is taken against the
picture that the network last saw, not against the last frame, so slow change adds up and is seen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.matting.follow import Cells

Array = NDArray[np.float32]
_PATCH = 8  # of the network's pixels
_CHANGE = 1 / 255  # of a patch's mean, in any channel: more is motion
_LONGEST = 0.4  # seconds for which coefficients serve
_SETTLED = 12  # runs after which a scene's state changes no more by itself


class _Seen(NamedTuple):
    seconds: float
    patches: Array
    coef: Any


class Stillness:
    """For one scene. Two pictures are remembered: a look at the whole must not cost what is known of the part."""

    def __init__(self) -> None:
        self._seen: dict[Cells, _Seen] = {}
        self._runs = 0

    def recall(self, cells: Cells, src_sm: Array, seconds: float) -> Any | None:
        """The coefficients of the last picture of these cells, where src_sm, (3, h, w) in [0, 1], is still that picture."""
        seen = self._seen.get(cells)
        if seen is None or self._runs < _SETTLED or not 0 <= seconds - seen.seconds < _LONGEST:
            return None
        return seen.coef if np.abs(_patches(src_sm) - seen.patches).max() < _CHANGE else None

    def ran(self, cells: Cells, src_sm: Array, seconds: float, coef: Any) -> None:
        self._runs += 1
        others = [(known, seen) for known, seen in self._seen.items() if known != cells]
        self._seen = dict(others[-1:])
        self._seen[cells] = _Seen(seconds, _patches(src_sm), coef)


def _patches(src_sm: Array) -> Array:
    picture = src_sm.transpose(1, 2, 0)
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(picture, (max(1, width // _PATCH), max(1, height // _PATCH)), interpolation=cv2.INTER_AREA))
