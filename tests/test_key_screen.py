"""What a screen is: its colour as a person names it and as a picture shows it, and how it goes on behind the person."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from livematte.errors import SettingsError
from livematte.frame import Size
from livematte.matting.keying.colour import find_screen, parse_key, to_ycc
from livematte.matting.keying.screen import Screen

GREEN = (0.1, 0.6, 0.25)

# names


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("auto", "auto"),
        (" Green ", "green"),
        ("blue", "blue"),
        ("#00ff00", (0, 1, 0)),
        ("#00b140", (0, 177 / 255, 64 / 255)),
        ("red", (1, 0, 0)),
    ],
)
def test_parse_key(text: str, key: Any) -> None:
    assert parse_key(text) == key


@pytest.mark.parametrize(
    ("text", "words"),
    [("greenish", "got colour 'greenish', wanted #rrggbb"), ("#808080", "got the grey #808080 as key"), ("white", "the grey")],
)
def test_parse_key_errors(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_key(text)


@pytest.mark.parametrize("shade", [(0.1, 0.6, 0.25), (0.0, 0.69, 0.25), (0.15, 0.35, 0.12), (0.3, 0.8, 0.35)])
def test_green_is_any_screens_green(shade: tuple[float, float, float]) -> None:
    ycc = to_ycc(np.broadcast_to(np.float32(shade), (36, 64, 3)).copy())
    found = find_screen(ycc, "green", np.ones((36, 64), bool))
    assert found is not None
    np.testing.assert_allclose(found, ycc[0, 0], atol=1e-6)


def test_a_given_hue_is_looked_for_and_else_taken_at_its_word() -> None:
    ycc = to_ycc(np.broadcast_to(np.float32(GREEN), (36, 64, 3)).copy())
    everywhere = np.ones((36, 64), bool)
    found, given = (find_screen(ycc, key, everywhere) for key in ((0.0, 0.8, 0.3), (0.9, 0.1, 0.9)))
    assert found is not None
    assert given is not None
    np.testing.assert_allclose(found, ycc[0, 0], atol=1e-6)
    np.testing.assert_allclose(given, to_ycc(np.full((1, 1, 3), (0.9, 0.1, 0.9), np.float32))[0, 0], atol=1e-6)


@pytest.mark.parametrize("wall", [(0.8, 0.7, 0.55), (0.6, 0.4, 0.25), (0.87, 0.68, 0.57), (0.5, 0.5, 0.5)])
def test_a_beige_wall_wood_and_skin_are_no_screens(wall: tuple[float, float, float]) -> None:
    ycc = to_ycc(np.broadcast_to(np.float32(wall), (36, 64, 3)).copy())
    for key in ("auto", "green", "blue"):
        assert find_screen(ycc, key, np.ones((36, 64), bool)) is None


# the screen's field


def lit(light: np.ndarray | float, size: Size = (160, 90)) -> np.ndarray:
    return to_ycc(np.ones((size[1], size[0], 1), np.float32) * np.float32(light) * np.float32(GREEN))


def free(size: Size = (160, 90)) -> np.ndarray:
    return np.ones(size[::-1], np.float32)


def test_the_field_goes_on_behind_the_person() -> None:
    y, x = np.mgrid[-1:1:90j, -1:1:160j]
    light = (1 - 0.15 * x * x - 0.1 * y)[..., None]
    true = lit(light)
    seen = true.copy()
    seen[30:, 50:110] = to_ycc(np.full((60, 60, 3), 0.3, np.float32))
    screen = Screen(lit(1)[0, 0])
    screen.look(seen, free(), seconds=0.0)
    assert np.abs(screen.field((160, 90)) - true).max() < 0.015


@pytest.mark.parametrize("rate", [15, 60])
def test_the_field_follows_a_lamp_in_seconds(rate: int) -> None:
    screen = Screen(lit(1)[0, 0])
    for i in range(rate):
        screen.look(lit(1.0), free(), seconds=i / rate)
    for i in range(rate // 3):
        screen.look(lit(1.08), free(), seconds=1 + i / rate)
    level = (screen.field((1, 1))[0, 0, 0] / lit(1)[0, 0, 0] - 1) / 0.08
    assert level == pytest.approx(1 - np.exp(-(1 / 3) / 0.5), abs=0.09)


def test_a_hidden_part_keeps_its_colour() -> None:
    """A fold that was seen before somebody stepped before it."""
    fold = np.ones((90, 160, 1), np.float32)
    fold[40:60, 70:90] = 0.93
    hidden = lit(fold)
    hidden[30:70, 60:100] = to_ycc(np.full((40, 40, 3), 0.3, np.float32))
    screen = Screen(lit(1)[0, 0])
    screen.look(lit(fold), free(), seconds=0.0)
    for i in range(1, 10):
        screen.look(hidden, free(), seconds=i / 30)
    assert screen.field((160, 90))[50, 80, 0] == pytest.approx(lit(0.93)[0, 0, 0], rel=0.02)
