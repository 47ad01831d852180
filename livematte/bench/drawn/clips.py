"""The benchmark's clips: who is to be seen, what they do, before what, by what camera; and their pictures, one after another.

src = bgr + pha · (fgr · light - bgr) + noise,   pha and fgr the mean over the moments while the shutter is open
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from livematte.bench.drawn.canvas import Array, Canvas
from livematte.bench.drawn.person import Looks, Person
from livematte.bench.drawn.rooms import Room, view

Size = tuple[int, int]

RATE = 30
_SHUTTER = 0.5 / RATE  # seconds for which it is open: half of a frame
_FINER_BELOW = 600  # rows: smaller pictures are drawn at twice their size
_BLURRED = {"dance": 5, "wave": 5, "talk": 3, "walk": 3, "turn": 3, "hold": 3, "rest": 2}  # moments of a blurred picture


_STRIPED, _SAND, _RUST, _BOTTLE, _SLATE = (0.7, 0.3, 0.3), (0.62, 0.5, 0.32), (0.75, 0.45, 0.3), (0.3, 0.38, 0.32), (0.28, 0.3, 0.36)
_AT_HOME = ("beard", "cup", "headphones")


class Clip(NamedTuple):
    """head: its height, of the picture's. at: where the pit of the neck stands, of the picture's width and height. start: seconds at which
    the clip begins. noise: of the range. dim: of the light."""

    name: str
    looks: Looks
    action: str
    head: float
    at: tuple[float, float]
    room: str
    camera: str
    start: float = 0.0
    noise: float = 0.008
    dim: float = 1.0


class Picture(NamedTuple):
    """src, fgr, bgr: (H, W, 3) R'G'B' in [0, 1]; pha: (H, W) in whole 255ths. fgr is straight, as it is lit in src."""

    src: Array
    pha: Array
    fgr: Array
    bgr: Array


CLIPS = (
    Clip("curls-wave", Looks(0, "curls", 1, (0.62, 0.2, 0.24), "knit"), "wave", 0.32, (0.46, 0.55), "office", "still"),
    Clip(
        "long-wind-pan", Looks(2, "long", 2, _STRIPED, "stripes", wears=("bare arms",), wind=0.3), "talk", 0.27, (0.5, 0.5), "street", "pan"
    ),
    Clip("far-walk", Looks(1, "wavy", 3, (0.75, 0.7, 0.62), "print"), "walk", 0.094, (0.47, 0.34), "street", "walking", noise=0.01),
    Clip(
        "veil-lights", Looks(0, "long", 0, _SAND, wears=("veil",), wind=0.25), "turn", 0.24, (0.52, 0.46), "lights", "handheld", noise=0.012
    ),
    Clip(
        "glasses-screen",
        Looks(1, "wavy", 0, _RUST, wears=("glasses",)),
        "talk",
        0.31,
        (0.42, 0.55),
        "screen",
        "still",
        noise=0.018,
        dim=0.85,
    ),
    Clip("sleeves-dance", Looks(3, "bun", 0, (0.5, 0.2, 0.45), wears=("sleeves",)), "dance", 0.15, (0.5, 0.36), "kitchen", "still"),
    Clip("cup-headphones", Looks(0, "short", 4, _BOTTLE, "checks", wears=_AT_HOME), "hold", 0.29, (0.55, 0.52), "kitchen", "handheld"),
    Clip("scarf-far", Looks(2, "curls", 0, _SLATE, wears=("scarf",), wind=0.7), "rest", 0.105, (0.5, 0.33), "street", "pan", start=3.0),
    Clip("dark-on-dark", Looks(3, "curls", 0, (0.13, 0.14, 0.17)), "talk", 0.25, (0.5, 0.5), "wall", "still", noise=0.022, dim=0.6),
    Clip("long-turn", Looks(2, "long", 1, (0.22, 0.3, 0.5), "knit"), "turn", 0.2, (0.48, 0.42), "office", "walking"),
)


def pictures(clip: Clip, size: Size, frames: int, *, seed: int = 0) -> Iterator[Picture]:
    """size: (width, height). seed: another draws other folds, strands and rooms."""
    person, room = Person(clip.looks, seed), Room(clip.room, size, seed + 1000)
    rng = np.random.default_rng(seed + 2000)
    for index in range(frames):
        seconds = clip.start + index / RATE
        rgba = _exposed(clip, person, size, seconds)
        pha = (np.rint(rgba[..., 3] * 255) / 255).astype(np.float32)
        light = room.light(seconds) * np.float32(clip.dim)
        fgr = np.clip(_straight(rgba) * light, 0, 1)
        bgr = room.seen(view(clip.camera, seconds), seconds) * np.float32(clip.dim)
        yield Picture(_filmed(bgr + pha[..., None] * (fgr - bgr), clip.noise, rng), pha, fgr, bgr)


def _exposed(clip: Clip, person: Person, size: Size, seconds: float) -> Array:
    """(H, W, 4) premultiplied: the mean of the moments, through a lens that is not perfectly sharp."""
    finer = 2 if size[1] < _FINER_BELOW else 1
    count = _BLURRED[clip.action]
    total = np.zeros((size[1] * finer, size[0] * finer, 4), np.float32)
    for part in range(count):
        moment = seconds + _SHUTTER * ((part + 0.5) / count - 0.5)
        canvas = _canvas(clip, (size[0] * finer, size[1] * finer), moment)
        person.draw(canvas, clip.action, moment)
        total += canvas.rgba
    soft = _softened(total * np.float32(1 / count))
    return np.asarray(soft.reshape(size[1], finer, size[0], finer, 4).mean(axis=(1, 3), dtype=np.float32))


def _canvas(clip: Clip, size: Size, seconds: float) -> Canvas:
    """The person follows a shaken camera, and is followed by one that pans."""
    where = view(clip.camera, seconds)
    zoom = where.zoom if clip.camera == "walking" else 1.0
    shaken = where.x if clip.camera == "handheld" else 0.08 * where.x
    x = clip.at[0] * size[0] - shaken * size[1]
    y = size[1] * (0.5 + (clip.at[1] - 0.5) * zoom - where.y)
    return Canvas(size, clip.head * size[1] * zoom, (x, y))


def _softened(rgba: Array) -> Array:
    """By 1 2 1 along rows and columns, twice: about a pixel."""
    for _ in range(2):
        for axis in (0, 1):
            wide = np.pad(rgba, [(1, 1) if i == axis else (0, 0) for i in range(3)], mode="edge")
            before, after = (wide[:-2], wide[2:]) if axis == 0 else (wide[:, :-2], wide[:, 2:])
            rgba = np.float32(0.5) * rgba + np.float32(0.25) * (before + after)
    return rgba


def _straight(rgba: Array) -> Array:
    """(H, W, 3): the colour where somebody is, their mean colour where nobody is."""
    pha = rgba[..., 3:]
    mean = rgba[..., :3].sum(axis=(0, 1), dtype=np.float64) / max(float(pha.sum(dtype=np.float64)), 1e-9)
    faint = np.float32(1 / 510)
    return np.asarray(np.where(pha < faint, mean.astype(np.float32), rgba[..., :3] / np.maximum(pha, faint)), np.float32)


def _filmed(rgb: Array, noise: float, rng: np.random.Generator) -> Array:
    """With a sensor's noise: stronger where it is dark by no more than half, partly common to the colours."""
    shared = rng.standard_normal((*rgb.shape[:2], 1), np.float32)
    single = rng.standard_normal(rgb.shape, np.float32)
    level = np.float32(noise) * (np.float32(0.6) + np.float32(0.6) * np.sqrt(np.clip(rgb, 0, 1)))
    return np.asarray(np.clip(rgb + level * (np.float32(0.8) * shared + np.float32(0.5) * single), 0, 1), np.float32)
