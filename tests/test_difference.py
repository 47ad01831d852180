"""Mattes from a clean plate, on rendered rooms with a camera's noise; the network is one that misses hair, edges and an arm."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import Scene, composed, frame_of, room_scene

from livematte.frame import Frame, Matte
from livematte.matting.plates.difference import Behind, behind, difference, small_size
from livematte.matting.plates.evidence import of_people, what_differs
from livematte.metrics import grad, mad

Array = NDArray[np.float32]
SIZE = (640, 360)
NO_GAIN = np.ones(3, np.float32)
_GRAIN = 0.008


@lru_cache(maxsize=4)
def scene(seed: int = 1) -> Scene:
    return room_scene(SIZE, seed=seed, step=3, blur=2.0)


def noisy(rgb: Array, seed: int = 0) -> Array:
    return np.clip(rgb + _GRAIN * np.random.default_rng(seed).standard_normal(rgb.shape, np.float32), 0, 1)


def filmed(rgb: Array, seed: int = 0) -> Frame:
    return frame_of(noisy(rgb, seed))


def plate_of(bgr: Array) -> Behind:
    rgb = filmed(bgr, seed=9).rgb(small_size((bgr.shape[1], bgr.shape[0])))
    return behind(rgb, np.ones(rgb.shape[:2], np.bool_))


def coarse(pha: Array) -> Array:
    """What a network makes of it: without strands, a little too small, softer."""
    body = cv2.erode(cv2.morphologyEx(pha, cv2.MORPH_OPEN, np.ones((7, 7))), np.ones((3, 3)))
    return np.asarray(cv2.GaussianBlur(body, (0, 0), 1.0))


def matted(s: Scene, *, prior: Array | None = None, src: Array | None = None, plate: Behind | None = None) -> Matte:
    frame = filmed(s.src if src is None else src)
    return difference(frame, plate_of(s.bgr) if plate is None else plate, NO_GAIN, coarse(s.pha) if prior is None else prior)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_plate_finds_what_the_network_misses(seed: int) -> None:
    s = scene(seed)
    prior, pha = coarse(s.pha), matted(s).pha
    assert pha.dtype == np.float32
    assert 0 <= pha.min() <= pha.max() <= 1
    assert mad(pha[None], s.pha[None]) < min(2.5, 0.6 * mad(prior[None], s.pha[None]))
    assert grad(pha[None], s.pha[None]) < 0.5 * grad(prior[None], s.pha[None])


def test_what_is_decided_keeps_its_bits() -> None:
    s = scene()
    frame = filmed(s.src)
    matte = difference(frame, plate_of(s.bgr), NO_GAIN, coarse(s.pha))
    decided = (matte.pha == 0) | (matte.pha == 1)
    assert decided.mean() > 0.9
    np.testing.assert_array_equal(matte.fgr.planes[0][decided], frame.planes[0][decided])


def test_the_foreground_is_freed_of_the_room() -> None:
    s = scene()
    matte = matted(s)
    partial = (s.pha > 0.2) & (s.pha < 0.8) & (matte.pha > 0.1) & (matte.pha < 0.9)
    found, shown = (np.abs(frame.rgb() - s.fgr)[partial].mean() for frame in (matte.fgr, filmed(s.src)))
    assert found < 0.7 * shown


def test_nobody_is_nobody() -> None:
    s = scene()
    frame = filmed(s.bgr)
    matte = difference(frame, plate_of(s.bgr), NO_GAIN, np.zeros_like(s.pha))
    assert not matte.pha.any()
    for plane, own in zip(matte.fgr.planes, frame.planes, strict=True):
        np.testing.assert_array_equal(plane, own)


def test_a_moved_chair_is_no_person() -> None:
    """Far from the person, and beside them too: it goes on beyond what could be theirs."""
    s = scene()
    room_now = s.bgr.copy()
    cv2.rectangle(room_now, (500, 120), (620, 330), (0.5, 0.3, 0.1), -1)
    x, _, width, _ = cv2.boundingRect((s.pha > 0.01).view(np.uint8))
    cv2.rectangle(room_now, (x + width - 20, 80), (x + width + 90, 300), (0.2, 0.25, 0.7), -1)
    pha = matted(s, src=composed(s.fgr, room_now, s.pha)).pha
    beyond = cv2.dilate(s.pha, np.ones((25, 25))) == 0
    assert not pha[beyond].any()
    assert mad(pha[None], s.pha[None]) < mad(coarse(s.pha)[None], s.pha[None])


def test_a_hand_that_the_network_misses_comes_back() -> None:
    s = scene()
    prior = coarse(s.pha)
    rows, columns = np.s_[290:310], np.s_[300:318]
    prior[rows, columns] = 0
    assert s.pha[rows, columns].min() == 1
    assert matted(s, prior=prior).pha[rows, columns].min() > 0.95


def test_somebody_in_a_picture_on_the_wall_is_none() -> None:
    s = scene()
    assert not matted(s, plate=plate_of(s.src)).pha.any()


def test_somebody_who_is_like_the_plate_does_not_flicker() -> None:
    """Of whom less and less differs fades away; the smallest share that differs is one row of many, and changes alpha by its part of a
    ramp that is 0.04 of the body wide."""
    s = scene()
    rows = np.arange(SIZE[1])[:, None, None]
    shown = []
    for differing in range(0, 32, 2):
        plate = np.where(rows < SIZE[1] - differing, s.src, s.bgr)
        shown.append(matted(s, plate=plate_of(plate)).pha[:300].mean())
    steps = np.diff(shown)
    assert shown[0] == 0
    assert shown[-1] > 0.9 * coarse(s.pha)[:300].mean()
    assert steps.min() > -0.01 * shown[-1]
    two_rows = 2 * (s.pha[-10:] > 0).sum(axis=1).mean() / (s.pha > 0).sum()
    assert steps.max() < 1.5 * two_rows / 0.04 * shown[-1]  # a pixel may differ more or less; a step would be all of it
    assert two_rows < 0.02


def test_a_patch_that_is_partly_a_persons_is_partly_shown() -> None:
    """A bar beside the body, which is longer and longer: a hand becomes a thing that stands there, and not at once."""
    prior, plate = np.zeros((100, 200), np.float32), np.zeros((100, 200), np.float32)
    prior[:, :80] = 1
    shares = []
    for length in range(6, 30):
        differs = plate.copy()
        differs[40:60, 80 : 80 + length] = 1
        missed, strange = what_differs(prior, differs, 1.0)
        assert not (missed[strange] > 0).any()
        shares.append(missed.max())
    assert shares[0] == 1
    assert shares[-1] == 0
    assert np.diff(shares).max() <= 0
    assert np.diff(shares).min() > -0.6  # a pixel more is 0.05 of the patch, of 0.1 of the ramp; a step would be 1


def test_whom_the_network_hardly_sees_is_hardly_shown() -> None:
    pha = np.zeros((40, 80), np.float32)
    pha[10:30, 10:30] = pha[10:30, 50:70] = 1
    prior = 0.9 * pha
    seen = []
    for level in np.linspace(0.38, 0.5, 25, dtype=np.float32):
        prior[10:30, 50:70] = level
        found = of_people(pha, prior)
        np.testing.assert_array_equal(found[:, :40], pha[:, :40])
        seen.append(found[20, 60])
    assert (seen[0], seen[-1]) == (0, 1)
    prior[10:30, 50:70] = 0
    prior[12, 52:55] = 1  # three pixels of nine
    assert of_people(pha, prior)[20, 60] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("seed", "left"), [(1, 0), (4, 2)])
def test_skin_like_the_wall_has_no_pinholes(seed: int, left: int) -> None:
    """A wall of skin's and a shirt's colours: where both are alike the plate sees through the person, by a few pixels at a time: by 5 and
    176 such holes. left: the ends of a longer one, which may be a gap."""
    s = room_scene(SIZE, seed=seed, step=3)
    tones = cv2.resize(np.random.default_rng(seed).uniform(0.7, 1.3, (18, 32)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    wall = np.clip(tones[..., None] * np.float32([0.55, 0.4, 0.2]), 0, 1)
    pha = matted(s, src=composed(s.fgr, wall, s.pha), plate=plate_of(wall)).pha
    inside = cv2.erode(s.pha, np.ones((25, 25))) == 1
    _, _, stats, _ = cv2.connectedComponentsWithStats(((pha < 0.98) & inside).view(np.uint8), connectivity=8)
    assert (stats[1:, cv2.CC_STAT_AREA] <= 9).sum() <= left


def test_a_gap_that_the_network_does_not_see_is_no_pinhole() -> None:
    """Between arm and body. As the person's colour is taken from it too, it comes out half open; it must not be filled."""
    s = scene(2)
    gap = np.zeros_like(s.pha)
    gap[260:330, 330:340] = 1
    found = matted(s, src=composed(s.fgr, s.bgr, s.pha * (1 - gap)), prior=coarse(s.pha)).pha
    assert found[265:325, 331:339].mean() < 0.4


def test_a_shadow_is_none_of_the_person() -> None:
    s = scene()
    shadow = 0.3 * cv2.GaussianBlur(np.roll(s.pha, (6, 18), (0, 1)), (0, 0), 9)[..., None]
    src = composed(s.fgr, s.bgr * (1 - shadow), s.pha)
    pha = matted(s, src=src).pha
    assert mad(pha[None], s.pha[None]) < 0.7 * mad(coarse(s.pha)[None], s.pha[None])
    in_shadow = (shadow[..., 0] > 0.15) & (cv2.dilate(s.pha, np.ones((41, 41))) == 0)
    assert not pha[in_shadow].any()


def test_where_the_plate_is_unknown_the_network_decides() -> None:
    s = scene()
    plate = plate_of(s.bgr)
    prior = coarse(s.pha)
    matte = matted(s, plate=Behind(np.zeros_like(plate.rgb), np.zeros_like(plate.known), plate.noise))
    # Alpha beyond the network's 0.05 is nobody's; what is left goes through the samples of a guided filter, which keep their values.
    assert np.abs(matte.pha - prior)[prior > 0.05].max() < 1e-3
    partial = (s.pha > 0.2) & (s.pha < 0.8) & (prior > 0.05) & (prior < 0.95)
    found, shown = (np.abs(frame.rgb() - s.fgr)[partial].mean() for frame in (matte.fgr, filmed(s.src)))
    assert found < 0.8 * shown


def test_a_ramp_between_two_colours_is_found() -> None:
    """What is left of the error is the stretch, which takes 0.03 at each end for noise, and that the person's colour is taken from where
    the network is certain, which here is not quite where alpha is 1."""
    ramp = np.clip((np.arange(640, dtype=np.float32) - 310) / 16, 0, 1)
    pha = np.repeat(ramp[None], 360, axis=0)
    fgr, bgr = np.float32([0.8, 0.5, 0.4]), np.float32([0.2, 0.3, 0.5])
    src = bgr + pha[..., None] * (fgr - bgr)
    frame = frame_of(src, "yuv444p")
    rgb = np.broadcast_to(bgr, src.shape)
    step = (pha > 0.5).astype(np.float32)
    found = difference(frame, behind(np.ascontiguousarray(rgb), np.ones(pha.shape, np.bool_)), NO_GAIN, cv2.GaussianBlur(step, (0, 0), 5))
    assert np.abs(found.pha - pha)[8:-8].max() < 0.06


def test_light_on_the_plate_is_minded() -> None:
    s = scene()
    gain = np.float32([0.7, 0.75, 0.8])
    lit = difference(filmed(s.src * gain), plate_of(s.bgr), gain, coarse(s.pha)).pha
    assert mad(lit[None], s.pha[None]) < 1.15 * mad(matted(s).pha[None], s.pha[None])


@pytest.mark.parametrize("name", ["nv12", "yuv422p10le", "gbrp", "p010le", "gray"])
def test_every_kind_of_frame(name: str) -> None:
    s = scene()
    frame = frame_of(noisy(s.src), name)
    rgb = frame_of(noisy(s.bgr, 9), name).rgb(SIZE)
    pha = difference(frame, behind(rgb, np.ones(rgb.shape[:2], np.bool_)), NO_GAIN, coarse(s.pha)).pha
    assert mad(pha[None], s.pha[None]) < (0.8 if name == "gray" else 0.6) * mad(coarse(s.pha)[None], s.pha[None])


def test_a_larger_frame_gets_a_larger_matte() -> None:
    size = (1280, 720)
    s = room_scene(size, seed=1, step=3)
    prior = cv2.resize(coarse(cv2.resize(s.pha, SIZE, interpolation=cv2.INTER_AREA)), size)  # a network sees less, too
    pha = matted(s, prior=prior).pha
    assert pha.shape == (720, 1280)
    assert mad(pha[None], s.pha[None]) < 0.8 * mad(prior[None], s.pha[None])
