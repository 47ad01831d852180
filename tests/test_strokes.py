"""Strokes: read from pictures of any kind, spread to a trimap, and the errors for those that say too little."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scenes

from livematte.errors import SettingsError
from livematte.matting.trimaps.marks import parse_strokes
from livematte.matting.trimaps.matter import TrimapMatter
from livematte.matting.trimaps.solvers import UNKNOWN
from livematte.matting.trimaps.strokes import trimap_from_strokes

SIZE = (320, 180)


def drawn(kinds: tuple[int, ...] = (255, 0)) -> np.ndarray:
    """A handful: a cross on the face, one on the hair and one on the shirt, and a line about the person. (H, W), 128 elsewhere."""
    strokes = np.full(SIZE[::-1], UNKNOWN, np.uint8)
    body = np.argwhere(scenes.portrait(SIZE, seed=1)[1] > 0.99)
    top = int(body[:, 0].min())
    middle = int(np.median(body[body[:, 0] < top + 50][:, 1]))
    if 255 in kinds:
        for start, end in (((0, 20), (0, 60)), ((-14, 35), (14, 35)), ((-10, 4), (10, 4)), ((-35, 105), (35, 105))):
            cv2.line(strokes, (middle + start[0], top + start[1]), (middle + end[0], top + end[1]), 255, 3)
    if 0 in kinds:
        about = [(-72, 105), (-68, 70), (-48, 45), (-42, -30), (42, -30), (48, 45), (68, 70), (72, 105)]
        cv2.polylines(strokes, [np.array([(middle + x, top + y) for x, y in about], np.int32)], False, 0, 3)
    return strokes


def layer(strokes: np.ndarray) -> np.ndarray:
    """As painted on a transparent layer: RGBA, transparent where nothing is painted."""
    painted = strokes != UNKNOWN
    return np.dstack([np.where(painted, strokes, np.uint8(0))] * 3 + [np.where(painted, np.uint8(255), np.uint8(0))])


@pytest.mark.parametrize("picture", [drawn(), np.dstack([drawn()] * 3), layer(drawn())], ids=["grey", "rgb", "layer"])
def test_strokes_are_read_from_any_form(picture: np.ndarray) -> None:
    np.testing.assert_array_equal(parse_strokes(picture), drawn())


def test_soft_brushes_count_where_they_are_opaque() -> None:
    strokes = parse_strokes(cv2.GaussianBlur(drawn(), (0, 0), 0.6))
    assert set(np.unique(strokes)) == {0, 128, 255}
    assert (strokes[drawn() == UNKNOWN] == UNKNOWN).all()


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        (drawn((255,)), "strokes: got white strokes only; wanted white ones on the foreground and black ones"),
        (drawn((0,)), "strokes: got black strokes only; wanted"),
        (layer(drawn(())), "strokes: got no strokes; wanted"),
        (np.where(drawn() == UNKNOWN, np.uint8(0), drawn()), "got black and white all over; wanted a rest that is transparent"),
    ],
)
def test_strokes_that_say_too_little_are_refused(picture: np.ndarray, text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        parse_strokes(picture)


def test_strokes_over_a_photo_are_refused() -> None:
    strokes, photo = drawn(), np.clip(scenes.room_scene(SIZE, seed=1).src, 0, 1)
    photo[strokes != UNKNOWN] = (strokes[strokes != UNKNOWN] / 255)[:, None]
    with pytest.raises(SettingsError, match="as if drawn over a photo; wanted strokes alone, on a transparent layer or on grey 128"):
        parse_strokes(photo)


@pytest.fixture(scope="module")
def scene() -> scenes.Scene:
    pytest.importorskip("pymatting")
    made = scenes.room_scene(SIZE, seed=1)
    return made._replace(src=np.clip(made.src, 0, 1))


def test_strokes_become_a_trimap(scene: scenes.Scene) -> None:
    strokes = drawn()
    trimap = trimap_from_strokes(scene.src, strokes)
    np.testing.assert_array_equal(trimap[strokes != UNKNOWN], strokes[strokes != UNKNOWN])
    known = trimap != UNKNOWN
    assert 0.85 < known.mean() < 0.98
    # Hair that stands off farther than the band is lost; all else of it is right.
    assert np.abs(trimap / 255 - scene.pha)[known].mean() < 0.003


def test_strokes_that_contradict_the_colours_stay(scene: scenes.Scene) -> None:
    strokes = drawn()
    strokes[10:14, 10:20] = 255
    trimap = trimap_from_strokes(scene.src, strokes)
    assert (trimap[10:14, 10:20] == 255).all()


def test_islands_without_a_stroke_are_dropped_and_small_holes_filled(scene: scenes.Scene) -> None:
    """The eyes are as dark as parts of the room; nobody strokes them."""
    trimap = trimap_from_strokes(scene.src, drawn())
    count, _ = cv2.connectedComponents((trimap == 255).astype(np.uint8))
    assert count == 2
    inside = cv2.erode((scene.pha > 0.99).astype(np.uint8), np.ones((25, 25), np.uint8)).astype(bool)
    assert (trimap[inside] == 255).all()


def test_a_matter_of_strokes_is_near_the_truth(scene: scenes.Scene) -> None:
    matte = TrimapMatter(strokes=layer(drawn())).step(scenes.frame_of(scene.src))
    assert np.abs(matte.pha - scene.pha).mean() < 0.006


def test_strokes_of_another_size_name_both(scene: scenes.Scene) -> None:
    with pytest.raises(SettingsError, match="strokes: got a picture of 320x90, wanted 320x180"):
        TrimapMatter(strokes=drawn()[45:135]).step(scenes.frame_of(scene.src))
