"""Registration of a clean plate: known warps are found, what no camera could have done is refused, and light is told from change."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import room

from livematte.matting.plates.register import Warp, distance, find_warp, gain_of, misfit, placed, sane, scaled

Array = NDArray[np.float32]
SIZE = (320, 180)
ONCE = np.eye(3)


def everywhere() -> NDArray[np.bool_]:
    return np.ones(SIZE[::-1], np.bool_)


def moved(*, right: float = 0, down: float = 0, turn: float = 0) -> Warp:
    return np.array([[np.cos(turn), -np.sin(turn), right], [np.sin(turn), np.cos(turn), down], [0, 0, 1]])


def pictures(warp: Warp, *, noise: float = 0.008) -> tuple[Array, Array]:
    """(a room, the same from a camera that was moved), each with its own noise; the second has the room beyond the first one's edges."""
    wide = room((SIZE[0] + 160, SIZE[1] + 160), seed=4)
    centre = moved(right=-80, down=-80)
    rng = np.random.default_rng(0)
    views = [cv2.warpPerspective(wide, w @ centre, SIZE) for w in (ONCE, warp)]
    plate, src = (np.clip(view + noise * rng.standard_normal(view.shape, np.float32), 0, 1) for view in views)
    return plate, src


def corner_error(found: Warp, true: Warp) -> float:
    corners = np.array([[[0, 0], [SIZE[0], 0], [SIZE[0], SIZE[1]], [0, SIZE[1]]]], np.float64)
    return float(np.abs(cv2.perspectiveTransform(corners, found) - cv2.perspectiveTransform(corners, true)).max())


@pytest.mark.parametrize("true", [moved(), moved(right=3, down=-2), moved(right=1.4, turn=0.01)], ids=["still", "shifted", "turned"])
def test_a_touched_camera_is_found(true: Warp) -> None:
    found = find_warp(*pictures(true), everywhere(), start=ONCE)
    assert found is not None
    assert corner_error(found, true) < 0.3  # of a pixel: the noise of 0.008 moves a corner by 0.1 here


def test_a_person_in_the_picture_does_not_matter() -> None:
    true = moved(right=3, down=-2)
    plate, src = pictures(true)
    clear = everywhere()
    clear[40:, 100:220] = False
    src[46:, 106:214] = 0.9  # what is near a person is left out: pictures are smoothed before they are compared
    found = find_warp(plate, src, clear, start=ONCE)
    assert found is not None
    assert corner_error(found, true) < 0.4


def test_far_moves_want_features() -> None:
    true = moved(right=34, down=12)
    found = find_warp(*pictures(true), everywhere(), start=None)
    assert found is not None
    assert corner_error(found, true) < 0.3


def test_another_room_is_not_found() -> None:
    plate, _ = pictures(ONCE)
    found = find_warp(plate, room(SIZE, seed=91), everywhere(), start=None)
    if found is not None:  # a climb ends somewhere: it must not look like a fit
        src = room(SIZE, seed=91)
        assert misfit(placed(plate, found), src, everywhere(), np.full(SIZE[::-1], 1e-4, np.float32)) > 0.5


def test_a_bare_wall_says_nothing() -> None:
    flat = np.full((SIZE[1], SIZE[0], 3), 0.5, np.float32)
    assert find_warp(flat, flat, everywhere(), start=ONCE) is None
    assert find_warp(flat, flat, everywhere(), start=None) is None


@pytest.mark.parametrize(
    ("warp", "fine"),
    [
        (moved(right=20, turn=0.03), True),
        (moved(right=60), False),
        (np.diag([-1.0, 1, 1]), False),
        (np.diag([1.5, 1.5, 1]), False),
        (np.array([[1, 0, 0], [0, 1, 0], [0.02, 0, 1]]), False),
        (np.full((3, 3), np.nan), False),
    ],
    ids=["touched", "far", "mirrored", "enlarged", "folded", "no number"],
)
def test_what_a_camera_can_do(warp: Warp, fine: bool) -> None:
    assert sane(warp, SIZE) is fine


def test_warps_are_the_same_at_every_size() -> None:
    """A picture of twice the size, moved by the scaled warp and reduced, is the picture moved."""
    warp = moved(right=2.5, down=1.5, turn=0.02)
    small = cv2.GaussianBlur(room(SIZE, seed=4), (0, 0), 3)
    large = cv2.resize(small, (2 * SIZE[0], 2 * SIZE[1]), interpolation=cv2.INTER_LINEAR)
    reduced = cv2.resize(placed(large, scaled(warp, 2)), SIZE, interpolation=cv2.INTER_AREA)
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(reduced - placed(small, warp))[inner].max() < 0.01  # interpolating twice; half a pixel off would be 0.05


def test_light_is_measured_whatever_changed_besides() -> None:
    plate, src = pictures(ONCE)
    gain = np.float32([0.8, 0.9, 1.1])
    src = np.clip(src * gain, 0, 1)
    src[:, :120] = (0.9, 0.1, 0.1)  # three eighths are of another thing
    found = gain_of(plate, src, everywhere())
    assert found is not None
    assert np.abs(found / gain - 1).max() < 0.05  # the median of what is left and of the other thing


def test_too_little_room_says_nothing_of_light() -> None:
    plate, src = pictures(ONCE)
    few = np.zeros(SIZE[::-1], np.bool_)
    few[:5, :5] = True
    assert gain_of(plate, src, few) is None
    assert gain_of(np.zeros_like(plate), src, everywhere()) is None


def test_misfit_is_the_share_that_differs() -> None:
    plate, src = pictures(ONCE)
    noise = np.full(SIZE[::-1], 0.012**2, np.float32)
    assert misfit(plate, src, everywhere(), noise) < 0.001
    src[:, : SIZE[0] // 4] = 1 - src[:, : SIZE[0] // 4]
    assert 0.2 < misfit(plate, src, everywhere(), noise) < 0.26
    assert distance(plate, src, everywhere()) > distance(plate, plate, everywhere()) == 0
