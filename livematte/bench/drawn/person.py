"""A whole person at a moment, put together from behind to front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livematte.bench.drawn import cloth, face, hair
from livematte.bench.drawn.canvas import Canvas, Point, Stuff, colour
from livematte.bench.drawn.poses import Air, Arm, Pose, pose
from livematte.bench.drawn.stuffs import HAIRS, SKINS, skin
from livematte.bench.drawn.stuffs import cloth as woven

_TORSO = np.array([(0.02, 0.24), (0.05, 0.34), (0.17, 0.68), (0.3, 0.84), (0.55, 0.84), (1.0, 0.78), (1.7, 0.68), (2.2, 0.75), (2.8, 0.74)])
_CUP = np.array([(-0.2, 0.13), (-0.18, 0.16), (0.2, 0.14), (0.22, 0.1)])
_BUN = 0.27
_FINGERS = ((-0.34, 0.26), (-0.12, 0.3), (0.1, 0.29), (0.3, 0.24))  # (angle, length) of each, spread out


@dataclass(frozen=True)
class Looks:
    """tone, hair_tone: of SKINS, HAIRS. top, pattern, trousers: of clothes. wears: of "glasses", "headphones", "veil", "scarf", "sleeves",
    "cup", "beard", "bare arms"."""

    tone: int
    style: str
    hair_tone: int
    top: tuple[float, float, float]
    pattern: str = "plain"
    trousers: tuple[float, float, float] = (0.2, 0.24, 0.36)
    wears: tuple[str, ...] = ()
    wind: float = 0.0


class Person:
    """The same person at every moment: what chance chose of folds and strands is kept."""

    def __init__(self, looks: Looks, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.looks = looks
        self._skin = skin(SKINS[looks.tone], rng)
        self._top = woven(looks.top, looks.pattern, rng)
        self._trousers = woven(looks.trousers, "plain", rng)
        self._hair = hair.grown(looks.style, colour(*HAIRS[looks.hair_tone]), rng)
        self._accent = rng.uniform(0.15, 0.9, 3).astype(np.float32)
        self._iris = rng.uniform(0.15, 0.5, 3).astype(np.float32)

    def draw(self, canvas: Canvas, action: str, seconds: float) -> None:
        now, air = pose(action, seconds), Air(self.looks.wind, seconds)
        self._behind(canvas, now, air)
        self._body(canvas, now)
        tones = face.Tones(self._hair.colour, self._iris)
        face.draw(canvas, now, self._skin, tones, beard="beard" in self.looks.wears)
        self._before(canvas, now, air)
        for arm in now.arms:
            self._arm(canvas, arm, now, air)

    def _behind(self, canvas: Canvas, now: Pose, air: Air) -> None:
        if "veil" in self.looks.wears:
            cloth.veil(canvas, now, colour(0.93, 0.9, 0.95), air)
        if self.looks.style == "bun":
            at = (now.head[0] - 0.1 * now.yaw, now.head[1] - 0.56)
            canvas.capsule(at, at, (_BUN, _BUN), Stuff(self._hair.colour))
        part = self._hair.back
        hair.comb(canvas, self._hair, hair.strands(self._hair, now, part, air), part)

    def _body(self, canvas: Canvas, now: Pose) -> None:
        shoe = Stuff(colour(0.12, 0.11, 0.12))
        for leg in now.legs:
            canvas.capsule(leg.ankle, (leg.ankle[0], leg.ankle[1] + 0.28), (0.13, 0.17), shoe)
            canvas.capsule(leg.knee, leg.ankle, (0.25, 0.17), self._trousers)
            canvas.capsule(leg.hip, leg.knee, (0.4, 0.27), self._trousers)
        for arm in now.arms:  # before the body, whose edge is then the sleeve's seam
            canvas.capsule(arm.shoulder, arm.elbow, (0.235, 0.175), self._top)
        chin = (now.head[0], now.head[1] + 0.3)
        canvas.capsule(chin, (0.0, 0.22), (0.17, 0.2), self._skin)
        canvas.spot((chin[0] + 0.04, chin[1] + 0.2), (0.24, 0.1), self._skin.colour * np.float32(0.45), 0.6)
        canvas.lathe((0.0, 0.0), 0.0, _TORSO, self._top, lean=now.lean)
        canvas.spot((0.0, 0.04), (0.3, 0.05), self._top.colour * np.float32(0.35), 0.5)

    def _before(self, canvas: Canvas, now: Pose, air: Air) -> None:
        part, wears = self._hair.front, self.looks.wears
        hair.cap(canvas, self._hair, now)
        hair.comb(canvas, self._hair, hair.on_cap(self._hair, now, part), part)
        fringe = slice(self._hair.style.back, self._hair.style.back + self._hair.style.front // 2)
        hair.comb(canvas, self._hair, self._aside(hair.strands(self._hair, now, fringe, air), now), fringe)
        if "glasses" in wears:
            face.glasses(canvas, now, self._accent * np.float32(0.5))
        if "headphones" in wears:
            face.headphones(canvas, now, self._accent)
        if "scarf" in wears:
            canvas.capsule((-0.24, -0.02), (0.24, 0.02), (0.2, 0.2), Stuff(self._accent))
            cloth.scarf_end(canvas, (0.2, 0.05), self._accent, air)

    def _aside(self, points: hair.Floats, now: Pose) -> hair.Floats:
        """Strands that would hang over the face go by its side."""
        x = points[..., 0] - now.head[0]
        below = np.clip((points[..., 1] - now.head[1] + 0.42) / 0.25, 0, 1)
        side = np.where(points[:, :1, 0] - now.head[0] < 0.06, -1.0, 1.0)
        moved = points.copy()
        moved[..., 0] = now.head[0] + np.where(x * side < 0.36 * below, side * (0.36 * below + 0.06 * (x * side)), x)
        return moved

    def _arm(self, canvas: Canvas, arm: Arm, now: Pose, air: Air) -> None:
        wears = self.looks.wears
        bare = "bare arms" in wears or "sleeves" in wears
        if "sleeves" in wears:
            cloth.sleeve(canvas, arm, self._accent * np.float32(0.5) + np.float32(0.5), air, lag=now.lag)
        self._hand(canvas, arm)
        canvas.capsule(arm.elbow, arm.wrist, (0.17, 0.105), self._skin if bare else self._top)
        if "cup" in wears and arm is now.arms[1]:
            self._cup(canvas, arm)

    def _hand(self, canvas: Canvas, arm: Arm) -> None:
        palm = _from(arm.wrist, arm.fingers, 0.26)
        inwards = -1 if arm.shoulder[0] > 0 else 1
        canvas.capsule(arm.wrist, palm, (0.11, 0.15), self._skin)
        for angle, length in _FINGERS:
            turn = arm.fingers + angle * (0.35 + 0.65 * arm.spread)
            root = _from(palm, arm.fingers + 3.2 * angle, 0.12)
            canvas.capsule(root, _from(root, turn, length), (0.048, 0.036), self._skin)
        thumb = _from(arm.wrist, arm.fingers - 0.9 * inwards, 0.13)
        canvas.capsule(thumb, _from(thumb, arm.fingers - (0.4 + 0.5 * arm.spread) * inwards, 0.24), (0.062, 0.045), self._skin)

    def _cup(self, canvas: Canvas, arm: Arm) -> None:
        at = _from(arm.wrist, arm.fingers, 0.32)
        canvas.lathe((at[0] - 0.08, at[1]), 0.0, _CUP, Stuff(colour(0.85, 0.86, 0.88)))


def _from(point: Point, angle: float, length: float) -> Point:
    """`length` away at an angle from straight down, turned to the left."""
    return point[0] - length * float(np.sin(angle)), point[1] + length * float(np.cos(angle))
