"""Thresholds: Otsu's level against its definition, the side that is the person, the width of the edge, and a level that does not jump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import frame_of, portrait, screen_scene

from livematte.errors import SettingsError
from livematte.frame import Frame, Size
from livematte.matting.threshold import ThresholdMatter, otsu
from livematte.metrics import mad

SIZE: Size = (160, 90)


def figure(size: Size = SIZE, *, person: float = 0.2, wall: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """(a grey picture (H, W, 3) of a person of one shade before a wall of another, alpha)"""
    pha = portrait(size)[1]
    grey = wall + pha * np.float32(person - wall)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.float32), pha


def levels(matter: ThresholdMatter, frames: Sequence[Frame]) -> list[float]:
    found = []
    for frame in frames:
        matter.step(frame)
        assert matter._level is not None
        found.append(matter._level)
    return found


# Otsu's level


@given(arrays(np.uint8, st.integers(2, 60), elements=st.integers(0, 255)))
@example(np.array([6, 13, 7, 0], np.uint8))  # two levels do alike, and none between them
@settings(max_examples=60, deadline=None)
def test_otsu_parts_the_histogram_best(codes: np.ndarray) -> None:
    picture = (codes.astype(np.float32) + 0.5) / 256

    def apart(level: float) -> float:
        low, high = picture[picture < level], picture[picture >= level]
        return low.size * high.size * (low.mean() - high.mean()) ** 2 if low.size and high.size else 0.0

    best = max(apart(i / 256) for i in range(1, 256))
    assert apart(otsu(picture)) >= best * (1 - 1e-3)


def test_otsu_of_two_shades_lies_in_the_middle() -> None:
    assert otsu(np.array([0.25, 0.25, 0.75], np.float32)) == pytest.approx(0.5, abs=1 / 256)


# the side, the edge


@pytest.mark.parametrize("name", ["gray", "yuv420p", "yuv420p10le", "p010le", "gbrp", "gray10le"])
@pytest.mark.parametrize(("person", "wall"), [(0.2, 0.8), (0.8, 0.2), (0.45, 0.55)])
def test_the_person_is_what_has_less_of_the_border(name: str, person: float, wall: float) -> None:
    src, true = figure(person=person, wall=wall)
    pha = ThresholdMatter().step(frame_of(src, name)).pha
    assert mad(pha[None], (true > 0.5).astype(np.float32)[None]) < 6  # of 1000: half covered pixels at the edge


@pytest.mark.parametrize("how", ["otsu", "global", "adaptive"])
def test_inverted_is_the_other_side(how: Any) -> None:
    frame = frame_of(figure()[0])
    one, other = (ThresholdMatter(how, invert=invert).step(frame).pha for invert in (False, True))
    np.testing.assert_allclose(one + other, 1, atol=1e-6)


def test_above_a_given_level_is_the_person() -> None:
    ramp = np.repeat(np.linspace(0, 1, 101, dtype=np.float32)[None, :, None], 40, axis=0).repeat(3, axis=2)
    for level in (0.25, 0.7):
        pha = ThresholdMatter("global", level=level).step(frame_of(ramp, "gbrp")).pha
        assert pha.mean() == pytest.approx(1 - level, abs=0.01)
        assert (np.diff(pha, axis=1) >= 0).all()


def test_alpha_is_0_or_1_but_for_a_pixel_at_the_edge() -> None:
    src, true = figure((320, 180))
    pha = ThresholdMatter().step(frame_of(src)).pha
    partly = (pha > 0) & (pha < 1)
    side = (true > 0.5).astype(np.uint8)
    edge = cv2.dilate(side, np.ones((3, 3), np.uint8)) - cv2.erode(side, np.ones((3, 3), np.uint8))
    assert partly.any()
    assert edge[partly].all()


def test_adaptive_bears_uneven_light() -> None:
    """Bright spots on a page that is lit from one side: where the light is, the page is brighter than the spots elsewhere."""
    light = np.repeat(np.linspace(0.2, 0.7, 200, dtype=np.float32)[None], 100, axis=0)
    spots = np.zeros((100, 200), np.float32)
    for x in range(15, 200, 25):
        cv2.circle(spots, (x, 50), 4, 1, -1)
    frame = frame_of(np.repeat((light * (1 + 0.4 * spots))[..., None], 3, axis=2), "gray")

    def found(matter: ThresholdMatter) -> float:
        """Intersection over union."""
        pha = matter.step(frame).pha
        return float(np.minimum(pha, spots).sum() / np.maximum(pha, spots).sum())

    assert found(ThresholdMatter("adaptive", window=0.3, offset=0.03)) > 0.8
    assert max(found(ThresholdMatter("global", level=level)) for level in np.linspace(0.1, 0.9, 17)) < 0.4


# channels

PATCHES = {
    "red": ((0.9, 0.1, 0.1), (0.1, 0.9, 0.9)),
    "green": ((0.1, 0.9, 0.1), (0.9, 0.1, 0.9)),
    "blue": ((0.1, 0.1, 0.9), (0.9, 0.9, 0.1)),
    "hue": ((0.2, 0.2, 0.9), (0.9, 0.5, 0.1)),
    "saturation": ((0.9, 0.1, 0.1), (0.5, 0.45, 0.45)),
    "value": ((0.9, 0.1, 0.1), (0.4, 0.4, 0.4)),
    "lightness": ((0.9, 0.9, 0.9), (0.2, 0.2, 0.2)),
    "luma": ((0.9, 0.9, 0.9), (0.2, 0.2, 0.2)),
    "lab-a": ((0.8, 0.1, 0.3), (0.1, 0.6, 0.2)),
    "lab-b": ((0.8, 0.8, 0.1), (0.1, 0.2, 0.8)),
}


@pytest.mark.parametrize("space", PATCHES)
def test_each_channel_tells_its_colours(space: Any) -> None:
    high, low = (np.full((20, 20, 3), colour, np.float32) for colour in PATCHES[space])
    pha = ThresholdMatter("global", space=space).step(frame_of(np.hstack([high, low]), "gbrp")).pha
    assert pha[:, :19].min() == 1
    assert pha[:, 21:].max() == 0


def test_a_screen_is_told_by_its_colour() -> None:
    """Compressed, uneven, with spill: MAD x1e3 7 by CIE a*, and by brightness no better."""
    true = screen_scene((640, 360), seed=1)
    assert mad(ThresholdMatter(space="lab-a").step(frame_of(true.src)).pha[None], true.pha[None]) < 12


# over time


def shade(level: float, pts: int, rate: int = 30) -> Frame:
    return replace(frame_of(figure((64, 36), person=level / 4, wall=level)[0], "gray", pts=pts), time_base=Fraction(1, rate))


@pytest.mark.parametrize("rate", [15, 60])
def test_the_level_follows_in_seconds(rate: int) -> None:
    matter = ThresholdMatter()
    before = levels(matter, [shade(0.6, i, rate) for i in range(rate)])[-1]
    after = levels(matter, [shade(0.65, rate + i, rate) for i in range(rate // 2)])
    target = otsu(figure((64, 36), person=0.65 / 4, wall=0.65)[0][..., 0])
    assert max(np.diff([before, *after])) < (target - before) * 2.5 / rate  # no jump
    assert (after[-1] - before) / (target - before) == pytest.approx(1 - np.exp(-1), abs=0.12)  # levels are 1/256 apart


def test_noise_does_not_move_the_level() -> None:
    src = figure((320, 180))[0]
    rng = np.random.default_rng(0)
    noisy = [frame_of(np.clip(src + 0.02 * rng.standard_normal(src.shape, np.float32), 0, 1), pts=i) for i in range(20)]
    assert np.std(levels(ThresholdMatter(), noisy)[10:]) < 0.002


def test_a_cut_a_reset_and_priming_begin_anew() -> None:
    bright, dark = [shade(0.9, i) for i in range(3)], [shade(0.3, 3 + i) for i in range(3)]
    fresh = levels(ThresholdMatter(), dark)
    cut, again, primed = ThresholdMatter(), ThresholdMatter(), ThresholdMatter()
    for matter in (cut, again, primed):
        levels(matter, bright)
    again.reset()
    primed.prime(dark)
    for matter in (cut, again, primed):
        assert levels(matter, dark) == fresh


def test_the_side_is_kept_through_a_scene() -> None:
    """Somebody comes nearer, until they have most of the border: they are the person still."""
    matter = ThresholdMatter()
    for pts, reach in enumerate(range(20, 74)):
        src = np.full((90, 160, 3), 0.8, np.float32)
        src[:, 80 - reach : 80 + reach] = 0.2
        pha = matter.step(frame_of(src, "gray", pts=pts)).pha
        assert pha[:, 82 - reach : 78 + reach].min() == 1
        assert pha[:, : 78 - reach].max() == 0


# what comes in and goes out


def test_fgr_is_the_source_and_its_alpha_multiplies() -> None:
    frame = frame_of(figure()[0])
    own = np.random.default_rng(5).random((90, 160), np.float32)
    plain, matte = ThresholdMatter().step(frame), ThresholdMatter().step(replace(frame, pha=own))
    np.testing.assert_array_equal(matte.pha, plain.pha * own)
    assert matte.fgr.pha is None
    for plane, old in zip(matte.fgr.planes, frame.planes, strict=True):
        np.testing.assert_array_equal(plane, old)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 17), (130, 10)])
@pytest.mark.parametrize("how", ["otsu", "global", "adaptive"])
def test_little_frames_have_mattes(size: Size, how: Any) -> None:
    frame = frame_of(np.random.default_rng(0).random((size[1], size[0], 3), np.float32))
    matter = ThresholdMatter(how)
    matter.prime([frame])
    pha = matter.step(frame).pha
    assert pha.shape == size[::-1]
    assert ((pha >= 0) & (pha <= 1)).all()


def test_nothing_to_tell_apart_is_nobody() -> None:
    assert ThresholdMatter().step(frame_of(np.full((20, 30, 3), 0.7, np.float32))).pha.max() == 0


@pytest.mark.parametrize("space", ["hue", "saturation", "lab-a", "lab-b"])
def test_a_grey_picture_has_no_colour(space: Any) -> None:
    with pytest.raises(SettingsError, match=f"got a grey picture, wanted one in colour for the channel {space}; try luma"):
        ThresholdMatter(space=space).step(frame_of(figure()[0], "gray"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"how": "triangle"}, "got how 'triangle', wanted one of otsu, global, adaptive"),
        ({"space": "cmyk"}, "got space 'cmyk', wanted one of luma, red, green"),
        ({"level": 2}, "got level 2, wanted 0 to 1"),
        ({"window": float("nan")}, "got window nan, wanted 0 to 1"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        ThresholdMatter(**options)
