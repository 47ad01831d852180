"""What is given as the props: boxes, a cutout of them, or a mask of where they are."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from livematte.errors import SettingsError
from livematte.frame import Frame
from livematte.planes import Array

_LEAST_SIDE = 1.0  # percent of a box
_WANTED = "wanted X,Y,W,H in percent of the picture: X and Y from 0, W and H from 1, X+W and Y+H up to 100; several with ; between"
_GREY, _EXTREME = 0.06, 0.08  # of the range: channels that differ by less are grey; what is nearer to black or white is that
_NEARLY_ALL = 0.97  # of a mask's pixels are grey, and black or white: its edges are soft, and JPEG leaves some traces
_HOW = (
    "wanted a picture of the scene in which all but the props is transparent, or a mask, white where they are and black elsewhere\n"
    "Erase all else in a paint program and save it as PNG, or give their place as X,Y,W,H in percent"
)


class Box(NamedTuple):
    """A part of the picture, in percent of its width and height."""

    left: float
    top: float
    width: float
    height: float


Boxes = tuple[Box, ...]


def parse_props(spec: str) -> Path | Boxes:
    """What `--props` names: a picture's path, or boxes as in "5,60,30,40" and "5,60,30,40;80,20,10,60". SettingsError: no such boxes."""
    if not re.fullmatch(r"[\d\s.,;+-]+", spec):
        return Path(spec)
    return tuple(_box(part, spec) for part in spec.split(";"))


def _box(part: str, spec: str) -> Box:
    try:
        left, top, width, height = (float(number) for number in part.split(","))
    except ValueError:
        raise SettingsError(f"--props: got {spec!r}, {_WANTED}") from None
    inside = left >= 0 and top >= 0 and left + width <= 100 + 1e-6 and top + height <= 100 + 1e-6
    if not inside or width < _LEAST_SIDE or height < _LEAST_SIDE:
        raise SettingsError(f"--props: got {part.strip()}, {_WANTED}")
    return Box(left, top, width, height)


class Given(NamedTuple):
    """Props as a picture gives them. pha: (H, W) float32 in [0, 1]. colours: the picture, where it shows them; None for a mask.
    sample_aspect: the picture's."""

    pha: Array
    colours: Frame | None
    sample_aspect: Fraction


def of_picture(picture: Frame) -> Given:
    """SettingsError where it is neither a cutout nor a mask, or shows none."""
    if picture.pha is not None and picture.pha.min() < 1:
        given = Given(picture.pha, picture, picture.sample_aspect)
    else:
        given = Given(_mask(picture), None, picture.sample_aspect)
    if given.pha.max() < 0.5:
        raise SettingsError(f"--props: the picture shows none, it is {'transparent' if given.colours else 'black'} all over; {_HOW}")
    if given.pha.min() > 0.5:
        raise SettingsError(f"--props: the picture is {'opaque' if given.colours else 'white'} all over; {_HOW}")
    return given


def _mask(picture: Frame) -> Array:
    rgb = picture.rgb()
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    coloured = rgb.max(axis=2) - rgb.min(axis=2) > _GREY
    between = (grey > _EXTREME) & (grey < 1 - _EXTREME)
    if (coloured | between).mean() > 1 - _NEARLY_ALL:
        raise SettingsError(f"--props: got a photograph, of which nothing is transparent; {_HOW}")
    return np.clip((grey - np.float32(_EXTREME)) * np.float32(1 / (1 - 2 * _EXTREME)), 0, 1)
