"""A drawn room with a desk, a microphone and a chair in it, and a person before and behind them, all with known alpha."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scenes import composed, frame_of, portrait, room

from livematte.frame import Frame, Matte

Array = NDArray[np.float32]
SIZE = (640, 360)
RATE = 10
_FINER = 4


class Thing(NamedTuple):
    """rgb: (H, W, 3), pha: (H, W)."""

    rgb: Array
    pha: Array


def _filled(shapes: list[NDArray[np.int32]], size: tuple[int, int]) -> Array:
    big = np.zeros((size[1] * _FINER, size[0] * _FINER), np.float32)
    scale = size[1] * _FINER / 360
    for shape in shapes:
        cv2.fillPoly(big, [np.rint(shape * scale).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(cv2.resize(big, size, interpolation=cv2.INTER_AREA), (0, 0), 0.6)


def _grain(size: tuple[int, int], colour: tuple[float, float, float], seed: int) -> Array:
    """A surface of that colour with some light and grain on it."""
    spots = np.random.default_rng(seed).uniform(0.8, 1.15, (9, 16)).astype(np.float32)
    return np.clip(cv2.resize(spots, size, interpolation=cv2.INTER_CUBIC)[..., None] * np.float32(colour), 0, 1)


@lru_cache(maxsize=8)
def desk(size: tuple[int, int] = SIZE) -> Thing:
    """A table's top from edge to edge, in front."""
    return Thing(_grain(size, (0.45, 0.28, 0.16), 3), _filled([np.array([[-10, 300], [650, 285], [650, 370], [-10, 370]])], size))


@lru_cache(maxsize=8)
def microphone(size: tuple[int, int] = SIZE) -> Thing:
    """A head on a thin arm that comes from the right."""
    x, y = 470, 190
    turn = np.linspace(0, 2 * np.pi, 40)
    head = np.stack([x + 15 * np.cos(turn), y + 24 * np.sin(turn)], axis=1)
    arm = np.array([[x + 8, y + 14], [x + 60, y + 95], [x + 65, y + 92], [x + 13, y + 10]])
    return Thing(_grain(size, (0.12, 0.13, 0.16), 5), _filled([head, arm], size))


class Shot(NamedTuple):
    """frame, matte: what a network says of it, the person alone. people, props: the true alpha of each; both: of both together."""

    frame: Frame
    matte: Matte
    people: Array
    props: Array
    both: Array


def noisy(rgb: Array, seed: int, grain: float = 0.008) -> Array:
    return np.clip(rgb + np.float32(grain) * np.random.default_rng(seed).standard_normal(rgb.shape, np.float32), 0, 1)


def shot(
    step: int,
    *,
    size: tuple[int, int] = SIZE,
    things: tuple[str, ...] = ("desk", "microphone"),
    behind: tuple[str, ...] = ("desk",),
    shift: float = 0.0,
    light: float = 1.0,
    moved: tuple[float, float] = (0, 0),
    name: str = "yuv420p",
    seed: int = 1,
) -> Shot:
    """One moment. behind: the things that the person stands behind. shift: pixels by which the person stands further right. light: of all.
    moved: the camera, in pixels."""
    fgr, pha = _person(size, seed, step)
    pha, fgr = (cv2.warpAffine(p, np.float32([[1, 0, shift], [0, 1, 0]]), size, borderMode=cv2.BORDER_REPLICATE) for p in (pha, fgr))
    pictures = {"desk": desk(size), "microphone": microphone(size)}
    src, people, props = room(size, seed=seed + 1000), np.zeros_like(pha), np.zeros_like(pha)
    layers = [(thing, pictures[thing]) for thing in things if thing not in behind]
    layers += [("person", Thing(fgr, pha))]
    layers += [(thing, pictures[thing]) for thing in things if thing in behind]
    for kind, thing in layers:
        src = composed(thing.rgb, src, thing.pha)
        people, props = people * (1 - thing.pha), props * (1 - thing.pha)
        if kind == "person":
            people = people + thing.pha
        else:
            props = props + thing.pha
    if moved != (0, 0):
        place = np.float32([[1, 0, moved[0]], [0, 1, moved[1]]])
        src, people, props = (cv2.warpAffine(p, place, size, borderMode=cv2.BORDER_REFLECT) for p in (src, people, props))
    rgb = noisy(np.float32(light) * src, step)
    frame = replace(frame_of(rgb, name, pts=step), time_base=Fraction(1, RATE))
    return Shot(frame, Matte(people, frame), people, props, np.clip(people + props, 0, 1))


@lru_cache(maxsize=64)
def _person(size: tuple[int, int], seed: int, step: int) -> tuple[Array, Array]:
    return portrait(size, seed=seed, step=step % 12)


def cutout(size: tuple[int, int] = SIZE, things: tuple[str, ...] = ("desk", "microphone")) -> Frame:
    """A props plate: a picture of the things with alpha."""
    pictures = {"desk": desk(size), "microphone": microphone(size)}
    rgb, pha = np.zeros((size[1], size[0], 3), np.float32), np.zeros(size[::-1], np.float32)
    for thing in things:
        rgb = composed(pictures[thing].rgb, rgb, pictures[thing].pha)
        pha = pha + pictures[thing].pha * (1 - pha)
    return replace(frame_of(noisy(rgb, 99), "gbrp"), pha=np.clip(pha, 0, 1))


def mask(size: tuple[int, int] = SIZE, things: tuple[str, ...] = ("desk", "microphone")) -> Frame:
    """The same as a black and white picture."""
    pha = cutout(size, things).pha
    return frame_of(np.repeat(pha[..., None], 3, axis=2), "gbrp")
