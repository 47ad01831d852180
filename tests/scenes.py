"""Rendered scenes whose alpha is known: a drawn person with hair-like strands, soft edges and motion blur, before a room or a green screen.

All pictures are sRGB in [0, 1], float32; sizes are (width, height). A seed draws another person, another room; a step is a moment later.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.bench.scenes import backdrop
from livematte.colour import Colour
from livematte.frame import Frame, pixel_format

Array = NDArray[np.float32]
Size = tuple[int, int]

_FINER = 3  # times the size at which shapes are drawn, so that their edges are partly covered pixels
_SUB_STEPS = 9  # moments that a blurred picture is the mean of
_STRANDS = 120
_SOFT = 0.9  # pixels of 360 by which a lens softens every edge
_QUALITY = 88  # of the JPEG that stands for a camera's compression
_GRAIN = 0.006  # a camera's noise, of the range


class Scene(NamedTuple):
    """src = composed(fgr, bgr, pha), but for spill and compression. src, fgr, bgr: (H, W, 3); pha: (H, W)."""

    src: Array
    pha: Array
    fgr: Array
    bgr: Array


def portrait(size: Size = (640, 360), *, seed: int = 0, step: int = 0, blur: float = 0.0) -> tuple[Array, Array]:
    """(fgr (H, W, 3), pha (H, W)) of a person to the waist who sways from step to step. blur: pixels by which the person moves while
    the picture is taken. fgr holds the person's colours everywhere, also where nobody is."""
    moments = np.linspace(-blur / 2, blur / 2, _SUB_STEPS) if blur else [0.0]
    taken = [_drawn(size, seed, step, float(right)) for right in moments]
    pha = np.mean([alpha for _, alpha in taken], axis=0, dtype=np.float32)
    weights = [alpha[..., None] + np.float32(1e-4) for _, alpha in taken]  # where nobody is, colours count alike
    fgr = sum(colour * weight for (colour, _), weight in zip(taken, weights, strict=True)) / sum(weights)
    return np.asarray(fgr, np.float32), pha


def room(size: Size, *, seed: int = 0) -> Array:
    """A wall with things on it, somewhat out of focus."""
    return backdrop(size, np.random.default_rng(seed))


def composed(fgr: Array, bgr: Array, pha: Array) -> Array:
    """Straight foreground over background."""
    return bgr + pha[..., None] * (fgr - bgr)


def room_scene(size: Size, *, seed: int = 0, step: int = 0, blur: float = 0.0) -> Scene:
    """A person in a room that stands still, without noise."""
    fgr, pha = portrait(size, seed=seed, step=step, blur=blur)
    bgr = room(size, seed=seed + 1000)
    return Scene(composed(fgr, bgr, pha), pha, fgr, bgr)


def screen_scene(
    size: Size,
    *,
    seed: int = 0,
    step: int = 0,
    colour: tuple[float, float, float] = (0.1, 0.6, 0.25),
    uneven: float = 0.25,
    spill: float = 0.25,
    compressed: bool = True,
) -> Scene:
    """A person before a screen of that colour. uneven: by how much its light falls off towards the corners and one side. spill: of the
    screen's colour that lies on the person's rim. compressed: with a camera's noise, 4:2:0 and JPEG. fgr is the person without spill."""
    fgr, pha = portrait(size, seed=seed, step=step)
    bgr = _lit(size, seed, uneven)[..., None] * np.asarray(colour, np.float32)
    lit = fgr + np.float32(spill) * _rim(pha)[..., None] * np.asarray(colour, np.float32)
    src = np.clip(composed(lit, bgr, pha), 0, 1)
    return Scene(_compressed(src, seed + step) if compressed else src, pha, fgr, bgr)


def trimap_of(pha: Array, band: int = 20) -> NDArray[np.uint8]:
    """0 background, 128 unknown, 255 foreground: unknown within half a `band` of everything undecided."""
    undecided = ((pha > 0.02) & (pha < 0.98)).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (band + 1, band + 1))
    unknown = cv2.dilate(undecided, disc).astype(bool)
    return np.where(unknown, np.uint8(128), np.where(pha > 0.5, np.uint8(255), np.uint8(0)))


def frame_of(rgb: Array, name: str = "yuv420p", *, pts: int = 0) -> Frame:
    """The picture as a frame of BT.709, limited range (R'G'B' full), 30 a second."""
    known = pixel_format(name)
    assert known is not None
    fmt = known[0]
    shape = (1, 1)
    planes = tuple(np.zeros((*shape, 2) if fmt.family == "semi" and i else shape, fmt.dtype) for i in range(fmt.plane_count))
    colour = Colour() if fmt.family == "gbr" else Colour(matrix=1, full_range=False)
    blank = Frame(planes, fmt, pts=pts, time_base=Fraction(1, 30), duration=1, colour=colour)
    return blank.with_planes(blank.from_rgb(np.ascontiguousarray(rgb, np.float32)))


def _drawn(size: Size, seed: int, step: int, right: float) -> tuple[Array, Array]:
    """One moment, drawn finer and reduced. right: pixels by which the person stands further to the right."""
    width, height = size[0] * _FINER, size[1] * _FINER
    rng = np.random.default_rng(seed)
    unit = height / 360
    sway = 14 * np.sin(step / 6 + seed)
    middle = width / 2 + unit * float(rng.uniform(-40, 40) + sway) + _FINER * right
    hair, skin, shirt = (np.asarray(c, np.float32) for c in _colours(rng))
    mask = np.zeros((height, width), np.float32)
    fgr = np.empty((height, width, 3), np.float32)
    fgr[:] = hair
    fgr[round(215 * unit) :] = shirt * _folds(width, height - round(215 * unit), rng)
    at = _Pen(middle, unit)
    at.oval(mask, 0, 330, (115, 130), 1.0)
    at.oval(mask, 0, 140, (52, 66), 1.0)  # hair
    at.oval(mask, 0, 205, (24, 40), 1.0)
    at.oval(fgr, 0, 205, (22, 34), skin * np.float32(0.85))
    at.oval(fgr, 0, 152, (41, 54), skin)
    for side in (-1, 1):
        at.oval(fgr, 16 * side, 145, (6, 3), np.float32([0.12, 0.08, 0.07]))
    at.oval(fgr, 0, 183, (14, 4), np.float32([0.65, 0.3, 0.3]))
    at.strands(mask, rng, sway)
    pha = cv2.GaussianBlur(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), (0, 0), _SOFT * size[1] / 360)
    pha[pha < 1 / 510] = 0
    pha[pha > 1 - 1 / 510] = 1
    return cv2.resize(fgr, size, interpolation=cv2.INTER_AREA), np.clip(pha, 0, 1)


def _colours(rng: np.random.Generator) -> list[tuple[float, ...]]:
    """Of hair, skin and shirt; no shirt is green or of a green screen's blue."""
    hair = ((0.13, 0.09, 0.07), (0.42, 0.27, 0.13), (0.75, 0.6, 0.35), (0.3, 0.1, 0.06))
    skin = ((0.87, 0.68, 0.57), (0.55, 0.37, 0.27), (0.93, 0.76, 0.66), (0.36, 0.23, 0.17))
    shirt = ((0.6, 0.15, 0.18), (0.85, 0.83, 0.8), (0.2, 0.2, 0.24), (0.55, 0.4, 0.2))
    return [tuple(choices[int(rng.integers(len(choices)))]) for choices in (hair, skin, shirt)]


def _folds(width: int, height: int, rng: np.random.Generator) -> Array:
    """Light and shade of cloth, (height, width, 1)."""
    spots = rng.uniform(0.75, 1.15, (6, 14)).astype(np.float32)
    return np.clip(cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC), 0.6, 1.2)[..., None]


class _Pen:
    """Draws in units of a picture 360 high, about a middle."""

    def __init__(self, middle: float, unit: float) -> None:
        self._middle, self._unit = middle, unit

    def _point(self, x: float, y: float) -> tuple[int, int]:
        return round(self._middle + x * self._unit), round(y * self._unit)

    def oval(self, on: Array, x: float, y: float, radii: tuple[float, float], colour: float | Array) -> None:
        axes = round(radii[0] * self._unit), round(radii[1] * self._unit)
        value = colour if isinstance(colour, float) else colour.tolist()
        cv2.ellipse(on, self._point(x, y), axes, 0, 0, 360, value, cv2.FILLED, cv2.LINE_AA)

    def strands(self, mask: Array, rng: np.random.Generator, sway: float) -> None:
        """Hair that stands off the head, thinner than a pixel of the picture."""
        for _ in range(_STRANDS):
            angle, length, bend = rng.uniform(-2.9, -0.2), rng.uniform(8, 30), rng.uniform(-0.7, 0.7) - sway / 60
            start = np.array([48 * np.cos(angle), 140 + 62 * np.sin(angle)])
            along = np.linspace(0, 1, 8)[:, None]
            turned = angle + bend * along
            curve = start + length * along * np.hstack([np.cos(turned), np.sin(turned)])
            points = np.array([self._point(x, y) for x, y in curve], np.int32)
            cv2.polylines(mask, [points], False, float(rng.uniform(0.55, 1.0)), max(1, round(0.45 * self._unit)), cv2.LINE_AA)


def _lit(size: Size, seed: int, uneven: float) -> Array:
    """How bright each part of a screen is: a lamp's spot and some large folds."""
    rng = np.random.default_rng(seed + 77)
    across, down = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    x, y = rng.uniform(-0.5, 0.5, 2)
    fall = ((across - x) ** 2 + (down - y) ** 2) / 3
    folds = cv2.resize(rng.uniform(-0.2, 0.2, (3, 5)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(1 + uneven * (0.35 - fall + folds), np.float32)


def _rim(pha: Array) -> Array:
    """1 at the person's outline, falling off inwards over some hundredths of the picture's height."""
    inside = cv2.distanceTransform((pha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    return np.exp(-inside / np.float32(pha.shape[0] / 40)).astype(np.float32)


def _compressed(src: Array, seed: int) -> Array:
    noisy = src + np.float32(_GRAIN) * np.random.default_rng(seed).standard_normal(src.shape, np.float32)
    bgr8 = np.rint(np.clip(noisy[..., ::-1], 0, 1) * 255).astype(np.uint8)
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    done, data = cv2.imencode(".jpg", bgr8, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY, *sampling])
    assert done
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[..., ::-1].astype(np.float32) / np.float32(255)
