"""Following the person: the part of the picture that is looked at, by laws; and that the state and the matte go with it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_person import drawn_person
from hypothesis import given
from hypothesis import strategies as st

from livematte.engines import Engine, open_engine
from livematte.frame import Frame, pixel_format
from livematte.matting.canvas import Canvas, SmallAlpha
from livematte.matting.follow import CELL, GLANCE_EVERY, LOOK_EVERY, Cells, Follower, pixels
from livematte.matting.recurrent import RecurrentMatter
from livematte.matting.refine import refine

GRID = (32, 18)
WHOLE = Cells(0, 0, *GRID)
MARGIN = 1.5  # the least there is, in cells
Body = tuple[int, int, int, int]


def alpha(part: Cells, *bodies: Body) -> np.ndarray:
    """The matte of a part that holds what there is of bodies, given in cells of the whole."""
    whole = np.zeros((GRID[1] * CELL, GRID[0] * CELL), np.float32)
    for left, top, right, bottom in bodies:
        whole[top * CELL : bottom * CELL, left * CELL : right * CELL] = 1
    return whole[part.top * CELL : part.bottom * CELL, part.left * CELL : part.right * CELL]


def watch(follower: Follower, seconds: float, *bodies: Body) -> Cells:
    """One frame as the matter does it; what was looked at in the end."""
    part = follower.part(seconds)
    if not follower.saw(part, alpha(part, *bodies), seconds):
        assert part != WHOLE
        part = WHOLE
        assert follower.saw(WHOLE, alpha(WHOLE, *bodies), seconds)
    return part


def holds(part: Cells, body: Body, margin: float = 0) -> bool:
    low = (part[i] <= max(0, body[i] - margin) for i in (0, 1))
    high = (part[i + 2] >= min(GRID[i], body[i + 2] + margin) for i in (0, 1))
    return all(low) and all(high)


BODIES = st.tuples(st.integers(0, 30), st.integers(0, 16), st.integers(1, 20), st.integers(1, 18)).map(
    lambda b: (b[0], b[1], min(GRID[0], b[0] + b[2]), min(GRID[1], b[1] + b[3]))
)


@given(st.lists(st.tuples(BODIES, st.sampled_from([0.001, 1 / 60, 1 / 30, 0.2, 1.5])), min_size=1, max_size=30))
def test_whatever_a_body_does_it_is_seen_whole_or_everything_is_looked_at(moves: list[tuple[Body, float]]) -> None:
    follower, seconds, looked = Follower(GRID), 0.0, -1.0
    for body, step in moves:
        seconds += step
        part = watch(follower, seconds, body)
        assert WHOLE.left <= part.left < part.right <= WHOLE.right
        assert WHOLE.top <= part.top < part.bottom <= WHOLE.bottom
        # A body that is nowhere in the part is not seen there, which is doubt as well: the whole is looked at.
        assert part == WHOLE or holds(part, body)
        looked = seconds if part == WHOLE else looked
        assert seconds - looked < GLANCE_EVERY
        follows = follower.part(seconds)
        assert holds(follows, body, margin=MARGIN / 2), "the next frame has room for what moves"


def test_the_first_look_is_at_everything_then_at_the_body() -> None:
    follower = Follower(GRID)
    assert follower.part(0.0) == WHOLE
    watch(follower, 0.0, (10, 6, 18, 18))
    part = follower.part(1 / 30)
    assert part == (8, 4, 20, 18)
    assert part.size == (192, 224)


def test_somebody_who_comes_in_is_seen_within_half_a_second() -> None:
    follower, fps = Follower(GRID), 30
    for frame in range(31):
        watch(follower, frame / fps, (2, 4, 10, 18))
    parts = [watch(follower, 1 + frame / fps, (2, 4, 10, 18), (24, 6, 30, 18)) for frame in range(1, 16)]
    assert not holds(parts[0], (24, 6, 30, 18))
    assert holds(parts[-1], (2, 6, 30, 18))
    assert holds(follower.part(1.6), (24, 6, 30, 18))


@pytest.mark.parametrize("fps", [10, 30, 120])
def test_looks_come_by_time_not_by_frames(fps: int) -> None:
    follower, body = Follower(GRID), (10, 6, 18, 18)
    looks = [frame for frame in range(1, 3 * fps) if watch(follower, frame / fps, body) == WHOLE]
    gaps = np.diff(looks) / fps
    assert (gaps >= GLANCE_EVERY - 1e-9).all()
    assert (gaps < GLANCE_EVERY + 1.001 / fps).all()


def test_with_glances_full_looks_are_rare_and_who_comes_in_is_seen_all_the_same() -> None:
    follower, body, other = Follower(GRID, glances=True), (2, 6, 10, 18), (24, 8, 30, 18)
    looks, glances, seconds = [], [], 0.0
    for frame in range(150):
        seconds = frame / 30
        bodies = [body, other] if frame > 130 else [body]
        if follower.part(seconds) != WHOLE and follower.glance_due(seconds):
            glances.append(seconds)
            follower.glanced(alpha(WHOLE, *bodies)[::2, ::2], seconds)
        if watch(follower, seconds, *bodies) == WHOLE:
            looks.append(seconds)
    assert looks[:3] == pytest.approx([0, 2, 4], abs=0.04)
    assert 131 / 30 <= looks[3] < 131 / 30 + GLANCE_EVERY + 0.04
    assert len(looks) == 4
    both = np.sort([*looks, *glances])
    assert np.diff(both).max() < GLANCE_EVERY + 0.04
    assert holds(follower.part(seconds), other)
    assert LOOK_EVERY == 2


def test_a_glance_at_whom_is_followed_changes_nothing() -> None:
    follower = Follower(GRID, glances=True)
    watch(follower, 0.0, (10, 6, 18, 18))
    part = follower.part(0.1)
    follower.glanced(alpha(WHOLE, (10, 6, 18, 18))[::2, ::2], 0.5)
    assert not follower.glance_due(0.8)
    assert follower.glance_due(0.9)
    assert follower.part(0.5) == part


def test_a_glance_of_another_shape_is_measured_on_both_sides() -> None:
    """3:2, whose glance is snapped to other sides than its part: feet on the bottom edge are no body elsewhere."""
    follower = Follower((64, 42), glances=True)
    seen = np.zeros((42 * CELL, 64 * CELL), np.float32)
    seen[20 * CELL :, 24 * CELL : 36 * CELL] = 1
    follower.saw(follower.whole, seen, 0.0)
    part = follower.around
    assert part != follower.whole
    glance = np.zeros((176, 256), np.float32)
    glance[84:, 96:144] = 1
    follower.glanced(glance, 0.5)
    assert follower.around == part


def test_nobody_is_doubt() -> None:
    follower = Follower(GRID)
    watch(follower, 0.0, (10, 6, 18, 18))
    assert watch(follower, 0.1) == WHOLE
    assert follower.part(0.15) == WHOLE


def test_specks_are_no_bodies() -> None:
    follower = Follower(GRID)
    seen = alpha(WHOLE, (10, 6, 18, 18))
    seen[20:26, 480:486] = 1  # two patches at most
    follower.saw(WHOLE, seen, 0.0)
    assert follower.part(0.1) == (8, 4, 20, 18)


def test_the_part_grows_at_once_and_shrinks_after_a_second() -> None:
    follower, narrow, wide = Follower(GRID), (12, 4, 16, 18), (6, 4, 22, 18)
    watch(follower, 0.0, narrow)
    small = follower.part(0.03)
    watch(follower, 0.03, wide)
    large = follower.part(0.06)
    assert holds(large, wide, MARGIN)
    times = np.arange(0.06, 3, 1 / 30)
    areas = []
    for seconds in times:
        watch(follower, seconds, narrow)
        areas.append(follower._part.area)
    assert areas[0] == large.area
    assert areas[-1] == small.area
    shrunk = times[int(np.argmax(np.array(areas) < large.area))]
    assert 0.8 < shrunk - 0.06 < 1.3


def test_a_body_that_sways_keeps_its_size() -> None:
    """Sizes are made once and used again; a part that changes with each frame would make the network anew each time."""
    follower, sizes = Follower(GRID), set()
    for frame in range(300):
        left = 11 + round(2 * np.sin(frame / 9))
        watch(follower, frame / 30, (left, 5, left + 7, 18))
        sizes.add(follower._part.size)
    assert len(sizes) <= 3


def test_a_body_that_fills_the_picture_is_looked_at_as_a_whole() -> None:
    follower = Follower(GRID)
    watch(follower, 0.0, (2, 1, 30, 18))
    assert follower.part(0.1) == WHOLE


# cells and pixels


@given(
    st.tuples(st.integers(200, 2100), st.integers(200, 2100)),
    st.sampled_from(["yuv420p", "yuv422p", "yuv444p", "yuv410p", "gray"]),
    st.data(),
)
def test_pixels_of_cells_are_on_whole_chroma_and_within_one_of_their_place(size: tuple[int, int], name: str, data: st.DataObject) -> None:
    known = pixel_format(name)
    assert known is not None
    frame = Frame((np.broadcast_to(np.uint8(0), size[::-1]),), known[0])
    grid = (size[0] // 20, size[1] // 20)
    left, top = data.draw(st.integers(0, grid[0] - 1)), data.draw(st.integers(0, grid[1] - 1))
    cells = Cells(left, top, data.draw(st.integers(left + 1, grid[0])), data.draw(st.integers(top + 1, grid[1])))
    box = pixels(cells, grid, frame)
    for i, at in enumerate(box):
        sub = known[0].sub[i % 2]
        assert at % sub == 0 or at == size[i % 2]
        assert abs(at - cells[i] * size[i % 2] / grid[i % 2]) <= sub
    assert pixels(Cells(0, 0, *grid), grid, frame) == (0, 0, *size)


# the state, and the matte of a part


@pytest.fixture(scope="module", params=["openvino", "onnxruntime", "torch"])
def engine(request: pytest.FixtureRequest, rvm_path: Path) -> Engine:
    return open_engine(rvm_path, device="cpu", precision="fp32", runtime=request.param, threads=1)


def scene(step: int, *, left: int = 96, size: tuple[int, int] = (512, 288)) -> Frame:
    """The drawn person, small, in a wide room."""
    rng = np.random.default_rng(3)
    room = np.asarray(60 + 30 * np.sin(np.arange(size[0]) / 40)[None, :, None] + rng.normal(0, 2, (size[1], size[0], 3)), np.float32)
    rgb = np.clip(room, 0, 255).astype(np.uint8)
    rgb[128:, left : left + 256] = drawn_person((256, 160), step)
    known = pixel_format("gbrp")
    assert known is not None
    planes = tuple(np.ascontiguousarray(rgb[..., c]) for c in (1, 2, 0))
    return Frame(planes, known[0], pts=step, time_base=Fraction(1, 30))


def look(canvas: Canvas, step: int, cells: Cells) -> np.ndarray:
    coef, rec = canvas.run(canvas.picture(scene(step), cells), cells)
    canvas.put(cells, rec)
    return coef


def test_a_part_of_the_whole_carries_on_its_state(engine: Engine) -> None:
    """All but one column of cells: far from it the network sees what it saw, and so does its state."""
    whole, parts = Canvas(engine, (256, 144)), Canvas(engine, (256, 144))
    nearly = Cells(0, 0, 15, 9)
    look(parts, 0, parts.whole)
    look(whole, 0, whole.whole)
    carried = [np.abs(look(parts, step, nearly) - look(whole, step, whole.whole)[:, :, :240])[:, :, :128].mean() for step in (1, 2, 3)]
    fresh = Canvas(engine, (240, 144))
    afresh = np.abs(fresh.run(parts.picture(scene(3), nearly), fresh.whole)[0] - look(whole, 3, whole.whole)[:, :, :240])
    assert max(carried) < 0.25 * afresh[:, :, :128].mean()


def test_the_rest_of_the_state_stays(engine: Engine) -> None:
    canvas, cells = Canvas(engine, (256, 144)), Cells(4, 1, 12, 9)
    look(canvas, 0, canvas.whole)
    before = [np.asarray(state).copy() for state in canvas._rec]
    _, rec = canvas.run(canvas.picture(scene(1), cells), cells)
    for state, old in zip(canvas._rec, before, strict=True):
        np.testing.assert_array_equal(np.asarray(state), old)
    canvas.put(cells, rec)
    for level, (state, old, new) in enumerate(zip(canvas._rec, before, rec, strict=True), 1):
        rows, columns = (slice(a * CELL >> level, b * CELL >> level) for a, b in ((1, 9), (4, 12)))
        at = np.s_[:, rows, columns] if engine.channels_last else np.s_[:, :, rows, columns]
        here = np.asarray(state).copy()
        np.testing.assert_array_equal(here[at], np.asarray(new))
        here[at] = old[at]
        np.testing.assert_array_equal(here, old)


def test_following_gives_nearly_what_the_whole_gives(engine: Engine) -> None:
    on, off = RecurrentMatter(engine, detail=512), RecurrentMatter(engine, detail=512, follow=False)
    sizes = set()
    for step in range(8):
        frame = scene(step)
        look, region = on._run(frame)
        sizes.add(look.coef.shape[1:])
        followed, whole = refine(frame, look.coef, region=region), off.step(frame)
        # The network's global averages see another picture: its alpha differs a little where it is unsure.
        assert np.abs(followed.pha - whole.pha).mean() < 5e-3
    assert (288, 512) in sizes
    assert 2 <= len(sizes) <= 3
    assert min(width * height for height, width in sizes) < 0.5 * 288 * 512


def test_a_live_matter_looks_at_the_whole_until_its_part_is_ready(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ready = [], False
    monkeypatch.setattr(engine, "ready", lambda height, width: asked.append((height, width)) or ready)
    matter = RecurrentMatter(engine, detail=512, waits=False)
    assert all(matter._run(scene(step))[1] is None for step in range(3))
    assert set(asked) == {(192, 160)}
    ready = True
    assert matter._run(scene(3))[1] is not None


def test_someone_leaving_the_part_is_not_cut_off(engine: Engine) -> None:
    matter = RecurrentMatter(engine, detail=512)
    for step in range(3):
        matter.step(scene(step, left=40))
    jumped = scene(3, left=200)  # by more than any margin, yet no cut
    pha = matter.step(jumped).pha
    fresh = RecurrentMatter(engine, detail=512, follow=False)
    for step in range(3):
        fresh.step(scene(step, left=40))
    assert np.abs(pha - fresh.step(jumped).pha).mean() < 0.02


def test_small_alpha_is_that_of_the_coefficients() -> None:
    rng = np.random.default_rng(0)
    coef, src_sm = rng.normal(0, 1, (8, 6, 9)).astype(np.float32), rng.random((3, 6, 9), dtype=np.float32)
    np.testing.assert_allclose(SmallAlpha(coef, src_sm).pha, np.clip(coef[3] * src_sm.mean(0) + coef[7], 0, 1), atol=1e-6)


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "yuv422p10le", "gbrp", "gray"])
def test_a_region_is_refined_as_if_alone(make_frame: Callable[..., Frame], name: str) -> None:
    frame, region = make_frame(name, (160, 122)), (32, 20, 160, 122)
    coef = np.random.default_rng(1).normal(0.3, 0.5, (8, 34, 42)).astype(np.float32)
    matte = refine(frame, coef, region=region)
    alone = refine(frame.crop(*region), coef)
    wanted = np.zeros((122, 160), np.float32)
    wanted[20:, 32:] = alone.pha
    np.testing.assert_array_equal(matte.pha, wanted)
    for plane, inner, before in zip(matte.fgr.crop(*region).planes, alone.fgr.planes, frame.planes, strict=True):
        np.testing.assert_array_equal(plane, inner)
        assert plane.shape != before.shape
    for plane, before in zip(matte.fgr.planes, frame.planes, strict=True):
        left, top = 32 * plane.shape[1] // 160, 20 * plane.shape[0] // 122
        np.testing.assert_array_equal(plane[:top], before[:top])
        np.testing.assert_array_equal(plane[:, :left], before[:, :left])
