"""What a camera can give, and which of it to ask for.

The classic trap: raw pictures at 1080p fill a USB 2 cable at 5 a second, while the same camera has 30 as MJPEG.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from livematte.errors import SourceError
from livematte.frame import Size
from livematte.sources.base import Wish

SIZE: Size = (1280, 720)  # where nothing is wished: what calls show
RATE = Fraction(30)
# Cheapest first: planes that frames keep, packed ones, those to decode, those with a delay, those without colour.
_RANKS = ("nv12", "yuv420p", "yuv422p", "yuyv422", "uyvy422", "mjpeg", "rgb24", "bgr24", "h264", "gray")
_ALSO = {"mjpg": "mjpeg", "yuyv": "yuyv422", "yuy2": "yuyv422", "uyvy": "uyvy422", "i420": "yuv420p", "grey": "gray"}
_FLUID = Fraction(4, 5)  # of a rate that nobody asked for is as good: 25 for 30
_AS_GOOD = Fraction(99, 100)  # of a rate that somebody asked for: 29.97 for 30


class Mode(NamedTuple):
    """One of a camera's settings. pixels: libav's name. rates: frames per second, () where the driver does not tell."""

    pixels: str
    size: Size
    rates: tuple[Fraction, ...]


class Choice(NamedTuple):
    """What to ask for. rate: None leaves it to the driver."""

    pixels: str
    size: Size
    rate: Fraction | None


def libav_name(pixels: str | None) -> str | None:
    """A pixel format as libav calls it, from that or from what drivers call it."""
    return pixels and _ALSO.get(pixels.lower(), pixels.lower())


def choose(modes: Sequence[Mode], wish: Wish, *, name: str) -> Choice:
    """The mode nearest to the wish. A wished size comes before the rate; else the rate comes first, as a call at 10 frames a second is
    worse than a small one. SourceError where the camera has nothing in the wished pixel format, or nothing at all."""
    wanted = libav_name(wish.pixels)
    allowed = [mode for mode in modes if wanted in (None, mode.pixels)]
    if not modes:
        raise SourceError(f"camera {name} has no format that can be read; wanted one of {', '.join(_RANKS)}")
    if not allowed:
        has = dict.fromkeys(mode.pixels for mode in modes)
        raise SourceError(f"camera {name} has no {wish.pixels}; wanted --pixel-format {' or '.join(has)}")
    mode = min(allowed, key=lambda mode: _badness(mode, wish))
    return Choice(mode.pixels, mode.size, _rate(mode, wish.rate or RATE))


def _badness(mode: Mode, wish: Wish) -> tuple[object, ...]:
    slow, off = _shortfall(mode, wish), _distance(mode.size, wish.size or SIZE)
    return (mode.pixels == "gray", *((off, slow) if wish.size else (slow, off)), _RANKS.index(mode.pixels))


def _shortfall(mode: Mode, wish: Wish) -> Fraction:
    """How many frames a second are missing."""
    enough = _enough(wish)
    return max(Fraction(0), enough - max(mode.rates, default=enough))


def _enough(wish: Wish) -> Fraction:
    return RATE * _FLUID if wish.rate is None else wish.rate * _AS_GOOD


def _distance(size: Size, wanted: Size) -> float:
    """How unlike two sizes are: by width and by height, as factors."""
    return sum(abs(math.log(a / b)) for a, b in zip(size, wanted, strict=True))


def _rate(mode: Mode, wanted: Fraction) -> Fraction | None:
    """The lowest rate that is enough, else the highest."""
    enough = [rate for rate in mode.rates if rate >= wanted * _AS_GOOD]
    return min(enough) if enough else max(mode.rates, default=None)


def refusal(got: Choice, modes: Sequence[Mode], wish: Wish) -> str | None:
    """What to tell where the camera gives less than wished, with what to try; None where it does not."""
    rate, enough = wish.rate or RATE, _enough(wish)
    small = wish.size is not None and got.size != wish.size
    slow = got.rate is not None and got.rate < enough
    if not small and not slow:
        return None
    instead = [f"{wish.size[0]}x{wish.size[1]}"] if small and wish.size else []
    instead += [f"{_number(rate)} frames a second"] if slow else []
    told = f"the camera gives {_shown(got.size)} at {_number(got.rate)} frames a second as {got.pixels} instead of {' at '.join(instead)}"
    return told + (_faster(got, modes, enough) if slow else "; `livematte devices` lists its sizes")


def _faster(got: Choice, modes: Sequence[Mode], enough: Fraction) -> str:
    """What else the camera has that is fast enough: the same size in another format, else the nearest size."""
    fast = [mode for mode in modes if max(mode.rates, default=Fraction(0)) >= enough and mode.pixels != "gray"]
    same = [mode for mode in fast if mode.size == got.size and mode.pixels != got.pixels]
    if same:
        best = min(same, key=lambda mode: _RANKS.index(mode.pixels))
        return f"; it has {_number(max(best.rates))} as {best.pixels}: try --pixel-format {best.pixels}"
    others = [mode for mode in fast if mode.size != got.size]
    if not others:
        return ""
    best = min(others, key=lambda mode: (_distance(mode.size, got.size), _RANKS.index(mode.pixels)))
    other = f" --pixel-format {best.pixels}" if best.pixels != got.pixels else ""
    return f"; it has {_number(max(best.rates))} at {_shown(best.size)}: try --size {_shown(best.size)}{other}"


def listed(modes: Sequence[Mode]) -> list[str]:
    """For people: a line for each pixel format, with its sizes and their highest rates, large ones first."""
    lines = []
    for pixels in dict.fromkeys(mode.pixels for mode in sorted(modes, key=lambda mode: _RANKS.index(mode.pixels))):
        best = {mode.size: mode.rates for mode in modes if mode.pixels == pixels}
        sizes = sorted(best, key=math.prod, reverse=True)
        shown = [f"{_shown(size)} @ {_number(max(best[size], default=None))}" for size in sizes[:_MOST_SIZES]]
        more = [f"and {len(sizes) - _MOST_SIZES} smaller"] if len(sizes) > _MOST_SIZES else []
        lines.append(f"{pixels:<8} {', '.join(shown + more)}")
    return lines


_MOST_SIZES = 8


def _shown(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _number(rate: Fraction | None) -> str:
    return "?" if rate is None else f"{float(rate):.4g}"
