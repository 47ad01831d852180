"""Keying: how near the truth alpha and colour are on rendered screens, what stays as it was filmed, and what a screen is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import scenes
from scenes import Scene, frame_of, room, screen_scene

from livematte.colour import PQ, Colour
from livematte.errors import SettingsError
from livematte.frame import Frame, Size
from livematte.matting.keying.keyer import KeyMatter
from livematte.matting.scenes import mattes
from livematte.metrics import dtssd, mad

SMALL = (320, 180)
GREEN, BLUE = (0.1, 0.6, 0.25), (0.1, 0.2, 0.65)
FORMATS = ["yuv420p", "nv12", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "p010le", "gbrp", "gbrp12le", "yuv411p"]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return screen_scene((640, 360), seed=1)


def off(pha: np.ndarray, true: np.ndarray) -> float:
    """Mean absolute difference, of 1."""
    return mad(pha[None], true[None]) / 1e3


def phas(matter: KeyMatter, frames: Sequence[Frame]) -> np.ndarray:
    return np.stack([matter.step(frame).pha for frame in frames])


def clip(count: int, size: Size = SMALL, *, colour: tuple[float, float, float] = GREEN, start: int = 0) -> list[Frame]:
    return [frame_of(screen_scene(size, step=start + i, colour=colour).src, pts=start + i) for i in range(count)]


# alpha

# The issue wants 0.01 of all; the worst of these is 0.0034, and what is wrong with a keyer costs more than the rest of this.
_MOST = 0.005


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("colour", "key"), [(GREEN, "green"), (BLUE, "blue"), (GREEN, "auto"), (BLUE, "auto"), (GREEN, GREEN)])
def test_a_compressed_uneven_screen_with_spill_is_keyed(seed: int, colour: tuple[float, float, float], key: Any) -> None:
    true = screen_scene((640, 360), seed=seed, colour=colour)
    assert off(KeyMatter(key).step(frame_of(true.src)).pha, true.pha) < _MOST


@pytest.mark.parametrize("colour", [GREEN, BLUE])
def test_a_larger_picture_is_keyed(colour: tuple[float, float, float]) -> None:
    true = screen_scene((1280, 720), seed=2, colour=colour)
    pha = KeyMatter().step(frame_of(true.src)).pha
    assert off(pha, true.pha) < _MOST
    assert pha[true.pha == 0].max() < 0.05  # no noise on the screen
    inside = pha[true.pha == 1]
    assert (inside > 0.9).mean() > 0.99  # and no hole in the person; black hair with blue light on it, beside a face, has less
    assert inside.mean() > 0.998


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_keyed(scene: Scene, name: str) -> None:
    assert off(KeyMatter().step(frame_of(scene.src, name)).pha, scene.pha) < _MOST


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full_range", [False, True])
def test_every_matrix_and_range_is_keyed(scene: Scene, matrix: int, full_range: bool) -> None:
    blank = replace(frame_of(scene.src[:2, :2]), colour=Colour(matrix=matrix, full_range=full_range))
    frame = blank.with_planes(blank.from_rgb(scene.src))
    assert off(KeyMatter().step(frame).pha, scene.pha) < _MOST


def test_a_pq_picture_is_keyed_in_its_own_codes(scene: Scene) -> None:
    """The same samples, whatever the transfer says: toned down for a network they would not mix in a straight line."""
    frame = frame_of(scene.src, "yuv420p10le")
    pq = replace(frame, colour=replace(frame.colour, transfer=PQ))
    plain, matte = KeyMatter().step(frame), KeyMatter().step(pq)
    np.testing.assert_array_equal(matte.pha, plain.pha)
    assert matte.fgr.colour == pq.colour
    for one, other in zip(matte.fgr.planes, plain.fgr.planes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_hair_is_finer_than_chroma() -> None:
    """At 4:2:0 a strand of hair has one chroma sample: luma must say where it is. 0.81; of chroma alone 0.68."""
    true = screen_scene((1280, 720), seed=3)
    pha = KeyMatter().step(frame_of(true.src)).pha
    hair = (true.pha > 0.05) & (true.pha < 0.95)
    hair[240:] = False  # of the head
    detail, found = (p - cv2.GaussianBlur(p, (0, 0), 1) for p in (true.pha, pha))
    assert np.corrcoef(detail[hair], found[hair])[0, 1] > 0.75


def test_a_shadow_on_the_screen_is_screen() -> None:
    true = screen_scene((640, 360), seed=1, compressed=False)
    y, x = np.mgrid[:360, :640]
    shade = 1 - 0.3 * np.exp(-(((x - 150) / 40) ** 2) - ((y - 180) / 80) ** 2)
    src = np.where(true.pha[..., None] > 0, true.src, true.src * shade[..., None]).astype(np.float32)
    pha = KeyMatter().step(frame_of(src)).pha
    assert pha[:, :200].max() == 0


def test_tolerance_and_softness_move_the_edge(scene: Scene) -> None:
    frame = frame_of(scene.src)

    def partial(pha: np.ndarray) -> float:
        return float(((pha > 0) & (pha < 1)).mean())

    plain = KeyMatter().step(frame).pha
    hard = KeyMatter(softness=0).step(frame).pha
    tolerant = KeyMatter(tolerance=0.3).step(frame).pha
    assert partial(hard) < 0.25 * partial(plain)
    assert (hard >= plain).mean() > 0.999  # a ramp that ends sooner
    assert ((tolerant > 0) <= (plain > 0)).all()
    assert (tolerant > 0).sum() < (plain > 0).sum()


def test_a_screen_with_nobody_is_empty() -> None:
    bgr = scenes._compressed(screen_scene(SMALL, compressed=False).bgr, 0)
    assert KeyMatter().step(frame_of(bgr)).pha.max() == 0


@pytest.mark.parametrize("size", [(130, 10), (9, 140), (16, 16), (1, 1), (83, 71), (2000, 20)])
def test_odd_little_frames_have_mattes(size: Size) -> None:
    matter = KeyMatter(GREEN)
    noise = np.random.default_rng(0).random((size[1], size[0], 3), np.float32)
    src = np.broadcast_to(np.float32(GREEN), noise.shape).copy()
    src[size[1] // 2 :, size[0] // 2 :] = noise[size[1] // 2 :, size[0] // 2 :] if size != (1, 1) else src
    frame = frame_of(src)
    matter.prime([frame])
    matte = matter.step(frame)
    assert matte.pha.shape == (size[1], size[0])
    assert ((matte.pha >= 0) & (matte.pha <= 1)).all()


# masks and alpha that come along


def test_garbage_is_nobody_and_no_screen() -> None:
    """A studio around the screen: brown walls, and a lamp of the screen's colour which is all of the border."""
    true = screen_scene((640, 360), seed=1)
    src, garbage = true.src.copy(), np.zeros((36, 64), np.float32)
    src[:, :100] = (0.5, 0.3, 0.2)
    src[:40] = (0.2, 0.3, 0.9)
    garbage[:, :11] = garbage[:5] = 1
    matte = KeyMatter(garbage=garbage).step(frame_of(src))
    assert matte.pha[:, :100].max() == matte.pha[:40].max() == 0
    assert off(matte.pha[60:, 130:], true.pha[60:, 130:]) < _MOST


def test_holdout_is_the_person(scene: Scene) -> None:
    src, holdout = scene.src.copy(), np.zeros((360, 640), np.float32)
    src[280:310, 300:340] = scene.bgr[280:310, 300:340]  # a badge of the screen's colour
    holdout[270:320, 290:350] = 1
    frame = frame_of(src)
    assert KeyMatter().step(frame).pha[285:305, 305:335].max() == 0
    assert KeyMatter(holdout=holdout).step(frame).pha[285:305, 305:335].min() == 1


def test_frames_own_alpha_multiplies(scene: Scene) -> None:
    frame = frame_of(scene.src)
    own = np.random.default_rng(5).random((360, 640), np.float32)
    matte = KeyMatter().step(replace(frame, pha=own))
    np.testing.assert_array_equal(matte.pha, KeyMatter().step(frame).pha * own)
    assert matte.fgr.pha is None


# over time


def test_steps_are_deterministic_and_reset_is_as_fresh() -> None:
    used = KeyMatter()
    whole = phas(used, clip(4))
    used.reset()
    np.testing.assert_array_equal(phas(used, clip(4)), whole)


def test_a_cut_finds_the_new_screen_by_itself() -> None:
    used = KeyMatter()
    phas(used, clip(3))
    other = clip(3, colour=(0.45, 0.75, 0.95), start=3)
    np.testing.assert_array_equal(phas(used, other), phas(KeyMatter(), other))


def test_a_clip_of_two_screens_is_keyed_throughout() -> None:
    """As the pipeline does it, which looks ahead in each scene."""
    colours = [GREEN] * 6 + [(0.45, 0.75, 0.95)] * 5
    true = [screen_scene(SMALL, step=i, colour=colour) for i, colour in enumerate(colours)]
    made = list(mattes(KeyMatter(), [frame_of(t.src, pts=i) for i, t in enumerate(true)]))
    assert len(made) == len(true)
    for (_, matte), t in zip(made, true, strict=True):  # type: ignore[misc]
        assert off(matte.pha, t.pha) < 2 * _MOST  # this small, edges are a larger part of it; the second screen is a pale one


def test_another_size_starts_anew_by_itself() -> None:
    used, other = KeyMatter(), clip(2, (200, 120), start=2)
    phas(used, clip(2))
    np.testing.assert_array_equal(phas(used, other), phas(KeyMatter(), other))


def test_priming_begins_anew() -> None:
    used, fresh = KeyMatter(), KeyMatter()
    phas(used, clip(3, colour=BLUE))
    used.prime(clip(4))
    fresh.prime(clip(4))
    np.testing.assert_array_equal(phas(used, clip(4)), phas(fresh, clip(4)))


def test_a_still_scene_stands_still() -> None:
    """What noise moves: alpha by 1 % where it is partial, and nothing else."""
    true = screen_scene((640, 360), seed=2, compressed=False)
    frames = [frame_of(scenes._compressed(true.src, i), pts=i) for i in range(6)]
    seen = phas(KeyMatter(), frames)
    edge = (true.pha > 0) & (true.pha < 1)
    assert seen.std(axis=0)[edge].mean() < 0.02
    assert seen.std(axis=0)[true.pha == 0].max() < 0.03  # beside the person
    assert dtssd(seen, np.repeat(true.pha[None], 6, axis=0)) < 0.5
    assert seen.mean(axis=(1, 2)).std() < 1e-4


@pytest.mark.parametrize("strict", [True, False])
def test_a_camera_that_turns_away_from_the_screen_loses_it(strict: bool, caplog: pytest.LogCaptureFixture) -> None:
    """By and by, so that there is no cut. Strictly, nothing is shown once less than two fifths of the screen are left."""
    scene = screen_scene(SMALL, seed=1)
    room_behind = room(SMALL, seed=3).mean(axis=2, keepdims=True).repeat(3, axis=2) * np.float32(0.8)
    view = np.hstack([scene.bgr, room_behind])
    matter = KeyMatter("green", strict=strict)
    shown = []
    for i in range(21):
        left = i * SMALL[0] // 20
        try:
            matte = matter.step(frame_of(view[:, left : left + SMALL[0]], pts=i))
        except SettingsError:
            break
        shown.append(float(matte.pha.mean()))
    if strict:
        assert max(shown) < 0.7
        assert 8 < len(shown) < 16
    else:
        assert len(shown) == 21
        assert [record.message.partition(" (")[0] for record in caplog.records] == ["the screen is gone"]


def test_a_colour_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(SettingsError, match="no #ff00ff screen found in the picture; try --key auto"):
        KeyMatter((1.0, 0.0, 1.0)).step(frame_of(screen_scene(SMALL, seed=1).src))


@pytest.mark.parametrize("key", ["auto", "green", "blue"])
def test_no_screen_in_the_first_frame_is_an_error(key: Any) -> None:
    grey = room(SMALL, seed=3).mean(axis=2, keepdims=True)
    wall = frame_of((grey * np.float32([1, 0.9, 0.75])).astype(np.float32))  # lit by a lamp
    with pytest.raises(SettingsError, match="no evenly coloured screen found" if key == "auto" else f"no {key} screen found"):
        KeyMatter(key).step(wall)


def test_leaves_are_no_screen() -> None:
    """Green, but not of one colour."""
    rng = np.random.default_rng(0)
    spots = cv2.resize(rng.uniform(0.1, 1, (45, 80)).astype(np.float32), SMALL, interpolation=cv2.INTER_NEAREST)
    src = spots[..., None] * np.float32([0.25, 0.6, 0.15])
    with pytest.raises(SettingsError, match="no evenly coloured screen found"):
        KeyMatter("auto").step(frame_of(src))


def test_a_later_scene_without_a_screen_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    matter = KeyMatter()
    phas(matter, clip(2))
    with caplog.at_level(logging.WARNING):
        for i in range(2, 6):
            lost = frame_of(room(SMALL, seed=i % 2 + 3).mean(axis=2, keepdims=True).repeat(3, axis=2), pts=i)
            assert matter.step(lost).pha.mean() > 0.5
            matter.prime([lost])
    assert [record.message for record in caplog.records] == [
        "the screen is gone (at 0.07 s): its colour is keyed on, and all else counts as the person"
    ]


def test_strictly_a_scene_without_a_screen_is_an_error_until_it_is_back() -> None:
    matter = KeyMatter(strict=True)
    phas(matter, clip(2))
    lost = frame_of(np.full((*SMALL[::-1], 3), 0.8, np.float32), pts=2)
    for _ in range(2):
        with pytest.raises(SettingsError, match="no evenly coloured screen found"):
            matter.step(lost)
    assert 0.1 < matter.step(clip(1, start=3)[0]).pha.mean() < 0.5


def test_pictures_without_times_are_scenes_of_their_own() -> None:
    matter = KeyMatter()
    first, second = (replace(frame, pts=None) for frame in clip(2))
    matter.step(first)
    np.testing.assert_array_equal(matter.step(second).pha, KeyMatter().step(second).pha)


def test_a_grey_picture_has_no_colour_to_key(scene: Scene) -> None:
    with pytest.raises(SettingsError, match="got a grey picture, wanted one in colour"):
        KeyMatter("green").step(frame_of(scene.src, "gray"))


# settings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": "red"}, "wanted auto, green, blue"),
        ({"key": (0.2, 2, 0)}, "wanted three numbers from 0 to 1"),
        ({"tolerance": 0.6}, "got tolerance 0.6, wanted 0 to 0.45"),
        ({"softness": -1}, "got softness -1, wanted 0 to 1"),
        ({"despill": float("nan")}, "got despill nan, wanted 0 to 1"),
        ({"spill": "some"}, "got spill 'some', wanted edge or all"),
        ({"garbage": np.zeros((4, 4), np.uint8)}, "got a mask of \\(4, 4\\) uint8, wanted \\(height, width\\) float32"),
        ({"holdout": np.full((4, 4), 2, np.float32)}, "wanted \\(height, width\\) float32 in \\[0, 1\\]"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        KeyMatter(**options)
