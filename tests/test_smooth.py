"""Laws of smoothing: a constant stays, what moves follows at once, time counts and not frames, nothing lingers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livematte.frame import Frame, Matte, pixel_format
from livematte.matting.draft import Small
from livematte.motion import Motion
from livematte.smooth import Held, OneFrameDelay, Smoother, one_frame_late

Array = NDArray[np.float32]
SIZE = (64, 48)
LARGE = (256, 144)


def at(seconds: Fraction, luma: int = 100) -> Frame:
    return shot(np.full((SIZE[1], SIZE[0]), luma, np.uint8), seconds)


def shot(luma: NDArray[np.uint8], seconds: Fraction) -> Frame:
    known = pixel_format("gray")
    assert known is not None
    return Frame((luma,), known[0], pts=round(seconds * 90_000), time_base=Fraction(1, 90_000))


def flat(value: float, frame: Frame) -> Matte:
    return Matte(np.full((SIZE[1], SIZE[0]), value, np.float32), frame)


def texture(seed: int, size: tuple[int, int] = LARGE) -> Array:
    """Grey levels of a wall or of cloth, coarse and fine."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.uniform(-1, 1, (size[1] // n, size[0] // n)).astype(np.float32), size) for n in (3, 8, 24)]
    return 110 + 30 * layers[0] + 25 * layers[1] + 25 * layers[2]


class Films:
    """step(luma, pha) gives what a Smoother makes of them, a thirtieth of a second after the last."""

    def __init__(self, seconds: float = 0.2, *, rate: int = 30, coarse: bool = False) -> None:
        self.smoother, self.motion, self.rate = Smoother(seconds, coarse=coarse), Motion(), rate
        self.frames = 0

    def step(self, luma: Array | NDArray[np.uint8], pha: Array, *, box: tuple[int, int, int, int] | None = None) -> Array:
        frame = shot(np.clip(luma, 0, 255).astype(np.uint8), Fraction(self.frames, self.rate))
        self.frames += 1
        return self.smoother.step(self.motion.step(frame), Small(pha, box or (0, 0, *frame.size)))


def full(value: float, size: tuple[int, int] = LARGE) -> Array:
    return np.full(size[::-1], value, np.float32)


def disc(x: float, y: float = 72.0, radius: float = 30.0, size: tuple[int, int] = LARGE) -> Array:
    """Alpha of a disc whose edge is a pixel wide."""
    across, down = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    return np.clip(radius + 0.5 - np.hypot(across - x, down - y), 0, 1).astype(np.float32)


def composed(x: float, ground: Array, cloth: Array) -> tuple[Array, Array]:
    """(luma, alpha) of a disc of cloth that came by x pixels from the left, and its cloth with it."""
    pha = disc(100 + x)
    moved = cv2.warpAffine(cloth, np.array([[1, 0, x], [0, 1, 0]], np.float64), LARGE, borderMode=cv2.BORDER_REFLECT)
    return ground + pha * (moved - ground), pha


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("value", [0.0, 1 / 3, 1.0])
def test_a_constant_stays_exactly_whatever_moves(value: float, coarse: bool) -> None:
    films, ground, cloth = Films(coarse=coarse), texture(0), texture(1)
    for i in range(10):
        assert (films.step(composed(4 * i, ground, cloth)[0], full(value)) == np.float32(value)).all()


def test_an_alpha_that_stands_still_stays_exactly() -> None:
    films, (luma, pha), rng = Films(), composed(0, texture(0), texture(1)), np.random.default_rng(0)
    pha = cv2.GaussianBlur(pha, (0, 0), 2)
    for _ in range(10):
        assert (films.step(luma + rng.normal(0, 1, luma.shape), pha) == pha).all()


def test_without_seconds_nothing_happens() -> None:
    films, pha = Films(0), full(0.5)
    assert films.step(texture(0), full(0.1)) is not pha
    assert films.step(texture(0), pha) is pha


def test_seconds_may_be_set_anew() -> None:
    films = Films(0)
    films.step(texture(0), full(0.2))
    films.smoother.seconds = 0.2
    assert (films.step(texture(0), full(0.5)) == np.float32(0.5)).all()  # nothing is known from before
    assert (films.step(texture(0), full(0.2)) > 0.4).all()


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_the_time_to_settle_is_in_seconds(rate: int) -> None:
    films = Films(0.2, rate=rate)
    films.step(texture(0), full(0.2))
    for _ in range(rate // 5):
        pha = films.step(texture(0), full(0.5))
    assert pha == pytest.approx(0.5 - 0.3 * np.exp(-1), abs=1e-5)


def test_two_half_steps_are_a_whole_one() -> None:
    whole, halves = Films(0.2, rate=15), Films(0.2, rate=30)
    luma = texture(0)
    for films in (whole, halves):
        films.step(luma, full(0.3))
    halves.step(luma, full(0.6))
    # The same alpha, up to the arithmetic of float32.
    np.testing.assert_allclose(halves.step(luma, full(0.6)), whole.step(luma, full(0.6)), atol=1e-6)


def test_noise_shrinks_as_a_first_order_filter_shrinks_it() -> None:
    films, rng, luma = Films(0.2), np.random.default_rng(0), texture(0)
    for _ in range(40):
        out = films.step(luma, (0.5 + rng.normal(0, 0.05, luma.shape)).astype(np.float32))
    gain = 1 - np.exp(-1 / 30 / 0.2)
    assert out.mean() == pytest.approx(0.5, abs=1e-3)
    # Differences that nobody sees are left, one in twelve: noise is some per cent more.
    assert out.std() == pytest.approx(0.05 * np.sqrt(gain / (2 - gain)), rel=0.1)


@pytest.mark.parametrize(("speed", "limit"), [(0.25, 0.25), (1, 0.1), (3, 0.05), (8, 0.05)])
def test_what_moves_never_lags_and_leaves_nothing_behind(speed: float, limit: float) -> None:
    films, ground, cloth = Films(0.2), texture(0), texture(1)
    for i in range(14):
        luma, pha = composed(speed * i, ground, cloth)
        out = films.step(luma, pha)
        assert not out[pha == 0].any()
        # By how much either edge is off, in pixels: where the cloth has the wall's own grey, slow motion does not show at once.
        shift = (out - pha)[60:84].sum(axis=0) / 24
        assert abs(shift[: round(100 + speed * i)].sum()) < limit
        assert abs(shift[round(100 + speed * i) :].sum()) < limit


def test_what_moves_slowly_does_not_drag_though_no_two_frames_differ() -> None:
    """At a twentieth of a pixel a frame, smoothed over a second: alone, that would leave the edges 1.5 pixels behind."""
    films = Films(1.0)
    for i in range(60):
        pha = disc(100 + i / 20)
        off = (films.step(100 + 40 * pha, pha) - pha)[60:84].sum(axis=0) / 24
        assert abs(off[:103].sum()) < 0.25
        assert abs(off[103:].sum()) < 0.25


def test_what_is_hidden_is_forgotten() -> None:
    films, luma = Films(1.0), texture(0)
    for _ in range(5):
        films.step(luma, full(0.6))
    luma[40:100, 80:160] = texture(5)[40:100, 80:160] // 2
    out = films.step(luma, full(0.2))
    assert (out[50:90, 90:150] == np.float32(0.2)).all()
    assert (out[:20] > 0.5).all()


def test_news_in_a_still_picture_comes_at_once_and_flicker_does_not() -> None:
    films, luma = Films(1.0), texture(0)
    films.step(luma, full(0.01))
    pha = full(0.01)
    pha[40:100, 80:160] = 1
    pha[10:30, 10:60] = 0.3
    out = films.step(luma, pha)
    assert (out[50:90, 90:150] == 1).all()
    assert (out[15:25, 15:55] < 0.05).all()


def test_a_gap_that_opens_in_what_moves_is_not_closed() -> None:
    films, ground, cloth = Films(0.2), texture(0), texture(1)
    for i in range(8):
        luma, pha = composed(3 * i, ground, cloth)
        if i == 7:
            pha = np.minimum(pha, 1 - disc(121, 92, radius=12))
        out = films.step(luma, pha)
    inside = disc(121, 92, radius=14) > 0
    # Neighbours count for a tenth each beside an edge; what was there before, for a third of what was taken away.
    assert (out - pha)[inside].max() < 0.12


def test_coarse_alpha_is_held_along_the_picture() -> None:
    fine, coarse = Films(0.2), Films(0.2, coarse=True)
    ground, cloth = texture(0), texture(1)
    for i in range(8):
        luma, pha = composed(2 * i, ground, cloth)
        if i == 7:
            pha = pha * 0.5  # of all of a body at once: motion does not say so
        held = coarse.step(luma, pha)
        followed = fine.step(luma, pha)
    inside = disc(114, radius=20) == 1
    assert followed[inside].mean() < 0.51
    assert held[inside].mean() > 0.8
    assert not held[pha == 0].any()


@pytest.mark.parametrize("coarse", [False, True])
def test_the_sure_room_is_never_raised(coarse: bool) -> None:
    films, rng = Films(1.0, coarse=coarse), np.random.default_rng(0)
    ground, cloth = texture(0), texture(1)
    for i in range(12):
        luma, _ = composed(3 * (i // 4), ground, cloth)
        pha = rng.choice(np.array([0, 0, 1 / 255, 0.4, 1], np.float32), luma.shape)
        pha = cv2.resize(pha[::8, ::8], LARGE, interpolation=cv2.INTER_NEAREST)
        out = films.step(luma, pha)
        assert (out[pha <= np.float32(1 / 255)] == pha[pha <= np.float32(1 / 255)]).all()
        assert out.min() >= 0
        assert out.max() <= 1


def test_nothing_lingers() -> None:
    films, luma = Films(0.1), texture(0)
    films.step(luma, full(0.5))
    for _ in range(60):
        out = films.step(luma, full(0.1))
    assert (out == np.float32(0.1)).all()


def test_what_is_no_number_is_not_kept() -> None:
    films, luma = Films(1.0), texture(0)
    films.step(luma, full(0.5))
    spoilt = full(0.5)
    spoilt[70, 70] = np.nan
    films.step(luma, spoilt)
    assert (films.step(luma, full(0.2)) == np.float32(0.2)).all()


@pytest.mark.parametrize("change", ["cut", "size", "back", "reset", "no time"])
def test_another_scene_starts_anew(change: str) -> None:
    smoother, motion = Smoother(1.0), Motion()
    frame = shot(texture(0).astype(np.uint8), Fraction(0 if change == "no time" else 1))
    smoother.step(motion.step(frame), Small(full(0.5), (0, 0, *LARGE)))
    if change == "reset":
        smoother.reset()
    luma = (255 - texture(9) if change == "cut" else texture(0)).astype(np.uint8)
    frame = shot(luma[:72] if change == "size" else luma, Fraction(1 if change != "back" else 0) + Fraction(1, 30))
    if change == "no time":
        frame = replace(frame, pts=None)
    pha = np.full(frame.planes[0].shape, 0.2, np.float32)
    assert (smoother.step(motion.step(frame), Small(pha, (0, 0, *frame.size))) == np.float32(0.2)).all()


WHOLE, PART, NEARER = (0, 0, 256, 144), (64, 36, 192, 144), (80, 40, 208, 112)


def grid(of: Callable[[Array, Array], Array], box: tuple[int, int, int, int], size: tuple[int, int]) -> Array:
    """Alpha as a function of the frame's pixels, on a grid of `size` samples over the box."""
    x = box[0] + (np.arange(size[0]) + 0.5) * ((box[2] - box[0]) / size[0])
    y = box[1] + (np.arange(size[1]) + 0.5) * ((box[3] - box[1]) / size[1])
    return np.asarray(of(*np.meshgrid(x, y)), np.float32)


def test_what_is_looked_at_may_move_and_grow_without_a_jump() -> None:
    def wave(x: Array, y: Array) -> Array:
        return 0.5 + 0.4 * np.sin(x / 11) * np.cos(y / 9)

    films, luma = Films(1.0), texture(0)
    for box, size in ((WHOLE, (128, 72)), (PART, (96, 80)), (NEARER, (128, 72)), (WHOLE, (128, 72)), (WHOLE, (160, 96))):
        pha = grid(wave, box, size)
        # Linear interpolation of these waves at two pixels a sample is off by 0.007.
        assert np.abs(films.step(luma, pha, box=box) - pha).max() < 0.01


def test_what_is_known_comes_along_and_what_was_not_looked_at_begins() -> None:
    films, luma = Films(1.0), texture(0)
    films.step(luma, np.full((80, 96), 0.5, np.float32), box=PART)
    out = films.step(luma, np.full((72, 128), 0.2, np.float32), box=WHOLE)
    known = np.zeros((72, 128), bool)
    known[18:72, 32:96] = True
    assert out[known] == pytest.approx(0.2 + 0.3 * np.exp(-1 / 30), abs=1e-4)
    assert (out[~cv2.dilate(known.view(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)] == np.float32(0.2)).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (12, 1), (1, 40), (16, 9), (31, 400), (640, 18)])
def test_any_size_is_smoothed(size: tuple[int, int]) -> None:
    films, rng = Films(0.2), np.random.default_rng(0)
    for value in (0.4, 0.6, 0.4):
        luma = rng.integers(90, 110, size[::-1]).astype(np.uint8)
        out = films.step(luma, full(value, size))
        assert out.shape == size[::-1]
        assert ((out >= np.float32(0.4)) & (out <= np.float32(0.6))).all()


def through(*phas: float, raises: bool = True) -> list[float]:
    """What OneFrameDelay makes of frames whose alpha is the same all over."""
    delay: OneFrameDelay[int] = OneFrameDelay(raises=raises)
    out = []
    for i, pha in enumerate(phas):
        frame = at(Fraction(i, 30))
        out.append(delay.push(frame, flat(pha, frame), i))
    given = [held for held in (*out, delay.flush()) if held is not None]
    assert [held.tag for held in given] == list(range(len(phas)))
    assert [held.frame.seconds for held in given] == pytest.approx([i / 30 for i in range(len(phas))], abs=1e-4)
    return [float(held.matte.pha.mean()) for held in given]


def test_a_frame_that_flickers_takes_its_neighbours_mean() -> None:
    assert through(0.9, 0.2, 0.94) == pytest.approx([0.9, 0.92, 0.94])
    assert through(0.2, 0.9, 0.1, 0.9, 0.2) == pytest.approx([0.2, 0.15, 0.1, 0.15, 0.2])


def test_what_was_taken_away_may_stay_away() -> None:
    assert through(0.9, 0.2, 0.94, raises=False) == pytest.approx([0.9, 0.2, 0.94])
    assert through(0.1, 0.9, 0.1, raises=False) == pytest.approx([0.1, 0.1, 0.1])


def test_motion_and_small_changes_stay() -> None:
    assert through(0.0, 0.5, 1.0) == pytest.approx([0.0, 0.5, 1.0])
    assert through(0.0, 1.0, 1.0, 0.0) == pytest.approx([0.0, 1.0, 1.0, 0.0])
    assert through(0.50, 0.58, 0.51) == pytest.approx([0.50, 0.58, 0.51])


def test_only_the_pixels_that_flicker_change() -> None:
    delay: OneFrameDelay[None] = OneFrameDelay()
    frames = [at(Fraction(i, 30)) for i in range(3)]
    phas = [np.full((SIZE[1], SIZE[0]), 1.0, np.float32) for _ in frames]
    phas[1][:, :10] = 0
    assert delay.push(frames[0], Matte(phas[0], frames[0]), None) is None
    delay.push(frames[1], Matte(phas[1], frames[1]), None)
    held = delay.push(frames[2], Matte(phas[2], frames[2]), None)
    assert isinstance(held, Held)
    assert (held.matte.pha == 1).all()
    assert held.matte.fgr is frames[1]


def test_what_the_network_takes_for_the_room_is_hardly_held() -> None:
    """Somebody left a wall that is as bright as they were."""
    motion, smoother = Motion(), Smoother(5.0)
    for i, value in enumerate((1.0, 0.01, 0.01)):
        frame = at(Fraction(i, 30))
        pha = smoother.step(motion.step(frame), Small(np.full((SIZE[1], SIZE[0]), value, np.float32), (0, 0, *SIZE)))
    assert (pha <= 0.04).all()


def test_what_passes_through_the_picture_is_no_flicker() -> None:
    """Somebody's arm, in the picture for one frame; what flickers where nothing changed is still mended."""
    delay: OneFrameDelay[None] = OneFrameDelay()
    frames = [at(Fraction(i, 30)) for i in range(3)]
    planes = frames[1].planes[0].copy()
    planes[:, :14] += 40
    frames[1] = replace(frames[1], planes=(planes,))
    phas = [np.zeros((SIZE[1], SIZE[0]), np.float32) for _ in frames]
    phas[1][:, :10] = phas[1][:, 40:] = 1
    held = [delay.push(frame, Matte(pha, frame), None) for frame, pha in zip(frames, phas, strict=True)][2]
    assert held is not None
    assert (held.matte.pha[:, :10] == 1).all()
    assert (held.matte.pha[:, 40:] == 0).all()


def test_one_frame_delay_compares_nothing_across_a_cut() -> None:
    delay: OneFrameDelay[None] = OneFrameDelay()
    frames = [at(Fraction(0)), at(Fraction(1, 30)), at(Fraction(2, 30), luma=220), at(Fraction(3, 30), luma=220)]
    mattes = [flat(pha, frame) for pha, frame in zip((1.0, 0.0, 1.0, 0.0), frames, strict=True)]
    given = [delay.push(frame, matte, None) for frame, matte in zip(frames, mattes, strict=True)]
    assert given[0] is None
    assert [held.matte for held in given[1:] if held is not None] == mattes[:3]
    last = delay.flush()
    assert last is not None
    assert last.matte is mattes[3]
    assert delay.flush() is None


def test_what_lies_between_frames_keeps_its_place() -> None:
    frames = [at(Fraction(i, 30)) for i in range(3)]
    items: list[object] = ["a", (frames[0], flat(1, frames[0])), "b", (frames[1], flat(0, frames[1])), "c", "d"]
    items += [(frames[2], flat(1, frames[2])), "e"]
    out = list(one_frame_late(items))
    assert [item if isinstance(item, str) else item[0].pts for item in out] == [  # type: ignore[index]
        "a",
        *(0, "b", 3000, "c", "d", 6000, "e"),
    ]
    assert (out[3][1].pha == 1).all()  # type: ignore[index]


def test_one_frame_late_of_nothing_is_nothing() -> None:
    assert list(one_frame_late(["a"])) == ["a"]
    assert list(one_frame_late([])) == []
