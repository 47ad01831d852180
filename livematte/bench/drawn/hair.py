"""Hair: every strand is a curve that leaves the head outwards, falls, is blown by the wind and stays behind where the head moves.

strand(s) = root + length · (outwards · (1 - (1 - s)²) · stiffness + down · s^1.3 · weight + wind · s²) + lag · s² + curl(s)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livematte.bench.drawn.canvas import Array, Canvas
from livematte.bench.drawn.poses import Air, Pose

Floats = NDArray[np.float64]

_POINTS = 8, 4  # of a curve, and more for each turn of a curl
_SHADES = np.array([0.45, 0.62, 0.78, 0.92, 1.08, 1.3, 1.6])  # from the shade to where light falls on it
_TAU = 2 * np.pi


class Style(NamedTuple):
    """Lengths in head heights. back, front: strands behind the head and before it. curl: (radius, turns)."""

    back: int
    front: int
    length: float
    stiff: float
    weight: float
    curl: tuple[float, float]
    bunch: float = 0.014  # width of those that make up the body of hair
    loose: float = 0.3  # share of strands that stand apart


STYLES = {
    "curls": Style(700, 320, 0.85, 0.62, 0.5, (0.055, 3.5)),
    "long": Style(900, 600, 1.9, 0.22, 0.8, (0.03, 1.2), 0.012, 0.4),
    "wavy": Style(900, 560, 1.35, 0.3, 0.75, (0.05, 2.0)),
    "short": Style(380, 420, 0.2, 0.75, 0.15, (0.01, 0.5), 0.014, 0.15),
    "bun": Style(260, 420, 0.13, 0.7, 0.1, (0.02, 1.0), 0.014, 0.2),
}


@dataclass(frozen=True)
class Hair:
    """One person's: the same strands at every moment."""

    style: Style
    colour: Array
    roots: Floats  # (N, 2), on the head, from its middle
    out: Floats  # (N, 2), of length 1
    lengths: Floats
    phases: Floats
    thin: NDArray[np.bool_]

    @property
    def back(self) -> slice:
        return slice(0, self.style.back)

    @property
    def front(self) -> slice:
        return slice(self.style.back, None)


def grown(name: str, rgb: Array, rng: np.random.Generator) -> Hair:
    """name: of STYLES."""
    style = STYLES[name]
    count = style.back + style.front
    angle = np.where(np.arange(count) < style.back, rng.uniform(-1.12, 0.12, count), rng.uniform(-0.98, -0.02, count)) * np.pi
    depth = np.where(np.arange(count) < style.back, rng.uniform(0.55, 1.0, count), rng.uniform(0.8, 1.02, count))
    roots = np.stack([0.4 * depth * np.cos(angle), 0.47 * depth * np.sin(angle) - 0.03], axis=1)
    lean = rng.uniform(-0.5, 0.5, count)
    out = np.stack([np.cos(angle + lean), np.sin(angle + lean)], axis=1)
    lengths = style.length * rng.uniform(0.65, 1.1, count)
    thin = rng.random(count) < style.loose
    lengths[thin] *= rng.uniform(0.8, 1.25, int(thin.sum()))
    return Hair(style, rgb, roots, out, lengths, rng.uniform(0, 1, count), thin)


def strands(hair: Hair, pose: Pose, part: slice, air: Air) -> Floats:
    """(N, P, 2) points."""
    style = hair.style
    s = np.linspace(0, 1, _POINTS[0] + round(_POINTS[1] * style.curl[1]))[None, :, None]
    phase = hair.phases[part, None, None]
    breath = 0.6 + 0.4 * np.sin(_TAU * (0.7 * air.seconds + 0.35 * phase)) + 0.25 * np.sin(_TAU * (1.9 * air.seconds + phase))
    gust = air.wind * (0.6 + 0.8 * phase) * breath
    blown = gust * s**2 * np.concatenate([np.ones_like(phase), 0.3 - 0.9 * phase], axis=2)
    fall = np.array([0.0, 1.0]) * s**1.3 * style.weight
    length = hair.lengths[part, None, None]
    path = length * (hair.out[part, None, :] * (1 - (1 - s) ** 2) * style.stiff + fall + blown)
    radius, turns = style.curl
    swing = _TAU * (turns * (0.8 + 0.4 * phase) * s + phase)
    curl = radius * s**0.5 * np.concatenate([np.cos(swing) - np.cos(_TAU * phase), np.sin(swing) - np.sin(_TAU * phase)], axis=2)
    lag = np.array(pose.lag) * s**2 * np.minimum(length, 1.5)
    return _on_head(hair.roots[part], pose)[:, None, :] + path + curl + lag


def comb(canvas: Canvas, hair: Hair, points: Floats, part: slice) -> None:
    """Draws strands: those of the body of hair first, in its shades, then the loose ones."""
    thin = hair.thin[part]
    body, loose = canvas.layer(), canvas.layer()
    shade = np.argsort(np.argsort(hair.phases[part])) * len(_SHADES) // len(thin)
    for index, light in enumerate(_SHADES):
        canvas.curves(body, points[~thin & (shade == index)], hair.style.bunch, hair.colour * np.float32(light))
    for index, light in enumerate(_SHADES):
        canvas.curves(loose, points[thin & (shade == index)], 0.005, hair.colour * np.float32(light))
    canvas.lay(body)
    canvas.lay(loose)


def cap(canvas: Canvas, hair: Hair, pose: Pose) -> None:
    """The hair that lies on the head, down to the hairline."""
    angle = np.linspace(-1.03, 0.03, 24) * np.pi
    crown = np.stack([0.425 * np.cos(angle), 0.5 * np.sin(angle) - 0.02], axis=1)
    line = np.array([[0.34, -0.13], [0.27, -0.27], [0.1, -0.335], [-0.08, -0.33], [-0.26, -0.26], [-0.34, -0.13]])
    line[:, 0] += 0.1 * pose.yaw * np.cos(np.pi * line[:, 0] / 0.8)
    layer = canvas.layer()
    canvas.area(layer, _on_head(np.concatenate([crown, line]), pose), hair.colour * np.float32(0.7))
    canvas.lay(layer)


def on_cap(hair: Hair, pose: Pose, part: slice) -> Floats:
    """Strands that lie on the head, from the parting to the sides: (N, P, 2)."""
    s = np.linspace(0, 1, 8)[None, :, None]
    roots, phase = hair.roots[part, None, :], hair.phases[part, None, None]
    start = np.array([0.06, -0.5]) + (roots - np.array([0.06, -0.5])) * np.array([0.75, 0.3]) * phase
    path = start + (roots * np.array([1.02, 1.0]) - start) * s + np.array([0.0, -0.1]) * s * (1 - s)
    flat = path.reshape(-1, 2)
    return _on_head(flat, pose).reshape(path.shape)


def _on_head(points: Floats, pose: Pose) -> Floats:
    """From the head's own middle and tilt to where it is."""
    sin, cos = np.sin(pose.tilt), np.cos(pose.tilt)
    return np.stack([points[:, 0] * cos - points[:, 1] * sin, points[:, 0] * sin + points[:, 1] * cos], axis=1) + np.array(pose.head)
