"""Exposure and white balance of a person drawn towards those of what stands behind them: how much, and over which time.

Exposure: half the difference of the mean codes of luma, in stops, never more than one. White balance: a third of the difference of casts
(log2 of R/G and B/G in light; grey world, Buchsbaum 1980), the person's taken of what is nearly grey on them, never more than a third of
a stop. Skin keeps a natural hue: where a gain would carry it off the line on which skin of every tone lies in (Cb, Cr), the gain is less.
"""

from __future__ import annotations

from math import exp
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.frame import Frame
from livematte.lens import LUMA, power_of, to_light
from livematte.planes import Array

SECONDS = 1.5  # in which a change of light is followed: slower than a head that turns, quicker than a lamp that is forgotten
_LEAST = 0.004  # of the picture must be surely the person: less says nothing of them
_EXPOSURE, _MOST_EXPOSURE = 0.5, 1.0  # of the difference; stops
_BALANCE, _MOST_BALANCE = 0.35, 0.35
_FAR = 0.15  # weight of what lies far from the person, beside 1 of what lies near
_GREY = 0.25  # stops by which a colour is off grey where it counts little for the light that falls on it
_PRIOR = 0.1  # of the person that is taken for grey as it is, a camera's own white balance
_CB_CR = np.array([[-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)  # BT.601: what is known of skin is told in it
_SKIN = np.radians([105.0, 145.0])  # hue, atan2(Cr, Cb): the tone line is at 123°, faces lie from 108° (rosy) to 142° (olive)
_TURN = np.radians(8.0)  # by which a hue may turn: 15 made faces olive before a green wall
_SKIN_CHROMA = 0.06, 0.5  # in parts of luma: from the palest to what only a coat can be
_NEARLY_ALL = 0.9
_LEAST_CHROMA, _MOST_CHROMA = 0.8, 1.25  # of skin's own chroma, at least and at most
_TANNED = 0.25  # in parts of luma: up to here skin may always gain colour
_TRIED = np.linspace(0, 1, 17)

Stops = NDArray[np.float64]  # of R, G, B


class Match:
    """step(frame, inside, person, behind) gives the stops by which R, G and B of the person change, smoothed over time. amount: 0 to 1."""

    def __init__(self, amount: float) -> None:
        self._amount = amount
        self._stops: Stops | None = None
        self._at: float | None = None  # when, in the frames' time

    def step(self, frame: Frame, inside: Array, person: Array, behind: Array) -> Stops:
        """inside: (h, w) alpha of a small picture; person, behind: (h, w, 3) R'G'B' in [0, 1] there. A step back in time begins anew, as
        does a picture without a time; where nobody is seen all stays as it was."""
        wanted = _wanted(frame, *(np.ascontiguousarray(small[::2, ::2]) for small in (inside, person, behind)))
        now, last = frame.seconds, self._at
        if frame.pts is None or (last is not None and now < last):
            self._stops = None
        if wanted is not None:
            gain = 1.0 if self._stops is None or last is None else 1 - exp((last - now) / SECONDS)
            self._stops = wanted if self._stops is None else self._stops + gain * (wanted - self._stops)
        self._at = now
        return self._amount * (np.zeros(3) if self._stops is None else self._stops)

    def reset(self) -> None:
        """A scene starts: what comes next is matched at once."""
        self._stops = self._at = None


def _wanted(frame: Frame, inside: Array, person: Array, behind: Array) -> Stops | None:
    """The stops that would match this frame; None where there is too little of a person."""
    sure = np.clip(10 * cv2.erode(inside, np.ones((3, 3), np.uint8)) - 9, 0, 1)
    if sure.mean() < _LEAST:
        return None
    near = _FAR + cv2.blur(inside, (inside.shape[0] // 2 | 1, inside.shape[0] // 2 | 1))
    power = power_of(frame)
    apart = power * np.log2(_mean(behind @ LUMA, near) / _mean(person @ LUMA, sure))
    exposure = _limited(_EXPOSURE * np.atleast_1d(apart), _MOST_EXPOSURE)
    light = to_light(behind, frame)
    cast = _chroma(np.array([_mean(light[..., i], near) for i in range(3)])) - _cast(to_light(person, frame), sure)
    red, blue = _limited(_BALANCE * cast, _MOST_BALANCE)
    balance = np.array([red, 0, blue]) - LUMA @ np.array([red, 0, blue])  # luma stays
    return exposure + _natural(balance, person, sure, power) * balance


def _mean(values: Array, weight: Array) -> float:
    return max(float((values * weight).sum() / weight.sum()), 1e-3)


def _limited(stops: Stops, most: float) -> Stops:
    """The vector, softly no longer than `most`."""
    length = float(np.hypot(*stops)) if len(stops) > 1 else abs(float(stops[0]))
    return stops * (most * np.tanh(length / most) / max(length, 1e-9))


def _chroma(light: NDArray[np.floating]) -> Stops:
    """log2 of R/G and B/G, (..., 2)."""
    logs = np.log2(np.maximum(light, 1e-3))
    return np.asarray(logs[..., [0, 2]] - logs[..., 1:2], np.float64)


def _cast(light: Array, sure: Array) -> Stops:
    """The cast of what is nearly grey on a person, and bright enough to tell."""
    chroma = _chroma(light)
    weight = sure * (light[..., 1] > 0.02) * np.exp(-(chroma**2).sum(axis=2) / (2 * _GREY**2))
    return np.asarray((chroma * weight[..., None]).sum(axis=(0, 1)) / (weight.sum() + _PRIOR * sure.sum()), np.float64)


def _natural(balance: Stops, person: Array, sure: Array, power: int) -> float:
    """The part of a balance, 0 to 1, under which nearly all of what may be skin still looks like skin."""
    skin = _skin(person, sure)
    if not len(skin):
        return 1.0
    hue, chroma = _hue(skin * 2 ** (_TRIED[:, None, None] * balance / power))
    low = np.minimum(hue[0], np.maximum(hue[0] - _TURN, _SKIN[0]))
    high = np.maximum(hue[0], np.minimum(hue[0] + _TURN, _SKIN[1]))
    most = np.maximum(_MOST_CHROMA * chroma[0], _TANNED * (skin @ LUMA))
    good = (hue >= low) & (hue <= high) & (chroma >= _LEAST_CHROMA * chroma[0]) & (chroma <= most)
    well = good.mean(axis=1) >= _NEARLY_ALL
    return 1.0 if well.all() else float(_TRIED[np.argmin(well) - 1])


def _skin(person: Array, sure: Array) -> Array:
    """Some of what may be skin on a person: (n, 3) R'G'B', none where that is less than a fiftieth of them."""
    hue, chroma = _hue(person)
    low, high = (part * (person @ LUMA) for part in _SKIN_CHROMA)
    skin = person[(sure > 0.5) & (hue > _SKIN[0]) & (hue < _SKIN[1]) & (chroma > low) & (chroma < high)]
    if len(skin) < 0.02 * sure.sum():
        return skin[:0]
    return skin[:: max(1, len(skin) // 256)]


def _hue(rgb: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(hue, chroma) of R'G'B' (..., 3)."""
    cb, cr = np.moveaxis(rgb @ _CB_CR.T, -1, 0)
    return np.arctan2(cr, cb), np.hypot(cb, cr)
