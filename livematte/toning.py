"""A change of exposure and white balance, in stops of R, G and B, done on a frame's own planes.

Light times 2^s is a code times k = 2^(s / 2), as light is nearly the code's square. Brighter: v' = k v / (1 + (k - 1) v³), so that white
stays white and nothing is clipped; darker: v' = k v. The balance leaves luma and fades out towards white, where there is no room for it:
Y'CbCr gets a curve on luma and, at the size of chroma, Cb' = Cb · (what luma is multiplied by) + (what a grey of that luma gets).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte import colour as colours
from livematte.frame import Frame, PixelFormat, Plane, to_integers
from livematte.lens import LUMA, power_of
from livematte.planes import Array

Stops = NDArray[np.float64]  # of R, G, B

_NOTHING = 0.005  # stops: less moves no code of 8 bits by a half
_DARK = 1e-3  # luma about black, which has no factor of its own
_FADE = 6  # power of luma with which the balance fades out: three quarters of it are left at 0.8, half at 0.9


def toned(frame: Frame, stops: Stops, *, box: tuple[int, int, int, int]) -> tuple[Plane, ...]:
    """The frame's planes, those within `box` (left, top, right, bottom; on whole chroma samples) changed by `stops` of at most one and a
    half."""
    if float(np.abs(stops).max()) < _NOTHING:
        return frame.planes
    out = frame.with_planes(tuple(np.array(plane) for plane in frame.planes))
    part = out.crop(*box)
    exposure = float(LUMA @ stops)
    gain, balance = 2 ** (exposure / power_of(frame)), 2 ** ((stops - exposure) / power_of(frame))
    if frame.format.family == "gbr":
        for plane, channel in zip(part.planes, balance[[1, 2, 0]], strict=True):
            plane[...] = _looked_up(plane, _table(frame, gain, channel), frame.format) << frame.format.shift
        return out.planes
    if frame.format.family != "gray":
        _tone_chroma(part, gain, balance)  # which wants the luma as it was
    part.planes[0][...] = _looked_up(part.planes[0], _table(frame, gain, 1.0), frame.format) << frame.format.shift
    return out.planes


def _levels(frame: Frame) -> NDArray[np.float64]:
    """What each code of luma means, black 0 and white 1."""
    zero, scale, _ = colours.code_range(frame.full_range, frame.format.bits)
    return (np.arange(1 << frame.format.bits, dtype=np.float64) - zero) / scale


def _curve(v: NDArray[np.float64], gain: float) -> NDArray[np.float64]:
    """Rises all the way to white for gains up to 1.5; beyond white nothing changes."""
    if gain <= 1:
        return gain * v
    return np.asarray(np.where(v < 1, gain * v / (1 + (gain - 1) * np.maximum(v, 0) ** 3), v))


def _room_for_balance(v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 - np.clip(v, 0, 1) ** _FADE)


def _table(frame: Frame, gain: float, balance: float) -> Plane:
    """What each code of a channel becomes, in codes."""
    zero, scale, _ = colours.code_range(frame.full_range, frame.format.bits)
    v = _curve(_levels(frame), gain)
    v = v * (1 + (balance - 1) * _room_for_balance(v))
    return to_integers((v * scale + zero).astype(np.float32), frame.format.bits)


def _tone_chroma(part: Frame, gain: float, balance: Stops) -> None:
    """Writes into the chroma planes of a piece whose luma is still as it was. balance: what R, G and B are multiplied by."""
    before = _levels(part)
    after = _curve(before, gain)
    times = np.divide(after, before, out=np.full_like(before, gain), where=before > _DARK)
    _, *grey = part.delta_planes((balance - 1).astype(np.float32)[None, None])[0, 0]  # the chroma that white would get
    luma = cv2.resize(part.planes[0], part.planes[1].shape[1::-1], interpolation=cv2.INTER_AREA)
    semi = part.format.family == "semi"
    for i, (white, channel) in enumerate(zip(grey, balance[[2, 0]], strict=True)):
        plane = part.planes[1][..., i] if semi else part.planes[1 + i]
        factor, shift = (t.astype(np.float32) for t in (times * channel, white * after * _room_for_balance(after)))
        plane[...] = _moved(plane, _looked_up(luma, factor, part.format), _looked_up(luma, shift, part.format), part.format)


def _looked_up(plane: Plane, table: NDArray[Any], fmt: PixelFormat) -> NDArray[Any]:
    """The table's entry of each code."""
    if fmt.bits == 8:
        return cv2.LUT(plane, table)
    return np.take(table, plane >> fmt.shift, mode="clip")


def _moved(plane: Plane, factor: Array, shift: Array, fmt: PixelFormat) -> Plane:
    """Chroma times a factor, and shifted; in code values as they lie in the plane."""
    middle = np.float32(1 << (fmt.bits + fmt.shift - 1))
    values = (plane - middle) * factor
    values += shift
    values += middle
    if fmt.bits == 8:
        return cv2.convertScaleAbs(np.maximum(values, 0))
    return to_integers(values * np.float32(1 / (1 << fmt.shift)), fmt.bits) << fmt.shift
