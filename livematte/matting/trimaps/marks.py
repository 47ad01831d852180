"""What people draw to say what is foreground: trimaps and strokes, read from pictures of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import SettingsError
from livematte.frame import Frame
from livematte.matting.trimaps.solvers import BACKGROUND, FOREGROUND, UNKNOWN, Array, Trimap

_BLACK, _WHITE = 0.1, 0.9  # what a JPEG makes of black and white stays beyond these
_GREY = (0.4, 0.6)  # what is left undecided in a picture of strokes without transparency
_COLOURED = 0.2  # from the least to the greatest of R, G and B
_MOSTLY = 0.05  # of the picture: more colour than that is no compression
_DRAWN_OVER = 0.25  # of the picture is none of black, white and mid grey: it is a photo

Picture = Frame | NDArray[Any]


def parse_trimap(picture: Picture) -> Trimap:
    """(H, W) uint8: 255 foreground where the picture is white (from 90 % on), 0 background where it is black (up to 10 %), 128 unknown
    elsewhere and where it is transparent.

    picture: a Frame, or an array (H, W), (H, W, 3) or (H, W, 4), uint8, uint16 or float in [0, 1]; TypeError or ValueError for another.
    SettingsError where it is in colour, or lacks one of the three kinds."""
    rgb, there = _parts(picture)
    coloured = (rgb.max(axis=2) - rgb.min(axis=2) > _COLOURED) & there
    if coloured.mean() > _MOSTLY:
        raise SettingsError(f"--trimap: got a picture in colour, {coloured.mean():.0%} of it; wanted white, black and grey for the unknown")
    trimap = _sorted(rgb, there)
    for kind, name in ((FOREGROUND, "foreground, which is white"), (BACKGROUND, "background, which is black")):
        if not (trimap == kind).any():
            raise SettingsError(f"--trimap: got none of the {name}; wanted all of white, black and grey (transparent counts as grey)")
    if not (trimap == UNKNOWN).any():
        raise SettingsError("--trimap: got only black and white, wanted a grey band between them, which is what alpha is found in")
    return trimap


def parse_strokes(picture: Picture) -> Trimap:
    """(H, W) uint8: 255 on white strokes, 0 on black ones, 128 where there are none: where the picture is transparent or mid grey.

    picture: as for parse_trimap. SettingsError where it has strokes of one kind only, is drawn over a photo, or leaves nothing open."""
    rgb, there = _parts(picture)
    strokes = _sorted(rgb, there)
    other = (strokes == UNKNOWN) & there & ~((rgb > _GREY[0]) & (rgb < _GREY[1])).all(axis=2)
    if other.mean() > _DRAWN_OVER:
        raise SettingsError(
            f"--strokes: {other.mean():.0%} of the picture is neither black, white nor mid grey, as if drawn over a photo; "
            "wanted strokes alone, on a transparent layer or on grey 128"
        )
    white, black = (bool((strokes == kind).any()) for kind in (FOREGROUND, BACKGROUND))
    if not white or not black:
        got = "no strokes" if not (white or black) else f"{'white' if white else 'black'} strokes only"
        raise SettingsError(f"--strokes: got {got}; wanted white ones on the foreground and black ones on the background")
    if not (strokes == UNKNOWN).any():
        raise SettingsError("--strokes: got black and white all over; wanted a rest that is transparent or grey 128 (or take --trimap)")
    return strokes


def check_size(marks: Trimap, frame: Frame, *, what: str) -> None:
    """SettingsError where they are of another size than the frame."""
    if marks.shape != frame.size[::-1]:
        (width, height), (wide, high) = marks.shape[::-1], frame.size
        of = f" of {frame.label}" if frame.label else ""
        raise SettingsError(f"--{what}: got a picture of {width}x{height}, wanted {wide}x{high}, the size{of} as it is shown")


def _sorted(rgb: Array, there: NDArray[np.bool_]) -> Trimap:
    marks = np.full(there.shape, UNKNOWN, np.uint8)
    marks[there & (rgb.max(axis=2) <= _BLACK)] = BACKGROUND
    marks[there & (rgb.min(axis=2) >= _WHITE)] = FOREGROUND
    return marks


def _parts(picture: Picture) -> tuple[Array, NDArray[np.bool_]]:
    """(R'G'B' (H, W, 3) float32 in [0, 1], where it is opaque (H, W))."""
    if isinstance(picture, Frame):
        there = np.ones(picture.size[::-1], bool) if picture.pha is None else picture.pha >= 0.5
        return picture.rgb(), there
    if not picture.size or (picture.ndim != 2 and (picture.ndim != 3 or picture.shape[2] not in (3, 4))):
        raise ValueError(f"got an array {picture.shape}, wanted (H, W), (H, W, 3) or (H, W, 4)")
    array = _in_unit_range(picture)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    there = array[..., 3] >= 0.5 if array.shape[2] == 4 else np.ones(array.shape[:2], bool)
    return array[..., :3], there


def _in_unit_range(array: NDArray[Any]) -> Array:
    if array.dtype in (np.uint8, np.uint16):
        return array.astype(np.float32) * np.float32(1 / np.iinfo(array.dtype).max)
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"got an array of {array.dtype}, wanted uint8, uint16 or float in [0, 1]")
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"got floats from {array.min():g} to {array.max():g}, wanted [0, 1]")
    return array.astype(np.float32)
