"""How much a person's light is drawn towards that of what stands behind them, over which time, and what becomes of skin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from livematte.colour import Colour
from livematte.frame import Frame
from livematte.match import SECONDS, Match
from livematte.planes import Array

MakeFrame = Callable[..., Frame]
SIZE = (120, 214)
# Faces from very light to very dark under plain light, R'G'B' of 255.
SKINS = [(240, 210, 195), (233, 196, 172), (224, 172, 140), (198, 150, 125), (165, 115, 88), (130, 88, 66), (95, 65, 50), (60, 42, 34)]
LIGHTS = {
    "warm": (0.45, 0.22, 0.08),
    "orange": (0.9, 0.45, 0.1),
    "cold": (0.75, 0.88, 1.0),
    "blue": (0.1, 0.15, 0.45),
    "green": (0.2, 0.7, 0.3),
}


def inside() -> Array:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.clip(40 - np.hypot(x - 107, y - 70), 0, 1).astype(np.float32)


def even(rgb: tuple[float, float, float]) -> Array:
    return np.broadcast_to(np.float32(rgb), (*SIZE, 3))


def person(skin: tuple[int, int, int] = (198, 150, 125), clothes: tuple[float, float, float] = (0.4, 0.4, 0.4)) -> Array:
    picture = np.array(even(clothes))
    picture[:70] = np.float32(skin) / 255
    return picture


def at(make_frame: MakeFrame, seconds: float) -> Frame:
    return replace(make_frame("gray", (16, 9)), pts=round(seconds * 90_000), time_base=Fraction(1, 90_000))


def stops(frame: Frame, behind: Array, who: Array | None = None, amount: float = 1.0) -> np.ndarray:
    return Match(amount).step(frame, inside(), person() if who is None else who, behind)


@pytest.mark.parametrize("light", [(0.0, 0.0, 0.0), (0.05, 0.05, 0.05), (1.0, 1.0, 1.0), *LIGHTS.values()])
@pytest.mark.parametrize("who", [(0.02, 0.02, 0.02), (0.4, 0.4, 0.4), (0.95, 0.95, 0.95), (0.1, 0.2, 0.8)])
def test_limits(make_frame: MakeFrame, light: tuple[float, float, float], who: tuple[float, float, float]) -> None:
    found = stops(make_frame(), even(light), even(who))
    exposure = float(np.array([0.25, 0.65, 0.1]) @ found)
    assert abs(exposure) <= 1
    assert np.abs(found - exposure).max() <= 0.45  # a third of a stop between R and G, or B and G, spread so that luma stays


def test_towards_the_background(make_frame: MakeFrame) -> None:
    frame = make_frame()
    assert (stops(frame, even((0.1, 0.1, 0.1))) < -0.5).all()
    assert (stops(frame, even((0.95, 0.95, 0.95))) > 0.4).all()
    red, green, blue = stops(frame, even(LIGHTS["warm"]))
    assert red > green > blue
    red, green, blue = stops(frame, even(LIGHTS["cold"]))
    assert red < green < blue


def test_alike_is_left_alone(make_frame: MakeFrame) -> None:
    grey = (0.4, 0.4, 0.4)
    assert np.abs(stops(make_frame(), even(grey), even(grey))).max() < 1e-3


def test_amounts_are_parts_of_the_whole(make_frame: MakeFrame) -> None:
    whole, half = (stops(make_frame(), even(LIGHTS["warm"]), amount=amount) for amount in (1.0, 0.5))
    np.testing.assert_allclose(half, whole / 2)


def test_what_lies_near_counts_for_more(make_frame: MakeFrame) -> None:
    near, far = np.array(even((0.1, 0.1, 0.1))), np.array(even((0.1, 0.1, 0.1)))
    near[30:110, 70:150], far[:, :40], far[:, -40:] = 0.9, 0.9, 0.9  # as many cells, about
    assert stops(make_frame(), near).mean() > stops(make_frame(), far).mean() + 0.2


def hue(rgb: np.ndarray) -> tuple[float, float]:
    """(degrees, chroma) of R'G'B' in BT.601's Cb, Cr."""
    cb, cr = np.array([[-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]]) @ rgb
    return float(np.degrees(np.arctan2(cr, cb))), float(np.hypot(cb, cr))


@pytest.mark.parametrize("skin", SKINS, ids=str)
@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("clothes", [(0.4, 0.4, 0.4), (0.1, 0.2, 0.7), (0.7, 0.25, 0.1)])
def test_skin_of_every_tone_stays_skin(
    make_frame: MakeFrame, skin: tuple[int, int, int], light: str, clothes: tuple[float, float, float]
) -> None:
    found = stops(make_frame(), even(LIGHTS[light]), person(skin, clothes))
    before = np.array(skin) / 255
    after = before * 2 ** ((found - np.array([0.25, 0.65, 0.1]) @ found) / 2)
    (was, chroma_was), (now, chroma) = hue(before), hue(after)
    assert 104 < now < 146, f"{was:.0f} became {now:.0f}"
    assert abs(now - was) < 9
    assert chroma > 0.75 * chroma_was
    assert chroma < max(1.3 * chroma_was, 0.27 * float(before @ [0.25, 0.65, 0.1]))  # no face is an orange


def run(frames: list[float], make_frame: MakeFrame, before: Array, after: Array, *, change: float) -> dict[float, float]:
    match = Match(1.0)
    return {t: float(match.step(at(make_frame, t), inside(), person(), before if t < change else after)[1]) for t in frames}


def test_a_constant_scene_is_matched_at_once_and_stays(make_frame: MakeFrame) -> None:
    dark = even((0.1, 0.1, 0.1))
    found = run([0, 0.04, 0.08, 3, 90], make_frame, dark, dark, change=1e9)
    assert len(set(np.round(list(found.values()), 9))) == 1
    assert found[0] < -0.5


@pytest.mark.parametrize("rate", [10, 20, 30, 60])
def test_a_step_of_light_is_followed_over_seconds_at_any_rate(make_frame: MakeFrame, rate: int) -> None:
    dark, bright = even((0.1, 0.1, 0.1)), even((0.9, 0.9, 0.9))
    times = [i / rate for i in range(10 * rate)]
    found = run(times, make_frame, dark, bright, change=1.0)
    low, high = found[0], float(stops(make_frame(), bright)[1])
    now = found[times[round((1.0 + SECONDS) * rate) - 1]]  # its last frame before the step was one period earlier
    assert abs((now - low) / (high - low) - (1 - np.exp(-1))) < 1e-6
    assert max(np.diff(list(found.values()))) <= (high - low) / rate / SECONDS + 1e-9


def test_variable_rates_come_to_the_same(make_frame: MakeFrame) -> None:
    dark, bright = even((0.1, 0.1, 0.1)), even((0.9, 0.9, 0.9))
    uneven = [0, 1.0, 1.01, 1.3, 1.35, 2.1, 2.5]
    regular = [0, 1.0, 1.5, 2.0, 2.5]
    one, other = (run(times, make_frame, dark, bright, change=1.0)[2.5] for times in (uneven, regular))
    assert abs(one - other) < 1e-9


def test_a_scene_that_starts_a_step_back_and_a_picture_without_a_time_are_matched_at_once(make_frame: MakeFrame) -> None:
    dark, bright = even((0.1, 0.1, 0.1)), even((0.9, 0.9, 0.9))
    fresh = stops(at(make_frame, 0), bright)
    for restart in ("reset", "back", "no time"):
        match = Match(1.0)
        match.step(at(make_frame, 5), inside(), person(), dark)
        if restart == "reset":
            match.reset()
        frame = {"reset": at(make_frame, 5.04), "back": at(make_frame, 1), "no time": replace(at(make_frame, 6), pts=None)}[restart]
        np.testing.assert_array_equal(match.step(frame, inside(), person(), bright), fresh, err_msg=restart)


def test_with_nobody_in_sight_all_stays_as_it_was(make_frame: MakeFrame) -> None:
    match, dark = Match(1.0), even((0.1, 0.1, 0.1))
    nobody = np.zeros(SIZE, np.float32)
    np.testing.assert_array_equal(match.step(at(make_frame, 0), nobody, person(), dark), 0)
    found = match.step(at(make_frame, 1), inside(), person(), dark)
    np.testing.assert_array_equal(match.step(at(make_frame, 2), nobody, person(), even((0.9, 0.9, 0.9))), found)
    assert found[1] < -0.5


def test_hdr_counts_in_its_own_stops(make_frame: MakeFrame) -> None:
    """A code of PQ is worth more light than one of SDR."""
    sdr, pq = (stops(make_frame(colour=Colour(9, transfer, 9)), even((0.35, 0.35, 0.35)))[1] for transfer in (1, 16))
    assert pq < 1.5 * sdr < 0
