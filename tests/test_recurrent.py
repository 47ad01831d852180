"""The recurrent matter with the real network: what it remembers, what makes it forget, and the size at which it looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_person import drawn_person
from hypothesis import given
from hypothesis import strategies as st

from livematte.engines import Engine, open_engine
from livematte.frame import Frame, Size, pixel_format
from livematte.matting.canvas import small_picture, small_size
from livematte.matting.recurrent import RecurrentMatter
from livematte.matting.scenes import mattes

SIZE = (160, 96)
Matters = Callable[[], RecurrentMatter]


@pytest.fixture(scope="module")
def engine(rvm_path: Path) -> Engine:
    return open_engine(rvm_path, device="cpu", threads=1)


@pytest.fixture
def matter(engine: Engine) -> Matters:
    """matter() -> one as new; detail is below the frames' size, so the refiner is in it."""
    return lambda: RecurrentMatter(engine, detail=128)


def picture(step: int, size: Size = SIZE, *, aspect: Fraction = Fraction(1), mirrored: bool = False) -> Frame:
    rgb = drawn_person(size, step)
    if mirrored:
        rgb = 255 - rgb[:, ::-1]
    known = pixel_format("gbrp")
    assert known is not None
    planes = tuple(np.ascontiguousarray(rgb[..., c]) for c in (1, 2, 0))
    return Frame(planes, known[0], pts=step, sample_aspect=aspect)


def phas(matter: RecurrentMatter, frames: Sequence[Frame]) -> np.ndarray:
    return np.stack([matter.step(frame).pha for frame in frames])


def clip(count: int, size: Size = SIZE) -> list[Frame]:
    return [picture(step, size) for step in range(count)]


def test_a_person_is_seen(matter: Matters) -> None:
    pha = phas(matter(), clip(5))[-1]
    assert pha.shape == (96, 160)
    assert pha.dtype == np.float32
    assert 0 <= pha.min() < 0.01
    assert 0.99 < pha.max() <= 1
    assert 0.15 < pha.mean() < 0.6  # the drawing is a quarter to a half person


def test_steps_are_deterministic_and_remember(matter: Matters) -> None:
    whole = phas(matter(), clip(5))
    np.testing.assert_array_equal(phas(matter(), clip(5)), whole)
    alone = phas(matter(), clip(5)[4:])
    assert np.abs(alone[0] - whole[4]).max() > 0.01


def test_reset_is_as_fresh(matter: Matters) -> None:
    used = matter()
    phas(used, [picture(step, mirrored=True) for step in range(3)])
    used.reset()
    np.testing.assert_array_equal(phas(used, clip(3)), phas(matter(), clip(3)))


def test_reset_forgets_how_much_frames_changed(matter: Matters) -> None:
    """A used matter must find the cuts that a fresh one finds, though the frame before the reset was another."""
    frames = [picture(0), picture(0, mirrored=True)]
    used = matter()
    used.step(picture(3, mirrored=True))
    used.reset()
    np.testing.assert_array_equal(phas(used, frames), phas(matter(), frames))


def test_a_cut_starts_anew_by_itself(matter: Matters) -> None:
    used = matter()
    phas(used, [picture(step, mirrored=True) for step in range(3)])
    np.testing.assert_array_equal(phas(used, clip(3)), phas(matter(), clip(3)))


def test_another_size_starts_anew_by_itself(matter: Matters) -> None:
    used, other = matter(), (120, 80)
    phas(used, clip(3))
    np.testing.assert_array_equal(phas(used, clip(3, other)), phas(matter(), clip(3, other)))


def test_another_shape_of_samples_starts_anew_by_itself(matter: Matters) -> None:
    used, wide = matter(), [picture(step, aspect=Fraction(64, 45)) for step in range(2)]
    phas(used, clip(2))
    np.testing.assert_array_equal(phas(used, wide), phas(matter(), wide))


def test_priming_settles_the_first_frame(matter: Matters) -> None:
    settled = phas(matter(), [picture(0)] * 15)[-1]
    cold, ready = matter(), matter()
    ready.prime([picture(0)])
    off_cold, off_ready = (np.abs(m.step(picture(0)).pha - settled).mean() for m in (cold, ready))
    assert off_ready < 0.5 * off_cold


def test_a_flash_costs_one_start(matter: Matters, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look-ahead and matter must agree on what starts a scene: a start that was not primed would have no state to begin with."""
    frames = clip(24)
    frames[12:14] = [picture(step, mirrored=True) for step in (12, 13)]
    used, unprimed = matter(), 0
    run = used.engine.run

    def counted(src_sm: np.ndarray, rec: object) -> tuple[np.ndarray, object]:
        nonlocal unprimed
        unprimed += rec is None
        return run(src_sm, rec)

    monkeypatch.setattr(used.engine, "run", counted)
    assert len(list(mattes(used, frames))) == 24
    assert unprimed == 2  # the clip's first frame and the flash's


def test_frames_without_times_are_looked_at_as_a_whole_and_each(engine: Engine) -> None:
    """Nobody knows when to look round again, or how old what is known is."""
    timeless = RecurrentMatter(engine, detail=128)
    for _ in range(20):
        _, region = timeless._run(replace(picture(0, (512, 288)), pts=None))
        assert region is None
        assert timeless.ran


def test_priming_begins_anew(matter: Matters) -> None:
    used = matter()
    phas(used, clip(3))
    used.prime(clip(4))
    fresh = matter()
    fresh.prime(clip(4))
    np.testing.assert_array_equal(phas(used, clip(4)), phas(fresh, clip(4)))


def test_priming_plays_the_scene_backwards() -> None:
    seen = []

    class Recorder:
        device, recurrent, parts, channels_last = "cpu", True, True, False

        def run(self, src_sm: np.ndarray, rec: object) -> tuple[np.ndarray, object]:
            seen.append((float(src_sm.mean()), rec))
            return np.zeros((8, *src_sm.shape[1:]), np.float32), len(seen)

    frames = [replace(picture(0), planes=tuple(np.full((48, 64), 10 * i, np.uint8) for _ in range(3))) for i in (1, 2, 3)]
    matter = RecurrentMatter(Recorder())  # type: ignore[arg-type]
    matter.prime(frames)
    matter.step(frames[0])
    assert [round(mean * 25.5) for mean, _ in seen] == [3, 2, 1]
    assert [rec for _, rec in seen] == [None, 1, 2]


@pytest.mark.parametrize("size", [(130, 10), (9, 140), (16, 16), (1, 1), (2000, 20)])
def test_odd_little_frames_have_mattes(engine: Engine, size: Size) -> None:
    matter = RecurrentMatter(engine)
    frame = picture(0, size)
    matter.prime([frame])
    matte = matter.step(frame)
    assert matte.pha.shape == (size[1], size[0])
    assert ((matte.pha >= 0) & (matte.pha <= 1)).all()


# the small picture's size

SIDES = st.integers(1, 5000)
ASPECTS = st.sampled_from([Fraction(1), Fraction(8, 9), Fraction(64, 45), Fraction(4, 3), Fraction(1, 2), Fraction(2)])


def blank(size: Size, aspect: Fraction = Fraction(1)) -> Frame:
    known = pixel_format("gray")
    assert known is not None
    return Frame((np.broadcast_to(np.uint8(0), size[::-1]),), known[0], sample_aspect=aspect)


@given(width=SIDES, height=SIDES, aspect=ASPECTS, detail=st.integers(64, 4096))
def test_small_size_laws(width: int, height: int, aspect: Fraction, detail: int) -> None:
    small = small_size(blank((width, height), aspect), detail)
    assert 1 <= small[0] <= width
    assert 1 <= small[1] <= height
    if small != (width, height):
        assert all(s % 16 == 0 or s < 16 for s in small)
        assert max(small) <= detail + 8  # detail itself is rounded to 16
        if min(small) > 16:
            shown = width * aspect / height
            assert abs(small[0] - shown * small[1]) <= 16 + 16 * shown  # each side is rounded to 16


@pytest.mark.parametrize(
    ("size", "aspect", "small"),
    [
        ((1920, 1080), Fraction(1), (512, 288)),
        ((1280, 720), Fraction(1), (512, 288)),
        ((1080, 1920), Fraction(1), (288, 512)),
        ((720, 576), Fraction(64, 45), (512, 288)),
        ((720, 576), Fraction(16, 15), (512, 384)),
        ((720, 480), Fraction(8, 9), (512, 384)),
        ((1440, 1080), Fraction(4, 3), (512, 288)),
        ((500, 300), Fraction(1), (500, 300)),
        ((514, 300), Fraction(1), (512, 288)),
        ((400, 480), Fraction(2), (400, 240)),
        ((1000, 10), Fraction(1), (512, 10)),
    ],
)
def test_small_size_of_usual_frames(size: Size, aspect: Fraction, small: Size) -> None:
    assert small_size(blank(size, aspect), 512) == small


def test_more_detail_is_a_larger_picture() -> None:
    assert small_size(blank((1920, 1080)), 1024) == (1024, 576)
    assert small_size(blank((1920, 1080)), 4096) == (1920, 1080)


def test_small_picture_is_as_the_network_takes_it() -> None:
    src_sm = small_picture(picture(0, (320, 180)), 128)
    assert src_sm.shape == (3, 64, 128)
    assert src_sm.dtype == np.float32
    assert src_sm.transpose(1, 2, 0).flags.c_contiguous
    assert src_sm.min() >= 0
    assert src_sm.max() <= 1
    np.testing.assert_allclose(src_sm.mean(axis=(1, 2)), drawn_person((320, 180)).mean(axis=(0, 1)) / 255, atol=2e-3)
