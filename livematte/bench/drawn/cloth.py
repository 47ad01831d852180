"""Thin things that let the background through: a veil, a scarf's ends, wide sleeves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from livematte.bench.drawn.canvas import Array, Canvas, Point, Stuff
from livematte.bench.drawn.poses import Air, Arm, Pose

_TAU = 2 * np.pi


def veil(canvas: Canvas, pose: Pose, rgb: Array, air: Air) -> None:
    """Behind the head, down to the elbows, with a denser hem."""
    s = np.linspace(0, 1, 40)
    sides = []
    for side in (-1, 1):
        wave = 0.07 * s * np.sin(_TAU * (2.2 * s - 0.9 * air.seconds + 0.3 * side))
        x = pose.head[0] * (1 - s) + side * (0.57 * np.sqrt(np.minimum(1, 5 * s)) + 0.6 * s**1.3) + wave + 0.5 * air.wind * s**2
        sides.append(np.stack([x, pose.head[1] - 0.64 + 2.1 * s], axis=1))
    _sheet(canvas, sides[0], sides[1], Stuff(rgb, opacity=0.36), air)


def scarf_end(canvas: Canvas, at: Point, rgb: Array, air: Air) -> None:
    """A ribbon that flies from the neck to the right."""
    s = np.linspace(0, 1, 36)
    bend = np.sin(_TAU * (1.3 * s - 1.1 * air.seconds)) * 0.16 * s
    x = at[0] + 1.5 * s * (0.5 + 0.5 * abs(air.wind))
    y = at[1] + (1.5 - 1.2 * abs(air.wind)) * s**1.4 + bend
    half = 0.13 + 0.06 * s + 0.03 * np.sin(_TAU * (2 * s - 0.8 * air.seconds))
    _sheet(canvas, np.stack([x, y - half], axis=1), np.stack([x, y + half], axis=1), Stuff(rgb, opacity=0.7), air)


def sleeve(canvas: Canvas, arm: Arm, rgb: Array, air: Air, *, lag: Point) -> None:
    """A wide sleeve that hangs from the forearm and is left behind by it."""
    s = np.linspace(0, 1, 30)[:, None]
    top = np.array(arm.shoulder) + (np.array(arm.elbow) - np.array(arm.shoulder)) * np.minimum(2 * s, 1)
    top = top + (np.array(arm.wrist) - np.array(arm.elbow)) * np.maximum(2 * s - 1, 0)
    drop = np.sin(np.pi * np.minimum(1, 0.25 + 0.62 * s)) * 0.75
    wave = 0.05 * np.sin(_TAU * (1.5 * s - 1.3 * air.seconds))
    below = top + np.concatenate([wave + 3.0 * lag[0] * s, drop + np.abs(wave)], axis=1)
    _sheet(canvas, top, below, Stuff(rgb, opacity=0.5), air)


def _sheet(canvas: Canvas, one: NDArray[np.float64], other: NDArray[np.float64], stuff: Stuff, air: Air) -> None:
    """What lies between two curves, in strips that take the light by turns, as folds do; the far end is hemmed."""
    rgb, opacity, layer, folds = stuff.colour, stuff.opacity, canvas.layer(), canvas.layer()
    canvas.area(layer, np.concatenate([one, other[::-1]]), rgb)
    canvas.lay(layer, opacity)
    across = np.linspace(0, 1, 9)
    for index, (left, right) in enumerate(pairwise(across)):
        bent = 0.04 * np.sin(_TAU * (np.linspace(0, 1, len(one)) + 0.13 * index - 0.5 * air.seconds))[:, None]
        edges = [one + (other - one) * np.clip(part + bent, 0, 1) for part in (left, right)]
        light = 0.72 + 0.34 * ((index * 5) % 8) / 7
        canvas.area(folds, np.concatenate([edges[0], edges[1][::-1]]), np.minimum(rgb * np.float32(light), 1))
    canvas.lay(folds, 0.35 * opacity)
    hem = canvas.layer()
    canvas.curves(hem, np.stack([one, other]), 0.02, rgb * np.float32(0.9))
    canvas.curves(hem, np.linspace(one[-1], other[-1], 12)[None], 0.03, rgb * np.float32(0.85))
    canvas.lay(hem, 0.75)
