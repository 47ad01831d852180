"""What people wear: colours, folds, knit, stripes, checks."""

from __future__ import annotations

import cv2
import numpy as np

from livematte.bench.drawn.canvas import Array, Stuff, colour

_SIDE = 512  # of a texture, which repeats
SKINS = ((0.93, 0.74, 0.63), (0.72, 0.51, 0.39), (0.9, 0.68, 0.55), (0.42, 0.28, 0.21))
HAIRS = ((0.1, 0.07, 0.06), (0.36, 0.22, 0.12), (0.74, 0.56, 0.31), (0.4, 0.14, 0.07), (0.62, 0.6, 0.58))


def cloth(rgb: tuple[float, float, float], pattern: str, rng: np.random.Generator, *, opacity: float = 1.0) -> Stuff:
    """pattern: "plain", "knit", "stripes", "checks" or "print"; folds lie on all of them."""
    texture = _folds(rng)[..., None] * _PATTERNS[pattern](rng)
    return Stuff(colour(*rgb), texture.astype(np.float32), opacity)


def skin(rgb: tuple[float, float, float], rng: np.random.Generator) -> Stuff:
    return Stuff(colour(*rgb), _soft(rng, 10, 0.04)[..., None])


def _soft(rng: np.random.Generator, cells: int, strength: float) -> Array:
    """Smooth chance about 1, that repeats at the edges."""
    spots = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    tiled = cv2.resize(np.tile(spots, (3, 3)), (3 * _SIDE, 3 * _SIDE), interpolation=cv2.INTER_CUBIC)[_SIDE : 2 * _SIDE, _SIDE : 2 * _SIDE]
    return np.asarray(1 + np.float32(strength) * tiled, np.float32)


def _folds(rng: np.random.Generator) -> Array:
    """Creases that run slantwise: ridges of smooth chance."""
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    bent = (_soft(rng, 7, 1.0) - 1) * 40
    ridges = np.sin(2 * np.pi * ((x + bent) * 3 + y * 4) / _SIDE)
    return np.asarray(1 + 0.13 * np.copysign(np.abs(ridges) ** 1.5, ridges) * (_soft(rng, 6, 0.8)), np.float32)


def _plain(rng: np.random.Generator) -> Array:
    return _soft(rng, 120, 0.04)[..., None]


def _knit(rng: np.random.Generator) -> Array:
    y, x = np.mgrid[:_SIDE, :_SIDE]
    return (1 + 0.12 * np.sin(2 * np.pi * x / 8) * np.cos(2 * np.pi * (y + np.abs(x % 16 - 8)) / 16)).astype(np.float32)[..., None]


def _stripes(rng: np.random.Generator) -> Array:
    pattern = np.ones((_SIDE, _SIDE, 3), np.float32)
    pattern[np.arange(_SIDE) % 32 < 14] = rng.uniform(0.35, 1.0, 3)
    return pattern


def _checks(rng: np.random.Generator) -> Array:
    lines = np.where(np.arange(_SIDE) % 64 < 22, 0.62, 1.0) * np.where(np.arange(_SIDE) % 64 // 2 == 20, 1.4, 1.0)
    return (lines[:, None] * lines[None, :]).astype(np.float32)[..., None] * rng.uniform(0.8, 1.0, 3).astype(np.float32)


def _print(rng: np.random.Generator) -> Array:
    """Small flowers."""
    pattern = np.ones((_SIDE, _SIDE, 3), np.float32)
    for x, y in rng.integers(12, _SIDE - 12, (150, 2)):
        leaf = rng.uniform(0.35, 1.1, 3).tolist()
        for turn in np.linspace(0, 2 * np.pi, 5, endpoint=False):
            petal = (int(x + round(6 * np.cos(turn))), int(y + round(6 * np.sin(turn))))
            cv2.circle(pattern, petal, 4, leaf, cv2.FILLED)
    return pattern


_PATTERNS = {"plain": _plain, "knit": _knit, "stripes": _stripes, "checks": _checks, "print": _print}
