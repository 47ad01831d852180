"""The detail that a followed part is given: more where people are far away, at no more cost, and the state goes with it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn_person import drawn_person

from livematte.engines import Engine, open_engine
from livematte.frame import Frame, pixel_format
from livematte.matting.canvas import Canvas
from livematte.matting.followed import FollowedScene
from livematte.matting.recurrent import RecurrentMatter


@pytest.fixture(scope="module", params=["openvino", "onnxruntime", "torch"])
def engine(request: pytest.FixtureRequest, rvm_path: Path) -> Engine:
    return open_engine(rvm_path, device="cpu", precision="fp32", runtime=request.param, threads=2)


@pytest.fixture(scope="module")
def quick(rvm_path: Path) -> Engine:
    """For many frames, of which no more is asked than where is looked: that is decided above the engines."""
    return open_engine(rvm_path, device="cpu", precision="fp32", runtime="openvino", threads=2)


def room(step: int, *, height: int, size: tuple[int, int] = (640, 360)) -> Frame:
    """A plain room, in its middle the drawn person at that height."""
    rgb = np.full((size[1], size[0], 3), (70, 80, 90), np.uint8)
    person = drawn_person((height * 8 // 5, height), step)
    left = (size[0] - person.shape[1]) // 2
    rgb[size[1] - height :, left : left + person.shape[1]] = person
    rgb = cv2.add(rgb, np.random.default_rng(step).integers(0, 3, rgb.shape, np.uint8))
    known = pixel_format("gbrp")
    assert known is not None
    return Frame(tuple(np.ascontiguousarray(rgb[..., c]) for c in (1, 2, 0)), known[0], pts=step, time_base=Fraction(1, 30))


class Pictures:
    """An engine that remembers the pictures' sizes."""

    def __init__(self, engine: Engine) -> None:
        self.device, self.channels_last, self.ready, self.making = engine.device, engine.channels_last, engine.ready, False
        self.recurrent, self.parts = engine.recurrent, engine.parts
        self._engine = engine
        self.sizes: list[tuple[int, int]] = []

    def run(self, src_sm: np.ndarray, rec: object) -> tuple[np.ndarray, object]:
        self.sizes.append((src_sm.shape[2], src_sm.shape[1]))
        return self._engine.run(src_sm, rec)


def watched(engine: Engine, height: int, **values: Any) -> list[tuple[int, int]]:
    """Sizes of what was looked at in the last of eight frames."""
    pictures = Pictures(engine)
    matter = RecurrentMatter(pictures, reuse=False, **values)  # type: ignore[arg-type]
    for step in range(8):
        before = len(pictures.sizes)
        matter.step(room(step, height=height)).work_out()
    return pictures.sizes[before:]


def test_people_far_away_get_more_pixels_at_less_cost(quick: Engine) -> None:
    (near,) = watched(quick, 300, detail=256, follow=True)
    (far,) = watched(quick, 120, detail=256, follow=True)
    share = 256 * 144
    assert far[0] * far[1] <= 1.3 * share
    person = 120 / 360 * 144  # rows that the person has in the whole picture
    assert far[1] > 1.4 * person
    assert near[0] * near[1] <= 1.3 * share


def test_left_to_itself_a_part_costs_less_than_the_whole(quick: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livematte.matting.recurrent.AUTO_DETAIL", 256)
    (asked,), (by_itself,) = watched(quick, 120, detail=256), watched(quick, 120)
    assert by_itself[0] * by_itself[1] <= 0.6 * 1.3 * 256 * 144
    assert by_itself[0] * by_itself[1] <= asked[0] * asked[1]


def test_the_zoom_comes_back_when_the_person_comes_near(quick: Engine) -> None:
    scene = FollowedScene(quick, room(0, height=120), detail=256, budget=1.0)
    for step in range(3):
        scene.step(room(step, height=120), reuse=False, waits=True)
    far = scene._zoom
    assert far > 1
    for step in range(3, 100, 4):  # a look at the whole, which comes every 2 s, at the latest
        scene.step(room(step, height=330), reuse=False, waits=True)
    part = scene._follower.around
    assert scene._zoom < far
    assert scene._zoom**2 * part.area / scene._follower.whole.area <= 1.3


def test_a_state_that_is_resampled_goes_on(engine: Engine) -> None:
    """It is near to the state that had grown at that size."""
    small, large, grown = Canvas(engine, (256, 144)), Canvas(engine, (320, 176)), Canvas(engine, (320, 176))
    for step in range(4):
        for canvas in (small, grown):
            canvas.keep(canvas.look(room(step, height=200), canvas.whole))
    large.take_over(small)
    for taken, state in zip(large._rec, grown._rec, strict=True):
        here, there = np.asarray(taken), np.asarray(state)
        assert here.shape == there.shape
        assert np.corrcoef(here.ravel(), there.ravel())[0, 1] > 0.8
    large.look(room(4, height=200), large.whole)


def test_a_lone_look_at_all_does_not_show(quick: Engine) -> None:
    """Where the part has more detail than the whole, the frame of a look is matted at the part's detail all the same."""
    matter = RecurrentMatter(quick, detail=256, reuse=False)
    regions = [matter._run(room(step, height=120))[1] is not None for step in range(70)]
    assert all(regions[3:])


def test_a_look_at_all_that_gives_up_the_parts_detail_is_what_is_shown(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of the finer grid mean nothing on the coarser one."""
    scene = FollowedScene(engine, room(0, height=120), detail=256, budget=1.0)
    for step in range(3):
        scene.step(room(step, height=120), reuse=False, waits=True)
    assert scene._zoom > 1
    monkeypatch.setattr(scene._follower, "part", lambda seconds: scene._near.whole)
    monkeypatch.setattr(scene, "_best_zoom", lambda frame: 1.0)
    look, region = scene.step(room(3, height=330), reuse=False, waits=True)
    assert region is None
    assert look.coef.shape[1:] == scene.size[::-1]
