"""The full size of a key: alpha and the person's colour in a frame's own pixels, in the tiles where something is undecided.

Where alpha is partial the person's colour is what the frame's says once the screen's share is out of it, guarded against dividing by
little (blur fusion, arXiv 2006.14970, with a screen that is known):
    F = F' + alpha (C - alpha F' - (1 - alpha) S),   F' carried from the person nearby, S the screen's,
and then without spill: so much of the screen's colour as is still in it, on the axis of the screen's chroma, is taken away.
"""

from __future__ import annotations

import cv2
import numpy as np

from livematte.frame import Frame, Plane
from livematte.matting.keying.alpha import Keyed
from livematte.matting.keying.colour import TO_YCC
from livematte.matting.refine import add_to_planes
from livematte.matting.tiles import Tiles
from livematte.planes import Array


def full_size(frame: Frame, key: Keyed, *, despill: float, everywhere: bool) -> tuple[Array, tuple[Plane, ...]]:
    """(pha (H, W), the foreground's planes). despill: the share of the spill that is taken away. everywhere: also from what is all person;
    else those samples are the frame's own, bit for bit."""
    pha = cv2.resize(key.inside, frame.size, interpolation=cv2.INTER_NEAREST_EXACT)
    fgr = frame.with_planes(tuple(np.array(plane) for plane in frame.planes))
    everywhere = everywhere and despill > 0
    tiles = Tiles(frame, key.undecided | key.spilled if everywhere else key.undecided)
    if tiles.count:
        source = tiles.rgb()
        here = _alpha(tiles, key, source)
        tiles.write(pha, here)
        change = (here > 0) & (here <= 1 if everywhere else here < 1)
        some = np.asarray(change.any(axis=(1, 2)))
        if some.any():
            tiles, source, here = tiles.only(some), source[:, some], here[some]
            delta = _person(tiles, key, source, here, _amount(despill, here, everywhere)) - source
            add_to_planes(fgr, tiles, delta * change[some])
    return pha, fgr.planes


def _amount(despill: float, pha: Array, everywhere: bool) -> Array:
    """How much spill is taken where. Towards what keeps its own it fades: there would be a seam."""
    return np.full_like(pha, despill) if everywhere else np.float32(despill) * (1 - pha**4)


def _alpha(tiles: Tiles, key: Keyed, source: Array) -> Array:
    """(N, T, T) in [0, 1]. source: the tiles' (3, N, T, T) R'G'B'."""
    *gain, offset, low, high = tiles.enlarged(key.alpha)
    here = gain[0] * source[0] + gain[1] * source[1] + gain[2] * source[2] + offset
    return np.clip(np.minimum(np.maximum(here, low), high), 0, 1)


def _person(tiles: Tiles, key: Keyed, source: Array, pha: Array, despill: Array) -> Array:
    """The person's colour, (3, N, T, T) in [0, 1]."""
    person, screen, own = np.split(tiles.enlarged(key.colours), (3, 6))
    colour = person + pha * (source - screen - pha * (person - screen))
    spill = np.maximum(_share(colour, screen) - own, 0)
    return np.clip(colour - despill * spill * screen, 0, 1)


def _share(rgb: Array, screen: Array) -> Array:
    """How much of the screen's colour is in one, along the axis of its chroma. Both (3, ...) R'G'B'; (1, ...)."""
    (cb, cr), (u, v) = (np.tensordot(TO_YCC[1:], colour, 1) for colour in (rgb, screen))
    return ((cb * u + cr * v) / np.maximum(u * u + v * v, np.float32(1e-4)))[None]
