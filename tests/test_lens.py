"""The room out of focus: discs of light, the same at any size, and nothing of the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from livematte.background import Blur
from livematte.colour import Colour
from livematte.frame import Frame, Matte
from livematte.lens import defocused

MakeFrame = Callable[..., Frame]
FORMATS = ["yuv420p", "yuv420p10le", "yuv422p", "nv12", "p010le", "gbrp", "gray", "yuv411p", "yuv444p12le"]


def drawn(make_frame: MakeFrame, luma: np.ndarray) -> Frame:
    """A grey picture, full range, so that codes are what is drawn."""
    frame = make_frame("gray", luma.shape[::-1], colour=Colour(full_range=True))
    return frame.with_planes((luma.astype(np.uint8),))


def nobody(frame: Frame) -> np.ndarray:
    return np.zeros(frame.size[::-1], np.float32)


def lamp(size: tuple[int, int], at: tuple[int, int], radius: int, *, level: int = 255, room: int = 20) -> np.ndarray:
    picture = np.full(size[::-1], room, np.uint8)
    return cv2.circle(picture, at, radius, level, -1)


def test_a_lamp_becomes_an_even_bright_disc(make_frame: MakeFrame) -> None:
    size, at = (640, 360), (320, 180)
    frame = drawn(make_frame, lamp(size, at, 12))
    luma = defocused(frame, nobody(frame), radius=10)[0].astype(float)
    y, x = np.mgrid[: size[1], : size[0]]
    far = np.hypot(y - at[1], x - at[0]) / 36
    assert np.ptp(luma[far < 0.75]) <= 5  # even, but for the small picture's cells: a Gaussian falls by a third over as much
    np.testing.assert_allclose(luma[far > 1.6], 20, atol=1)  # the disc, the lamp's own radius, and a cell or two
    light = (1 / (1 - 0.85)) * (12 / 36) ** 2  # of white, shining, over the whole disc
    drawn_light = (np.sqrt(1 + 4 * 0.85 * light**2) - 1) / (2 * 0.85 * light)
    assert abs(luma[far < 0.75].mean() - 255 * np.sqrt(drawn_light)) < 10  # a drawn circle's rim is half a pixel wider than its radius
    in_codes = cv2.GaussianBlur(frame.planes[0].astype(np.float32), (0, 0), 18)
    assert luma[at[1], at[0]] > 2 * in_codes[at[1], at[0]]


def test_light_is_kept(make_frame: MakeFrame) -> None:
    """Where nothing is near white, the mean light is what it was."""
    grey = lamp((320, 180), (160, 90), 30, level=140, room=60)
    frame = drawn(make_frame, grey)
    before, after = (float((p.astype(float) ** 2).mean()) for p in (grey, defocused(frame, nobody(frame), radius=8)[0]))
    assert abs(after / before - 1) < 0.01


def test_a_disc_is_round_on_the_screen(make_frame: MakeFrame) -> None:
    frame = replace(drawn(make_frame, lamp((320, 360), (160, 180), 10)), sample_aspect=Fraction(2))
    bright = defocused(frame, nobody(frame), radius=15)[0] > 60
    _, _, width, height = cv2.boundingRect(bright.view(np.uint8))
    assert abs(2 * width - height) < 16  # a cell of the small picture


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("transfer", [1, 16, 18])
def test_an_even_room_stays_itself(make_frame: MakeFrame, name: str, full: bool, transfer: int) -> None:
    frame = make_frame(name, (63, 47), colour=Colour(9, transfer, 9, full))
    codes = [np.array(c << (frame.format.bits - 8) << frame.format.shift, frame.format.dtype) for c in (90, 120, 136)]
    flat = frame.with_planes(tuple(np.full_like(p, c) for p, c in zip(frame.planes, codes, strict=False)))
    pha = nobody(frame)
    pha[10:40, 20:50] = 1
    for plane, was in zip(defocused(flat, pha, radius=8), flat.planes, strict=True):
        np.testing.assert_array_equal(plane, was)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(64, 48), (63, 47), (5, 3), (400, 362)])
def test_nothing_of_the_person_is_left(make_frame: MakeFrame, name: str, size: tuple[int, int]) -> None:
    """Whatever a sample holds that is a tenth the person or more, nothing that is shown depends on it; nor does chroma beside it."""
    one, other = make_frame(name, size, seed=1), make_frame(name, size, seed=2)
    y, x = np.mgrid[: size[1], : size[0]]
    pha = np.clip(size[1] / 3 - np.hypot(x - size[0] / 2, y - size[1] / 2), 0, 4).astype(np.float32) / 4
    pha[pha < 0.101] = 0  # alpha in 8 bits: 26 / 255
    across, down = one.format.sub
    planes = []
    for i, (a, b) in enumerate(zip(one.planes, other.planes, strict=True)):
        whole = i == 0 or one.format.family == "gbr"
        most = pha if whole else cv2.dilate(pha, np.ones((down, across), np.uint8), anchor=(0, 0))[::down, ::across]
        planes.append(np.where((most if a.ndim == 2 else most[..., None]) > 0, b, a))
    for here, there in zip(defocused(one, pha, radius=8), defocused(one.with_planes(tuple(planes)), pha, radius=8), strict=True):
        np.testing.assert_array_equal(here, there)


def test_what_is_hidden_is_filled_from_around(make_frame: MakeFrame) -> None:
    room = np.where(np.arange(320) < 160, 60, 180) * np.ones((180, 1))
    pha = np.zeros((180, 320), np.float32)
    pha[:, 100:220] = 1
    row = defocused(drawn(make_frame, np.where(pha > 0, 5, room)), pha, radius=6)[0][90].astype(int)
    assert (np.diff(row) >= 0).all()  # no dark person between them, no rim
    assert row[100] < 75
    assert row[220] > 165


def test_a_lamp_beside_a_person_does_not_grow_behind_them(make_frame: MakeFrame) -> None:
    picture = lamp((320, 180), (140, 90), 6)
    pha = np.zeros((180, 320), np.float32)
    pha[:, 148:260] = 1
    frame = drawn(make_frame, picture)
    alone, beside = (defocused(frame, alpha, radius=10)[0].astype(int) for alpha in (nobody(frame), pha))
    level = int(alone[90, 140]) - 20
    assert level > 60
    # A lamp's cell at the edge counts for a part of the one beside it. A mean of what is seen, each disc by its own weight, gives 0.7.
    grown = (beside - alone)[:, :148].max()
    assert grown < 0.15 * level


def scene(height: int) -> np.ndarray:
    """Lamps, a window and a striped wall, drawn at 4K and made smaller as a camera would see them."""
    big = np.full((2160, 3840), 50, np.uint8)
    big[1400:, ::96] = big[1400:, 1::96] = 120
    cv2.rectangle(big, (2600, 300), (3200, 1100), 250, -1)
    for i in range(12):
        cv2.circle(big, (200 + 190 * i, 300 + 137 * i % 700), 24 + 3 * i, 255 - 5 * i, -1)
    return big if height == 2160 else cv2.resize(big, (height * 16 // 9, height), interpolation=cv2.INTER_AREA)


def test_it_looks_the_same_at_any_size(make_frame: MakeFrame) -> None:
    looks = []
    for height in (360, 720, 1080, 2160):
        frame = drawn(make_frame, scene(height))
        looks.append(cv2.resize(defocused(frame, nobody(frame), radius=8)[0], (160, 90), interpolation=cv2.INTER_AREA).astype(int))
    for look in looks[:3]:
        assert np.abs(look - looks[3]).max() <= 6  # of 235: what a camera averages in codes is less bright by so much at a lamp's rim
        assert np.abs(look - looks[3]).mean() < 0.5


def test_noise_in_a_still_room_is_not_seen(make_frame: MakeFrame) -> None:
    rng, still = np.random.default_rng(0), scene(360).astype(np.float32)
    frames = [drawn(make_frame, np.clip(np.round(still + rng.normal(0, 3, still.shape)), 0, 255)) for _ in range(6)]
    looks = np.stack([defocused(frame, nobody(frame), radius=8)[0] for frame in frames]).astype(np.float32)
    steps = np.abs(np.diff(looks, axis=0))
    assert steps.mean() < 0.15  # of 3.4 in the frames: a code now and then, where a level lies between two
    assert steps.max() <= 4  # in the discs of lamps just below white, whose noise shines as they do


@pytest.mark.parametrize("period", [8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96])
def test_the_least_blur_that_live_allows_hides_what_a_gaussian_of_one_percent_hides(make_frame: MakeFrame, period: int) -> None:
    """A disc leaves a little of patterns finer than its first zero: never more than a tenth, from which on stripes are seen."""
    stripes = 120 + 60 * np.cos(2 * np.pi * np.arange(1920) / period) * np.ones((1080, 1))
    frame = drawn(make_frame, np.round(stripes))
    left = Blur(1).planes(frame, Matte(nobody(frame), frame))[0][540, 480:1440].astype(float)
    gaussian = np.exp(-2 * (np.pi * 10.8 / period) ** 2)
    assert np.ptp(left) / 120 <= max(gaussian, 0.1)
