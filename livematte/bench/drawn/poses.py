"""How a body moves: where its joints are at a moment.

Lengths in head heights from the pit of the neck, times in seconds, angles in radians.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from livematte.bench.drawn.canvas import Point

_UPPER, _FORE = 1.3, 1.15  # lengths of an arm's parts
SHOULDER = (0.74, 0.36)
_HIP = (0.34, 2.62)
_TAU = 2 * np.pi


class Air(NamedTuple):
    """wind: to the right, in head heights by which it carries the ends of things that are one long. seconds: when."""

    wind: float
    seconds: float


class Arm(NamedTuple):
    """fingers: angle to which the hand points, from straight down towards the middle. spread: of the fingers, 0 to 1."""

    shoulder: Point
    elbow: Point
    wrist: Point
    fingers: float
    spread: float


class Leg(NamedTuple):
    hip: Point
    knee: Point
    ankle: Point


class Pose(NamedTuple):
    """head: its middle; tilt: to the right; yaw: turned to the right, -1 to 1; lean: how much further right each head height lies; mouth:
    how far it is open, 0 to 1; lag: how far the head has come in the last eighth of a second, which is what loose hair is behind by."""

    head: Point
    tilt: float
    yaw: float
    lean: float
    mouth: float
    arms: tuple[Arm, Arm]
    legs: tuple[Leg, Leg]
    lag: Point


def pose(action: str, seconds: float) -> Pose:
    """action: one of ACTIONS."""
    now, before = _head(action, seconds), _head(action, seconds - 0.125)
    lean = 0.06 * _wave(seconds, 0.23, 0.4) * (1.7 if action == "dance" else 1.0)
    wrists = _WRISTS[action](seconds)
    arms = [_arm(side, wrist, lean) for side, wrist in zip((-1, 1), wrists, strict=True)]
    legs = [_leg(side, lean, seconds if action == "walk" else None) for side in (-1, 1)]
    return Pose(
        head=(now[0], now[1]),
        tilt=now[2],
        yaw=now[3],
        lean=-lean,
        mouth=max(0.0, _wave(seconds, 3.1) * _wave(seconds, 0.7)) if action in ("talk", "wave") else 0.1,
        arms=(arms[0], arms[1]),
        legs=(legs[0], legs[1]),
        lag=(before[0] - now[0], before[1] - now[1]),
    )


def _wave(seconds: float, hertz: float, phase: float = 0.0) -> float:
    return float(np.sin(_TAU * (hertz * seconds + phase)))


def _head(action: str, t: float) -> tuple[float, float, float, float]:
    """x, y, tilt, yaw."""
    x, y, tilt, yaw = 0.07 * _wave(t, 0.31), -0.63 + 0.012 * _wave(t, 0.62), 0.05 * _wave(t, 0.43, 0.2), 0.25 * _wave(t, 0.27, 0.1)
    if action == "talk":
        return x + 0.03 * _wave(t, 1.3), y + 0.02 * _wave(t, 1.7), tilt + 0.05 * _wave(t, 0.9), yaw
    if action == "dance":
        return x + 0.2 * _wave(t, 0.9), y + 0.05 * _wave(t, 1.8), tilt + 0.16 * _wave(t, 0.9), yaw + 0.35 * _wave(t, 0.45)
    if action == "turn":
        return x + 0.1 * _wave(t, 0.5), y, tilt, 0.85 * _wave(t, 0.5)
    if action == "walk":
        return x + 0.03 * _wave(t, 0.95), y + 0.03 * _wave(t, 1.9), tilt, yaw
    return x, y, tilt, yaw


Wrist = tuple[float, float, float, float]  # x, y, fingers, spread; x and fingers as of the right arm


def _rest(t: float, phase: float = 0.0) -> Wrist:
    return 0.98 + 0.02 * _wave(t, 0.3, phase), 2.72, 0.1, 0.1


def _gesture(t: float, phase: float) -> Wrist:
    return 1.0 + 0.3 * _wave(t, 0.8, phase), 1.2 + 0.35 * _wave(t, 1.1, phase), 2.6 + 0.5 * _wave(t, 0.8, phase), 0.5


def _greeting(t: float) -> Wrist:
    swing = _wave(t, 2.1)
    return 1.55 + 0.42 * swing, -0.42 - 0.06 * swing * swing, 3.14 - 0.45 * swing, 0.8


def _circling(t: float, phase: float) -> Wrist:
    return 1.45 + 0.5 * _wave(t, 0.85, phase), 0.35 + 1.0 * _wave(t, 0.85, phase + 0.25), 2.4 + 0.6 * _wave(t, 0.85, phase), 0.6


def _swinging(t: float, phase: float) -> Wrist:
    return 0.98, 2.6 + 0.13 * _wave(t, 0.95, phase), 0.15, 0.15


def _drinking(t: float) -> Wrist:
    up = 0.5 - 0.5 * _wave(t, 0.4, 0.25)
    return 0.75 - 0.32 * up, 1.35 - 1.3 * up, 2.7, 0.1


_WRISTS = {
    "rest": lambda t: (_rest(t), _rest(t, 0.4)),
    "turn": lambda t: (_rest(t), _rest(t, 0.4)),
    "talk": lambda t: (_gesture(t, 0.1), _gesture(t, 0.55)),
    "wave": lambda t: (_rest(t), _greeting(t)),
    "dance": lambda t: (_circling(t, 0.5), _circling(t, 0.1)),
    "walk": lambda t: (_swinging(t, 0.0), _swinging(t, 0.5)),
    "hold": lambda t: (_rest(t), _drinking(t)),
}
ACTIONS = tuple(_WRISTS)


def _arm(side: int, wrist: Wrist, lean: float) -> Arm:
    """Two parts that reach for the wrist, the elbow outwards."""
    shoulder = (side * SHOULDER[0] - lean * SHOULDER[1], SHOULDER[1])
    x, y = side * wrist[0] - shoulder[0], wrist[1] - shoulder[1]
    reach = min(float(np.hypot(x, y)), (_UPPER + _FORE) * 0.995)
    # An arm that reaches less far points towards us in part, and looks shorter.
    shown = min(1.0, max(0.62, 1.3 * reach / (_UPPER + _FORE)))
    upper, fore = shown * _UPPER, shown * _FORE
    bend = float(np.arccos(np.clip((upper**2 + reach**2 - fore**2) / (2 * upper * reach), -1, 1)))
    # The elbow hangs: of the two ways to reach the wrist, the one whose elbow lies lower or further out.
    ways = [float(np.arctan2(y, x)) + sign * bend for sign in (-1, 1)]
    towards = max(ways, key=lambda way: float(np.sin(way)) + 0.45 * side * float(np.cos(way)))
    elbow = (shoulder[0] + upper * float(np.cos(towards)), shoulder[1] + upper * float(np.sin(towards)))
    at = float(np.arctan2(y, x))
    end = (shoulder[0] + reach * float(np.cos(at)), shoulder[1] + reach * float(np.sin(at)))
    return Arm(shoulder, elbow, end, -side * wrist[2], wrist[3])


def _leg(side: int, lean: float, walking: float | None) -> Leg:
    """A step comes towards us: the foot is lifted and set down lower, the knee shows."""
    hip = (side * _HIP[0] - lean * _HIP[1], _HIP[1])
    lift = 0.0 if walking is None else max(0.0, _wave(walking, 0.95, 0.0 if side < 0 else 0.5))
    return Leg(hip, (side * (0.38 + 0.06 * lift) - 1.3 * lean, 4.35 - 0.25 * lift), (side * (0.36 - 0.05 * lift), 6.1 - 0.55 * lift))
