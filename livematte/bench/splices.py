"""Clips cut together at known places, and what only looks like a cut: the trials of `livematte bench cuts`.

All is done on small pictures: the detector looks at smaller ones still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.bench.lossless import frame_of
from livematte.errors import SettingsError
from livematte.frame import Frame, Size
from livematte.sources import Cut, open_source

Array = NDArray[np.float32]

SIZE: Size = (256, 144)
RATES = (15, 24, 30, 60)
_SHOWN = 18  # frames of a shot
_LONGEST = 150  # frames read of a clip
_TAU = 2 * np.pi


class Shot(NamedTuple):
    """pictures: (T, H, W, 3) float32 R'G'B' in [0, 1], of SIZE, 30 a second."""

    name: str
    pictures: Array


@dataclass(frozen=True)
class Trial:
    """cuts: the frames that start a scene, but for the first. rate: frames a second. counts: whether it is right to find them; else either
    is, for a view that stays is better known to the network than begun anew (`followed` in cuts.py)."""

    kind: str
    name: str
    pictures: Array
    cuts: tuple[int, ...] = ()
    rate: int = 30
    counts: bool = True

    def frames(self) -> Iterator[Frame]:
        for index, picture in enumerate(self.pictures):
            yield replace(frame_of(picture, "yuv420p"), pts=index, time_base=Fraction(1, self.rate))


def shot(path: Path) -> Shot:
    """Of a clip, its first five seconds. SettingsError where it is too short."""
    with open_source(path, cut=Cut(frames=_LONGEST)) as source:
        pictures = [frame.rgb(SIZE) for frame in source]
    if len(pictures) < 2 * _SHOWN:
        raise SettingsError(f"{path} has {len(pictures)} frames, wanted at least {2 * _SHOWN} to cut from")
    return Shot(path.name.partition(".")[0], np.stack(pictures))


def trials(shots: Sequence[Shot]) -> list[Trial]:
    """Each shot with the next one, in each way to cut; and each by itself, in each way not to. A shot is of 2 _SHOWN frames at least."""
    pairs = list(zip(shots, [*shots[1:], shots[0]], strict=True)) if len(shots) > 1 else []
    made = [cut(*pair) for cut in _CUTS for pair in pairs]
    made += [cut(one) for cut in _WITHIN for one in shots]
    made += [Trial(f"no cut: {kind}", one.name, change(one.pictures)) for kind, change in _TRAPS.items() for one in shots]
    made += [_paced(one, rate) for rate in RATES for one in shots]
    made += [_paced_cut(*pair, rate) for rate in RATES for pair in pairs]
    return [*made, *(Trial("no cut: dissolve", f"{one.name} to {other.name}", _dissolved(one, other)) for one, other in pairs)]


# -- cuts


def _hard(one: Shot, other: Shot) -> Trial:
    pictures = np.concatenate([one.pictures[:_SHOWN], other.pictures[:_SHOWN]])
    return Trial("cut: another scene", f"{one.name} to {other.name}", pictures, (_SHOWN,))


def _dark(one: Shot, other: Shot) -> Trial:
    trial = _hard(one, other)
    return replace(trial, kind="cut: another scene, both dark", pictures=trial.pictures * np.float32(0.22))


def _quick(one: Shot, other: Shot) -> Trial:
    """Shots of six frames."""
    pieces = [each.pictures[start : start + 6] for start in (0, 6, 12) for each in (one, other)]
    return Trial("cut: every 6 frames", f"{one.name} to {other.name}", np.concatenate(pieces), (6, 12, 18, 24, 30))


def _jump(one: Shot) -> Trial:
    """The same view later, by a third of the clip or more."""
    later = max(_SHOWN, len(one.pictures) - _SHOWN)
    pictures = np.concatenate([one.pictures[:_SHOWN], one.pictures[later : later + _SHOWN]])
    return Trial("jump in the same view", one.name, pictures, (_SHOWN,), counts=False)


def _closer(one: Shot) -> Trial:
    """The same moment, half as large again."""
    size = (round(SIZE[0] / 1.5), round(SIZE[1] / 1.5))
    left, top = (SIZE[0] - size[0]) // 2, (SIZE[1] - size[1]) // 3
    near = [cv2.resize(each[top : top + size[1], left : left + size[0]], SIZE) for each in one.pictures[_SHOWN : 2 * _SHOWN]]
    return Trial("cut: same view, closer", one.name, np.concatenate([one.pictures[:_SHOWN], np.stack(near)]), (_SHOWN,))


_CUTS: tuple[Callable[[Shot, Shot], Trial], ...] = (_hard, _dark, _quick)
_WITHIN: tuple[Callable[[Shot], Trial], ...] = (_jump, _closer)


# -- what is no cut: (T, H, W, 3) to the same


def _plain(pictures: Array) -> Array:
    return pictures


def _flash(pictures: Array) -> Array:
    """Of two frames, in which what was bright is white."""
    lit = pictures[: 2 * _SHOWN].copy()
    lit[_SHOWN : _SHOWN + 2] = np.minimum(lit[_SHOWN : _SHOWN + 2] * np.float32(0.7) + np.float32(0.5), 1)
    return lit


def _fade(pictures: Array) -> Array:
    """To black and back, in half a second each."""
    level = np.concatenate([np.ones(4), np.linspace(1, 0, 15), np.linspace(0, 1, 15), np.ones(4)])
    return _levelled(pictures, level)


def _levelled(pictures: Array, level: NDArray[np.float64]) -> Array:
    shown = pictures[: len(level)]
    return shown * level[: len(shown), None, None, None].astype(np.float32)


def _dissolved(one: Shot, other: Shot) -> Array:
    """From one to the other in half a second."""
    part = np.clip((np.arange(2 * _SHOWN) - 10) / 15, 0, 1)[:, None, None, None].astype(np.float32)
    return np.asarray((1 - part) * one.pictures[: 2 * _SHOWN] + part * other.pictures[: 2 * _SHOWN], np.float32)


def _whip(pictures: Array) -> Array:
    """The camera swings by a picture's width in a quarter of a second, motion blurred, and rests."""
    way = np.concatenate([np.zeros(8), SIZE[0] * (0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, 8))), np.full(12, float(SIZE[0]))])
    return np.stack([_swung(picture, *ends) for picture, *ends in zip(pictures, way, [*way[1:], way[-1]], strict=False)])


def _swung(picture: Array, begin: float, end: float) -> Array:
    """What a camera sees on its way, of the picture and its mirror image beside it."""
    wide = np.concatenate([picture, picture[:, ::-1], picture], axis=1)
    steps = max(1, round(abs(end - begin) / 2))
    seen = [wide[:, round(at) : round(at) + SIZE[0]] for at in np.linspace(begin, end, steps)]
    return np.asarray(np.mean(seen, axis=0), np.float32)


def _passer(pictures: Array) -> Array:
    """Somebody dark walks past, close to the lens, out of focus, in four tenths of a second."""
    out = pictures[: 2 * _SHOWN].copy()
    x = np.arange(SIZE[0], dtype=np.float32)[None, :, None]
    for index in range(12):
        middle = SIZE[0] * (index / 11 * 2 - 0.5)
        cover = np.clip((0.42 * SIZE[0] - np.abs(x - middle)) / (0.08 * SIZE[0]) + 0.5, 0, 1)
        out[8 + index] += cover * (np.float32(0.1) - out[8 + index])
    return out


def _switched(pictures: Array) -> Array:
    """The light goes off, and on again."""
    level = np.ones(2 * _SHOWN)
    level[10:24] = 0.3
    return _levelled(pictures, level)


def _pumping(pictures: Array) -> Array:
    """Automatic exposure that swings by a quarter, three times a second."""
    level = 0.85 + 0.25 * np.sin(_TAU * 3 * np.arange(2 * _SHOWN) / 30)
    return np.clip(_levelled(pictures, level), 0, 1)


def _noisy(pictures: Array) -> Array:
    shown = pictures[: 2 * _SHOWN]
    return np.clip(shown + np.float32(0.08) * np.random.default_rng(0).standard_normal(shown.shape, np.float32), 0, 1)


def _frozen(pictures: Array) -> Array:
    """A picture stands for half a second, then things go on where they are by then."""
    shown = pictures[: 2 * _SHOWN].copy()
    shown[8:23] = shown[8]
    return shown


def _shaken(pictures: Array) -> Array:
    """A hand-held camera, up to a tenth of the height a frame."""
    by = np.random.default_rng(0).uniform(-0.1, 0.1, (2 * _SHOWN, 2)) * SIZE[1]
    moves = [np.array([[1, 0, x], [0, 1, y]]) for x, y in by]
    shown = zip(pictures, moves, strict=False)
    return np.stack([cv2.warpAffine(picture, move, SIZE, borderMode=cv2.BORDER_REFLECT) for picture, move in shown])


_TRAPS: dict[str, Callable[[Array], Array]] = {
    "as filmed": _plain,
    "a flash": _flash,
    "fade to black and back": _fade,
    "whip pan": _whip,
    "somebody passes close by": _passer,
    "light off and on": _switched,
    "exposure pumps": _pumping,
    "noise": _noisy,
    "frozen, then on": _frozen,
    "shaken": _shaken,
}


# -- rates


def _at(pictures: Array, rate: int) -> Array:
    """At another rate: frames left out, or shown twice."""
    indices = np.arange(0, len(pictures), 30 / rate).astype(int)
    return pictures[indices]


def _paced(one: Shot, rate: int) -> Trial:
    return Trial(f"no cut: {rate} fps", one.name, _at(one.pictures, rate), rate=rate)


def _paced_cut(one: Shot, other: Shot, rate: int) -> Trial:
    before, after = (_at(each.pictures[: 2 * _SHOWN], rate) for each in (one, other))
    return Trial(f"cut: {rate} fps", f"{one.name} to {other.name}", np.concatenate([before, after]), (len(before),), rate)
