"""A head with a face: eyes, brows, nose, mouth, ears, and the light on them; glasses and beards where there are any."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livematte.bench.drawn.canvas import Array, Bytes, Canvas, Point, Stuff, colour
from livematte.bench.drawn.poses import Pose

_HEAD = np.array(  # (y, half width), from the crown to the chin
    [
        (-0.5, 0.02),
        (-0.48, 0.13),
        (-0.42, 0.24),
        (-0.3, 0.345),
        (-0.12, 0.39),
        (0.05, 0.38),
        (0.2, 0.345),
        (0.33, 0.275),
        (0.42, 0.19),
        (0.475, 0.11),
        (0.5, 0.02),
    ]
)
_DARK, _WHITE = colour(0.1, 0.07, 0.06), colour(0.93, 0.91, 0.89)
_CIRCLE = np.linspace(0, 2 * np.pi, 28, endpoint=False)


class _Face:
    """Places things on a turned and tilted head."""

    def __init__(self, pose: Pose) -> None:
        self._pose = pose

    def at(self, x: float, y: float, depth: float = 0.3) -> Point:
        """depth: how far before the middle of the head it lies, which is what turning moves."""
        pose = self._pose
        x = x * float(np.cos(0.9 * pose.yaw)) + depth * float(np.sin(0.9 * pose.yaw))
        sin, cos = float(np.sin(pose.tilt)), float(np.cos(pose.tilt))
        return pose.head[0] + x * cos - y * sin, pose.head[1] + x * sin + y * cos

    def oval(self, x: float, y: float, across: float, down: float, depth: float = 0.3) -> NDArray[np.float64]:
        return np.array([self.at(x + across * float(np.cos(a)), y + down * float(np.sin(a)), depth) for a in _CIRCLE])

    def line(self, *points: Point, depth: float = 0.3) -> NDArray[np.float64]:
        return np.array([[self.at(x, y, depth) for x, y in points]])


class Tones(NamedTuple):
    """Colours of a face, each (3,)."""

    hair: Array
    iris: Array


def draw(canvas: Canvas, pose: Pose, skin: Stuff, tones: Tones, *, beard: bool = False) -> None:
    face = _Face(pose)
    for side in (-1, 1):
        ear = face.at(side * 0.385, 0.03, -0.02)
        canvas.capsule((ear[0], ear[1] - 0.07), (ear[0] - side * 0.02, ear[1] + 0.06), (0.05, 0.035), skin)
    canvas.lathe(pose.head, pose.tilt, _HEAD, skin)
    _light(canvas, face, skin.colour)
    if beard:
        _beard(canvas, face, tones.hair)
    layer = canvas.layer()
    for x in (-0.165, 0.165):
        _eye(canvas, layer, face, x, tones)
    _nose_and_mouth(canvas, layer, face, skin.colour, pose.mouth)
    canvas.lay(layer)


def _light(canvas: Canvas, face: _Face, skin: Array) -> None:
    for side in (-1, 1):
        canvas.spot(face.at(side * 0.165, -0.06), (0.1, 0.07), skin * np.float32(0.55), 0.55)
        canvas.spot(face.at(side * 0.21, 0.14, 0.25), (0.1, 0.08), skin * colour(1.05, 0.75, 0.72), 0.4)
    canvas.spot(face.at(0.0, -0.28), (0.16, 0.09), skin * np.float32(1.12), 0.4)
    canvas.spot(face.at(0.0, 0.36), (0.12, 0.05), skin * np.float32(0.72), 0.4)
    canvas.spot(face.at(0.055, 0.1, 0.33), (0.045, 0.09), skin * np.float32(0.6), 0.55)
    canvas.spot(face.at(-0.01, 0.06, 0.36), (0.03, 0.09), skin * np.float32(1.2), 0.6)


def _eye(canvas: Canvas, layer: Bytes, face: _Face, x: float, tones: Tones) -> None:
    y, side = -0.04, float(np.sign(x))
    canvas.area(layer, face.oval(x, y, 0.072, 0.036), _WHITE)
    canvas.area(layer, face.oval(x, y, 0.034, 0.034, 0.31), tones.iris)
    canvas.area(layer, face.oval(x, y, 0.016, 0.016, 0.31), _DARK)
    canvas.area(layer, face.oval(x - 0.01, y - 0.012, 0.007, 0.007, 0.31), _WHITE)
    canvas.curves(layer, face.line((x - 0.08, y), (x - 0.04, y - 0.033), (x + 0.03, y - 0.038), (x + 0.08, y - 0.005)), 0.018, _DARK)
    brow = face.line((x - side * 0.1, y - 0.085), (x, y - 0.125), (x + side * 0.1, y - 0.1))
    canvas.curves(layer, brow, 0.03, tones.hair * np.float32(0.6))


def _nose_and_mouth(canvas: Canvas, layer: Bytes, face: _Face, skin: Array, opened: float) -> None:
    for side in (-1, 1):
        canvas.area(layer, face.oval(side * 0.035, 0.155, 0.018, 0.01, 0.36), skin * np.float32(0.45))
    lips = skin * colour(0.85, 0.52, 0.5)
    gap = 0.012 + 0.045 * opened
    canvas.area(layer, face.oval(0.0, 0.275, 0.115, 0.03 + gap, 0.31), lips)
    canvas.area(layer, face.oval(0.0, 0.275, 0.095, gap, 0.31), colour(0.3, 0.08, 0.08))
    if opened > 0.2:
        canvas.area(layer, face.oval(0.0, 0.275 - 0.6 * gap, 0.07, 0.3 * gap, 0.31), _WHITE)


def _beard(canvas: Canvas, face: _Face, hair: Array) -> None:
    jaw = [(-0.37, 0.08), (-0.33, 0.27), (-0.2, 0.45), (0.0, 0.54), (0.2, 0.45), (0.33, 0.27), (0.37, 0.08), (0.27, 0.14)]
    lip = [(0.17, 0.2), (0.0, 0.19), (-0.17, 0.2), (-0.27, 0.14)]
    layer = canvas.layer()
    canvas.area(layer, face.line(*jaw, *lip, depth=0.12)[0], hair * np.float32(0.8))
    canvas.lay(layer, 0.92)


def glasses(canvas: Canvas, pose: Pose, rgb: Array) -> None:
    """Thin frames, and lenses that shine a little."""
    face, layer, lenses = _Face(pose), canvas.layer(), canvas.layer()
    for side in (-1, 1):
        rim = face.oval(side * 0.17, -0.03, 0.135, 0.105, 0.36)
        canvas.area(lenses, rim, colour(0.75, 0.85, 0.95))
        canvas.curves(layer, rim[None], 0.02, rgb, closed=True)
        canvas.curves(layer, np.array([[face.at(side * 0.3, -0.05, 0.34), face.at(side * 0.41, -0.02, 0.0)]]), 0.02, rgb)
        glint = np.array([[face.at(side * 0.17 - 0.07, 0.02, 0.36), face.at(side * 0.17 + 0.0, -0.09, 0.36)]])
        canvas.curves(layer, glint, 0.012, colour(0.95, 0.97, 1.0))
    canvas.curves(layer, face.line((-0.045, -0.04), (0.0, -0.06), (0.045, -0.04), depth=0.37), 0.02, rgb)
    canvas.lay(lenses, 0.16)
    canvas.lay(layer)


def headphones(canvas: Canvas, pose: Pose, rgb: Array) -> None:
    """A band over the hair and a shell on each ear."""
    face, layer = _Face(pose), canvas.layer()
    band = [(0.44 * np.cos(a), 0.53 * np.sin(a) - 0.02) for a in np.linspace(-np.pi, 0, 24)]
    canvas.curves(layer, face.line(*band, depth=0.0), 0.06, rgb)
    canvas.lay(layer)
    for side in (-1, 1):
        at = face.at(side * 0.43, 0.03, 0.0)
        canvas.capsule((at[0], at[1] - 0.07), (at[0], at[1] + 0.07), (0.1, 0.1), Stuff(rgb))
