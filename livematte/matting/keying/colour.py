"""The colour of a screen: named, given, or found in a picture; and the space in which keying measures.

That space is Y'CbCr of BT.709's weights, of R'G'B' whatever the frame's own matrix is: as evenly spaced as the gamma-encoded signal, and
linear in it, so a pixel half covered by a person lies half-way between person and screen. Oklab is more even, but bends that way: MAD
x1e3 on rendered, compressed screens with spill 2.5 to 3.5 for several weights of its lightness, against 1.7.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.background import RGB, parse_colour
from livematte.errors import SettingsError

Array = NDArray[np.float32]
Key = Literal["auto", "green", "blue"] | RGB

TO_YCC = np.array(
    [
        [0.2126, 0.7152, 0.0722],
        [-0.2126 / 1.8556, -0.7152 / 1.8556, 0.5],
        [0.5, -0.7152 / 1.5748, -0.0722 / 1.5748],
    ],
    np.float32,
)
TO_RGB = np.linalg.inv(TO_YCC).astype(np.float32)
# Degrees of atan2(Cr, Cb), and how far to either side of it. Skin, wood and sand lie about 130: no screen for people has such a colour.
_HUES = {"auto": (-50.0, 120.0), "green": (-122.0, 38.0), "blue": (-17.0, 43.0)}
_LEAST_CHROMA = 0.08  # painted cloth in poor light has 0.12, a beige wall 0.06
_BIN = 5.0  # degrees
_NEAR = 20.0  # degrees by which the hue of a screen varies
_BORDER = 0.12  # of the picture's sides
_IN_BORDER, _IN_ALL = 0.25, 0.05  # the least share of samples that makes a screen


def parse_key(text: str) -> Key:
    """ "auto", "green", "blue", or a colour's name or "#rrggbb" as R'G'B' in [0, 1]. SettingsError where it is no colour, or a grey."""
    word = text.strip().lower()
    if word in ("auto", "green", "blue"):
        return word  # type: ignore[return-value]
    rgb = parse_colour(text)
    check_key(rgb)
    return rgb


def check_key(key: Key) -> None:
    """SettingsError for a colour that nothing can be told from."""
    if isinstance(key, str):
        if key not in _HUES:
            raise SettingsError(f"got {key = }, wanted auto, green, blue or a colour such as '#00b140'")
    elif len(key) != 3 or not all(0 <= level <= 1 for level in key):
        raise SettingsError(f"got {key = }, wanted three numbers from 0 to 1, such as (0.1, 0.6, 0.25)")
    elif _chroma(_of(key)) < _LEAST_CHROMA:
        raise SettingsError(f"got the grey {_code(key)} as key, wanted the colour of a screen; try --key green, or '#00b140'")


def to_ycc(rgb: Array) -> Array:
    """R'G'B' (H, W, 3) in [0, 1] as Y in [0, 1], Cb and Cr in [-0.5, 0.5]."""
    return cv2.transform(rgb, TO_YCC)


def find_screen(ycc: Array, key: Key, free: NDArray[np.bool_]) -> Array | None:
    """A screen's colour, (3,) Y Cb Cr, in a small picture; None where it shows none.

    ycc: (h, w, 3). free: (h, w), what may be screen. "auto" is the commonest saturated hue of the picture's left, right and upper border;
    "green" and "blue" are looked for there, and else in all of the picture. Of a given colour the hue is looked for; where it is nowhere,
    the colour is taken at its word."""
    if not isinstance(key, str):
        given = _of(key)
        found = _commonest(ycc[free], (float(_hue(given)), _NEAR), _IN_ALL)
        return given if found is None else found
    found = _commonest(ycc[free & border(*free.shape)], _HUES[key], _IN_BORDER)
    if found is None and key != "auto":
        found = _commonest(ycc[free], _HUES[key], _IN_ALL)
    return found


def no_screen(key: Key) -> SettingsError:
    """What to say of a picture without one."""
    if key == "auto":
        return SettingsError("no evenly coloured screen found around the person; try --key green, --key blue or --key '#rrggbb'")
    named = key if isinstance(key, str) else "#" + "".join(f"{round(255 * level):02x}" for level in key)
    return SettingsError(f"no {named} screen found in the picture; try --key auto, or the screen's colour as --key '#rrggbb'")


def _commonest(samples: Array, hues: tuple[float, float], least: float) -> Array | None:
    """The median of the samples, (N, 3), about the hue that most of them have; None where fewer than `least` of them have it."""
    if not len(samples):
        return None
    centre, reach = hues
    hue = (_hue(samples.T) - centre + 180) % 360 - 180
    coloured = (_chroma(samples.T) >= _LEAST_CHROMA) & (np.abs(hue) <= reach)
    counts = np.bincount(((hue[coloured] + 180) / _BIN).astype(int), minlength=round(360 / _BIN) + 1)
    peak = (int(np.convolve(counts, np.ones(5), "same").argmax()) + 0.5) * _BIN - 180
    near = coloured & (np.abs(hue - peak) <= _NEAR)
    return np.median(samples[near], axis=0) if near.mean() >= least else None


def border(height: int, width: int) -> NDArray[np.bool_]:
    """The left, right and upper rim of a picture: at the bottom a person stands."""
    rim = np.ones((height, width), bool)
    across, down = max(1, round(_BORDER * width)), max(1, round(_BORDER * height))
    rim[down:, across : width - across] = False
    return rim


def _of(rgb: RGB) -> Array:
    return TO_YCC @ np.array(rgb, np.float32)


def _chroma(ycc: Array) -> Array:
    return np.hypot(ycc[1], ycc[2])


def _hue(ycc: Array) -> Array:
    """Degrees."""
    return np.degrees(np.arctan2(ycc[2], ycc[1]))


def _code(rgb: RGB) -> str:
    return "#" + "".join(f"{round(255 * level):02x}" for level in rgb)
