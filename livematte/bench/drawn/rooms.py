"""What is behind a person: rooms and a street, wider than the picture, and what moves in them."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from livematte.bench.drawn.canvas import Array, colour
from livematte.bench.scenes import backdrop, out_of_focus

Size = tuple[int, int]
Area = tuple[float, float, float, float]  # left, top, width, height

WIDER = 1.8  # than the picture, for cameras that pan
_TAU = 2 * np.pi
_ONE_IN = 16  # parts of a pixel in which things are drawn


class View(NamedTuple):
    """Where a camera looks: offsets in picture heights from the middle; zoom: how much larger things are."""

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0


def view(camera: str, seconds: float) -> View:
    """camera: "still", "handheld", "pan" or "walking"."""
    t = seconds
    if camera == "handheld":
        return View(0.008 * _wave(t, 1.1) + 0.004 * _wave(t, 2.7, 0.3), 0.006 * _wave(t, 1.4, 0.2) + 0.003 * _wave(t, 3.1))
    if camera == "pan":
        return View(0.42 * _wave(t, 0.22, -0.1), 0.01 * _wave(t, 0.6))
    if camera == "walking":
        return View(0.18 * _wave(t, 0.17) + 0.014 * _wave(t, 0.95), 0.018 * _wave(t, 1.9, 0.1), 1.08 + 0.06 * _wave(t, 0.21, 0.6))
    return View()


def _wave(seconds: float, hertz: float, phase: float = 0.0) -> float:
    return float(np.sin(_TAU * (hertz * seconds + phase)))


class Room:
    """kind: of KINDS. What chance chooses is kept; `seen` gives it at a moment: (H, W, 3) in [0, 1]."""

    def __init__(self, kind: str, size: Size, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._kind, self._size = kind, size
        self._wide = (round(size[0] * WIDER), round(size[1] * 1.3))
        self._still = _KINDS[kind](self._wide, rng)
        self._lamps = _lamps(self._wide, rng) if kind == "lights" else []
        self._phase = float(rng.uniform())

    def seen(self, where: View, seconds: float) -> Array:
        picture = self._still
        if self._kind == "lights":
            picture = _lit(picture, self._lamps, seconds)
        if self._kind == "screen":
            picture = _shone_on(picture, self.light(seconds), seconds)
        scale = where.zoom
        left = self._wide[0] / 2 + (where.x * self._size[1] - self._size[0] / 2) / scale
        top = self._wide[1] / 2 + (where.y * self._size[1] - self._size[1] / 2) / scale
        crop = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
        return np.clip(cv2.warpAffine(picture, crop, self._size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), 0, 1)

    def light(self, seconds: float) -> Array:
        """By what the room's light changes what is in it, (3,)."""
        if self._kind != "screen":
            return np.ones(3, np.float32)
        cut = int(seconds * 2.4 + self._phase)  # a film on the screen: its shots, and its flicker
        shot = np.random.default_rng(cut).uniform(0.8, 1.08, 3).astype(np.float32)
        return np.asarray(shot * (1 + 0.06 * _wave(seconds, 9.0) + 0.04 * _wave(seconds, 5.3)), np.float32)


def _office(size: Size, rng: np.random.Generator) -> Array:
    """A wall, a window, shelves with books, pictures, a plant."""
    width, height = size
    picture = _wall(size, rng)
    _window(picture, (width * 0.06, height * 0.12, width * 0.2, height * 0.5))
    for index in range(3):
        _frame(picture, width * (0.36 + 0.1 * index), height * (0.2 + 0.05 * (index % 2)), height * 0.16, rng)
    for row in range(4):
        _shelf(picture, (width * 0.7, height * (0.12 + 0.19 * row), width * 0.25, height * 0.17), rng)
    _plant(picture, (width * 0.6, height * 0.92), height * 0.5, rng)
    return out_of_focus(picture, height / 260)


def _kitchen(size: Size, rng: np.random.Generator) -> Array:
    """Tiles, cupboards, lamps."""
    width, height = size
    picture = _wall(size, rng)
    tile = max(4, round(height / 14))
    for x in range(0, width, tile):
        picture[: round(height * 0.62), x : x + max(1, tile // 12)] *= 0.86
    for y in range(0, round(height * 0.62), tile):
        picture[y : y + max(1, tile // 12)] *= 0.86
    step = round(width / 9)
    for x in range(0, width, step):
        tone = rng.uniform(0.32, 0.42) * np.array([1.0, 0.86, 0.72])
        _box(picture, (x + 2, height * 0.68, step - 4, height * 0.4), tone)
        _box(picture, (x + 0.42 * step, height * 0.72, step * 0.16, height * 0.012), (0.8, 0.8, 0.78))
    _box(picture, (0, height * 0.62, width, height * 0.05), (0.72, 0.7, 0.66))
    for part in (0.2, 0.5, 0.8):
        _glow(picture, (width * part, height * 0.2), height * 0.09, (1.0, 0.9, 0.7))
    return out_of_focus(picture, height / 260)


def _street(size: Size, rng: np.random.Generator) -> Array:
    """Sky, houses with windows, trees, pavement."""
    width, height = size
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture = np.broadcast_to(colour(0.62, 0.74, 0.9) * (1 - 0.5 * down) + 0.4 * down, (height, width, 3)).copy()
    x = 0.0
    while x < width:
        broad, tall = width * rng.uniform(0.08, 0.16), height * rng.uniform(0.35, 0.65)
        tone = rng.uniform(0.3, 0.75) * np.array([1.0, rng.uniform(0.8, 1.0), rng.uniform(0.7, 0.95)])
        _box(picture, (x, height * 0.78 - tall, broad, tall), tone)
        for row in np.arange(height * 0.78 - tall + height * 0.05, height * 0.72, height * 0.1):
            for column in np.arange(x + broad * 0.12, x + broad * 0.85, broad * 0.24):
                _box(picture, (column, row, broad * 0.13, height * 0.055), rng.uniform(0.1, 0.75) * np.array([0.8, 0.9, 1.0]))
        x += broad
    _box(picture, (0, height * 0.78, width, height * 0.3), (0.45, 0.44, 0.43))
    for _ in range(7):
        _tree(picture, (rng.uniform(0, width), height * 0.8), height * rng.uniform(0.3, 0.5), rng)
    return out_of_focus(picture, height / 200)


def _dusk(size: Size, rng: np.random.Generator) -> Array:
    """What is behind the drifting lights."""
    down = np.linspace(0, 1, size[1], dtype=np.float32)[:, None, None]
    low, high = rng.uniform(0.2, 0.4, 3), rng.uniform(0.08, 0.25, 3)
    return np.broadcast_to((high * (1 - down) + low * down).astype(np.float32), (size[1], size[0], 3)).copy()


def _cellar(size: Size, rng: np.random.Generator) -> Array:
    """A dim room for a screen to shine in."""
    return np.asarray(backdrop(size, rng) * np.float32(0.6), np.float32)


_KINDS = {"office": _office, "kitchen": _kitchen, "street": _street, "lights": _dusk, "screen": _cellar, "wall": backdrop}
KINDS = tuple(_KINDS)


def _wall(size: Size, rng: np.random.Generator) -> Array:
    """Plaster, lit from one side."""
    width, height = size
    tone = rng.uniform(0.5, 0.78) * np.array([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.78, 1.0)])
    across = np.linspace(1.12, 0.75, width, dtype=np.float32)[None, :, None]
    grain = cv2.resize(rng.uniform(-0.03, 0.03, (24, 60)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)[..., None]
    return np.asarray((tone.astype(np.float32) + grain) * across * np.ones((height, 1, 1), np.float32), np.float32)


def _box(picture: Array, area: Area, tint: object) -> None:
    x, y, width, height = area
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
    cv2.fillPoly(picture, [np.rint(corners * _ONE_IN).astype(np.int32)], np.asarray(tint, np.float64).tolist(), cv2.LINE_8, 4)


def _window(picture: Array, area: Area) -> None:
    x, y, width, height = area
    _box(picture, area, (0.9, 0.9, 0.88))
    pane = 0.46
    for column in (0.03, 0.51):
        for row in (0.03, 0.51):
            _box(picture, (x + column * width, y + row * height, pane * width, pane * height), (0.82 - 0.1 * row, 0.92, 0.99))


def _frame(picture: Array, x: float, y: float, side: float, rng: np.random.Generator) -> None:
    _box(picture, (x, y, side, side * 1.25), rng.uniform(0.08, 0.3, 3))
    _box(picture, (x + 0.1 * side, y + 0.1 * side, 0.8 * side, 1.05 * side), rng.uniform(0.5, 0.95, 3))
    for _ in range(4):
        left, top = rng.uniform(0.15, 0.6, 2)
        _box(picture, (x + left * side, y + (top + 0.15) * side, 0.25 * side, 0.3 * side), rng.uniform(0.1, 0.9, 3))


def _shelf(picture: Array, area: Area, rng: np.random.Generator) -> None:
    x, y, width, height = area
    _box(picture, area, (0.2, 0.14, 0.1))
    at = x + 0.01 * width
    while at < x + 0.93 * width:
        thick, tall = width * rng.uniform(0.02, 0.055), height * rng.uniform(0.6, 0.88)
        grey = rng.uniform(0.15, 0.8)
        _box(picture, (at, y + 0.93 * height - tall, thick, tall), np.clip(grey + rng.uniform(-0.22, 0.22, 3), 0.05, 0.95))
        at += thick * 1.08
    _box(picture, (x, y + 0.93 * height, width, 0.07 * height), (0.42, 0.3, 0.2))


def _plant(picture: Array, root: tuple[float, float], height: float, rng: np.random.Generator) -> None:
    """Leaves that could be taken for hair."""
    for _ in range(60):
        turn, length = rng.uniform(-2.6, -0.5), height * rng.uniform(0.4, 1.0)
        s = np.linspace(0, 1, 8)
        x = root[0] + length * s * np.cos(turn) * (0.5 + 0.5 * s)
        y = root[1] + length * (s * np.sin(turn) + 0.35 * s * s)
        points = np.rint(np.stack([x, y], axis=1) * _ONE_IN).astype(np.int32)
        tone = rng.uniform(0.15, 0.5) * np.array([0.55, 1.0, 0.45])
        cv2.polylines(picture, [points], False, tone.tolist(), max(1, round(height / 60)), cv2.LINE_8, 4)
    _box(picture, (root[0] - 0.13 * height, root[1] - 0.04 * height, 0.26 * height, 0.3 * height), (0.6, 0.36, 0.25))


def _tree(picture: Array, root: tuple[float, float], height: float, rng: np.random.Generator) -> None:
    _box(picture, (root[0] - 0.03 * height, root[1] - 0.5 * height, 0.06 * height, 0.5 * height), (0.25, 0.18, 0.13))
    for _ in range(70):
        x, y = root[0] + rng.normal(0, 0.17) * height, root[1] + (rng.normal(-0.65, 0.13)) * height
        tone = rng.uniform(0.18, 0.5) * np.array([0.6, 1.0, 0.4])
        cv2.circle(picture, (round(x), round(y)), max(2, round(height * rng.uniform(0.02, 0.06))), tone.tolist(), cv2.FILLED)


def _glow(picture: Array, at: tuple[float, float], radius: float, tint: tuple[float, float, float]) -> None:
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    near = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / np.float32(2 * radius * radius))[..., None]
    picture += np.float32(0.8) * near * colour(*tint) * (1 - picture)


class _Lamp(NamedTuple):
    x: float
    y: float
    radius: float
    tint: tuple[float, ...]
    speed: float  # picture widths a second
    twinkle: float  # hertz


def _lamps(size: Size, rng: np.random.Generator) -> list[_Lamp]:
    lamps = []
    for radius in np.sort(rng.uniform(0.02, 0.09, 40)) * size[1]:
        tint = tuple(rng.choice([(1.0, 0.62, 0.25), (1.0, 0.85, 0.55), (0.95, 0.35, 0.3), (0.45, 0.75, 1.0), (0.4, 0.95, 0.7)]))
        at = float(rng.uniform(0, size[0])), float(rng.normal(0.45, 0.2) * size[1])
        lamps.append(_Lamp(*at, float(radius), tint, float(radius / size[1] * rng.uniform(0.4, 1.2)), float(rng.uniform(0.2, 1.2))))
    return lamps


def _lit(dusk: Array, lamps: list[_Lamp], seconds: float) -> Array:
    """Discs out of focus, screened onto the dusk; what leaves on one side comes in again on the other."""
    picture = dusk.copy()
    height, width = dusk.shape[:2]
    disc = np.zeros((height, width), np.uint8)
    for lamp in lamps:
        span = width + 2 * lamp.radius
        x = (lamp.x - lamp.speed * width * seconds + lamp.radius) % span - lamp.radius
        disc[:] = 0
        centre = (round(x * _ONE_IN), round(lamp.y * _ONE_IN))
        cv2.circle(disc, centre, round(lamp.radius * _ONE_IN), 255, cv2.FILLED, cv2.LINE_AA, 4)
        left, top, across, down = cv2.boundingRect(disc)
        part = np.s_[top : top + down, left : left + across]
        power = 0.45 + 0.15 * _wave(seconds, lamp.twinkle, lamp.x / width)
        cover = disc[part][..., None].astype(np.float32) * np.float32(power / 255)
        picture[part] += cover * colour(*lamp.tint) * (1 - picture[part])
    return picture


def _shone_on(room: Array, light: Array, seconds: float) -> Array:
    """A screen with bars that wander over it, and its light on the wall."""
    height, width = room.shape[:2]
    picture = room * light
    left, top, right, bottom = round(0.56 * width), round(0.2 * height), round(0.78 * width), round(0.62 * height)
    x = np.linspace(0, 1, right - left, dtype=np.float32)[None, :, None]
    y = np.linspace(0, 1, bottom - top, dtype=np.float32)[:, None, None]
    bars = 0.5 + 0.5 * np.sin(_TAU * (2 * x + y * colour(1.0, 1.5, 2.0) - np.float32(1.3 * seconds)))
    picture[top:bottom, left:right] = np.clip(light * (0.35 + 0.65 * bars), 0, 1)
    return np.asarray(picture, np.float32)
