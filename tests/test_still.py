"""Still scenes: the network rests while nothing moves, never longer than a moment, and what moves is never late."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_person import drawn_person
from hypothesis import given
from hypothesis import strategies as st

from livematte.engines import Engine, open_engine
from livematte.frame import Frame, pixel_format
from livematte.matting.follow import Cells
from livematte.matting.recurrent import RecurrentMatter
from livematte.matting.still import Stillness

CELLS = Cells(0, 0, 8, 6)
COEF = np.zeros((8, 96, 128), np.float32)


def settled(picture: np.ndarray, *, seconds: float = 0.0) -> Stillness:
    stillness = Stillness()
    for _ in range(20):
        stillness.ran(CELLS, picture, seconds, COEF)
    return stillness


def plain(value: float = 0.5) -> np.ndarray:
    return np.full((3, 96, 128), value, np.float32)


def edge(at: float) -> np.ndarray:
    """Dark left of a column, light right of it, sharp; the column that it falls into is in between."""
    columns = np.clip(np.arange(128, dtype=np.float32) + 1 - np.float32(at), 0, 1)
    return np.ascontiguousarray(np.broadcast_to(np.float32(0.2) + np.float32(0.6) * columns, (3, 96, 128)))


def test_the_same_picture_is_known() -> None:
    assert settled(plain()).recall(CELLS, plain(), 0.1) is COEF


@given(st.floats(2, 120), st.floats(0.1, 1))
def test_an_edge_that_moves_by_a_tenth_of_a_sample_is_motion(at: float, by: float) -> None:
    assert settled(edge(at)).recall(CELLS, edge(at + by), 0.1) is None


def test_noise_is_none() -> None:
    rng = np.random.default_rng(0)
    noisy = plain() + rng.normal(0, 2 / 255, (3, 96, 128)).astype(np.float32)
    assert settled(plain()).recall(CELLS, noisy, 0.1) is COEF


def test_slow_change_adds_up() -> None:
    """It is taken against what the network saw, not against the frame before."""
    stillness = settled(plain(0.5))
    known = [stillness.recall(CELLS, plain(0.5 + step * 0.0005), 0.01 * step) is not None for step in range(12)]
    assert known == [True] * 8 + [False] * 4


def test_coefficients_serve_for_a_moment_only() -> None:
    stillness = settled(plain(), seconds=5.0)
    known = [seconds for seconds in (4.9, 5.0, 5.2, 5.39, 5.4, 6.0) if stillness.recall(CELLS, plain(), seconds) is not None]
    assert known == [5.0, 5.2, 5.39]


def test_a_state_that_is_not_settled_goes_on() -> None:
    stillness = Stillness()
    for _ in range(11):
        stillness.ran(CELLS, plain(), 0.0, COEF)
        assert stillness.recall(CELLS, plain(), 0.0) is None
    stillness.ran(CELLS, plain(), 0.0, COEF)
    assert stillness.recall(CELLS, plain(), 0.0) is COEF


def test_two_parts_are_remembered_and_other_cells_are_other_pictures() -> None:
    stillness, others = settled(plain()), [Cells(1, 0, 9, 6), Cells(2, 0, 10, 6)]
    stillness.ran(others[0], plain(), 0.0, COEF + 1)
    assert stillness.recall(CELLS, plain(), 0.1) is COEF
    assert stillness.recall(others[1], plain(), 0.1) is None
    stillness.ran(CELLS, plain(), 0.0, COEF)
    assert stillness.recall(others[0], plain(), 0.1) is not None, "whole, part, whole: both are known"
    stillness.ran(others[1], plain(), 0.0, COEF + 2)
    assert stillness.recall(others[0], plain(), 0.1) is None
    assert stillness.recall(CELLS, plain(), 0.1) is COEF


# in the matter, with the real network


@pytest.fixture(scope="module")
def engine(rvm_path: Path) -> Engine:
    return open_engine(rvm_path, device="cpu", threads=1)


def frames(steps: list[int], *, fps: int = 30, noise: float = 0.0) -> list[Frame]:
    known = pixel_format("gbrp")
    assert known is not None
    rng = np.random.default_rng(0)
    made = []
    for index, step in enumerate(steps):
        rgb = np.clip(drawn_person((320, 180), step) + rng.normal(0, noise, (180, 320, 3)), 0, 255).astype(np.uint8)
        planes = tuple(np.ascontiguousarray(rgb[..., c]) for c in (1, 2, 0))
        made.append(Frame(planes, known[0], pts=index, time_base=Fraction(1, fps)))
    return made


def runs(matter: RecurrentMatter, clip: list[Frame]) -> list[bool]:
    ran = []
    for frame in clip:
        matter.step(frame).work_out()
        ran.append(matter.ran)
    return ran


def test_the_network_rests_while_nothing_moves(engine: Engine) -> None:
    ran = runs(RecurrentMatter(engine, detail=256), frames([0] * 90, noise=1.0))
    assert all(ran[:12])
    assert sum(ran[30:]) <= 12  # two looks, at the whole and at the part, in each of five 0.4 s, and one more of each
    gaps = np.diff(np.flatnonzero(ran))
    assert gaps.max() <= 13  # frames of 0.4 s, and the one after


def test_it_runs_for_each_frame_of_what_moves(engine: Engine) -> None:
    assert all(runs(RecurrentMatter(engine, detail=256), frames([0, 1, 2, 3, 4, 5, 4, 3, 2, 1] * 4)))


def test_the_first_frame_of_motion_is_run(engine: Engine) -> None:
    ran = runs(RecurrentMatter(engine, detail=256), frames([0] * 40 + [1, 2, 3], noise=1.0))
    assert not all(ran[20:40])
    assert all(ran[40:])


def test_reuse_changes_little_and_can_be_left(engine: Engine) -> None:
    clip = frames([0] * 40, noise=1.0)
    on, off = (RecurrentMatter(engine, detail=256, reuse=reuse) for reuse in (True, False))
    for frame in clip:
        difference = np.abs(on.step(frame).pha - off.step(frame).pha)
        assert off.ran
        assert difference.mean() < 2e-3
