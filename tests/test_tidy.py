"""Laws of tidying: what is there for good stays as it is, what flickers in a body stays solid, a gap is never filled, specks never show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livematte.matting.draft import Small
from livematte.motion import Moment, Motion
from livematte.overview import seen
from livematte.tidy import Tidy
from tests.scenes import frame_of, room_scene

SIZE = (256, 144)
WHOLE = (0, 0, *SIZE)
BADGE, GAP = (slice(60, 66), slice(120, 127)), (slice(100, 106), slice(135, 141))

Array = NDArray[np.float32]


def moment(passed: float, *, starts: bool = False, flow: float = 0.0, sure: float = 1.0) -> Moment:
    """Of a picture that as a whole moves to the right, by `flow` pixels since the last frame."""
    luma = np.zeros(SIZE[::-1], np.uint8)
    if starts:
        return Moment(0.0, 0.0, True, SIZE, luma)
    came = np.zeros((*luma.shape, 2), np.float32)
    came[..., 0] = -flow
    return Moment(0.0, passed, False, SIZE, luma, came, np.full(luma.shape, sure, np.float32))


def body(*holes: tuple[slice, slice]) -> Array:
    """Somebody from the picture's lower edge up, with holes."""
    pha = np.zeros(SIZE[::-1], np.float32)
    pha[30:, 80:180] = 1
    pha = cv2.GaussianBlur(pha, (5, 5), 0.8)
    for hole in holes:
        pha[hole] = 0
    return pha


def speck_at(x: int, y: int, *, side: int = 5) -> Array:
    pha = body()
    pha[y : y + side, x : x + side] = 0.9
    return pha


def told(tidy: Tidy, phas: list[Array], *, rate: int = 30) -> list[Array]:
    """What comes of a still picture's mattes, the first of which starts a scene."""
    return [tidy.step(moment(1 / rate, starts=i == 0), Small(pha, WHOLE)) for i, pha in enumerate(phas)]


def test_what_is_in_order_comes_back_as_it_is() -> None:
    pha = body()
    assert all(out is pha for out in told(Tidy(), [pha] * 40))


def test_a_hole_that_is_there_for_good_is_untouched() -> None:
    pha = body(GAP)
    assert all(out is pha for out in told(Tidy(), [pha] * 60))


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_a_badge_that_flickers_stays_solid_and_the_gap_beside_it_open(rate: int) -> None:
    phas = [body(GAP)] * (rate // 2) + [body(GAP, BADGE), body(GAP), body(GAP, BADGE)] * (rate // 3)
    outs = told(Tidy(), phas, rate=rate)
    assert all((out == body(GAP)).all() for out in outs)


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_a_hole_that_stays_opens_in_a_time_of_seconds(rate: int) -> None:
    outs = told(Tidy(), [body()] * rate + [body(BADGE)] * rate, rate=rate)[rate:]
    inside = np.array([out[BADGE].mean() for out in outs])
    after = (1 + np.arange(rate)) / rate
    assert (inside[after < 0.63] == 1).all()
    assert (inside[after > 0.81] == 0).all()
    assert (np.abs(np.diff(inside)) < 7 / rate).all()  # it fades over 0.16 s


def test_what_was_solid_for_a_moment_only_is_not_held() -> None:
    outs = told(Tidy(), [body(BADGE)] * 10 + [body()] * 3 + [body(BADGE)] * 3)
    assert all((out[BADGE] == 0).all() for out in outs[13:])


def test_large_holes_and_holes_near_the_outline_are_left_alone() -> None:
    for hole in ((slice(60, 75), slice(110, 125)), (slice(60, 66), slice(84, 89)), (slice(138, 144), slice(120, 126))):
        outs = told(Tidy(), [body()] * 30 + [body(hole)])
        assert (outs[-1] == body(hole)).all()


@pytest.mark.parametrize("seed", range(4))
def test_only_what_was_solid_within_the_last_second_is_raised(seed: int) -> None:
    """Holes here and there, now and then: what of them is filled was said to be solid by the matte itself."""
    rng, tidy, rate, raised = np.random.default_rng(seed), Tidy(), 30, 0
    last = np.full(SIZE[::-1], -np.inf)  # when each pixel was solid
    for i in range(90):
        pha = body()
        for y, x in rng.integers((45, 95), (120, 160), (rng.poisson(4), 2)):
            pha[y : y + rng.integers(2, 7), x : x + rng.integers(2, 7)] = rng.uniform(0, 0.8)
        last[pha >= 0.9] = i / rate
        out = tidy.step(moment(1 / rate, starts=i == 0), Small(pha, WHOLE))
        raised += int((out > pha).sum())
        inside = (out > pha) & (pha < 0.9)
        assert (last[inside] >= i / rate - 0.81).all()
        assert (out >= pha).all()
    assert raised > 1000


def test_the_rim_of_a_gap_may_tremble() -> None:
    """By a pixel, as motion is known to no less: what is now solid, now not, is no hole that was solid."""
    tidy = Tidy()
    for i in range(60):
        pha = body((slice(60, 67 - i % 2), slice(120 - i % 3 // 2, 127)))
        assert (tidy.step(moment(1 / 30, starts=i == 0), Small(pha, WHOLE)) == pha).all()


def test_what_changed_meanwhile_is_not_filled() -> None:
    tidy = Tidy()
    told(tidy, [body()] * 30)
    out = tidy.step(moment(1 / 30, sure=0.2), Small(body(BADGE), WHOLE))
    assert (out[BADGE] == 0).all()


@pytest.mark.parametrize("apart", [True, False])
def test_what_comes_apart_is_not_filled(apart: bool) -> None:
    now, gap = moment(1 / 30), (slice(60, 66), slice(121, 125))
    assert now.flow is not None
    now.flow[:, 123:] = 3 if apart else 0
    tidy = Tidy()
    told(tidy, [body()] * 30)
    assert (tidy.step(now, Small(body(gap), WHOLE))[gap] == (0 if apart else 1)).all()


def test_nothing_is_carried_over_a_cut_or_a_reset() -> None:
    for cut in (True, False):
        tidy = Tidy()
        told(tidy, [body()] * 30)
        if not cut:
            tidy.reset()
        hole, loose = body(BADGE), speck_at(20, 60)
        assert tidy.step(moment(1 / 30, starts=cut), Small(hole, WHOLE)) is hole
        assert (tidy.step(moment(1 / 30), Small(loose, WHOLE))[:, :70] == 0).all()


def test_a_badge_is_known_where_the_part_moves_and_its_zoom_changes() -> None:
    tidy, boxes = Tidy(), [WHOLE, (64, 16, 192, 144), (70, 20, 190, 140)]
    for i in range(40):
        left, top, right, bottom = box = boxes[i % 3]
        shown = body(BADGE) if i > 20 and i % 2 else body()
        pha = cv2.resize(shown[top:bottom, left:right], None, fx=1 + i % 3, fy=1 + i % 3, interpolation=cv2.INTER_LINEAR)
        out = tidy.step(moment(1 / 30, starts=i == 0), Small(pha, box))
        assert out.shape == pha.shape
        assert (seen(Small(out, box), moment(0))[BADGE] > 0.98).all()  # what is filled is enlarged bilinearly: corners lack a hundredth


def test_a_badge_goes_along_with_the_body() -> None:
    tidy = Tidy()
    for i in range(30):
        moved = np.roll(body(BADGE) if i > 12 and i % 2 else body(), 2 * i, axis=1)
        out = tidy.step(moment(1 / 30, starts=i == 0, flow=2.0), Small(moved, WHOLE))
        assert (np.roll(out, -2 * i, axis=1)[BADGE] == 1).all()


def test_a_speck_never_shows() -> None:
    for out in told(Tidy(), [speck_at(20, 60)] * 40):
        assert (out == body()).all()


def test_hair_beside_the_body_and_a_far_person_are_no_specks() -> None:
    for pha in (speck_at(72, 40, side=4), speck_at(20, 60, side=14)):
        assert all(out is pha for out in told(Tidy(), [pha] * 10))


def test_among_small_people_nobody_is_a_speck() -> None:
    pha = np.zeros(SIZE[::-1], np.float32)
    pha[60:80, 60:67] = pha[64:76, 120:124] = 1
    assert all(out is pha for out in told(Tidy(), [pha] * 5))


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_a_hand_that_comes_off_stays_for_a_while(rate: int) -> None:
    joined = body()
    joined[60:66, 60:90] = 1
    apart = speck_at(60, 60, side=6)
    outs = told(Tidy(), [joined] * (rate // 5) + [apart] * rate, rate=rate)[rate // 5 :]
    shown = np.array([out[60:66, 60:66].min() for out in outs])
    after = (1 + np.arange(rate)) / rate
    assert (shown[after < 0.34] == np.float32(0.9)).all()
    assert (shown[after > 0.51] == 0).all()
    assert (np.diff(shown) <= 0).all()
    assert (np.diff(shown) > -7 / rate).all()  # it fades over 0.15 s


def test_on_moving_pictures_a_clean_matte_is_left_alone() -> None:
    motion, tidy = Motion(), Tidy()
    for step in range(8):
        scene = room_scene((320, 180), step=step)
        small = Small(scene.pha, (0, 0, 320, 180))
        assert np.abs(tidy.step(motion.step(frame_of(scene.src, pts=step)), small) - scene.pha).max() < 1e-6
