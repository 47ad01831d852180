"""Scenes: where cuts are found and where not, and the order in which a matter is primed and stepped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from livematte.frame import Frame, Matte, Size, pixel_format, to_integers
from livematte.matting.scenes import CutDetector, mattes
from livematte.sources import Cut, open_source

MakeFrame = Callable[..., Frame]


def grey(luma: np.ndarray, *, name: str = "gray") -> Frame:
    """A frame of a luma picture in [0, 1]."""
    known = pixel_format(name)
    assert known is not None
    return Frame((to_integers(luma.astype(np.float32) * np.float32((1 << known[0].bits) - 1), known[0].bits),), known[0])


def texture(seed: int, size: Size = (640, 72)) -> np.ndarray:
    """A wide picture of soft patches, to cut scenes and pans from."""
    patches = np.random.default_rng(seed).random((9, size[0] // 8))
    return np.clip(cv2.resize(patches, size, interpolation=cv2.INTER_CUBIC), 0, 1)


def scene(seed: int, count: int) -> list[np.ndarray]:
    """Something small that moves before a wall that stays."""
    pictures = []
    for step in range(count):
        picture = texture(seed)[:, :128].copy()
        cv2.circle(picture, (30 + step, 36), 12, 0.9, -1)
        pictures.append(picture)
    return pictures


def starts(frames: Iterable[Frame], *, light: bool = False) -> list[int]:
    detector = CutDetector(light=light)
    return [i for i, frame in enumerate(frames) if detector.starts_scene(frame)]


@pytest.mark.parametrize("name", ["gray", "gray10le", "gray16le"])
def test_hard_cuts_are_found_at_every_depth(name: str) -> None:
    pictures = [*scene(1, 12), *scene(2, 8), *scene(3, 20)]
    assert starts(grey(p, name=name) for p in pictures) == [0, 12, 20]


def test_a_pan_is_one_scene() -> None:
    wide = texture(1)
    assert starts(grey(wide[:, x : x + 128]) for x in range(100)) == [0]


def test_a_whip_pan_starts_one_scene_at_most() -> None:
    wide = texture(4)
    pan = [wide[:, x : x + 128] for x in chain([0] * 10, range(0, 480, 24), [480] * 10)]
    assert len(starts(map(grey, pan))) <= 2


@pytest.mark.parametrize("frames", [24, 12])
def test_a_slow_fade_is_no_cut(frames: int) -> None:
    faded = [p * min(1, i / frames) for i, p in enumerate(scene(1, 2 * frames))]
    assert starts(map(grey, faded)) == [0]


def test_a_cross_fade_is_no_cut() -> None:
    old, new = texture(1)[:, :128], texture(2)[:, :128]
    assert starts(grey(old + (new - old) * min(1, i / 24)) for i in range(30)) == [0]


def test_a_fade_of_four_frames_starts_one_scene_at_most() -> None:
    shown = [p * min(1, max(0, i - 9) / 4) for i, p in enumerate(scene(1, 30))]
    assert len(starts(map(grey, shown))) <= 2


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_flash_is_no_cut_and_blinds_nobody(frames: int) -> None:
    """Of clipped lights, as cameras take it: most of the picture has some structure left."""
    pictures = [*scene(1, 20), *scene(2, 10)]
    for index in range(8, 8 + frames):
        pictures[index] = np.minimum(pictures[index] * 0.6 + 0.5, 1)
    assert starts(map(grey, pictures)) == [0, 20]


def test_light_switched_off_and_on_is_no_cut() -> None:
    """But for those who ask for it."""
    level = [1.0] * 8 + [0.25] * 8 + [1.0] * 8
    frames = [grey(p * by) for p, by in zip(scene(1, 24), level, strict=True)]
    assert starts(frames) == [0]
    assert starts(frames, light=True) == [0, 8, 16]


def test_exposure_that_pumps_is_no_cut() -> None:
    assert starts(grey(np.clip(p * (0.8 + 0.3 * np.sin(i)), 0, 1)) for i, p in enumerate(scene(1, 30))) == [0]


def test_cuts_in_the_dark_are_found() -> None:
    dark = [p * 0.15 for p in (*scene(1, 12), *scene(2, 12))]
    assert starts(map(grey, dark)) == [0, 12]


def test_a_cut_from_black_and_to_black_is_found() -> None:
    """But for noise there is nothing to be like."""
    rng = np.random.default_rng(3)
    black = [np.abs(rng.normal(0, 0.004, (72, 128))) for _ in range(8)]
    assert starts(map(grey, [*black, *scene(1, 10), *black])) == [0, 8, 18]


def test_a_hand_held_camera_makes_no_cuts() -> None:
    """That jumps by up to an eighth of the width from frame to frame."""
    wide, rng = texture(5), np.random.default_rng(2)
    assert starts(grey(wide[:, x : x + 128]) for x in rng.integers(200, 216, 40)) == [0]


def test_somebody_who_is_elsewhere_at_once_starts_a_scene() -> None:
    """Before a plain wall, where most of the picture stays: as where a piece of an interview was cut out."""
    frames = []
    for step in range(20):
        picture = np.full((72, 128), 0.4) + 0.02 * np.sin(np.arange(128) / 9)
        cv2.circle(picture, (36 + step % 2 if step < 10 else 90, 40), 22, 0.85, -1)
        frames.append(grey(picture))
    assert starts(frames) == [0, 10]


def test_who_walks_past_the_lens_is_no_cut() -> None:
    """Dark, and nearly as wide as the picture; half a second."""
    pictures = scene(1, 30)
    for index in range(14):
        left = round(-110 + 17 * index)
        pictures[8 + index][:, max(0, left) : max(0, left + 100)] = 0.05
    assert starts(map(grey, pictures)) == [0]


def test_noise_and_a_lamp_are_no_cuts() -> None:
    rng = np.random.default_rng(7)
    lit = [np.clip(p + 0.05 * (i % 2) + rng.normal(0, 0.05, p.shape), 0, 1) for i, p in enumerate(scene(1, 30))]
    assert starts(map(grey, lit)) == [0]


def test_another_size_or_shape_of_sample_starts_a_scene() -> None:
    frame = grey(texture(1)[:, :128])
    wider = grey(texture(1)[:, :130])
    anamorphic = replace(wider, sample_aspect=Fraction(4, 3))
    assert starts([frame, frame, wider, wider, anamorphic, anamorphic]) == [0, 2, 4]


# mattes


class Diary:
    """A Matter that writes down what is asked of it; its matte is the frame's number."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def step(self, frame: Frame) -> Matte:
        self.asked.append(("step", frame.pts))
        return Matte(np.full(frame.planes[0].shape, frame.pts, np.float32), frame)

    def reset(self) -> None:
        self.asked.append(("reset",))

    def prime(self, frames: Sequence[Frame]) -> None:
        self.asked.append(("prime", *(f.pts for f in frames)))


def cut_clip(*lengths: int) -> list[Frame]:
    """Scenes of these lengths, numbered on by pts."""
    pictures = [p for seed, length in enumerate(lengths) for p in scene(seed + 1, length)]
    return [replace(grey(p), pts=i) for i, p in enumerate(pictures)]


def primed(diary: Diary) -> list[tuple[Any, ...]]:
    return [entry[1:] for entry in diary.asked if entry[0] == "prime"]


def test_each_scene_is_primed_with_what_lies_ahead_up_to_the_next_cut() -> None:
    diary = Diary()
    list(mattes(diary, cut_clip(10, 5, 1, 9), warm_up=6))
    expected = [(0, 1, 2, 3, 4, 5, 6), (10, 11, 12, 13, 14), (15, 16, 17, 18, 19, 20, 21)]
    assert primed(diary) == expected  # 15 is a scene of one frame: its end, a frame later, is not told from a flash


def test_the_end_of_the_clip_ends_the_look_ahead() -> None:
    diary = Diary()
    list(mattes(diary, cut_clip(8, 3), warm_up=6))
    assert primed(diary) == [(0, 1, 2, 3, 4, 5, 6), (8, 9, 10)]


def test_a_lone_frame_is_primed_with_itself() -> None:
    diary = Diary()
    list(mattes(diary, cut_clip(1)))
    assert diary.asked == [("prime", 0), ("step", 0)]


def test_stills_are_scenes_of_their_own_however_alike() -> None:
    diary = Diary()
    list(mattes(diary, cut_clip(4), stills=True))
    assert diary.asked == [(verb, i) for i in range(4) for verb in ("prime", "step")]


def test_a_scene_is_primed_just_before_its_first_frame() -> None:
    diary = Diary()
    list(mattes(diary, cut_clip(7, 7), warm_up=2))
    assert [e for e in diary.asked if e[0] == "step"] == [("step", i) for i in range(14)]
    for first in (0, 7):
        at = diary.asked.index(("step", first))
        assert diary.asked[at - 1] == ("prime", first, first + 1, first + 2)


@pytest.mark.parametrize("warm_up", [0, 1, 6])
@pytest.mark.parametrize("every", [1, 2, 5])
def test_packets_stay_where_they_are(warm_up: int, every: int) -> None:
    items: list[object] = ["before"]
    for i, frame in enumerate(cut_clip(9, 6)):
        items += [frame, f"packet {i}"] if i % every == 0 else [frame]
    out = list(mattes(Diary(), items, warm_up=warm_up))
    assert [item[0] if isinstance(item, tuple) else item for item in out] == items


def test_each_frame_has_its_own_matte() -> None:
    for item in mattes(Diary(), cut_clip(9, 6)):
        assert isinstance(item, tuple)
        frame, matte = item
        assert (matte.pha == frame.pts).all()
        assert matte.fgr is frame


def test_nothing_in_nothing_out() -> None:
    assert list(mattes(Diary(), [])) == []
    assert list(mattes(Diary(), ["sound"])) == ["sound"]


def test_reads_no_further_ahead_than_it_says() -> None:
    read = iter(cut_clip(30))
    next(mattes(Diary(), read, warm_up=3))
    following = next(read).pts
    assert following == 4


# real clips


@pytest.mark.parametrize("name", ["webcam_720p", "outdoor_720p", "doctor_540p"])
def test_real_clips_without_cuts_have_none(clips: Path, name: str) -> None:
    with open_source(clips / f"{name}.mp4") as source:
        assert starts(source) == [0]


def test_joins_of_real_clips_are_found_and_nothing_else(clips: Path) -> None:
    """Pieces of two clips of one size; of the third, two at that size."""

    def piece(name: str, start: float) -> list[Frame]:
        with open_source(clips / f"{name}.mp4", cut=Cut(start)) as source:
            return [grey(frame.rgb((64, 36)).mean(axis=2)) for frame in islice(source, 20)]

    pieces = [piece("webcam_720p", 1), piece("outdoor_720p", 1), piece("doctor_540p", 1), piece("webcam_720p", 5), piece("doctor_540p", 20)]
    assert starts(chain.from_iterable(pieces)) == [0, 20, 40, 60, 80]
