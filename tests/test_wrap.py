"""Light over a person's edge: how bright at most, how deep, how much in light, the same at any size."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from livematte.background import Picture, Solid
from livematte.belonging import Belonging
from livematte.colour import Colour
from livematte.frame import Frame, Matte
from livematte.planes import Array, pha_for, solid
from livematte.wrap import Behind

MakeFrame = Callable[..., Frame]
FORMATS = ["yuv420p", "yuv420p10le", "yuv422p", "nv12", "p010le", "gbrp", "gray", "yuv411p"]


def person(size: tuple[int, int]) -> Array:
    """An upright person to the picture's lower end, with a soft edge of a two hundredth of the height."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    inside = np.maximum(0.2 - np.hypot(x - width / height / 2, y - 0.4), 0.3 - np.hypot(x - width / height / 2, y - 0.9))
    return np.clip(200 * inside + 0.5, 0, 1).astype(np.float32)


def wrapped(frame: Frame, pha: Array, bgr: tuple[np.ndarray, ...], amount: float = 1.0) -> tuple[np.ndarray, ...]:
    return Belonging(light_wrap=amount).step(frame, Matte(pha, frame), bgr).fgr.planes


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(320, 240), (203, 151), (64, 48), (5, 3)])
@pytest.mark.parametrize("seed", [0, 1])
def test_never_brighter_nor_darker_than_both(make_frame: MakeFrame, name: str, size: tuple[int, int], seed: int) -> None:
    """Each sample lies between the person's and the lightest (darkest) that the background holds."""
    frame, level = make_frame(name, size, seed=seed), float(np.random.default_rng(seed).random())
    bgr = solid(frame, (level, 1 - level, level / 2))
    for plane, fgr, behind in zip(wrapped(frame, person(size), bgr), frame.planes, bgr, strict=True):
        assert plane.dtype == fgr.dtype
        assert (plane >= np.minimum(fgr, behind)).all()
        assert (plane <= np.maximum(fgr, behind)).all()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("full", [False, True])
def test_a_background_of_the_persons_colour_changes_nothing(make_frame: MakeFrame, name: str, full: bool) -> None:
    frame = make_frame(name, (203, 151), colour=Colour(full_range=full))
    bgr = solid(frame, (0.6, 0.5, 0.4))
    alike = frame.with_planes(tuple(np.array(plane) for plane in bgr))
    for plane, was in zip(wrapped(alike, person((203, 151)), bgr), bgr, strict=True):
        np.testing.assert_array_equal(plane, was)


@pytest.mark.parametrize("name", FORMATS)
def test_what_lies_deep_is_untouched_and_the_edge_is_not(make_frame: MakeFrame, name: str) -> None:
    size = (640, 360)
    frame, pha = make_frame(name, size), person(size)
    planes = wrapped(frame, pha, solid(frame, (1, 1, 1)))
    depth = cv2.distanceTransform((pha == 1).view(np.uint8), cv2.DIST_L2, 5)
    for i, (plane, was) in enumerate(zip(planes, frame.planes, strict=True)):
        near, deep = (pha_for(where.astype(np.float32), frame.format, i) == 1 for where in ((depth > 0) & (depth < 3), depth > 0.05 * 360))
        np.testing.assert_array_equal(plane[deep], was[deep])
        assert (plane[near] != was[near]).mean() > 0.5


def test_it_fades_from_the_edge_inwards(make_frame: MakeFrame) -> None:
    frame = make_frame("gray", (640, 360), colour=Colour(full_range=True))
    flat, pha = frame.with_planes((np.full((360, 640), 60, np.uint8),)), np.zeros((360, 640), np.float32)
    pha[:, 320:] = 1
    (luma,) = wrapped(flat, pha, (np.full((360, 640), 220, np.uint8),), 0.5)
    row = luma[180, 320:].astype(int)
    assert (np.diff(row) <= 0).all()
    # Half of half the light at the edge, in light: root(0.75 · 60² + 0.25 · 220²) = 122; a cell deep it is already less.
    assert 100 < row[0] < 122
    assert 60 < row[5] < 100
    assert (row[16:] == 60).all()  # 3 % of the height are 11 pixels; the small picture's cells add some


def test_light_is_mixed_not_codes(make_frame: MakeFrame) -> None:
    """Over darkness a bright background shows at once; over brightness a dark one takes less than it would of codes."""
    frame, pha = make_frame("gray", (640, 360), colour=Colour(full_range=True)), np.zeros((360, 640), np.float32)
    pha[:, 320:] = 1
    changes = {}
    for fgr, bgr in ((20, 220), (220, 20)):
        flat = frame.with_planes((np.full((360, 640), fgr, np.uint8),))
        (luma,) = wrapped(flat, pha, (np.full((360, 640), bgr, np.uint8),), 0.5)
        changes[fgr] = abs(int(luma[180, 320]) - fgr)
    assert changes[20] > 0.3 * 200  # a quarter in codes
    assert changes[220] < 0.2 * 200


@pytest.mark.parametrize("name", FORMATS)
def test_the_light_behind_is_no_more_than_there_is(make_frame: MakeFrame, name: str) -> None:
    frame = make_frame(name, (320, 240), seed=4)
    behind = Behind(frame, frame.planes)
    light, glow = behind.rgb**2, behind.glow**2
    assert (glow <= light.max(axis=(0, 1)) + 1e-6).all()
    assert (glow >= light.min(axis=(0, 1)) - 1e-6).all()
    np.testing.assert_allclose(glow.mean(axis=(0, 1)), light.mean(axis=(0, 1)), rtol=0.03)  # at the picture's end light is mirrored


def test_it_looks_the_same_at_any_size(make_frame: MakeFrame) -> None:
    looks = []
    for height in (360, 720, 1080, 2160):
        size = (height * 16 // 9, height)
        frame = make_frame("gray", size, colour=Colour(full_range=True))
        flat = frame.with_planes((np.full(size[::-1], 60, np.uint8),))
        bgr = (np.linspace(40, 230, size[0]).astype(np.uint8) * np.ones((height, 1), np.uint8),)
        pha = person(size)
        (luma,) = wrapped(flat, pha, bgr)
        shown = np.where(pha > 0.5, luma, 60).astype(np.float32)
        looks.append(cv2.resize(shown, (160, 90), interpolation=cv2.INTER_AREA))
    for look in looks[:3]:
        assert np.abs(look - looks[3]).max() < 10  # of up to 140 at the edge, which lies within one of these samples
        assert np.abs(look - looks[3]).mean() < 0.25


def test_nobody_and_somebody_all_over_change_nothing(make_frame: MakeFrame) -> None:
    frame = make_frame()
    for pha in (np.zeros((48, 64), np.float32), np.ones((48, 64), np.float32)):
        for plane, was in zip(wrapped(frame, pha, solid(frame, (1, 1, 1))), frame.planes, strict=True):
            np.testing.assert_array_equal(plane, was)


def test_a_background_that_stays_is_blurred_once(make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    from livematte import wrap

    made: list[int] = []
    enlarged = wrap.enlarged
    monkeypatch.setattr(wrap, "enlarged", lambda *args: (made.append(1), enlarged(*args))[1])
    frame, pha, belonging = make_frame(size=(160, 90)), person((160, 90)), Belonging(light_wrap=1)
    still, moving = Picture(np.full((9, 16, 3), 200, np.uint8)), Solid("white")
    for background in (still, still, still, moving, still):
        belonging.step(frame, Matte(pha, frame), background.planes(frame, Matte(pha, frame)))
    assert len(made) == 3
