"""Small drawn scenes with trimaps, shared by what tests alpha from them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import scenes

from livematte.frame import Frame
from livematte.matting.trimaps.solvers import METHODS

SIZE = (320, 180)
BAND = 12
NAMES = [name for name in METHODS if name != "information-flow"]


@lru_cache
def scene(seed: int = 1, step: int = 0, size: tuple[int, int] = SIZE) -> scenes.Scene:
    drawn = scenes.room_scene(size, seed=seed, step=step)
    return drawn._replace(src=np.clip(drawn.src, 0, 1))


def marks(seed: int = 1) -> np.ndarray:
    """Its trimap."""
    return scenes.trimap_of(scene(seed).pha, BAND)


def frame(step: int = 0, *, seed: int = 1, name: str = "yuv420p", label: str = "") -> Frame:
    return replace(scenes.frame_of(scene(seed, step).src, name, pts=step), label=label)


def off(pha: np.ndarray, true: np.ndarray, where: np.ndarray) -> float:
    """Mean absolute error there."""
    return float(np.abs(pha - true)[where].mean())
