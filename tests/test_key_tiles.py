"""The person's colour in a key's full size: without the screen, without its light, and as it was filmed where nothing is in doubt."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scenes import Scene, frame_of, screen_scene

from livematte.frame import Frame, Size
from livematte.matting.keying.keyer import KeyMatter
from livematte.planes import pha_for

FORMATS = ["yuv420p", "nv12", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "p010le", "gbrp", "gbrp12le", "yuv411p"]


def changed(frame: Frame, fgr: Frame, index: int) -> np.ndarray:
    different = frame.planes[index] != fgr.planes[index]
    return different.any(axis=2) if different.ndim == 3 else different


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(320, 180), (203, 117)])
def test_what_is_decided_is_as_it_was_filmed(name: str, size: Size) -> None:
    true = screen_scene(size, seed=2)
    frame = frame_of(true.src, name)
    matte = KeyMatter().step(frame)
    partly = ((matte.pha > 0) & (matte.pha < 1)).astype(np.float32)
    moved = 0
    for index in range(len(frame.planes)):
        decided = pha_for(partly, frame.format, index) == 0
        assert decided.any()
        assert not changed(frame, matte.fgr, index)[decided].any()
        moved += np.count_nonzero(changed(frame, matte.fgr, index))
    assert moved


def test_the_frame_itself_is_left_alone() -> None:
    frame = frame_of(screen_scene((320, 180)).src)
    before = [plane.copy() for plane in frame.planes]
    matte = KeyMatter(spill="all").step(frame)
    for plane, old in zip(frame.planes, before, strict=True):
        np.testing.assert_array_equal(plane, old)
    assert replace(matte.fgr, planes=frame.planes) == frame


def colour_error(matter: KeyMatter, true: Scene, where: np.ndarray) -> float:
    fgr = matter.step(frame_of(true.src)).fgr.rgb()
    return float(np.abs(fgr - true.fgr)[where].mean())


def test_the_screen_is_out_of_the_persons_colour() -> None:
    true = screen_scene((640, 360), seed=2)
    edge = (true.pha > 0.1) & (true.pha < 0.9)
    filmed = float(np.abs(true.src - true.fgr)[edge].mean())
    assert colour_error(KeyMatter(), true, edge) < 0.4 * filmed


def test_despill_takes_the_screens_light_off() -> None:
    true = screen_scene((640, 360), seed=2)
    edge = (true.pha > 0.1) & (true.pha < 0.9)
    inside = cv2.erode((true.pha == 1).astype(np.uint8), np.ones((3, 3), np.uint8))
    rim = (inside > 0) & (cv2.distanceTransform(inside, cv2.DIST_L2, 3) < 9)
    assert colour_error(KeyMatter(), true, edge) < 0.9 * colour_error(KeyMatter(despill=0), true, edge)
    assert colour_error(KeyMatter(spill="all"), true, rim) < 0.85 * colour_error(KeyMatter(), true, rim)


def test_despill_of_all_leaves_alone_what_has_no_spill() -> None:
    true = screen_scene((640, 360), seed=1)
    frame = frame_of(true.src)
    matte = KeyMatter(spill="all").step(frame)
    deep = cv2.erode(true.pha, np.ones((61, 61), np.uint8)) == 1
    assert deep.sum() > 1000
    assert changed(frame, matte.fgr, 0)[deep].mean() < 0.001
