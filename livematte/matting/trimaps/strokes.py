"""A trimap from a few strokes: what the strokes say spreads over a small copy of the picture by closed-form matting, as its paper does it
(Levin, Lischinski, Weiss, CVPR 2006); the outline of that is the middle of an unknown band.

Taken as the matte itself, the spread alpha is a haze: a mean absolute error of 0.012 on six scenes, 0.004 with a band about its outline.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.matting.trimaps.reduced import smaller, smaller_trimap
from livematte.matting.trimaps.solvers import BACKGROUND, FOREGROUND, UNKNOWN, Array, Trimap
from livematte.matting.trimaps.trimap import alpha_from_trimap, auto_trimap, default_band

_DETAIL = 640  # the longest side at which strokes spread: two seconds on one core
_THIN = 0.25  # of a small pixel must be covered by a stroke
_HOLE = 1e-3  # of the picture: less that no stroke speaks for is filled


def trimap_from_strokes(rgb: Array, strokes: Trimap, *, band: int | None = None) -> Trimap:
    """A trimap with both strokes in it, exactly. rgb: (H, W, 3) float32 in [0, 1]; strokes: (H, W) as parse_strokes gives them.

    band: pixels of its unknown band, None for one in proportion to the picture. ValueError where the sizes differ, EngineError where
    PyMatting is not here."""
    height, width = strokes.shape
    ratio = min(1.0, _DETAIL / max(width, height))
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    marks = smaller_trimap(strokes, size, share=_THIN)
    pha_sm = alpha_from_trimap(smaller(rgb, size), marks)
    body = cv2.resize(_spoken_for(pha_sm > 0.5, marks).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    trimap = auto_trimap((body > 0.5).astype(np.float32), band=band or default_band((width, height)))
    return np.where(strokes == UNKNOWN, trimap, strokes)


def _spoken_for(body: NDArray[np.bool_], strokes: Trimap) -> NDArray[np.bool_]:
    """Without islands that hold no white stroke, and without small holes that hold no black one."""
    body = body & _with_stroke(body, strokes == FOREGROUND, body.size)
    hole = ~body
    return ~(hole & _with_stroke(hole, strokes == BACKGROUND, round(_HOLE * body.size)))


def _with_stroke(where: NDArray[np.bool_], stroke: NDArray[np.bool_], small: int) -> NDArray[np.bool_]:
    """The connected parts of `where` that hold some of the stroke or are larger than that many pixels."""
    count, labels = cv2.connectedComponents(where.view(np.uint8), connectivity=4)
    keep = np.bincount(labels[stroke], minlength=count) > 0
    keep |= np.bincount(labels.ravel(), minlength=count) > small
    return keep[labels]
